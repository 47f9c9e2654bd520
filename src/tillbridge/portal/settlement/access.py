"""Who sees what of settlement (docs/reference/voucher-settlement.md, section 8).

A location sees its own statements; whoever has the right for the merchant as a whole sees all, and what is about all of
them. Reports are shown of those locations that let themselves be seen; the others are one sum.
"""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.access import system_for
from tillbridge.portal.vouchers.systems_model import VoucherSystem

SECTION: Final = (Area.VOUCHER_SETTLEMENT, Area.REPORTS)
"""Areas of which one must be seen to find the reports of a voucher system."""


def whole(person: Person) -> bool:
    """Whether this person sees what is about all locations together."""
    return person.may(Area.VOUCHER_SETTLEMENT, Action.VIEW)


def require_area(person: Person, area: Area) -> None:
    """Nothing if this person sees that anywhere; else `BridgeError(RIGHT_MISSING)`."""
    if not person.may_somewhere(area):
        person.require(area, Action.VIEW)


async def settled_system(
    connection: AsyncConnection, person: Person, system_id: str, area: Area | None = None
) -> VoucherSystem:
    """The system with this id. `BridgeError`: RECORD_UNKNOWN, or RIGHT_MISSING without this area (None: either)."""
    system = await system_for(connection, person, system_id)
    if area is not None:
        require_area(person, area)
    elif not any(person.may_somewhere(one) for one in SECTION):
        person.require(Area.VOUCHER_SETTLEMENT, Action.VIEW)
    return system


def seen(person: Person, area: Area, location_ids: Iterable[str]) -> frozenset[str]:
    """Of these locations those of which this person sees that."""
    reach = person.reach(area, Action.VIEW)
    return frozenset(one for one in location_ids if reach.covers(one or None))


def only(person: Person, area: Area) -> Collection[str] | None:
    """The locations to which this person's right is limited; None for all of the merchant's."""
    reach = person.reach(area, Action.VIEW)
    return None if reach.everywhere else reach.locations
