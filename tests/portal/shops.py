"""Merchants and locations to start a test with."""

from sqlalchemy import insert

from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location, tenant


async def merchant(house: House, name: str = "Bäckerei Sommer", *, pin_digits: int = 4) -> str:
    """A merchant; returns its id."""
    tenant_id = house.runtime.ids.new()
    async with house.database.writing() as connection:
        await connection.execute(
            insert(tenant).values(
                id=tenant_id,
                name=name,
                pin_digits=pin_digits,
                confirm_pairing=False,
                created_at=house.runtime.clock.now(),
            )
        )
    return tenant_id


async def shop(  # noqa: PLR0913  # what a test cares about, by name
    house: House,
    tenant_id: str,
    serial: int,
    *,
    client_number: int = 1,
    parent_id: str | None = None,
    kind: str = "head_office",
    name: str = "Am Markt",
    customer_base: str = "none",
) -> str:
    """A location; returns its id. Its number is that of `serial`."""
    location_id = house.runtime.ids.new()
    async with house.database.writing() as connection:
        await connection.execute(
            insert(location).values(
                id=location_id,
                tenant_id=tenant_id,
                number=LocationNumber.of(serial).digits,
                client_number=client_number,
                parent_id=parent_id,
                kind=kind,
                name=name,
                country="DE",
                currency="EUR",
                time_zone="Europe/Berlin",
                restricted=[],
                customer_base=customer_base,
                created_at=house.runtime.clock.now(),
            )
        )
    return location_id
