"""Terminals that have got another address: a named person accepts it, and the journal keeps it over a restart.

What the settings say wins as soon as somebody changes it: a move counts for the address that it was made from.
"""

from collections.abc import Mapping

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.books import Books
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.lane import Lane
from tillbridge.engine.persons import signed
from tillbridge.protocols.moving import Movable, Place, read_address
from tillbridge.runtime.sqlite import StorageUnavailable

log = structlog.get_logger(__name__)


class Moves:
    """The addresses of an engine's terminals. Made before anything is moved: what they say then is the settings'."""

    def __init__(self, books: Books, lanes: Mapping[str, Lane]) -> None:
        self._books = books
        self._lanes = lanes
        self._movable: dict[str, tuple[Movable, str]] = {}
        for name, lane in lanes.items():
            terminal = lane.terminal
            if isinstance(terminal, Movable) and terminal.address is not None:
                self._movable[name] = (terminal, terminal.address)

    def places(self) -> dict[str, Place]:
        """Where each terminal is that has an address, by its name."""
        return {name: self._place(terminal, configured) for name, (terminal, configured) in self._movable.items()}

    def recall(self) -> None:
        """After a start: each terminal is where a person last said, unless its settings have another address by now."""
        for name, (terminal, configured) in self._movable.items():
            kept = self._books.reading.moved(name)
            if kept is None:
                continue
            if kept.get("configured") != configured:
                log.info("move_overtaken_by_settings", terminal=name, settings=configured, moved_to=kept.get("address"))
                continue
            try:
                terminal.move(str(kept.get("address")))
            except BridgeError:
                log.exception("move_not_recalled", terminal=name)

    async def move(self, name: str, address: str, *, by: str, reason: str) -> Place:
        """A named person says that a terminal is at another address (host:port) now, also for later starts.

        Only what is connected from now on goes there. `BridgeError` TERMINAL_UNKNOWN, TERMINAL_BUSY, TERMINAL_LOCKED,
        OPERATION_UNSUPPORTED for a terminal on no network, or FIELD_INVALID.
        """
        who = signed(by, reason)
        lane = self._lanes.get(name)
        if lane is None:
            known = ", ".join(sorted(self._lanes)) or "none"
            raise BridgeError(Code.TERMINAL_UNKNOWN, f"{name[:64]!r} is not one of: {known}", place="name")
        if name not in self._movable:
            raise BridgeError(Code.OPERATION_UNSUPPORTED, f"{name} is on no network, so that it has no address")
        there = str(read_address(address))
        terminal, configured = self._movable[name]
        async with lane.at_rest():
            before = terminal.address
            await self._keep(name, {"address": there, "from": before, "configured": configured, **who})
            terminal.move(there)
            log.warning("terminal_moved", terminal=name, before=before, now=there)
            await lane.look()
        return self._place(terminal, configured)

    async def _keep(self, name: str, said: Mapping[str, object]) -> None:
        now = self._books.runtime.clock.now()
        try:
            await self._books.journal.note(None, name, EventType.MOVED, now, said, durable=True)
        except StorageUnavailable:
            self._books.disk_refused()
            raise

    def _place(self, terminal: Movable, configured: str) -> Place:
        # Where another terminal is known to be, this one is not, unless the settings have both at one address.
        others = {one.address for one, settings in self._movable.values() if settings != configured}
        seen = tuple(address for address in terminal.candidates() if address not in others)
        return Place(terminal.address or configured, configured, seen)
