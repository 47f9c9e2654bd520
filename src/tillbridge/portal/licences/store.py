"""The statements about licences."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, RowMapping, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.licences.model import ENDS_SOON, Ending, Licence, Product, Span
from tillbridge.portal.licences.tables import licence
from tillbridge.portal.locations.tables import location


async def licensed(connection: AsyncConnection, location_id: str, product: Product, now: datetime) -> bool:
    """Whether the location may use this product at this moment."""
    statement = select(licence.c.id).where(
        licence.c.location_id == location_id, licence.c.product == product.value, counts_at(now)
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def licensed_products(connection: AsyncConnection, location_id: str, now: datetime) -> frozenset[Product]:
    """Every product that the location may use at this moment."""
    statement = select(licence.c.product).where(licence.c.location_id == location_id, counts_at(now))
    return frozenset(Product(name) for name in await connection.scalars(statement.distinct()))


async def add(connection: AsyncConnection, made: Collection[Licence], by: str) -> None:
    """Writes allotments down."""
    rows = [
        {
            "id": one.id,
            "location_id": one.location_id,
            "product": one.product.value,
            "starts_at": one.span.start,
            "ends_at": one.span.end,
            "allotted_at": one.allotted_at,
            "allotted_by": by,
        }
        for one in made
    ]
    await connection.execute(insert(licence), rows)


async def withdraw(connection: AsyncConnection, licence_id: str, now: datetime, by: str) -> bool:
    """Takes an allotment back; False if that has been done already."""
    statement = (
        update(licence)
        .where(licence.c.id == licence_id, licence.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now, withdrawn_by=by)
        .returning(licence.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def find(connection: AsyncConnection, licence_id: str) -> Licence | None:
    """The allotment with this id, of whichever location."""
    row = (await connection.execute(select(licence).where(licence.c.id == licence_id))).mappings().one_or_none()
    return None if row is None else _read(row)


async def of_location(connection: AsyncConnection, location_id: str) -> tuple[Licence, ...]:
    """Every allotment that a location ever had, the newest first."""
    statement = select(licence).where(licence.c.location_id == location_id)
    rows = await connection.execute(statement.order_by(licence.c.product, licence.c.starts_at.desc(), licence.c.id))
    return tuple(_read(row) for row in rows.mappings())


async def of_locations(
    connection: AsyncConnection, location_ids: Collection[str], now: datetime
) -> Mapping[str, tuple[Licence, ...]]:
    """What counts now or will, by location, in one query."""
    statement = select(licence).where(
        licence.c.location_id.in_(sorted(location_ids)), licence.c.withdrawn_at.is_(None), _not_over(now)
    )
    found: dict[str, list[Licence]] = {}
    for row in (await connection.execute(statement)).mappings():
        found.setdefault(row["location_id"], []).append(_read(row))
    return {location_id: tuple(licences) for location_id, licences in found.items()}


async def ending_soon(
    connection: AsyncConnection, where: ColumnElement[bool], now: datetime, most: int
) -> tuple[Ending, ...]:
    """Allotments that end soon with nothing of the same product going on from there.

    `where` is about the table of locations. The first to end comes first; at most `most`.
    """
    statement = (
        select(licence, location.c.name.label("location_name"), location.c.time_zone)
        .join(location, location.c.id == licence.c.location_id)
        .where(
            where,
            location.c.closed_at.is_(None),
            licence.c.withdrawn_at.is_(None),
            licence.c.ends_at > now,
            licence.c.ends_at <= now + ENDS_SOON,
            ~_goes_on(),
        )
        .order_by(licence.c.ends_at, licence.c.id)
        .limit(most)
    )
    rows = await connection.execute(statement)
    return tuple(Ending(_read(row), row["location_name"], row["time_zone"]) for row in rows.mappings())


def _goes_on() -> ColumnElement[bool]:
    """Whether an allotment has another one of the same product behind it."""
    later = licence.alias("later")
    following = select(later.c.id).where(
        later.c.location_id == licence.c.location_id,
        later.c.product == licence.c.product,
        later.c.withdrawn_at.is_(None),
        later.c.starts_at <= licence.c.ends_at,
        or_(
            later.c.ends_at.is_(None),
            later.c.ends_at > licence.c.ends_at,
            # Two that end at the same moment are one: the first of them is spoken of.
            (later.c.ends_at == licence.c.ends_at) & (later.c.id < licence.c.id),
        ),
    )
    return following.exists()


def counts_at(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether an allotment counts at this moment."""
    return licence.c.withdrawn_at.is_(None) & (licence.c.starts_at <= now) & _not_over(now)


def _not_over(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return or_(licence.c.ends_at.is_(None), licence.c.ends_at > now)


def _read(row: RowMapping) -> Licence:
    return Licence(
        id=row["id"],
        location_id=row["location_id"],
        product=Product(row["product"]),
        span=Span(row["starts_at"], row["ends_at"]),
        allotted_at=row["allotted_at"],
        withdrawn_at=row["withdrawn_at"],
    )
