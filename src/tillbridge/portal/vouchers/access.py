"""Who may see and change which voucher system.

A system is the merchant's: whoever makes codes or changes settings needs the right for the merchant as a whole. A right
at one location that takes part is enough to look, and to block a voucher that somebody reports as lost there.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.rights import Action, Area, Person, Right
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

LOOKING: Final = (
    Area.VOUCHER_CODES,
    Area.VOUCHER_STATE,
    Area.VOUCHER_SETTINGS,
    Area.VOUCHER_CORRECT,
    Area.VOUCHER_SETTLEMENT,
)
"""Areas of which one must be seen to find voucher systems at all."""


def require_looking(person: Person) -> None:
    """Nothing if this person may see vouchers anywhere; else `BridgeError(RIGHT_MISSING)`."""
    if not any(person.may_somewhere(area) for area in LOOKING):
        person.require(Area.VOUCHER_CODES, Action.VIEW)


def sees(person: Person, location_ids: Collection[str]) -> bool:
    """Whether this person may see a system in which these locations take part."""
    return any(may_at_one(person, area, Action.VIEW, location_ids) for area in LOOKING)


def may_at_one(person: Person, area: Area, action: Action, location_ids: Collection[str]) -> bool:
    """Whether this person may do that for the merchant, or at one of these locations."""
    reach = person.reach(area, action)
    return reach.everywhere or not reach.locations.isdisjoint(location_ids)


async def system_for(
    connection: AsyncConnection, person: Person, system_id: str, *, locked: bool = False
) -> VoucherSystem:
    """The system with this id. `BridgeError(RECORD_UNKNOWN)` for another merchant's, or one that may not be seen."""
    require_looking(person)
    found = await systems_store.find(connection, system_id, locked=locked)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    if not sees(person, await systems_store.location_ids(connection, system_id)):
        raise BridgeError(Code.RECORD_UNKNOWN)
    return found


async def require_at_one(connection: AsyncConnection, person: Person, system_id: str, area: Area) -> None:
    """Nothing if this person may change that for the merchant or where somebody takes part; else `BridgeError`."""
    if not may_at_one(person, area, Action.EDIT, await systems_store.location_ids(connection, system_id)):
        right = str(Right(area, Action.EDIT))
        raise BridgeError(Code.RIGHT_MISSING, f"this needs the right {right}", place=right)
