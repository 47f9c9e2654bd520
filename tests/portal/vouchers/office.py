"""A merchant with voucher systems, for tests of what the office does."""

from datetime import timedelta

from sqlalchemy import func, select, update

from tests.portal.people import owner
from tests.portal.shops import merchant, shop
from tillbridge.domain.money import EUR
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.systems_model import Draft, Limits, VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems

DRAFT = Draft("Bäckerei-Gutscheine", "EUR", "Europe/Berlin", Limits.usual(EUR))
GERMANY, AUSTRIA = "276", "040"


def chief(house: House, tenant_id: str) -> Person:
    """Somebody with every right, who has just proven who it is."""
    return owner(tenant_id, stepped_up_at=house.runtime.clock.now())


async def place_of(house: House, tenant_id: str, serial: int, *, country: str = "DE", currency: str = "EUR") -> str:
    """A location with a licence for vouchers; returns its id."""
    location_id = await shop(
        house,
        tenant_id,
        serial,
        client_number=serial,
        kind="branch" if serial > 1 else "head_office",
        name=f"Laden {serial}",
    )
    async with house.database.writing() as connection:
        values = {"country": country, "currency": currency}
        await connection.execute(update(location).where(location.c.id == location_id).values(values))
        one = await locations.find(connection, location_id)
        assert one is not None
        begin = house.runtime.clock.now() - timedelta(days=1)
        await Licences(house).allot_in(connection, one, (Product.WEB_VOUCHERS,), Span(begin, None), PORTAL)
    return location_id


async def system(house: House, *countries: str) -> tuple[Person, VoucherSystem, list[str]]:
    """A merchant's chief, a voucher system, and a location that takes part in it for each of the countries."""
    person = chief(house, await merchant(house))
    made = await Systems(house).create(person, DRAFT)
    places = [
        await place_of(house, person.home, serial, country=country) for serial, country in enumerate(countries, 1)
    ]
    for place in places:
        await Systems(house).join(person, made.id, place)
    return person, made, places


async def events(house: House) -> list[tuple[str, dict[str, object]]]:
    """What the audit log says of vouchers, the oldest first: the event and what was there afterwards."""
    async with house.database.reading() as connection:
        rows = await connection.execute(
            select(audit_entry.c.event, audit_entry.c.after)
            .where(audit_entry.c.event.startswith("voucher"))
            .order_by(audit_entry.c.id)
        )
        return [(row.event, row.after) for row in rows]


async def rows_of(house: House, table: object) -> int:
    """How many rows a table has."""
    async with house.database.reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]
