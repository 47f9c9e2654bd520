"""Looks up the location that a person works on: one place where rights on customers are asked for."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Action, Area, Person


async def place_for(connection: AsyncConnection, person: Person, location_id: str, action: Action) -> Location:
    """The location, if this person may do that to its customers.

    `BridgeError`: RECORD_UNKNOWN where there is none within the person's reach, RIGHT_MISSING.
    """
    found = await locations.find(connection, location_id)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    person.require(Area.CUSTOMERS, action, location_id)
    return found


async def places_of(connection: AsyncConnection, person: Person, action: Action) -> list[Location]:
    """Every open location where this person may do that to customers, by client number."""
    wanted = locations.within(person.home, person.reach(Area.CUSTOMERS, action)) & location.c.closed_at.is_(None)
    rows = await connection.execute(select(location).where(wanted).order_by(location.c.client_number))
    return [locations.read(row) for row in rows.mappings()]


def require_v2(place: Location) -> None:
    """`BridgeError` where customers of 2.0 cannot be: CONVERSION_REQUIRED, or RECORD_CONFLICT without any base."""
    if place.customer_base is CustomerBase.V2:
        return
    if place.customer_base is CustomerBase.V1_ONLINE:
        raise BridgeError(Code.CONVERSION_REQUIRED, place="customer_base")
    raise BridgeError(Code.RECORD_CONFLICT, "this location has no customer base 2.0", place="customer_base")
