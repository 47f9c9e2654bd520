"""The statements about vouchers that are due, and about what a run did with them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import sets
from tillbridge.portal.ledger.tables import allocation, entry, lot, operation
from tillbridge.portal.locations.tables import location
from tillbridge.portal.validity.model import DueVoucher, Forecast, Outcome, Share, Tally
from tillbridge.portal.validity.tables import voucher_write_off
from tillbridge.portal.vouchers.systems_model import Life
from tillbridge.portal.vouchers.tables import voucher

_back = entry.alias("back")


def _is_due(system_id: str, cut: datetime) -> ColumnElement[bool]:
    """The same as `dates.Due.strikes`, in SQL."""
    return and_(voucher.c.system_id == system_id, voucher.c.balance > 0, voucher.c.last_activity < cut)


def _outcome() -> ColumnElement[str]:
    """What would become of a voucher that is due."""
    # Few receipts are open at a time, so that they are read once, and not for each voucher.
    interim = select(operation.c.voucher_id).where(
        operation.c.state == OperationState.INTERIM.value, operation.c.voucher_id.is_not(None)
    )
    return case(
        (voucher.c.blocked, literal(Outcome.BLOCKED.value)),
        (voucher.c.id.in_(interim), literal(Outcome.INTERIM.value)),
        else_=literal(Outcome.WRITTEN_OFF.value),
    )


async def forecast(connection: AsyncConnection, system_id: str, cut: datetime) -> Forecast:
    """What is due, as things stand."""
    outcome = _outcome().label("outcome")
    statement = (
        select(outcome, func.count().label("vouchers"), func.sum(voucher.c.balance).label("money"))
        .where(_is_due(system_id, cut))
        .group_by(outcome)
    )
    rows = await connection.execute(statement)
    return Forecast({Outcome(row.outcome): Tally(row.vouchers, int(row.money)) for row in rows})


async def shares_due(connection: AsyncConnection, system_id: str, cut: datetime) -> Sequence[Share]:
    """Whose credit it is that would be written off, the most first."""
    money = func.sum(lot.c.remaining)
    statement = (
        select(func.coalesce(location.c.name, "").label("name"), money.label("money"))
        .join(voucher, voucher.c.id == lot.c.voucher_id)
        .outerjoin(location, location.c.id == lot.c.location_id)
        .where(_is_due(system_id, cut), lot.c.remaining > 0, _outcome() == Outcome.WRITTEN_OFF.value)
        .group_by(lot.c.location_id, location.c.name)
        .order_by(money.desc(), location.c.name)
    )
    return [Share(row.name, int(row.money)) for row in await connection.execute(statement)]


async def page_due(
    connection: AsyncConnection, system_id: str, cut: datetime, page: int, per_page: int
) -> Sequence[DueVoucher]:
    """A page of what is due, what is longest unused first; `page` counts from 1."""
    statement = (
        select(voucher.c.id, voucher.c.number, _outcome().label("outcome"), voucher.c.balance, voucher.c.last_activity)
        .where(_is_due(system_id, cut))
        .order_by(voucher.c.last_activity, voucher.c.id)
    )
    rows = await connection.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [DueVoucher(row.id, row.number, Outcome(row.outcome), row.balance, row.last_activity) for row in rows]


# ------------------------------------------------------------ for a run


async def next_due(
    connection: AsyncConnection, system_id: str, cut: datetime, position: str, most: int
) -> Sequence[str]:
    """The ids of the next vouchers that are due, in the order in which they are locked."""
    statement = select(voucher.c.id).where(_is_due(system_id, cut), voucher.c.id > position)
    return list(await connection.scalars(statement.order_by(voucher.c.id).limit(most)))


async def with_interim(connection: AsyncConnection, voucher_ids: Collection[str]) -> frozenset[str]:
    """Those of these vouchers that stand in a receipt which is still open."""
    if not voucher_ids:
        return frozenset()
    statement = select(operation.c.voucher_id).where(
        sets.among(connection, operation.c.voucher_id, voucher_ids), operation.c.state == OperationState.INTERIM.value
    )
    return frozenset(await connection.scalars(statement))


async def next_written(connection: AsyncConnection, run_id: str, position: str, most: int) -> Sequence[tuple[str, str]]:
    """The next vouchers that a run wrote off, each with the entry."""
    statement = (
        select(voucher_write_off.c.voucher_id, voucher_write_off.c.entry_id)
        .where(
            voucher_write_off.c.run_id == run_id,
            voucher_write_off.c.voucher_id > position,
            voucher_write_off.c.entry_id.is_not(None),
        )
        .order_by(voucher_write_off.c.voucher_id)
        .limit(most)
    )
    return [(row.voucher_id, row.entry_id) for row in await connection.execute(statement)]


# ------------------------------------------------------------ what a run did


async def shares_written(connection: AsyncConnection, run_id: str) -> Sequence[Share]:
    """Whose credit a run wrote off, and what of it was given back; the most first."""
    of_run = select(voucher_write_off.c.entry_id).where(voucher_write_off.c.run_id == run_id)
    gone = func.sum(case((entry.c.reverses.is_(None), allocation.c.amount), else_=0))
    back = func.sum(case((entry.c.reverses.is_not(None), -allocation.c.amount), else_=0))
    statement = (
        select(func.coalesce(location.c.name, "").label("name"), gone.label("gone"), back.label("back"))
        .join(entry, entry.c.id == allocation.c.entry_id)
        .join(lot, lot.c.id == allocation.c.lot_id)
        .outerjoin(location, location.c.id == lot.c.location_id)
        .where(entry.c.id.in_(of_run) | entry.c.reverses.in_(of_run))
        .group_by(lot.c.location_id, location.c.name)
        .order_by(gone.desc(), location.c.name)
    )
    return [Share(row.name, int(row.gone), int(row.back)) for row in await connection.execute(statement)]


async def given_back(connection: AsyncConnection, run_id: str) -> Tally:
    """How many vouchers of a run got their credit back, and how much."""
    statement = (
        select(func.count(func.distinct(_back.c.voucher_id)), func.coalesce(func.sum(_back.c.amount), 0))
        .join(voucher_write_off, voucher_write_off.c.entry_id == _back.c.reverses)
        .where(voucher_write_off.c.run_id == run_id)
    )
    vouchers, money = (await connection.execute(statement)).one()
    return Tally(vouchers, int(money))


async def page_written(connection: AsyncConnection, run_id: str, page: int, per_page: int) -> Sequence[DueVoucher]:
    """A page of what a run found, those that it left alone first; `page` counts from 1."""
    statement = (
        _written()
        .where(voucher_write_off.c.run_id == run_id)
        .order_by(voucher_write_off.c.entry_id.is_not(None), voucher.c.last_activity, voucher.c.id)
    )
    rows = await connection.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return [_found(row) for row in rows]


async def one_written(
    connection: AsyncConnection, run_id: str, voucher_id: str
) -> tuple[DueVoucher, str | None] | None:
    """What a run did with one voucher, and the entry; None if it was not due then."""
    one = (voucher_write_off.c.run_id == run_id) & (voucher_write_off.c.voucher_id == voucher_id)
    row = (await connection.execute(_written().where(one))).one_or_none()
    return None if row is None else (_found(row), row.entry_id)


def _written() -> Select[Any]:
    back = exists().where(_back.c.reverses == voucher_write_off.c.entry_id)
    return select(
        voucher.c.id,
        voucher.c.number,
        voucher.c.last_activity,
        voucher.c.life,
        voucher_write_off.c.outcome,
        voucher_write_off.c.amount,
        voucher_write_off.c.entry_id,
        back.label("back"),
    ).join(voucher, voucher.c.id == voucher_write_off.c.voucher_id)


def _found(row: Row[Any]) -> DueVoucher:
    return DueVoucher(
        row.id,
        row.number,
        Outcome(row.outcome),
        row.amount,
        row.last_activity,
        back=row.back,
        retired=row.life == Life.RETIRED.value,
    )
