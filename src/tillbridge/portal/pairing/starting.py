"""The start of an exchange: the portal's share, for an open PIN or for one that nobody was given."""

import base64
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing import portal_side
from tillbridge.link.pairing.portal_side import PortalState
from tillbridge.link.pairing.words import PIN_LENGTHS, StartReply, StartRequest, new_session_id
from tillbridge.portal.house import House
from tillbridge.portal.pairing import pins_store, sessions_store, windows
from tillbridge.portal.pairing.bench import Bench
from tillbridge.portal.pairing.model import STARTS_OF_LOCATION, STARTS_OF_SOURCE, SealedPin
from tillbridge.portal.pairing.pins import Pins
from tillbridge.portal.pairing.sessions_store import Started

CONTEXT: Final = "pairing"
"""What a session's state is sealed for, with the session's name."""


class Starting:
    """Begins exchanges."""

    def __init__(self, house: House, pins: Pins, bench: Bench) -> None:
        self._house = house
        self._pins = pins
        self._bench = bench

    async def start(self, body: bytes, host: str, source: str) -> StartReply:
        """The answer to a start, which says nothing about what is open. It costs no try.

        `host` is one of the portal's own names. `BridgeError`: SUITE_UNKNOWN, PAIRING_INPUT, SLOW_DOWN, OVERLOADED.
        """
        request = StartRequest.read(body)
        found = await self._look(request, source)
        chance = self._house.runtime.chance
        digits = self._pins.drawn(PIN_LENGTHS[0]) if found is None else self._pins.open(found)
        session_id = new_session_id(chance.randbytes)
        reply, state = await self._bench.compute(
            lambda: portal_side.begin(request, digits, host, session_id, chance.randbytes)
        )
        await self._keep(state, found, source)
        return reply

    async def _look(self, request: StartRequest, source: str) -> SealedPin | None:
        """Counts the start, then looks for an open PIN."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            for limit, subject in ((STARTS_OF_SOURCE, source), (STARTS_OF_LOCATION, request.location_number)):
                wait = await windows.take(connection, limit, subject, now)
                if wait is not None:
                    raise BridgeError(Code.SLOW_DOWN, "too many pairings were begun", retry_after=wait)
            return await pins_store.open_of_number(connection, request.location_number, now)

    async def _keep(self, state: PortalState, found: SealedPin | None, source: str) -> None:
        sealed = self._house.vault.seal(state.dump(), f"{CONTEXT}/{state.session_id}")
        started = Started(
            id=state.session_id,
            pin_id=None if found is None else found.pin.id,
            location_id=None if found is None else found.pin.location_id,
            source=source,
            sealed_state=base64.b64encode(sealed).decode(),
        )
        async with self._house.database.writing() as connection:
            await sessions_store.add(connection, started, self._house.runtime.clock.now())
