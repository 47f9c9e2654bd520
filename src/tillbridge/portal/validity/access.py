"""Who may see and change write-offs and exceptions of a voucher system.

They are the merchant's: rules and reversals need the right for the merchant as a whole. A right at one location that
takes part is enough to look, and to decide about that location's own receipts.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.rights import Action, Area, Person, Reach
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.access import LOOKING, may_at_one
from tillbridge.portal.vouchers.systems_model import VoucherSystem

SEES_VALIDITY: Final = (Area.VOUCHER_SETTINGS, Area.VOUCHER_SETTLEMENT, Area.VOUCHER_CORRECT)
SEES_EXCEPTIONS: Final = (Area.VOUCHER_SETTLEMENT, Area.VOUCHER_CORRECT)
"""Areas of which one must be seen."""


async def system_for(
    connection: AsyncConnection, person: Person, system_id: str, areas: Sequence[Area], *, locked: bool = False
) -> VoucherSystem:
    """The system with this id.

    `BridgeError`: RIGHT_MISSING for somebody with none of these rights anywhere; RECORD_UNKNOWN for another merchant's,
    or one in which no location takes part where the right holds.
    """
    if not any(person.may_somewhere(area) for area in areas):
        person.require(areas[0], Action.VIEW)
    found = await systems_store.find(connection, system_id, locked=locked)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    members = await systems_store.location_ids(connection, system_id)
    if not any(may_at_one(person, area, Action.VIEW, members) for area in areas):
        raise BridgeError(Code.RECORD_UNKNOWN)
    return found


def reach_of(person: Person, areas: Sequence[Area]) -> Reach:
    """Where this person sees one of these."""
    reach = Reach()
    for area in areas:
        reach |= person.reach(area, Action.VIEW)
    return reach


def may_open_vouchers(person: Person) -> bool:
    """Whether lists may lead to the page of a voucher."""
    return any(person.may_somewhere(area) for area in LOOKING)
