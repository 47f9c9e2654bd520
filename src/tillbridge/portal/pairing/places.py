"""Finds the location that somebody may pair. Rights of the Interfaces pages are checked here and nowhere else."""

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.locations import store
from tillbridge.portal.locations.model import Location
from tillbridge.portal.rights import Action, Area, Person


async def place_of(connection: AsyncConnection, person: Person, location_id: str, action: Action) -> Location:
    """The location, where this person may do that.

    `BridgeError`: RECORD_UNKNOWN for one of another merchant or out of reach, RIGHT_MISSING.
    """
    found = await store.find(connection, location_id)
    if found is None or found.tenant_id != person.tenant_id:
        raise BridgeError(Code.RECORD_UNKNOWN)
    person.require(Area.POS_INTERFACE, action, location_id)
    return found
