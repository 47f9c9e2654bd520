"""The portal as the rest of the connector sees it: how the link stands, and what a person may ask of it.

What deals with a portal is loaded once there is one: a shop without a portal keeps nothing of it in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from tillbridge.connector.portal.checks import Check, Part, Verdict, in_order
from tillbridge.connector.portal.places import Place, Places
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState, Standing, Unsent
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime

if TYPE_CHECKING:
    from tillbridge.connector.portal.connection import Connection

KEYSTORE_FILE: Final = "portal-keystore.json"
"""Where there is one, there is or was a link: `keystore` says what is in it."""

AGAIN_SECONDS: Final = 10.0
"""A pause before something beside the link begins anew after a fault: nothing of the portal may stop a payment."""

Runner = Callable[["Connection"], Coroutine[Any, Any, None]]
"""What runs for as long as the connector does once there is a connection, such as the line that stays open."""

log = structlog.get_logger(__name__)


class PortalDesk:
    """One connector's portal. Pairings run in `run`, so that a page that is closed does not stop them."""

    def __init__(
        self,
        settings: PortalSettings | None,
        folder: Path,
        runtime: Runtime,
        version: str,
        runners: Sequence[Runner] = (),
    ) -> None:
        self.places = Places(settings, folder)
        self._folder = folder
        self._runtime = runtime
        self._version = version
        self._name = None if settings is None else settings.name
        self._runners = runners
        self._since = runtime.clock.now()
        self._loading = asyncio.Lock()
        self._loaded = asyncio.Event()
        self._connection: Connection | None = None
        self._group: asyncio.TaskGroup | None = None
        self._pairing: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ how it stands

    @property
    def place(self) -> Place | None:
        """Where the portal is; None as long as nobody has said it."""
        return self.places.place

    def standing(self) -> Standing:
        """How the link stands."""
        if self._connection is not None:
            return self._connection.board.standing()
        return Standing(
            LinkState.NOT_PAIRED, self._since, None, None, None, None, None, None, Unsent(), notice="", warnings=()
        )

    async def connection(self) -> "Connection":
        """All that deals with the portal, loaded now if it was not yet."""
        async with self._loading:
            found = self._connection = self._connection or await self._load()
        self._loaded.set()
        return found

    async def _load(self) -> "Connection":
        # In a thread: it takes a third of a second, in which no payment shall stand still.
        module = await asyncio.to_thread(import_module, "tillbridge.connector.portal.connection")
        made: Connection = module.Connection(self.places, self._folder, self._runtime, self._version, self._name)
        return made

    # ------------------------------------------------------------ what a person asks for

    async def settle_place(self, address: str, location_number: str) -> Place:
        """Keeps where the portal is. `BridgeError` as `Places.keep`; RECORD_CONFLICT while a pairing is under way."""
        if self.standing().exchange is not None:
            raise BridgeError(Code.RECORD_CONFLICT, "a pairing is under way")
        return await asyncio.to_thread(self.places.keep, address, location_number)

    async def start_pairing(self, pin: str) -> str:
        """Begins a pairing with this PIN and returns its id; `standing` says how it goes on and how it ended.

        `BridgeError`: PAIRING_INPUT if this cannot be a PIN, NOT_PAIRED where no portal is known, SETTINGS_INVALID,
        RECORD_CONFLICT where a pairing is under way: of two presses at once, one wins, and the other's PIN is not used.
        """
        words = await asyncio.to_thread(import_module, "tillbridge.link.pairing.words")
        words.checked_pin(pin)
        if self.place is None:
            raise BridgeError(Code.NOT_PAIRED, "nobody has said yet where the portal is", place="portal")
        connection = await self.connection()
        if self._group is None:
            raise BridgeError(Code.CONNECTOR_STOPPING)
        if connection.board.exchange is not None or (self._pairing is not None and not self._pairing.done()):
            raise BridgeError(Code.RECORD_CONFLICT, "another pairing is under way")
        connection.check_way()
        self._pairing = self._group.create_task(_to_its_end(connection.retrieve(pin)), name="pairing")
        await asyncio.sleep(0)  # it is on the board from its first step on
        return self._exchange_id()

    def _exchange_id(self) -> str:
        exchange = self.standing().exchange
        return "" if exchange is None else exchange.id

    async def give_up(self) -> None:
        """Stops a pairing that is under way; it is no error if there is none."""
        if self._connection is None:
            return
        if self._pairing is not None:
            self._pairing.cancel()
            await asyncio.wait({self._pairing})
            self._pairing = None
        await self._connection.give_up()

    async def unpair(self, reason: str) -> bool:
        """Ends the link on this side; says whether the portal was told. `BridgeError` as `Connection.unpair`."""
        return await (await self.connection()).unpair(reason)

    async def examine(self) -> tuple[Check, ...]:
        """Looks at everything that the link needs; see `checks.Part`."""
        if self.place is None:
            words, remedy = "nobody has said where the portal is", "Enter it on the console's page Portal."
            return in_order([Check(Part.PLACE, Verdict.WRONG, words, remedy, Code.NOT_PAIRED)])
        try:
            return await (await self.connection()).examine()
        except BridgeError as error:
            found = Check(Part.PLACE, Verdict.WRONG, str(error), error.entry.action, error.code)
            return in_order([found])

    # ------------------------------------------------------------ what goes on by itself

    async def run(self) -> None:
        """Goes on with what was under way, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                if await asyncio.to_thread((self._folder / KEYSTORE_FILE).exists):
                    await self.connection()
                await self._loaded.wait()
                connection = await self.connection()
                group.create_task(_kept_on(connection.run))
                for runner in self._runners:
                    group.create_task(_kept_on(partial(runner, connection)))
        finally:
            self._group = None

    async def close(self) -> None:
        """Closes its connections."""
        if self._connection is not None:
            await self._connection.close()


@asynccontextmanager
async def open_portal(
    settings: PortalSettings | None, folder: Path, runtime: Runtime, version: str, runners: Sequence[Runner] = ()
) -> AsyncIterator[PortalDesk]:
    """The portal of a connector with this data folder; leaving the block closes its connections."""
    desk = PortalDesk(settings, folder, runtime, version, runners)
    try:
        yield desk
    finally:
        await desk.close()


async def _to_its_end(pairing: Coroutine[Any, Any, None]) -> None:
    # How it ended is on the board; the group it runs in goes on.
    with suppress(BridgeError):
        await pairing


async def _kept_on(job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            log.exception("portal_job_fault")
        await asyncio.sleep(AGAIN_SECONDS)
