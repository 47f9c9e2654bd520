"""The worker that does dry runs and conversions, one at a time, outside of any request.

All or nothing: what is prepared is written, verified and switched in one transaction, and every fault before its end
leaves 1.0 as it was and writable again (docs/explanation/customer-base.md).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import PORTAL, Actor, ActorKind, Entry, Facts
from tillbridge.portal.customers import job_store, numbers, old_store, reports, store
from tillbridge.portal.customers.bulk import ROWS_AT_ONCE
from tillbridge.portal.customers.model import (
    LEGACY_READABLE_DAYS,
    Event,
    Job,
    JobKind,
    JobState,
    MovementKind,
    OldCustomer,
    Stage,
)
from tillbridge.portal.customers.planning import Plan, Planned, Planner, SourceHash
from tillbridge.portal.customers.preparing import Prepared, prepare
from tillbridge.portal.customers.sealing import Sealer
from tillbridge.portal.customers.verifying import verify
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.storage.database import Dialect

LEASE: Final = timedelta(seconds=60)
"""How long a worker counts as alive after it was last heard of: it is heard of every few thousand rows."""

POLL_SECONDS: Final = 2.0
"""How often a worker looks for jobs that another process was asked for; its own are told to it at once."""

_NAMED: Final = frozenset({Code.CONVERSION_CHANGED, Code.CONVERSION_BLOCKED, Code.CONVERSION_LICENCE})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """What was read of 1.0 and what becomes of it."""

    plan: Plan
    hash: str


class Converter:
    """Does what `Conversions` was asked for. Any number of processes may run one each."""

    def __init__(self, house: House, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._house = house
        self._rows = rows_at_once
        self._runner = house.runtime.ids.new()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Says that there is something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            self._wake.clear()
            if await self.step():
                continue
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """Clears up after the dead, then does the oldest job that waits; False if there was none."""
        await self._clear_up()
        async with self._house.database.reading() as connection:
            waits = await job_store.any_waits(connection)
        if not waits:
            return False
        async with self._house.database.writing() as connection:
            job = await job_store.take(connection, self._runner, self._now() + LEASE)
        if job is not None:
            await self._do(job)
        return job is not None

    async def _clear_up(self) -> None:
        now = self._now()
        async with self._house.database.reading() as connection:
            needed = await job_store.any_dead(connection, now) or await old_store.any_expired(connection, now)
        if not needed:
            return
        async with self._house.database.writing() as connection:
            for job in await job_store.give_up_on_the_dead(connection, now):
                await old_store.let_go(connection, job.id)
                await self._note(connection, PORTAL, job, Event.CONVERSION_FAILED, {"code": Code.CONVERSION_FAILED})
            await old_store.remove_expired(connection, now)

    async def _do(self, job: Job) -> None:
        try:
            source = await self._read(job)
            if job.kind is JobKind.DRY_RUN:
                await self._keep(job, source)
            else:
                await self._convert(job, source)
        except BridgeError as error:
            log.warning("conversion_refused", job=job.id, code=error.code.value)
            await self._fail(job, error.code if error.code in _NAMED else Code.CONVERSION_FAILED)
        except Exception:
            log.exception("conversion_fault", job=job.id)
            await self._fail(job, Code.CONVERSION_FAILED)

    async def _read(self, job: Job) -> Source:
        """Reads 1.0 whole and plans what becomes of it."""
        source_hash = SourceHash()
        async with self._house.database.reading() as connection:
            base = await old_store.find_base(connection, job.location_id)
            total = (await old_store.totals(connection, job.location_id))[0]
            planner = Planner(await store.taken(connection, job.tenant_id), job.remedies)
            done = 0
            async for rows in old_store.all_rows(connection, job.location_id):
                # In a thread, so that the portal goes on answering meanwhile.
                await asyncio.to_thread(_take, planner, source_hash, rows)
                done += len(rows)
                await self._progress(job, Stage.READING, done, total)
        plan = planner.finish(None if base is None else base.declared_balance)
        return Source(plan, source_hash.value)

    async def _keep(self, job: Job, source: Source) -> None:
        document = reports.stored(source.plan.report)
        async with self._house.database.writing() as connection:
            await job_store.keep_report(connection, job.id, self._runner, document)
            await job_store.close(connection, job.id, self._runner, JobState.DONE, self._now(), source_hash=source.hash)

    async def _convert(self, job: Job, source: Source) -> None:
        if source.hash != job.source_hash:
            raise BridgeError(Code.CONVERSION_CHANGED)
        if source.plan.report.blockers:
            raise BridgeError(Code.CONVERSION_BLOCKED)
        prepared = await self._prepare(job, source.plan.customers)
        async with self._house.database.writing() as connection:
            await self._write(connection, job, prepared)
            await self._show(job, Stage.VERIFYING, 0, len(prepared))
            sealer = Sealer(self._house.vault, job.tenant_id)
            await verify(connection, sealer, job.location_id, prepared, self._rows)
            await self._switch(connection, job, source)

    async def _prepare(self, job: Job, planned: Sequence[Planned]) -> list[Prepared]:
        """Gives numbers and seals. What takes long happens here, so that the transaction afterwards is short."""
        async with self._house.database.writing() as connection:
            drawn = await numbers.draw(connection, job.tenant_id, sum(one.number is None for one in planned))
        sealer, fresh = Sealer(self._house.vault, job.tenant_id), iter(drawn)
        prepared: list[Prepared] = []
        for begin in range(0, len(planned), self._rows):
            part = planned[begin : begin + self._rows]
            prepared += await asyncio.to_thread(prepare, part, sealer, self._house.runtime.ids, fresh)
            await self._progress(job, Stage.PREPARING, len(prepared), len(planned))
        return prepared

    async def _write(self, connection: AsyncConnection, job: Job, prepared: Sequence[Prepared]) -> None:
        place, now, ids = (job.tenant_id, job.location_id), self._now(), self._house.runtime.ids
        for begin in range(0, len(prepared), self._rows):
            rows = [one.row for one in prepared[begin : begin + self._rows]]
            moved = [
                (ids.new(), row.id, row.balance_minor, row.points, MovementKind.CONVERSION.value, job.id)
                for row in rows
                if row.balance_minor or row.points
            ]
            await store.add_all(connection, place, rows, now, moved)
            await self._show(job, Stage.WRITING, begin + len(rows), len(prepared))

    async def _switch(self, connection: AsyncConnection, job: Job, source: Source) -> None:
        """The last step of the transaction: from here on it is 2.0. Whoever lost the job commits nothing."""
        now, report = self._now(), source.plan.report
        await job_store.keep_report(connection, job.id, self._runner, reports.stored(report))
        mine = await job_store.close(connection, job.id, self._runner, JobState.DONE, now)
        if not mine or not await old_store.switch(connection, job.location_id, CustomerBase.V1_ONLINE, CustomerBase.V2):
            raise BridgeError(Code.CONVERSION_FAILED, "the conversion was given up meanwhile")
        await old_store.let_go(connection, job.id, now + timedelta(days=LEGACY_READABLE_DAYS))
        facts = {"rows": report.rows_read, "customers": report.to_create, "balance_minor": report.balance_minor}
        await self._note(connection, _actor(job), job, Event.CONVERSION_DONE, facts | {"points": report.points})

    async def _fail(self, job: Job, code: Code) -> None:
        async with self._house.database.writing() as connection:
            if not await job_store.close(connection, job.id, self._runner, JobState.FAILED, self._now(), fault=code):
                return
            await old_store.let_go(connection, job.id)
            await self._note(connection, _actor(job), job, Event.CONVERSION_FAILED, {"code": code})

    async def _progress(self, job: Job, stage: Stage, rows: int, total: int) -> None:
        lease = self._now() + LEASE
        async with self._house.database.writing() as connection:
            if not await job_store.progress(connection, job.id, self._runner, (stage, rows, total), lease):
                raise BridgeError(Code.CONVERSION_FAILED, "the job was given up meanwhile")

    async def _show(self, job: Job, stage: Stage, rows: int, total: int) -> None:
        """Progress beside the open transaction: SQLite has one writer, and it is the conversion itself."""
        if self._house.database.dialect is Dialect.POSTGRESQL:
            await self._progress(job, stage, rows, total)

    async def _note(self, connection: AsyncConnection, actor: Actor, job: Job, event: Event, facts: Facts) -> None:
        if job.kind is JobKind.DRY_RUN:
            return
        await self._house.audit.note(
            connection, actor, Entry(event, job.tenant_id, job.location_id, subject=job.id, after=facts)
        )

    def _now(self) -> datetime:
        return self._house.runtime.clock.now()


def _take(planner: Planner, source_hash: SourceHash, rows: list[OldCustomer]) -> None:
    planner.take(rows)
    source_hash.add(rows)


def _actor(job: Job) -> Actor:
    return Actor(ActorKind.PERSON, job.person_id, job.person_name)
