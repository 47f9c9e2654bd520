"""The statements about voucher systems and who takes part in them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.locations.model import Location
from tillbridge.portal.locations.store import read
from tillbridge.portal.locations.tables import location
from tillbridge.portal.storage.line import Row
from tillbridge.portal.vouchers.country_digits import NUMERIC
from tillbridge.portal.vouchers.states import shown_state
from tillbridge.portal.vouchers.systems_model import Circulation, Participant, VoucherSystem
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system


async def system_of(connection: AsyncConnection, location_id: str) -> VoucherSystem | None:
    """The voucher system that a location takes part in; None if it takes part in none."""
    statement = (
        select(voucher_system)
        .join(voucher_location, voucher_location.c.system_id == voucher_system.c.id)
        .where(voucher_location.c.location_id == location_id)
    )
    return await _one(connection, statement)


async def location_country(connection: AsyncConnection, location_id: str) -> str:
    """A location's country as three digits of ISO 3166-1. `BridgeError(RECORD_UNKNOWN)` if there is none."""
    letters = await connection.scalar(select(location.c.country).where(location.c.id == location_id))
    if letters is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return NUMERIC[letters]


async def find(connection: AsyncConnection, system_id: str, *, locked: bool = False) -> VoucherSystem | None:
    """The system with this id, of whichever merchant; `locked` keeps others from changing it meanwhile."""
    statement = select(voucher_system).where(voucher_system.c.id == system_id)
    return await _one(connection, statement.with_for_update() if locked else statement)


async def of_tenant(connection: AsyncConnection, tenant_id: str) -> tuple[VoucherSystem, ...]:
    """A merchant's systems, by name."""
    statement = select(voucher_system).where(voucher_system.c.tenant_id == tenant_id)
    rows = await connection.execute(statement.order_by(voucher_system.c.name, voucher_system.c.id))
    return tuple(read_system(row) for row in rows.mappings())


async def add(connection: AsyncConnection, one: VoucherSystem, now: datetime) -> None:
    """Writes a new system down."""
    values = _changing(one) | {
        "id": one.id,
        "tenant_id": one.tenant_id,
        "currency": one.currency,
        "time_zone": one.time_zone,
        "created_at": now,
    }
    await connection.execute(insert(voucher_system).values(values))


async def change(connection: AsyncConnection, one: VoucherSystem) -> None:
    """Writes a system down as it is now; its currency and its zone stay what they were."""
    await connection.execute(update(voucher_system).where(voucher_system.c.id == one.id).values(_changing(one)))


async def participants(connection: AsyncConnection, system_id: str) -> tuple[Participant, ...]:
    """The locations that take part, by their names."""
    statement = (
        select(voucher_location.c.joined_at, location)
        .join(location, location.c.id == voucher_location.c.location_id)
        .where(voucher_location.c.system_id == system_id)
        .order_by(location.c.name, location.c.id)
    )
    rows = await connection.execute(statement)
    return tuple(_participant(row) for row in rows.mappings())


async def open_locations(connection: AsyncConnection, tenant_id: str) -> tuple[Location, ...]:
    """A merchant's open locations, by their names."""
    statement = select(location).where(location.c.tenant_id == tenant_id, location.c.closed_at.is_(None))
    rows = await connection.execute(statement.order_by(location.c.name, location.c.id))
    return tuple(read(row) for row in rows.mappings())


async def location_ids(connection: AsyncConnection, system_id: str) -> frozenset[str]:
    """The ids of the locations that take part."""
    statement = select(voucher_location.c.location_id).where(voucher_location.c.system_id == system_id)
    return frozenset(await connection.scalars(statement))


async def taking_part(connection: AsyncConnection, tenant_id: str) -> dict[str, frozenset[str]]:
    """The ids of the locations that take part, by system."""
    statement = (
        select(voucher_location.c.system_id, voucher_location.c.location_id)
        .join(voucher_system, voucher_system.c.id == voucher_location.c.system_id)
        .where(voucher_system.c.tenant_id == tenant_id)
    )
    found: dict[str, set[str]] = {}
    for row in await connection.execute(statement):
        found.setdefault(row.system_id, set()).add(row.location_id)
    return {system_id: frozenset(ids) for system_id, ids in found.items()}


async def circulation(connection: AsyncConnection, system_ids: Collection[str]) -> dict[str, Circulation]:
    """What is on the vouchers and how many stand how, by system."""
    shown = shown_state()
    statement = (
        select(
            voucher.c.system_id,
            shown.label("state"),
            func.count().label("vouchers"),
            func.sum(voucher.c.balance).label("money"),
        )
        .where(voucher.c.system_id.in_(sorted(system_ids)))
        .group_by(voucher.c.system_id, shown)
    )
    found = {system_id: Circulation() for system_id in system_ids}
    for row in await connection.execute(statement):
        so_far, state = found[row.system_id], VoucherState(row.state)
        money = int(row.money)
        found[row.system_id] = Circulation(
            so_far.money + money,
            so_far.blocked + (money if state is VoucherState.BLOCKED else 0),
            {**so_far.vouchers, state: row.vouchers},
        )
    return found


async def join(connection: AsyncConnection, system_id: str, location_id: str, now: datetime) -> None:
    """Lets a location take part. `BridgeError(RECORD_CONFLICT)` if it takes part in a system already."""
    row = {"location_id": location_id, "system_id": system_id, "joined_at": now}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(voucher_location).values(row))
    except IntegrityError as error:
        raise BridgeError(Code.RECORD_CONFLICT, "this location takes part in a voucher system") from error


async def leave_all(connection: AsyncConnection, location_id: str) -> str | None:
    """Lets a location take part no more in whichever system it does; returns the system's id."""
    statement = delete(voucher_location).where(voucher_location.c.location_id == location_id)
    return await connection.scalar(statement.returning(voucher_location.c.system_id))


async def leave(connection: AsyncConnection, system_id: str, location_id: str) -> bool:
    """Lets a location take part no more; False if it did not."""
    taking_part = (voucher_location.c.system_id == system_id) & (voucher_location.c.location_id == location_id)
    statement = delete(voucher_location).where(taking_part).returning(voucher_location.c.location_id)
    return (await connection.execute(statement)).first() is not None


async def _one(connection: AsyncConnection, statement: Select[Any]) -> VoucherSystem | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else read_system(row)


def _changing(one: VoucherSystem) -> dict[str, Any]:
    return {
        "name": one.name,
        "cross_country": one.cross_country,
        "load_min": one.load_min,
        "load_max": one.load_max,
        "balance_max": one.balance_max,
        "codes_a_month": one.codes_a_month,
    }


def read_system(row: Row) -> VoucherSystem:
    """The system in a row that has its columns by their names."""
    return VoucherSystem(
        id=row["id"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        currency=row["currency"],
        time_zone=row["time_zone"],
        cross_country=row["cross_country"],
        load_min=row["load_min"],
        load_max=row["load_max"],
        balance_max=row["balance_max"],
        codes_a_month=row["codes_a_month"],
        recovering_since=row["recovering_since"],
    )


def _participant(row: RowMapping) -> Participant:
    return Participant(
        location_id=row["id"],
        name=row["name"],
        city=row["city"],
        country=NUMERIC[row["country"]],
        currency=row["currency"],
        joined_at=row["joined_at"],
        open=row["closed_at"] is None,
    )
