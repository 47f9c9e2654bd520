"""The voucher desk of a connector, as long as there is none yet: it is loaded with the link, and not before.

A shop without a portal keeps nothing of it in memory and no file of it on the disk.
"""

import asyncio
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

OPENING_SECONDS: Final = 5.0
"""For a desk that is just being opened, as after the first pairing."""


class Vouchers:
    """Holds the desk, once there is one. `run` is started with the connection to the portal."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self._folder = folder
        self._runtime = runtime
        self._desk: VoucherDesk | None = None
        self._expected = False
        self._opened = asyncio.Event()

    @property
    def there(self) -> "VoucherDesk | None":
        """The desk if it is open by now."""
        return self._desk

    def now(self) -> datetime:
        """The clock of the desk, in UTC."""
        return self._runtime.clock.now()

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
            _linked(connection) or await asyncio.to_thread(path.exists)
        ):
            await connection.board.change()
        self._expected = True
        # In a thread: loading takes a moment in which no payment shall stand still.
        journals = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.journal")
        desks = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.desk")
        ways = await asyncio.to_thread(import_module, "tillbridge.connector.vouchers.way")
        journal = journals.open_journal(self._folder, self._runtime)
        try:
            desk: VoucherDesk = desks.VoucherDesk(journal, ways.Way(connection), self._runtime)
            self._desk = desk
            self._opened.set()
            await desk.run()
        finally:
            self._desk = None
            self._opened.clear()
            await journal.close()


def _linked(connection: "Connection") -> bool:
    kept = connection.keystore.kept
    return kept is not None and kept.link is not None
