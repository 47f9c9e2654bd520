"""The statements about dry runs and conversions. A job whose runner is gone is known by its lease."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Update, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import Code
from tillbridge.portal.customers import reports
from tillbridge.portal.customers.model import Job, JobKind, JobState, Remedy, Stage
from tillbridge.portal.customers.tables import customer_conversion


async def add(connection: AsyncConnection, one: Job) -> None:
    """Writes a new job down; whoever is free takes it."""
    await connection.execute(
        insert(customer_conversion).values(
            id=one.id,
            tenant_id=one.tenant_id,
            location_id=one.location_id,
            kind=one.kind.value,
            state=one.state.value,
            stage=one.stage.value,
            rows_total=one.rows_total,
            rows_done=one.rows_done,
            remedies=sorted(one.remedies),
            base_revision=one.base_revision,
            source_hash=one.source_hash,
            dry_run_id=one.dry_run_id,
            report={},
            fault="",
            person_id=one.person_id,
            person_name=one.person_name,
            made_at=one.made_at,
            runner="",
            lease_until=one.made_at,
        )
    )


async def find(connection: AsyncConnection, job_id: str) -> Job | None:
    """The job with this id."""
    found = await connection.execute(select(customer_conversion).where(customer_conversion.c.id == job_id))
    row = found.mappings().one_or_none()
    return None if row is None else _read(row)


async def latest(connection: AsyncConnection, location_id: str, kind: JobKind | None = None) -> Job | None:
    """The newest job of a location."""
    statement = select(customer_conversion).where(customer_conversion.c.location_id == location_id)
    if kind is not None:
        statement = statement.where(customer_conversion.c.kind == kind.value)
    row = (await connection.execute(statement.order_by(customer_conversion.c.id.desc()).limit(1))).mappings().first()
    return None if row is None else _read(row)


async def take(connection: AsyncConnection, runner: str, lease_until: datetime) -> Job | None:
    """The oldest job that waits, for this runner alone; None if none does."""
    waiting = select(customer_conversion.c.id).where(customer_conversion.c.state == JobState.QUEUED.value)
    first = waiting.order_by(customer_conversion.c.id).limit(1).with_for_update(skip_locked=True)
    job_id = (await connection.execute(first)).scalar_one_or_none()
    if job_id is None:
        return None
    taken = update(customer_conversion).where(
        customer_conversion.c.id == job_id, customer_conversion.c.state == JobState.QUEUED.value
    )
    values = {"state": JobState.RUNNING.value, "stage": Stage.READING.value}
    done = await connection.execute(taken.values(runner=runner, lease_until=lease_until, **values))
    return await find(connection, job_id) if done.rowcount == 1 else None


async def progress(
    connection: AsyncConnection, job_id: str, runner: str, at: tuple[Stage, int, int], lease_until: datetime
) -> bool:
    """Shows how far it is (`at`: stage, rows, of how many); False if the job is this runner's no more."""
    stage, rows, total = at
    done = await connection.execute(
        _mine(job_id, runner).values(stage=stage.value, rows_done=rows, rows_total=total, lease_until=lease_until)
    )
    return done.rowcount == 1


async def keep_report(connection: AsyncConnection, job_id: str, runner: str, report: Mapping[str, Any]) -> None:
    """Writes the report of a running job down."""
    await connection.execute(_mine(job_id, runner).values(report=dict(report)))


async def close(
    connection: AsyncConnection,
    job_id: str,
    runner: str,
    state: JobState,
    now: datetime,
    *,
    fault: Code | None = None,
    source_hash: str | None = None,
) -> bool:
    """Ends a running job; False if it is this runner's no more, and then nothing of it may be committed."""
    values: dict[str, Any] = {"state": state.value, "stage": Stage.OVER.value, "ended_at": now}
    values["fault"] = "" if fault is None else fault.value
    if source_hash is not None:
        values["source_hash"] = source_hash
    return (await connection.execute(_mine(job_id, runner).values(values))).rowcount == 1


async def give_up_on_the_dead(connection: AsyncConnection, now: datetime) -> list[Job]:
    """Ends every job whose runner has not been heard of since its lease ended; returns them."""
    dead = (customer_conversion.c.state == JobState.RUNNING.value) & (customer_conversion.c.lease_until < now)
    ids = await connection.execute(
        update(customer_conversion)
        .where(dead)
        .values(
            state=JobState.FAILED.value,
            stage=Stage.OVER.value,
            ended_at=now,
            fault=Code.CONVERSION_FAILED.value,
        )
        .returning(customer_conversion.c.id)
    )
    jobs = [await find(connection, job_id) for job_id in ids.scalars().all()]
    return [job for job in jobs if job is not None]


async def any_waits(connection: AsyncConnection) -> bool:
    """Whether there is a job that nobody has taken."""
    waiting = select(customer_conversion.c.id).where(customer_conversion.c.state == JobState.QUEUED.value)
    return (await connection.execute(waiting.limit(1))).first() is not None


async def any_dead(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is a job whose runner is gone."""
    dead = (customer_conversion.c.state == JobState.RUNNING.value) & (customer_conversion.c.lease_until < now)
    return (await connection.execute(select(customer_conversion.c.id).where(dead).limit(1))).first() is not None


def _mine(job_id: str, runner: str) -> Update:
    mine = (customer_conversion.c.id == job_id) & (customer_conversion.c.runner == runner)
    return update(customer_conversion).where(mine, customer_conversion.c.state == JobState.RUNNING.value)


def _read(row: Mapping[Any, Any]) -> Job:
    return Job(
        id=row["id"],
        tenant_id=row["tenant_id"],
        location_id=row["location_id"],
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        stage=Stage(row["stage"]),
        rows_total=row["rows_total"],
        rows_done=row["rows_done"],
        remedies=frozenset(Remedy(one) for one in row["remedies"]),
        base_revision=row["base_revision"],
        source_hash=row["source_hash"],
        dry_run_id=row["dry_run_id"],
        report=reports.read(row["report"]),
        fault=Code(row["fault"]) if row["fault"] else None,
        person_id=row["person_id"],
        person_name=row["person_name"],
        made_at=row["made_at"],
        ended_at=row["ended_at"],
    )
