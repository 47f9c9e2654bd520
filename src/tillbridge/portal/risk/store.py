"""The statements about risk: limits, keys, merchants' numbers, and the account of what was lost."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger import sets
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.risk.model import Account, Kind, Line, RiskKey, RiskLimits
from tillbridge.portal.risk.tables import voucher_merchant_number, voucher_offline, voucher_risk, voucher_risk_key

MOST_LINES: Final = 100
"""Lines of the account that a page shows, the newest."""


async def limits(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, RiskLimits]:
    """The limits of those of these locations that have any."""
    statement = select(voucher_risk).where(sets.among(connection, voucher_risk.c.location_id, location_ids))
    return {
        row["location_id"]: RiskLimits(row["per_voucher"], row["per_day"], row["open_total"], row["in_maintenance"])
        for row in (await connection.execute(statement)).mappings()
    }


async def set_limits(connection: AsyncConnection, location_id: str, one: RiskLimits, now: datetime) -> None:
    """Writes a location's limits down."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "per_voucher": one.per_voucher,
        "per_day": one.per_day,
        "open_total": one.open_total,
        "in_maintenance": one.in_maintenance,
        "changed_at": now,
    }
    statement = dialect.insert(voucher_risk).values(location_id=location_id, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["location_id"], set_=values))


async def key_of(connection: AsyncConnection, system_id: str) -> RiskKey | None:
    """The key that PINs of a system are sealed with; None where none was needed yet."""
    return await _key(connection, system_id=system_id)


async def key_named(connection: AsyncConnection, key_id: str) -> RiskKey | None:
    """The key of this name."""
    return await _key(connection, id=key_id)


async def add_key(connection: AsyncConnection, one: RiskKey, now: datetime) -> None:
    """Writes a system's key down; the one that is there already stays."""
    row = {"id": one.id, "system_id": one.system_id, "private_sealed": one.private_sealed, "made_at": now}
    await sets.add(connection, voucher_risk_key, [row], unless=("system_id",))


async def _key(connection: AsyncConnection, **which: str) -> RiskKey | None:
    statement = select(voucher_risk_key).filter_by(**which)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else RiskKey(row["id"], row["system_id"], row["private_sealed"])


# ------------------------------------------------------------ merchants' numbers


async def merchant_numbers(connection: AsyncConnection, system_id: str) -> Sequence[str]:
    """The numbers that name the merchant of a system, in their order."""
    column = voucher_merchant_number.c.number
    statement = select(column).where(voucher_merchant_number.c.system_id == system_id).order_by(column)
    return list(await connection.scalars(statement))


async def numbers_of_systems(connection: AsyncConnection, system_ids: Collection[str]) -> frozenset[tuple[str, str]]:
    """Systems with the numbers that name their merchants."""
    table = voucher_merchant_number
    statement = select(table.c.system_id, table.c.number).where(table.c.system_id.in_(sorted(system_ids)))
    return frozenset((row.system_id, row.number) for row in await connection.execute(statement))


async def add_merchant_number(connection: AsyncConnection, system_id: str, number: str, now: datetime) -> bool:
    """Adds one; False if it was there."""
    row = {"system_id": system_id, "number": number, "added_at": now}
    return await sets.add(connection, voucher_merchant_number, [row], unless=("system_id", "number")) == 1


async def remove_merchant_number(connection: AsyncConnection, system_id: str, number: str) -> bool:
    """Takes one away; False if it was not there."""
    table = voucher_merchant_number
    where = (table.c.system_id == system_id) & (table.c.number == number)
    return (await connection.execute(delete(table).where(where))).rowcount == 1


# ------------------------------------------------------------ the account


async def add_line(connection: AsyncConnection, row: sets.Row) -> bool:
    """Appends to the account; False if the action has such a line already."""
    return await sets.add(connection, voucher_offline, [row], unless=("operation_id", "kind")) == 1


async def taken_line(connection: AsyncConnection, location_id: str, key: str) -> Mapping[str, object] | None:
    """The line of what was taken under a key of this location, with the state of its action."""
    statement = (
        select(voucher_offline, operation.c.state)
        .join(operation, operation.c.id == voucher_offline.c.operation_id)
        .where(operation.c.location_id == location_id, operation.c.key == key)
        .where(voucher_offline.c.kind == Kind.TAKEN.value)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)


async def accounts(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, Account]:
    """What each of these locations took and lost."""
    table = voucher_offline
    statement = (
        select(table.c.location_id, func.sum(table.c.taken), func.sum(table.c.loss), func.count())
        .where(sets.among(connection, table.c.location_id, location_ids))
        .group_by(table.c.location_id)
    )
    rows = await connection.execute(statement)
    return {place: Account(int(taken), int(loss), count) for place, taken, loss, count in rows}


async def lines(connection: AsyncConnection, location_ids: Collection[str]) -> Sequence[Line]:
    """The newest lines of these locations' accounts."""
    table = voucher_offline
    statement = (
        select(table)
        .where(sets.among(connection, table.c.location_id, location_ids))
        .order_by(table.c.booked_at.desc(), table.c.id.desc())
        .limit(MOST_LINES)
    )
    return [
        Line(
            location_id=row["location_id"],
            kind=Kind(row["kind"]),
            asked=row["asked"],
            taken=row["taken"],
            loss=row["loss"],
            reason=row["reason"],
            station=row["station"],
            transaction_ref=row["transaction_ref"],
            accepted_at=row["accepted_at"],
            booked_at=row["booked_at"],
        )
        for row in (await connection.execute(statement)).mappings()
    ]
