"""What the office sees of a recovery, and may do about it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.recovery.model import Standing
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.access import require_at_one, system_for
from tillbridge.portal.vouchers.systems_model import VoucherSystem


@dataclass(frozen=True, slots=True)
class SeenRecovery:
    """The newest recovery of a voucher system, if there ever was one. `may_end`: this person may end it."""

    system: VoucherSystem
    standing: Standing | None
    may_end: bool
    may_settle: bool


class RecoveryOffice:
    """For people of a merchant."""

    def __init__(self, house: House, recoveries: Recoveries) -> None:
        self._house = house
        self._recoveries = recoveries

    async def seen(self, person: Person, system_id: str) -> SeenRecovery:
        """How it stands. `BridgeError`: RIGHT_MISSING without a right to look at corrections; RECORD_UNKNOWN."""
        async with self._house.database.reading() as connection:
            system = await self._system(connection, person, system_id)
            may_settle = await _may_at_one(connection, person, system_id)
        standing = await self._recoveries.standing(system_id)
        return SeenRecovery(system, standing, person.may(Area.VOUCHER_CORRECT, Action.EDIT), may_settle)

    async def end(self, person: Person, system_id: str, reason: str) -> None:
        """Takes vouchers again although not everybody has told. It is about the whole system, and so is the right.

        `BridgeError`: RIGHT_MISSING, STEP_UP_REQUIRED; FIELD_INVALID without `reason`; RECORD_CONFLICT if it is over.
        """
        async with self._house.database.reading() as connection:
            await self._system(connection, person, system_id)
        person.require(Area.VOUCHER_CORRECT, Action.EDIT)
        person.require_step_up(self._house.runtime.clock.now())
        if not reason.strip():
            raise BridgeError(Code.FIELD_INVALID, "a reason is needed", place="reason")
        standing = await self._recoveries.standing(system_id)
        if standing is None or standing.recovery.ended_at is not None:
            raise BridgeError(Code.RECORD_CONFLICT, "this voucher system is in no recovery")
        await self._recoveries.end(standing.recovery.id, person.actor, reason)

    async def settle(self, person: Person, system_id: str, line_id: str, reason: str) -> None:
        """Closes an open case. `BridgeError`: as `end`; RECORD_UNKNOWN for a case that is none."""
        async with self._house.database.reading() as connection:
            await self._system(connection, person, system_id)
            await require_at_one(connection, person, system_id, Area.VOUCHER_CORRECT)
        person.require_step_up(self._house.runtime.clock.now())
        standing = await self._recoveries.standing(system_id)
        if standing is None or line_id not in {one.id for one in standing.cases}:
            raise BridgeError(Code.RECORD_UNKNOWN)
        await self._recoveries.settle(standing.recovery.id, line_id, person.actor, reason)

    async def _system(self, connection: AsyncConnection, person: Person, system_id: str) -> VoucherSystem:
        if not person.may_somewhere(Area.VOUCHER_CORRECT):
            person.require(Area.VOUCHER_CORRECT, Action.VIEW)
        return await system_for(connection, person, system_id)


async def _may_at_one(connection: AsyncConnection, person: Person, system_id: str) -> bool:
    try:
        await require_at_one(connection, person, system_id, Area.VOUCHER_CORRECT)
    except BridgeError:
        return False
    return True
