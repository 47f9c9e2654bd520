"""The statements about locations."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, cast, func, insert, or_, select, update
from sqlalchemy import String as SqlString
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.locations.model import (
    Address,
    CustomerBase,
    Found,
    Location,
    LocationKind,
    Ownership,
    Tenant,
    Wish,
)
from tillbridge.portal.locations.tables import location, location_counter, location_ownership, tenant
from tillbridge.portal.rights import Reach

PER_PAGE: Final = 100
"""Locations on one page of a list: it stays quick and short enough to be read with a thousand of them."""

HEAD_OFFICE_NUMBER: Final = 1
_COUNTER: Final = 1


def within(tenant_id: str, reach: Reach) -> ColumnElement[bool]:
    """The locations of this merchant that somebody reaches."""
    own = location.c.tenant_id == tenant_id
    return own if reach.everywhere else own & location.c.id.in_(sorted(reach.locations))


async def page_of(connection: AsyncConnection, tenant_id: str, reach: Reach, wish: Wish) -> Found:
    """One page of the locations that somebody reaches, by client number; the last one for a page beyond it."""
    wanted = within(tenant_id, reach)
    if not wish.with_closed:
        wanted &= location.c.closed_at.is_(None)
    if wish.text:
        fields = (location.c.name, location.c.city, location.c.number, cast(location.c.client_number, SqlString))
        wanted &= or_(*(field.icontains(wish.text, autoescape=True) for field in fields))
    total = (await connection.execute(select(func.count()).select_from(location).where(wanted))).scalar_one()
    pages = max(1, -(-total // PER_PAGE))
    page = min(wish.page, pages)
    rows = await connection.execute(
        select(location)
        .where(wanted)
        .order_by(location.c.client_number, location.c.id)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return Found(tuple(read(row) for row in rows.mappings()), total, page, pages)


async def find(connection: AsyncConnection, location_id: str, *, locked: bool = False) -> Location | None:
    """The location with this id, of whichever merchant; `locked` keeps others from changing it meanwhile."""
    statement = select(location).where(location.c.id == location_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().one_or_none()
    return None if row is None else read(row)


async def tenants_of(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, str]:
    """The merchants of these locations, by location; those that are not there are left out."""
    statement = select(location.c.id, location.c.tenant_id).where(location.c.id.in_(sorted(location_ids)))
    return {row.id: row.tenant_id for row in await connection.execute(statement)}


async def find_by_number(connection: AsyncConnection, number: LocationNumber) -> Location | None:
    """The location with this number."""
    row = (await connection.execute(select(location).where(location.c.number == number.digits))).mappings()
    found = row.one_or_none()
    return None if found is None else read(found)


async def find_head_office(connection: AsyncConnection, tenant_id: str) -> Location | None:
    """Where a merchant's tree begins."""
    statement = select(location).where(
        location.c.tenant_id == tenant_id, location.c.kind == LocationKind.HEAD_OFFICE.value
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else read(row)


async def has_open_children(connection: AsyncConnection, location_id: str) -> bool:
    """Whether anything that is open hangs below it."""
    below = select(location.c.id).where(location.c.parent_id == location_id, location.c.closed_at.is_(None))
    return (await connection.execute(below.limit(1))).first() is not None


async def find_tenant(connection: AsyncConnection, tenant_id: str, *, locked: bool = False) -> Tenant | None:
    """The merchant with this id; `locked`, so that no two places of it get the same client number."""
    statement = select(tenant).where(tenant.c.id == tenant_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().one_or_none()
    return None if row is None else Tenant(row["id"], row["name"], row["pin_digits"], row["confirm_pairing"])


async def lock_numbers(connection: AsyncConnection) -> None:
    """Lets nobody else draw a number until this transaction ends."""
    await connection.execute(select(location_counter.c.next_serial).with_for_update())


async def draw_number(connection: AsyncConnection) -> LocationNumber:
    """A number that no location has or ever had."""
    draw = (
        update(location_counter)
        .where(location_counter.c.id == _COUNTER)
        .values(next_serial=location_counter.c.next_serial + 1)
        .returning(location_counter.c.next_serial - 1)
    )
    while True:
        number = LocationNumber.of((await connection.execute(draw)).scalar_one())
        # A number that was chosen by hand, as the demonstration's is, is passed over.
        if await find_by_number(connection, number) is None:
            return number


async def next_client_number(connection: AsyncConnection, tenant_id: str) -> int:
    """The next free number of a branch. The merchant's row must be locked by the caller."""
    taken = set(await connection.scalars(select(location.c.client_number).where(location.c.tenant_id == tenant_id)))
    number = HEAD_OFFICE_NUMBER + 1
    while number in taken:
        number += 1
    return number


async def add(connection: AsyncConnection, one: Location, now: datetime, ownership_id: str) -> None:
    """Writes a new location down, with its first owner."""
    values = _values(one) | {
        "id": one.id,
        "number": one.number.digits,
        "customer_base": one.customer_base.value,
        "created_at": now,
    }
    await connection.execute(insert(location).values(values))
    await begin_ownership(connection, one, now, ownership_id)


async def change(connection: AsyncConnection, one: Location) -> None:
    """Writes a location down as it is now."""
    await connection.execute(update(location).where(location.c.id == one.id).values(_values(one)))


async def hand_up_children(connection: AsyncConnection, one: Location) -> None:
    """Hangs what is below a location to what is above it: a tree never reaches into another merchant's."""
    below = location.c.parent_id == one.id
    await connection.execute(update(location).where(below).values(parent_id=one.parent_id))


async def begin_ownership(connection: AsyncConnection, one: Location, now: datetime, ownership_id: str) -> None:
    """Notes who owns it from now on."""
    await connection.execute(
        insert(location_ownership).values(
            id=ownership_id,
            location_id=one.id,
            tenant_id=one.tenant_id,
            client_number=one.client_number,
            since=now,
        )
    )


async def end_ownership(connection: AsyncConnection, location_id: str, now: datetime) -> None:
    """Notes that whoever owned it does so no more."""
    current = (location_ownership.c.location_id == location_id) & location_ownership.c.until.is_(None)
    await connection.execute(update(location_ownership).where(current).values(until=now))


async def ownerships(connection: AsyncConnection, location_id: str) -> tuple[Ownership, ...]:
    """Every owner it ever had, the first one first."""
    rows = await connection.execute(
        select(location_ownership, tenant.c.name.label("tenant_name"))
        .join(tenant, tenant.c.id == location_ownership.c.tenant_id)
        .where(location_ownership.c.location_id == location_id)
        .order_by(location_ownership.c.since)
    )
    return tuple(
        Ownership(row["tenant_id"], row["tenant_name"], row["client_number"], row["since"], row["until"])
        for row in rows.mappings()
    )


def read(row: RowMapping) -> Location:
    """A row as a location."""
    return Location(
        id=row["id"],
        tenant_id=row["tenant_id"],
        number=LocationNumber(row["number"]),
        client_number=row["client_number"],
        parent_id=row["parent_id"],
        kind=LocationKind(row["kind"]),
        name=row["name"],
        address=Address(row["street"], row["postal_code"], row["city"], row["country"]),
        currency=row["currency"],
        time_zone=row["time_zone"],
        restricted=frozenset(row["restricted"]),
        customer_base=CustomerBase(row["customer_base"]),
        closed_at=row["closed_at"],
    )


def _values(one: Location) -> dict[str, Any]:
    """What of a location can change; its number never does, and its customer base only by a conversion."""
    return {
        "tenant_id": one.tenant_id,
        "client_number": one.client_number,
        "parent_id": one.parent_id,
        "kind": one.kind.value,
        "name": one.name,
        "street": one.address.street,
        "postal_code": one.address.postal_code,
        "city": one.address.city,
        "country": one.address.country,
        "currency": one.currency,
        "time_zone": one.time_zone,
        "restricted": sorted(one.restricted),
        "closed_at": one.closed_at,
    }
