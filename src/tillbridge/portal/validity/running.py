"""The yearly write-off: announced, begun, carried out in batches, and taken back in batches.

Any number of processes may be at it. A batch is one transaction that holds its run's row: what it books, how far the
run has come and what became of each voucher are committed together, so that a run that is killed at any moment goes on
where it stopped, and books each voucher once (docs/reference/voucher-validity.md).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.links.model import Owners
from tillbridge.portal.validity import due_store, store
from tillbridge.portal.validity.dates import NOTICES, Due, begin_of, dates
from tillbridge.portal.validity.giving_back import Giver
from tillbridge.portal.validity.letters import foretell
from tillbridge.portal.validity.model import Outcome, Run, RunState, Setting, ValidityEvent, Written
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.operations import KeysTaken
from tillbridge.portal.vouchers.systems_model import VoucherSystem

BATCH: Final = 200
"""Vouchers of one transaction: locked for a fraction of a second, in which a till may have to wait for one of them."""

log = structlog.get_logger(__name__)


class Runner:
    """What the timer does. `batch` bounds how many vouchers one transaction locks."""

    def __init__(self, house: House, owners: Owners, batch: int = BATCH) -> None:
        self._house = house
        self._owners = owners
        self._batch = batch

    async def step(self) -> bool:
        """Announces and begins what is to be, and does one batch of each open run; returns whether there is more."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            systems = await store.all_on(connection)
        for system, setting in systems:
            await self._announce(system, setting, now)
            await self._begin(system, setting, now)
        async with self._house.database.reading() as connection:
            found = await store.open_runs(connection)
        # The older date comes first: what was due by then is written off for that date, and not for a later one.
        first = {one.system_id: one for one in reversed(found)}
        more = False
        for run in first.values():
            try:
                more = await self._do(run) or more
            except (LedgerMoved, KeysTaken) as moved:
                # A voucher was moved or replaced in this very moment: nothing is committed, the next look does it.
                log.warning("voucher_write_off_again", run=run.id, cause=type(moved).__name__)
        return more

    # ------------------------------------------------------------ before

    async def _announce(self, system: VoucherSystem, setting: Setting, now: datetime) -> None:
        zone = system.time_zone
        _, due = dates(setting.rule, setting.since, now, zone)
        wanted = [days for days in NOTICES if now >= _days_before(due, days, zone)]
        async with self._house.database.reading() as connection:
            if not set(wanted) - set(await store.announced(connection, system.id, due.on)):
                return
        async with self._house.database.writing() as connection:
            if await store.setting(connection, system.id, locked=True) != setting:
                return
            forecast = await due_store.forecast(connection, system.id, due.cut)
            fresh = [
                days for days in wanted if await store.announce(connection, system.id, due.on, days, forecast.due, now)
            ]
            if not fresh or not forecast.due.vouchers:
                return
            # Where both are late, one letter is enough.
            for recipient in await self._owners(connection, system.tenant_id):
                await foretell(self._house, connection, recipient, system, due, forecast)
            after = {"date": due.on.isoformat(), "vouchers": forecast.due.vouchers, "money": forecast.due.money}
            entry = Entry(ValidityEvent.ANNOUNCED, system.tenant_id, subject=system.name, after=after)
            await self._house.audit.note(connection, PORTAL, entry)

    async def _begin(self, system: VoucherSystem, setting: Setting, now: datetime) -> None:
        begun, _ = dates(setting.rule, setting.since, now, system.time_zone)
        if not begun:
            return
        async with self._house.database.reading() as connection:
            if {due.on.isoformat() for due in begun} <= await store.dates_begun(connection, system.id):
                return
        async with self._house.database.writing() as connection:
            if await store.setting(connection, system.id, locked=True) == setting:
                await begin_due(self._house, connection, system, setting, now)

    # ------------------------------------------------------------ a batch

    async def _do(self, run: Run) -> bool:
        async with self._house.database.writing() as connection:
            held = await store.take_run(connection, run.id)
            system = await systems_store.find(connection, run.system_id)
            if held is None or system is None:
                # Another process has it in its hands, and goes on with it.
                return False
            if system.recovering_since is not None:
                # By an old balance: it goes on once the tills have told what they had been answered.
                return False
            match held.state:
                case RunState.WRITING:
                    return await self._write(connection, system, held)
                case RunState.REVERSING:
                    return await Giver(self._house, connection, system).batch(held, self._batch)
                case RunState.DONE | RunState.REVERSED:
                    return True

    async def _write(self, connection: AsyncConnection, system: VoucherSystem, run: Run) -> bool:
        found = await due_store.next_due(connection, system.id, run.cut, run.position, self._batch)
        written = await self._book(connection, system, run, found)
        gone = [one for one in written if one.outcome is Outcome.WRITTEN_OFF]
        more = len(found) == self._batch
        now = self._house.runtime.clock.now()
        after = replace(
            run,
            position=found[-1] if found else run.position,
            vouchers=run.vouchers + len(gone),
            money=run.money + sum(one.amount for one in gone),
            skipped=run.skipped + len(written) - len(gone),
            state=RunState.WRITING if more else RunState.DONE,
            done_at=None if more else now,
        )
        await store.change_run(connection, after)
        if not more:
            await note_run(self._house, connection, ValidityEvent.FINISHED, system, after)
        return True

    async def _book(
        self, connection: AsyncConnection, system: VoucherSystem, run: Run, voucher_ids: Sequence[str]
    ) -> Sequence[Written]:
        clerk = await Clerk.open(connection, voucher_ids)
        interim = await due_store.with_interim(connection, voucher_ids)
        now = self._house.runtime.clock.now()
        at = Occasion(location_id=None, business_day=business_day(now, system.time_zone), booked_at=now)
        written: list[Written] = []
        for voucher_id, voucher in sorted(clerk.vouchers.items()):
            # Used or emptied between being found and being locked: it is not due any more.
            if voucher.balance and voucher.last_activity is not None and voucher.last_activity < run.cut:
                if voucher.blocked:
                    written.append(Written(voucher_id, Outcome.BLOCKED, voucher.balance))
                elif voucher_id in interim:
                    written.append(Written(voucher_id, Outcome.INTERIM, voucher.balance))
                else:
                    written.append(self._write_off(clerk, voucher_id, at))
        await clerk.write()
        await store.add_written(connection, run.id, written)
        return written

    def _write_off(self, clerk: Clerk, voucher_id: str, at: Occasion) -> Written:
        account, entry_id = clerk.account(voucher_id), self._house.runtime.ids.new()
        try:
            posting = book.take(account, EntryKind.WRITE_OFF, account.balance, at, entry_id)
        except ValueError as fault:
            # One voucher whose books do not add up must not keep the others from their date; the office is shown it.
            log.error("voucher_books", voucher=voucher_id, fault=str(fault))  # noqa: TRY400  # nothing to trace
            return Written(voucher_id, Outcome.FAULT, account.balance)
        clerk.post(posting)
        return Written(voucher_id, Outcome.WRITTEN_OFF, account.balance, entry_id)


async def begin_due(
    house: House, connection: AsyncConnection, system: VoucherSystem, setting: Setting, now: datetime
) -> None:
    """Begins every run whose date has come, in the caller's transaction; nothing is booked yet."""
    for due in dates(setting.rule, setting.since, now, system.time_zone)[0]:
        if await store.begin(connection, house.runtime.ids.new(), system.id, due, now):
            after = {"date": due.on.isoformat(), "years": due.years, "cut": due.cut.isoformat()}
            entry = Entry(ValidityEvent.BEGUN, system.tenant_id, subject=system.name, after=after)
            await house.audit.note(connection, PORTAL, entry)


async def note_run(
    house: House, connection: AsyncConnection, event: ValidityEvent, system: VoucherSystem, run: Run
) -> None:
    """What the portal has done with a run, for the audit log."""
    after = {"date": run.on, "vouchers": run.vouchers, "money": run.money, "skipped": run.skipped}
    entry = Entry(event, system.tenant_id, subject=f"{system.name} · {run.on}", after=after, reason=run.reason)
    await house.audit.note(connection, PORTAL, entry)


def _days_before(due: Due, days: int, zone: str) -> datetime:
    """00:00 of the day so many days before, whatever the clocks do meanwhile."""
    return begin_of(due.on - timedelta(days=days), zone)
