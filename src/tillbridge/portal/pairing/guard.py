"""Guarded mode: after too many wrong finishes against open PINs, every pairing needs somebody's consent.

It begins by itself and is ended by the operator's staff alone (docs/reference/pairing-protocol.md, section 12).
"""

from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.pairing import windows
from tillbridge.portal.pairing.letters import tell_guarded
from tillbridge.portal.pairing.model import FAILURES_OF_PORTAL, Guard, PairingEvent
from tillbridge.portal.pairing.tables import pairing_guard as table
from tillbridge.portal.pairing.wanted import Operators
from tillbridge.portal.rights import Person

_ONE: Final = "portal"


class Guarding:
    """Guarded mode of one portal, shared by its replicas."""

    def __init__(self, house: House, operators: Operators) -> None:
        self._house = house
        self._operators = operators

    async def read(self, connection: AsyncConnection) -> Guard | None:
        """How it stands; None if it was never on."""
        row = (await connection.execute(select(table.c.since, table.c.ended_at))).first()
        return None if row is None else Guard(row.since, row.ended_at)

    async def on(self, connection: AsyncConnection) -> bool:
        """Whether it is on."""
        guard = await self.read(connection)
        return guard is not None and guard.on

    async def look(self, connection: AsyncConnection) -> None:
        """Switches it on if the limit is reached, with an alarm to the operator. The window's lock keeps it to one."""
        now = self._house.runtime.clock.now()
        failures = await windows.count(connection, FAILURES_OF_PORTAL, "", now)
        if failures < FAILURES_OF_PORTAL.most or await self.on(connection):
            return
        values = {"since": now, "ended_at": None, "ended_by": ""}
        again = await connection.execute(update(table).where(table.c.id == _ONE).values(values))
        if not again.rowcount:
            await connection.execute(insert(table).values(id=_ONE, **values))
        await self._house.audit.note(connection, PORTAL, Entry(PairingEvent.GUARDED, None, after={"failed": failures}))
        for one in await self._operators(connection):
            await tell_guarded(self._house, connection, one)

    async def end(self, person: Person) -> None:
        """Switches it off; the counting begins anew. `BridgeError`: RIGHT_MISSING, STEP_UP_NEEDED, RECORD_CONFLICT."""
        now = self._house.runtime.clock.now()
        require_operator(person)
        person.require_step_up(now)
        async with self._house.database.writing() as connection:
            await windows.count(connection, FAILURES_OF_PORTAL, "", now)
            ended = await connection.execute(
                update(table).where(table.c.ended_at.is_(None)).values(ended_at=now, ended_by=person.name)
            )
            if not ended.rowcount:
                raise BridgeError(Code.RECORD_CONFLICT, "guarded mode is off already")
            await windows.forget(connection, FAILURES_OF_PORTAL)
            await self._house.audit.note(connection, person.actor, Entry(PairingEvent.UNGUARDED, None))


def require_operator(person: Person) -> None:
    """`BridgeError(RIGHT_MISSING)` for everybody but the operator's staff."""
    if not person.operator:
        raise BridgeError(Code.RIGHT_MISSING, "this is for the staff of the portal's operator", place="operator")
