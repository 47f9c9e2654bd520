"""The statements about closed days, their sums, and what is frozen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, RowMapping, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.locations.tables import location
from tillbridge.portal.settlement.model import Day, Form, Listed, Span, Sum, Waiting
from tillbridge.portal.settlement.tables import (
    settlement_day,
    settlement_month,
    settlement_paper,
    settlement_statement,
    settlement_sum,
)
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.portal.vouchers.systems_store import read_system
from tillbridge.portal.vouchers.tables import voucher, voucher_system

AT_ONCE: Final = 50
"""Statements that one process takes up together: their lines are read with one statement."""


@dataclass(frozen=True, slots=True)
class Place:
    """A location as statements name it; `country` is two letters of ISO 3166-1."""

    id: str
    number: str
    name: str
    country: str


async def systems(connection: AsyncConnection) -> tuple[VoucherSystem, ...]:
    """Every voucher system of the portal."""
    rows = await connection.execute(select(voucher_system).order_by(voucher_system.c.id))
    return tuple(read_system(row) for row in rows.mappings())


async def places(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, Place]:
    """These locations, by id, whoever owns them by now."""
    statement = select(location.c.id, location.c.number, location.c.name, location.c.country)
    rows = await connection.execute(statement.where(location.c.id.in_(sorted(location_ids))))
    return {row.id: Place(row.id, row.number, row.name, row.country) for row in rows}


# ------------------------------------------------------------ days


async def last_day(connection: AsyncConnection, system_id: str) -> Day | None:
    """The last day of a system that is closed."""
    found = await days(connection, system_id, "", "9999", 1)
    return found[-1] if found else None


async def days(connection: AsyncConnection, system_id: str, first: str, last: str, most: int) -> tuple[Day, ...]:
    """The last `most` closed days within these, the oldest first."""
    statement = (
        select(settlement_day)
        .where(settlement_day.c.system_id == system_id, settlement_day.c.day.between(first, last))
        .order_by(settlement_day.c.day.desc())
        .limit(most)
    )
    rows = list((await connection.execute(statement)).mappings())
    return tuple(_day(row) for row in reversed(rows))


async def first_entry(connection: AsyncConnection, system_id: str) -> str | None:
    """The first day that anything was booked on."""
    statement = select(func.min(entry.c.business_day)).join(voucher, voucher.c.id == entry.c.voucher_id)
    found: str | None = await connection.scalar(statement.where(voucher.c.system_id == system_id))
    return found


async def blocked_money(connection: AsyncConnection, system_id: str) -> int:
    """The credit on blocked vouchers, at this moment."""
    statement = select(func.coalesce(func.sum(voucher.c.balance), 0))
    return int(await connection.scalar(statement.where(voucher.c.system_id == system_id, voucher.c.blocked)) or 0)


async def close_day(
    connection: AsyncConnection, system_id: str, one: Day, sums: Collection[Sum], now: datetime
) -> bool:
    """Writes a closed day down; False if somebody else has."""
    row = {name: getattr(one, name) for name in Day.__slots__} | {"system_id": system_id, "made_at": now}
    if not await _add(connection, settlement_day, row):
        return False
    rows = [
        {
            "system_id": system_id,
            "day": each.day,
            "place_id": each.place_id,
            "owner_id": each.owner_id,
            "kind": each.kind.value,
            "amount": each.amount,
            "parts": each.parts,
        }
        for each in sums
    ]
    if rows:
        await connection.execute(insert(settlement_sum), rows)
    return True


async def sums(
    connection: AsyncConnection, system_id: str, first: str, last: str, location_ids: Collection[str] | None = None
) -> tuple[Sum, ...]:
    """The sums of closed days, of all locations or of what concerns these."""
    of = settlement_sum.c
    where: ColumnElement[bool] = (of.system_id == system_id) & of.day.between(first, last)
    if location_ids is not None:
        where &= of.place_id.in_(sorted(location_ids)) | of.owner_id.in_(sorted(location_ids))
    rows = await connection.execute(select(settlement_sum).where(where))
    found = (Sum(row.day, row.place_id, row.owner_id, EntryKind(row.kind), row.amount, row.parts) for row in rows)
    return tuple(sorted(found))


# ------------------------------------------------------------ months


async def last_month(connection: AsyncConnection, system_id: str) -> str | None:
    """The last month whose statements are made."""
    statement = select(func.max(settlement_month.c.month)).where(settlement_month.c.system_id == system_id)
    found: str | None = await connection.scalar(statement)
    return found


async def first_day(connection: AsyncConnection, system_id: str) -> str | None:
    """The first day that is closed."""
    found: str | None = await connection.scalar(
        select(func.min(settlement_day.c.day)).where(settlement_day.c.system_id == system_id)
    )
    return found


async def close_month(connection: AsyncConnection, system_id: str, month: str, now: datetime) -> bool:
    """Notes that a month's statements are made; False if somebody else has."""
    return await _add(connection, settlement_month, {"system_id": system_id, "month": month, "made_at": now})


# ------------------------------------------------------------ statements


async def add_statements(connection: AsyncConnection, rows: Sequence[Waiting]) -> None:
    """Adds statements that are to be frozen."""
    if rows:
        values = [
            {
                "id": one.id,
                "system_id": one.system_id,
                "location_id": one.location_id,
                "kind": one.span.value,
                "period": one.period,
                "number": one.number,
                "language": one.language.value,
                "made_at": one.made_at,
            }
            for one in rows
        ]
        await connection.execute(insert(settlement_statement), values)


async def take(connection: AsyncConnection, now: datetime, lease: timedelta) -> tuple[Waiting, ...]:
    """Takes up statements of one system and one period that nobody freezes at this moment; empty if there is none."""
    of = settlement_statement.c
    due = of.frozen_at.is_(None) & (of.taken_until.is_(None) | (of.taken_until < now))
    order = (of.kind, of.period, of.system_id, of.id)
    first = (
        await connection.execute(select(of.system_id, of.kind, of.period).where(due).order_by(*order).limit(1))
    ).first()
    if first is None:
        return ()
    alike = due & (of.system_id == first.system_id) & (of.kind == first.kind) & (of.period == first.period)
    chosen = select(of.id).where(alike).order_by(of.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    ids = list(await connection.scalars(chosen))
    rows = await connection.execute(
        update(settlement_statement)
        .where(of.id.in_(ids), due)
        .values(taken_until=now + lease)
        .returning(settlement_statement)
    )
    return tuple(_waiting(row) for row in rows.mappings())


async def freeze(  # what becomes of a statement, each by its name
    connection: AsyncConnection,
    statement_id: str,
    now: datetime,
    *,
    claimed: int,
    owed: int,
    papers: Mapping[Form, tuple[bytes, str]],
) -> bool:
    """Freezes a statement with its papers and their hashes; False if it is frozen already, and stays as it is."""
    of = settlement_statement.c
    statement = update(settlement_statement).where(of.id == statement_id, of.frozen_at.is_(None))
    changed = statement.values(frozen_at=now, claimed=claimed, owed=owed)
    if (await connection.execute(changed)).rowcount != 1:
        return False
    rows = [
        {"statement_id": statement_id, "form": form.value, "content": content, "sha256": digest}
        for form, (content, digest) in papers.items()
    ]
    await connection.execute(insert(settlement_paper), rows)
    return True


async def find(connection: AsyncConnection, statement_id: str) -> Listed | None:
    """A frozen statement."""
    of = settlement_statement.c
    statement = select(settlement_statement).where(of.id == statement_id, of.frozen_at.is_not(None))
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _listed(row)


async def page(  # a part of a list
    connection: AsyncConnection,
    system_id: str,
    location_ids: Collection[str] | None,
    *,
    location_id: str,
    begin: int,
    most: int,
) -> tuple[int, tuple[Listed, ...]]:
    """How many frozen statements there are of these locations (None: of all), and some of them, the newest first."""
    of = settlement_statement.c
    where: ColumnElement[bool] = (of.system_id == system_id) & of.frozen_at.is_not(None)
    if location_ids is not None:
        where &= of.location_id.in_(sorted(location_ids))
    if location_id:
        where &= of.location_id == location_id
    count = int(await connection.scalar(select(func.count()).select_from(settlement_statement).where(where)) or 0)
    order = (of.period.desc(), of.kind.desc(), of.number)
    rows = await connection.execute(
        select(settlement_statement).where(where).order_by(*order).offset(begin).limit(most)
    )
    return count, tuple(_listed(row) for row in rows.mappings())


async def statement_places(connection: AsyncConnection, system_id: str) -> frozenset[str]:
    """The ids of the locations that have statements of this system."""
    statement = select(settlement_statement.c.location_id).distinct()
    return frozenset(await connection.scalars(statement.where(settlement_statement.c.system_id == system_id)))


async def paper_of(connection: AsyncConnection, statement_id: str, form: Form) -> tuple[bytes, str]:
    """What a statement froze to, with its hash. `LookupError` if it is not frozen."""
    of = settlement_paper.c
    statement = select(of.content, of.sha256).where(of.statement_id == statement_id, of.form == form.value)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise LookupError(statement_id)
    return bytes(row.content), row.sha256


async def _add(connection: AsyncConnection, table: Table, row: Mapping[str, object]) -> bool:
    """Adds a row unless it is there; whether it did."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table.c.system_id)
    return (await connection.execute(statement)).first() is not None


def _day(row: RowMapping) -> Day:
    return Day(**{name: row[name] for name in Day.__slots__})


def _waiting(row: RowMapping) -> Waiting:
    return Waiting(
        id=row["id"],
        system_id=row["system_id"],
        location_id=row["location_id"],
        span=Span(row["kind"]),
        period=row["period"],
        number=row["number"],
        language=Language(row["language"]),
        made_at=row["made_at"],
    )


def _listed(row: RowMapping) -> Listed:
    return Listed(
        id=row["id"],
        system_id=row["system_id"],
        location_id=row["location_id"],
        span=Span(row["kind"]),
        period=row["period"],
        number=row["number"],
        language=Language(row["language"]),
        frozen_at=row["frozen_at"],
        claimed=row["claimed"],
        owed=row["owed"],
    )
