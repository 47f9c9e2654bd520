"""The statements about switches. A service that was never switched is off."""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.scopes import Service
from tillbridge.portal.licences.tables import service_switch

_KNOWN = frozenset(service.value for service in Service)


async def switched_on(connection: AsyncConnection, location_id: str) -> frozenset[Service]:
    """What is switched on at a location."""
    statement = select(service_switch.c.service).where(
        service_switch.c.location_id == location_id, service_switch.c.is_on
    )
    # A name that a later version has left behind switches nothing.
    return frozenset(Service(name) for name in await connection.scalars(statement) if name in _KNOWN)


async def switch(
    connection: AsyncConnection, location_id: str, service: Service, *, on: bool, at: datetime, by: str
) -> None:
    """Sets a switch. The location's row must be locked by the caller."""
    one = (service_switch.c.location_id == location_id) & (service_switch.c.service == service.value)
    values = {"is_on": on, "changed_at": at, "changed_by": by}
    changed = update(service_switch).where(one).values(values).returning(service_switch.c.service)
    if (await connection.execute(changed)).first() is None:
        new = {"location_id": location_id, "service": service.value} | values
        await connection.execute(insert(service_switch).values(new))
