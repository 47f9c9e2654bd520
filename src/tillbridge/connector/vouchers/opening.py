"""The voucher desk of a connector, as long as there is none yet: it is loaded with the link, and not before.

A shop without a portal keeps nothing of it in memory and no file of it on the disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tillbridge.connector.vouchers.schema import FILE
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime

if TYPE_CHECKING:
    from tillbridge.connector.portal.connection import Connection
    from tillbridge.connector.vouchers.desk import VoucherDesk
    from tillbridge.connector.vouchers.model import Told
    from tillbridge.connector.vouchers.providers.known import Providers
    from tillbridge.connector.vouchers.providers.profile import Profile, Provider
    from tillbridge.connector.vouchers.service import VoucherService
    from tillbridge.connector.vouchers.service_watch import ServiceWatch

    Listener = Callable[["Told | VoucherService"], None]

OPENING_SECONDS: Final = 5.0
"""For a desk that is just being opened, as after the first pairing."""


class Vouchers:
    """Holds the desk, once there is one. `run` is started with the connection to the portal."""

    def __init__(self, folder: Path, runtime: Runtime, providers: "Sequence[Provider]" = (), version: str = "") -> None:
        self._folder = folder
        self._providers = tuple(providers)
        self._version = version
        self._runtime = runtime
        self._desk: VoucherDesk | None = None
        self._expected = False
        self._opened = asyncio.Event()
        self._watch: ServiceWatch | None = None
        self._connection: Connection | None = None
        self._since = runtime.clock.now()
        self.listeners: list[Listener] = []
        """Hear what happens to each action, and how the service stands when that changes."""

    @property
    def profiles(self) -> "tuple[Profile, ...]":
        """Other makers whose vouchers are taken here, by the settings: with one there is a desk without a link, too."""
        return tuple(one.profile for one in self._providers)

    @property
    def there(self) -> "VoucherDesk | None":
        """The desk if it is open by now."""
        return self._desk

    @property
    def location(self) -> str:
        """The name of the location as the portal knows it; empty without a link."""
        link = None if self._connection is None else self._connection.board.standing().link
        return "" if link is None else link.location_name

    def now(self) -> datetime:
        """The clock of the desk, in UTC."""
        return self._runtime.clock.now()

    @property
    def service(self) -> "VoucherService | None":
        """How the service of vouchers stands; None where there is no link, and never was."""
        return None if self._watch is None else self._watch.now()

    @property
    def since(self) -> datetime:
        """Since when this connector runs, in UTC."""
        return self._since

    def tell(self, news: "Told | VoucherService") -> None:
        """Tells all listeners."""
        for listener in self.listeners:
            listener(news)

    async def desk_or_none(self) -> "VoucherDesk | None":
        """The desk; None where there is no link, and never was. `BridgeError(CONNECTOR_STOPPING)` as in `desk`."""
        return await self.desk() if self._expected else None

    async def desk(self) -> "VoucherDesk":
        """The desk. `BridgeError`: NOT_PAIRED where there is no link, CONNECTOR_STOPPING where it does not open."""
        if self._desk is None:
            if not self._expected:
                raise BridgeError(Code.NOT_PAIRED, "there is no link with a portal")
            try:
                async with asyncio.timeout(OPENING_SECONDS):
                    await self._opened.wait()
            except TimeoutError:
                raise BridgeError(Code.CONNECTOR_STOPPING, "the voucher desk does not open") from None
        if self._desk is None:
            raise BridgeError(Code.CONNECTOR_STOPPING, "the voucher desk is closed")
        return self._desk

    async def run(self, connection: "Connection") -> None:
        """Opens the desk once there is a link, or something is left of an earlier one; then keeps it going."""
        path = self._folder / FILE
        while connection.keystore.fault is not None or not (
            self._providers or _linked(connection) or await asyncio.to_thread(path.exists)
        ):
            await connection.board.change()
        self._expected, self._connection = True, connection
        # In a thread: loading takes a moment in which no payment shall stand still.
        journals = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.journal")
        desks = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.desk")
        ways = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.way")
        services = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.service_watch")
        telling = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.resubmitting")
        known = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.providers.known")
        journal = journals.open_journal(self._folder, self._runtime)
        providers: Providers = known.Providers(self._providers, self._version)
        try:
            way = ways.Way(connection)
            desk: VoucherDesk = desks.VoucherDesk(journal, way, self._runtime, providers)
            desk.told = self.tell
            clock, again = self._runtime.clock, telling.Resubmitter(journal, way)
            watch = self._watch = services.ServiceWatch(
                connection.board, way, clock, self.tell, desk.keep_terms, again.recover
            )
            self._desk = desk
            self._opened.set()
            self.tell(watch.now())
            async with asyncio.TaskGroup() as group:
                group.create_task(watch.run())
                await desk.run()
        finally:
            self._desk = None
            self._opened.clear()
            await providers.close()
            await journal.close()


def _linked(connection: "Connection") -> bool:
    kept = connection.keystore.kept
    return kept is not None and kept.link is not None
