"""The statements about shops, their designs and their pictures."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.store import counts_at
from tillbridge.portal.licences.tables import licence, service_switch
from tillbridge.portal.locations.tables import location
from tillbridge.portal.shop.model import Design, Layout, Range, Shop, Texts
from tillbridge.portal.shop.tables import design, design_version, picture, shop
from tillbridge.portal.vouchers.tables import voucher_location, voucher_system

_shop = select(shop, voucher_system.c.tenant_id).join(voucher_system, voucher_system.c.id == shop.c.system_id)


async def by_slug(connection: AsyncConnection, slug: str) -> Shop | None:
    """The shop at this address."""
    row = (await connection.execute(_shop.where(shop.c.slug == slug))).mappings().one_or_none()
    return None if row is None else _read(row)


async def find(connection: AsyncConnection, shop_id: str, *, locked: bool = False) -> Shop | None:
    """The shop with this id, of whichever merchant; `locked` keeps others from changing it meanwhile."""
    statement = _shop.where(shop.c.id == shop_id)
    found = await connection.execute(statement.with_for_update(of=shop) if locked else statement)
    row = found.mappings().one_or_none()
    return None if row is None else _read(row)


async def of_tenant(connection: AsyncConnection, tenant_id: str) -> tuple[Shop, ...]:
    """A merchant's shops, by name."""
    statement = _shop.where(voucher_system.c.tenant_id == tenant_id).order_by(shop.c.name, shop.c.id)
    return tuple(_read(row) for row in (await connection.execute(statement)).mappings())


async def add(connection: AsyncConnection, one: Shop, now: datetime) -> None:
    """Writes a new shop down. `BridgeError(RECORD_CONFLICT)` names `slug` or `system_id` as taken."""
    values = {"id": one.id, "system_id": one.system_id, "created_at": now, **_changing(one)}
    await _or_conflict(connection, insert(shop).values(values))


async def change(connection: AsyncConnection, one: Shop) -> None:
    """Writes a shop down as it is now. `BridgeError(RECORD_CONFLICT)` names `slug` as taken."""
    await _or_conflict(connection, update(shop).where(shop.c.id == one.id).values(_changing(one)))


async def sellers(connection: AsyncConnection, system_id: str, now: datetime) -> Mapping[str, str]:
    """Open locations that take part, with the licence and the switch for web vouchers: names by id, by name."""
    licensed = select(licence.c.id).where(
        licence.c.location_id == location.c.id, licence.c.product == Product.WEB_VOUCHERS.value, counts_at(now)
    )
    switched = select(service_switch.c.location_id).where(
        service_switch.c.location_id == location.c.id,
        service_switch.c.service == Service.WEB_VOUCHERS.value,
        service_switch.c.is_on,
    )
    statement = (
        select(location.c.id, location.c.name, location.c.city)
        .join(voucher_location, voucher_location.c.location_id == location.c.id)
        .where(voucher_location.c.system_id == system_id, location.c.closed_at.is_(None))
        .where(licensed.exists(), switched.exists())
        .order_by(location.c.name, location.c.id)
    )
    rows = await connection.execute(statement)
    return {row.id: f"{row.name}, {row.city}" if row.city else row.name for row in rows}


# ------------------------------------------------------------ designs


async def designs(connection: AsyncConnection, shop_id: str) -> tuple[Design, ...]:
    """A shop's designs in their order, each in its newest version."""
    statement = _designs().where(design.c.shop_id == shop_id).order_by(design.c.position, design.c.id)
    return tuple(_design(row) for row in (await connection.execute(statement)).mappings())


async def find_design(connection: AsyncConnection, design_id: str, *, locked: bool = False) -> Design | None:
    """The design with this id, of whichever shop."""
    statement = _designs().where(design.c.id == design_id)
    found = await connection.execute(statement.with_for_update(of=design) if locked else statement)
    row = found.mappings().one_or_none()
    return None if row is None else _design(row)


async def layouts(connection: AsyncConnection, wanted: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], Layout]:
    """Versions of designs, whether they are offered or not."""
    ids = sorted({one for one, _ in wanted})
    rows = await connection.execute(select(design_version).where(design_version.c.design_id.in_(ids)))
    found = [_layout(row) for row in rows.mappings()]
    return {(one.design_id, one.version): one for one in found if (one.design_id, one.version) in set(wanted)}


async def add_design(connection: AsyncConnection, one: Design, now: datetime, by: str) -> None:
    """Writes a new design down."""
    values = {"id": one.id, "shop_id": one.shop_id, "version": one.layout.version, **_standing(one)}
    await connection.execute(insert(design).values(values))
    await add_version(connection, one.layout, now, by)


async def add_version(connection: AsyncConnection, one: Layout, now: datetime, by: str) -> None:
    """Appends a version of a design."""
    values = {
        "design_id": one.design_id,
        "version": one.version,
        "names": dict(one.names),
        "texts": dict(one.texts),
        "picture_id": one.picture_id,
        "fixed": list(one.fixed),
        "free_min": None if one.free is None else one.free.least,
        "free_max": None if one.free is None else one.free.most,
        "made_at": now,
        "made_by": by,
    }
    await connection.execute(insert(design_version).values(values))


async def change_design(connection: AsyncConnection, one: Design) -> None:
    """Writes down where a design stands, how many are left, and which version is the newest."""
    values = {"version": one.layout.version, **_standing(one)}
    await connection.execute(update(design).where(design.c.id == one.id).values(values))


async def next_position(connection: AsyncConnection, shop_id: str) -> int:
    """Where a new design stands: behind the others."""
    last = await connection.scalar(select(func.max(design.c.position)).where(design.c.shop_id == shop_id))
    return int(last or 0) + 1


async def take_stock(connection: AsyncConnection, design_id: str, quantity: int) -> bool:
    """Sets some of a design aside; False if it is not offered, or there are not so many left. One statement."""
    enough = design.c.stock.is_(None) | (design.c.stock >= quantity)
    statement = (
        update(design)
        .where(design.c.id == design_id, design.c.is_offered, enough)
        .values(stock=design.c.stock - quantity)
        .returning(design.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def give_stock_back(connection: AsyncConnection, design_id: str, quantity: int) -> None:
    """Puts some of a limited design back; one that is not limited any more stays so."""
    await connection.execute(update(design).where(design.c.id == design_id).values(stock=design.c.stock + quantity))


# ------------------------------------------------------------ pictures


async def add_picture(
    connection: AsyncConnection, picture_id: str, shop_id: str, media_type: str, content: bytes
) -> None:
    """Keeps a picture."""
    values = {"id": picture_id, "shop_id": shop_id, "media_type": media_type, "content": content}
    await connection.execute(insert(picture).values(values))


async def find_picture(connection: AsyncConnection, shop_id: str, picture_id: str) -> tuple[str, bytes] | None:
    """A picture of this shop: its media type and its bytes."""
    one = (picture.c.id == picture_id) & (picture.c.shop_id == shop_id)
    row = (await connection.execute(select(picture.c.media_type, picture.c.content).where(one))).one_or_none()
    return None if row is None else (row.media_type, bytes(row.content))


async def _or_conflict(connection: AsyncConnection, statement: object) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(statement)  # type: ignore[call-overload]  # an insert or an update
    except IntegrityError as error:
        place = "system_id" if "system_id" in str(error.orig) else "slug"
        raise BridgeError(Code.RECORD_CONFLICT, "there is such a shop already", place=place) from error


def _designs() -> Select[Any]:
    newest = (design_version.c.design_id == design.c.id) & (design_version.c.version == design.c.version)
    said = [one for one in design_version.c if one.name != "version"]
    return select(design, *said).join(design_version, newest)


def _standing(one: Design) -> dict[str, object]:
    return {"position": one.position, "is_offered": one.is_offered, "stock": one.stock}


def _changing(one: Shop) -> dict[str, object]:
    texts: dict[str, Texts] = {
        "welcome": one.welcome,
        "terms": one.terms,
        "withdrawal": one.withdrawal,
        "imprint": one.imprint,
    }
    plain = {"slug": one.slug, "name": one.name, "is_open": one.is_open, "attach_pdf": one.attach_pdf}
    return {**plain, **{name: dict(text) for name, text in texts.items()}}


def _read(row: RowMapping) -> Shop:
    return Shop(
        id=row["id"],
        system_id=row["system_id"],
        tenant_id=row["tenant_id"],
        slug=row["slug"],
        name=row["name"],
        is_open=row["is_open"],
        welcome=row["welcome"],
        terms=row["terms"],
        withdrawal=row["withdrawal"],
        imprint=row["imprint"],
        attach_pdf=row["attach_pdf"],
    )


def _design(row: RowMapping) -> Design:
    return Design(row["id"], row["shop_id"], row["position"], row["is_offered"], row["stock"], _layout(row))


def _layout(row: RowMapping) -> Layout:
    free = None if row["free_min"] is None else Range(row["free_min"], row["free_max"])
    return Layout(
        design_id=row["design_id"],
        version=row["version"],
        names=row["names"],
        texts=row["texts"],
        picture_id=row["picture_id"],
        fixed=tuple(row["fixed"]),
        free=free,
    )
