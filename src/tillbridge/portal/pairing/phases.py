"""What pairing says of locations to those who show the state of a link."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState, PinPhase
from tillbridge.portal.pairing import pins_store, sessions_store
from tillbridge.portal.pairing.model import Pin, Session


class Phases:
    """The locations that are about to be paired; see `links.model.PinPhases`."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def of_location(self, connection: AsyncConnection, location_id: str) -> PinPhase | None:
        """The phase of one location; None if nobody is pairing it."""
        now = self._house.runtime.clock.now()
        waiting = await sessions_store.waiting_at(connection, location_id, now)
        if waiting is not None:
            return _waiting(waiting)
        newest = await pins_store.newest(connection, location_id, 1)
        return _open(newest[0]) if newest and newest[0].open_at(now) else None

    async def of_tenant(self, connection: AsyncConnection, tenant_id: str) -> Mapping[str, PinPhase]:
        """The phases of all locations of a merchant that have one, by location id."""
        now = self._house.runtime.clock.now()
        phases = {pin.location_id: _open(pin) for pin in await pins_store.open_in(connection, tenant_id, now)}
        for session in await sessions_store.waiting_in(connection, tenant_id, now):
            if session.location_id is not None:
                phases[session.location_id] = _waiting(session)
        return phases


def _open(pin: Pin) -> PinPhase:
    return PinPhase(LinkState.PIN_OPEN, pin.expires_at, pin.tries)


def _waiting(session: Session) -> PinPhase:
    return PinPhase(LinkState.WAITING_CONFIRM, session.ends_at, 0)
