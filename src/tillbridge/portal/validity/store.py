"""The statements about the setting of a system, its announcements and its runs."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger import sets
from tillbridge.portal.validity.dates import Due, Rule
from tillbridge.portal.validity.model import Run, RunState, Setting, Tally, Written
from tillbridge.portal.validity.tables import (
    voucher_validity,
    voucher_write_off,
    voucher_write_off_notice,
    voucher_write_off_run,
)
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.portal.vouchers.systems_store import read_system
from tillbridge.portal.vouchers.tables import voucher_system

OPEN: Final = (RunState.WRITING.value, RunState.REVERSING.value)

# ------------------------------------------------------------ settings


async def setting(connection: AsyncConnection, system_id: str, *, locked: bool = False) -> Setting | None:
    """The setting of a system; None where nothing is written off. `locked` keeps others from changing it meanwhile."""
    statement = select(voucher_validity).where(voucher_validity.c.system_id == system_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().one_or_none()
    return None if row is None else _setting(row)


async def all_on(connection: AsyncConnection, tenant_id: str | None = None) -> Sequence[tuple[VoucherSystem, Setting]]:
    """Every system in which credit is written off, of one merchant or of all."""
    statement = select(voucher_system, voucher_validity).join(
        voucher_validity, voucher_validity.c.system_id == voucher_system.c.id
    )
    if tenant_id is not None:
        statement = statement.where(voucher_system.c.tenant_id == tenant_id)
    rows = (await connection.execute(statement.order_by(voucher_system.c.id))).mappings()
    return [(read_system(row), _setting(row)) for row in rows]


async def put(connection: AsyncConnection, one: Setting) -> None:
    """Writes a setting down in the place of whatever was there."""
    values = {"years": one.rule.years, "month": one.rule.month, "day": one.rule.day, "since": one.since}
    statement = _insert(connection, voucher_validity).values(system_id=one.system_id, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["system_id"], set_=values))


async def remove(connection: AsyncConnection, system_id: str) -> None:
    """Nothing is written off any more."""
    await connection.execute(delete(voucher_validity).where(voucher_validity.c.system_id == system_id))


# ------------------------------------------------------------ announcements


async def announced(connection: AsyncConnection, system_id: str, on: date) -> Mapping[int, Tally]:
    """What was announced of a date, by how many days before."""
    notice = voucher_write_off_notice
    statement = select(notice).where(notice.c.system_id == system_id, notice.c.date == on.isoformat())
    rows = await connection.execute(statement)
    return {row.days_before: Tally(row.vouchers, row.money) for row in rows}


async def announce(
    connection: AsyncConnection, system_id: str, on: date, days_before: int, told: Tally, now: datetime
) -> bool:
    """Writes down that a date is announced; False if it was before."""
    statement = _insert(connection, voucher_write_off_notice).values(
        system_id=system_id,
        date=on.isoformat(),
        days_before=days_before,
        vouchers=told.vouchers,
        money=told.money,
        told_at=now,
    )
    fresh = statement.on_conflict_do_nothing().returning(voucher_write_off_notice.c.days_before)
    return (await connection.execute(fresh)).first() is not None


# ------------------------------------------------------------ runs


async def dates_begun(connection: AsyncConnection, system_id: str) -> frozenset[str]:
    """The dates of a system that have a run."""
    run = voucher_write_off_run
    return frozenset(await connection.scalars(select(run.c.date).where(run.c.system_id == system_id)))


async def begin(connection: AsyncConnection, run_id: str, system_id: str, due: Due, now: datetime) -> bool:
    """A run of this date; False if there is one."""
    statement = _insert(connection, voucher_write_off_run).values(
        id=run_id,
        system_id=system_id,
        date=due.on.isoformat(),
        years=due.years,
        cut=due.cut,
        state=RunState.WRITING.value,
        begun_at=now,
    )
    fresh = statement.on_conflict_do_nothing(index_elements=["system_id", "date"])
    return (await connection.execute(fresh.returning(voucher_write_off_run.c.id))).first() is not None


async def open_runs(connection: AsyncConnection) -> Sequence[Run]:
    """Runs that have not come to an end, the oldest date first."""
    run = voucher_write_off_run
    statement = select(run).where(run.c.state.in_(OPEN)).order_by(run.c.date, run.c.id)
    return [_run(row) for row in (await connection.execute(statement)).mappings()]


async def runs_of(connection: AsyncConnection, system_id: str) -> Sequence[Run]:
    """The runs of a system, the newest date first."""
    run = voucher_write_off_run
    statement = select(run).where(run.c.system_id == system_id).order_by(run.c.date.desc())
    return [_run(row) for row in (await connection.execute(statement)).mappings()]


async def find_run(connection: AsyncConnection, run_id: str, *, locked: bool = False) -> Run | None:
    """A run. `locked` waits until no other process has it in its hands."""
    statement = _one(run_id)
    return await _found(connection, statement.with_for_update() if locked else statement)


async def take_run(connection: AsyncConnection, run_id: str) -> Run | None:
    """A run for this process alone; None if another has it in its hands at this moment."""
    return await _found(connection, _one(run_id).with_for_update(skip_locked=True))


def _one(run_id: str) -> Select[Any]:
    return select(voucher_write_off_run).where(voucher_write_off_run.c.id == run_id)


async def _found(connection: AsyncConnection, statement: Select[Any]) -> Run | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _run(row)


async def change_run(connection: AsyncConnection, one: Run) -> None:
    """Writes down how far a locked run has come."""
    values = {
        "state": one.state.value,
        "position": one.position,
        "vouchers": one.vouchers,
        "money": one.money,
        "skipped": one.skipped,
        "done_at": one.done_at,
        "reversed_by": one.reversed_by,
        "reason": one.reason,
        "reversed_at": one.reversed_at,
    }
    await connection.execute(update(voucher_write_off_run).where(voucher_write_off_run.c.id == one.id).values(values))


async def add_written(connection: AsyncConnection, run_id: str, found: Sequence[Written]) -> None:
    """Writes down what a run did."""
    rows = [
        {
            "run_id": run_id,
            "voucher_id": one.voucher_id,
            "outcome": one.outcome.value,
            "amount": one.amount,
            "entry_id": one.entry_id,
        }
        for one in found
    ]
    await sets.add(connection, voucher_write_off, rows)


def _insert(connection: AsyncConnection, table: Any) -> Any:  # noqa: ANN401  # each database has its own class for it
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _setting(row: RowMapping) -> Setting:
    return Setting(row["system_id"], Rule(row["years"], row["month"], row["day"]), row["since"])


def _run(row: RowMapping) -> Run:
    return Run(
        id=row["id"],
        system_id=row["system_id"],
        on=row["date"],
        years=row["years"],
        cut=row["cut"],
        state=RunState(row["state"]),
        position=row["position"],
        vouchers=row["vouchers"],
        money=row["money"],
        skipped=row["skipped"],
        begun_at=row["begun_at"],
        done_at=row["done_at"],
        reversed_by=row["reversed_by"],
        reason=row["reason"],
        reversed_at=row["reversed_at"],
    )
