"""All that a connector needs once it has to do with a portal. Loaded when there is one, and not before."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.checks import Check
from tillbridge.connector.portal.client import PortalClient
from tillbridge.connector.portal.doctor import Doctor
from tillbridge.connector.portal.http import PortalHttp
from tillbridge.connector.portal.keystore import Keystore
from tillbridge.connector.portal.pairing import Retrieval
from tillbridge.connector.portal.places import Place, Places
from tillbridge.connector.portal.rotation import PASSING, Rotation
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.portal.tokens import Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.runtime.effects import Runtime

FAREWELL_SECONDS: Final = 5.0
"""For the portal to be told that the link ends here; it ends here in any case."""

PROBES: Final = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between two looks at a portal that is not reached."""

LOOK_SECONDS: Final = 60.0
"""Between two looks at whether something is due."""

QUIET: Final = timedelta(minutes=5)
"""Without a word from the portal for so long, one is asked for: its state is known before a voucher is scanned."""

AGAIN_SECONDS: Final = 10.0
"""A pause after a fault of our own: nothing about the portal may ever stop a payment."""

log = structlog.get_logger(__name__)


class Connection:
    """One connector's dealings with its portal. `load` first, then `run`; `close` lets go of what is open."""

    def __init__(self, places: Places, folder: Path, runtime: Runtime, version: str, name: str | None = None) -> None:
        self.places = places
        self.runtime = runtime
        self.version = version
        self.keystore = Keystore(folder, runtime)
        self.keystore.load()
        self.board = Board(self.keystore, runtime.clock)
        self.tokens = Tokens(self.keystore, self.board, runtime)
        self.rotation = Rotation(self.keystore, self.tokens, self.board, runtime)
        self.retrieval = Retrieval(self.keystore, self.tokens, self.board, runtime, version)
        self.farewell: Callable[[str], Awaitable[bool]] | None = None
        """Tells the portal that the link ends, and why; says whether it was told. Set by the lasting connection."""
        self._name = name
        self._http: dict[str, PortalHttp] = {}
        self._going_on: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Closes every connection."""
        for http in self._http.values():
            await http.close()
        self._http.clear()

    # ------------------------------------------------------------ who is spoken with

    def http(self) -> PortalHttp:
        """The way to the portal of the link. `BridgeError`: NOT_PAIRED, KEYSTORE_UNREADABLE, SETTINGS_INVALID."""
        link = self.keystore.link
        return self._way(link.address, link.location_number)

    def client(self) -> PortalClient:
        """Requests under the link; `BridgeError` as `http`."""
        return PortalClient(self.http(), self.tokens, self.keystore, self.board)

    def _way(self, address: str, location_number: str) -> PortalHttp:
        found = self._http.get(address)
        if found is None:
            location = LocationNumber.parse(location_number, place="location_number")
            place = self.places.place
            # The private authority and the pinned key of the settings hold for the portal that the settings name.
            at = replace(place, location=location) if place and place.address == address else Place(address, location)
            found = self._http[address] = PortalHttp(at, self.version)
        return found

    def _place(self) -> Place:
        place = self.places.place
        if place is None:
            raise BridgeError(Code.NOT_PAIRED, "nobody has said yet where the portal is", place="portal")
        return place

    # ------------------------------------------------------------ what a person asks for

    async def retrieve(self, pin: str) -> None:
        """Pairs with this PIN, to the end of it. `BridgeError` says why not; see `Retrieval.retrieve`."""
        place = self._place()
        await self.retrieval.retrieve(self._way(place.address, str(place.location)), place, pin, self._name)

    def check_way(self) -> None:
        """`BridgeError(SETTINGS_INVALID)` where the settings do not do for reaching the portal."""
        place = self._place()
        self._way(place.address, str(place.location))

    async def give_up(self) -> None:
        """Forgets a pairing that has not ended, also one that this very object goes on with."""
        if self._going_on is not None:
            self._going_on.cancel()
            await asyncio.wait({self._going_on})
        kept = None if self.keystore.fault is not None else self.keystore.kept
        if (kept is not None and kept.finish is not None) or self.board.exchange is not None:
            await self.retrieval.give_up()

    async def unpair(self, reason: str) -> bool:
        """Ends the link here, having told the portal if it is reached; says whether it was told.

        `BridgeError`: NOT_PAIRED, KEYSTORE_UNREADABLE, FOLDER_UNUSABLE.
        """
        link = self.keystore.link
        told = False if link.ended else await self._tell_of_the_end(reason)
        await self.keystore.change(lambda kept: kept.model_copy(update={"link": None, "rotation": None}))
        self.tokens.forget_all()
        self.board.unpaired()
        log.info("portal_unpaired", location=link.location_number, told=told)
        return told

    async def examine(self) -> tuple[Check, ...]:
        """What `link doctor` prints. `BridgeError`: NOT_PAIRED where no portal is known, SETTINGS_INVALID."""
        place = self._place()
        way = self._way(place.address, str(place.location))
        with suppress(BridgeError):
            way = self.http()
        return await Doctor(way, self.keystore, self.tokens, self.runtime.clock).examine()

    async def _tell_of_the_end(self, reason: str) -> bool:
        if self.farewell is None:
            return False
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                return await self.farewell(reason)
        except (BridgeError, TimeoutError) as error:
            log.warning("portal_not_told_of_the_end", cause=type(error).__name__)
            return False

    # ------------------------------------------------------------ what goes on by itself

    async def run(self) -> None:
        """Goes on with what is under way, keeps the credential young and the state known; until cancelled."""
        failures = 0
        while True:
            try:
                await self._look()
                failures = 0
            except BridgeError as error:
                failures += 1
                log.info("portal_not_reached", code=error.code, failures=failures)
            except Exception:
                failures += 1
                log.exception("portal_fault")
                await asyncio.sleep(AGAIN_SECONDS)
            await self._rest(failures)

    async def _look(self) -> None:
        if self.keystore.fault is not None:
            return
        kept = self.keystore.kept
        if kept is None or self.retrieval.running:
            return
        if kept.finish is not None:
            await self._go_on(self._way(kept.finish.address, kept.finish.location_number))
            return
        if kept.link is None or kept.link.ended:
            return
        if self.rotation.due() and kept.link.acknowledged:
            await self._renew()
        elif not kept.link.acknowledged or self._quiet():
            await self.tokens.contact(self.http())

    async def _renew(self) -> None:
        """Exchanges the credential. Where that is refused for good, its next use says whether it is still good."""
        try:
            await self.rotation.rotate(self.http())
        except BridgeError as refused:
            if refused.code not in PASSING:
                await self.tokens.contact(self.http())
            raise

    async def _go_on(self, way: PortalHttp) -> None:
        """In a task of its own: a person who gives the pairing up stops that, and not this."""
        async with asyncio.TaskGroup() as group:
            self._going_on = group.create_task(_named(self.retrieval.go_on(way)))
        self._going_on = None

    def _quiet(self) -> bool:
        standing = self.board.standing()
        last = standing.last_contact_at
        if standing.state in {LinkState.PORTAL_UNREACHABLE, LinkState.MAINTENANCE} or last is None:
            return True
        return self.runtime.clock.now() - last >= QUIET

    async def _rest(self, failures: int) -> None:
        error = self.board.standing().trouble
        seconds = PROBES[min(failures - 1, len(PROBES) - 1)] if failures else LOOK_SECONDS
        if failures and error is not None and error.retry_after is not None:
            seconds = max(seconds, min(float(error.retry_after), LOOK_SECONDS))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something_new()

    async def _something_new(self) -> None:
        """Returns when a pairing or an unpairing has changed what there is to do."""
        before = self._link_id()
        while self._link_id() == before:
            await self.board.change()

    def _link_id(self) -> str | None:
        kept = None if self.keystore.fault is not None else self.keystore.kept
        return None if kept is None or kept.link is None else kept.link.link_id


async def _named(going_on: Coroutine[Any, Any, None]) -> None:
    # The board says how it ended; a failure is no fault of the task that looks after the link.
    with suppress(BridgeError):
        await going_on
