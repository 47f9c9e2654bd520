"""Closes days and months, and freezes the statements, night after night (docs/reference/voucher-settlement.md).

Every process of a portal does it. What is written has one row for each day, each month, and each statement, so that two
that come at once write it once; a statement is taken up for a while by one of them, and by another if that one dies.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.feature import Job
from tillbridge.portal.house import House
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.settlement import movements, store
from tillbridge.portal.settlement.making import Made, Statements, claimed_and_owed
from tillbridge.portal.settlement.model import (
    CLAIMING,
    NOWHERE,
    Day,
    Form,
    SettlementEvent,
    Span,
    Sum,
    Waiting,
    days_of,
    next_day,
    next_month,
)
from tillbridge.portal.settlement.papers import pdf, xlsx
from tillbridge.portal.settlement.sheets import sheet_of
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.vouchers.systems_model import VoucherSystem

LOOK_EVERY: Final = 300.0
"""Seconds between two looks whether a day can be closed."""

AFTER: Final = timedelta(hours=1)
"""How long after midnight a day is closed: whatever was booked on it is committed long before, or never."""

MONTHLY_ON: Final = 3
"""The day of a month on which the statements of the month before are made."""

LEASE: Final = timedelta(minutes=15)
"""How long a statement is left to the process that has taken it up: many times what all of them together take."""

_LOADS: Final = frozenset({EntryKind.LOAD, EntryKind.LOAD_REVERSAL})

_LANGUAGES: Final[Mapping[str, Language]] = {
    **dict.fromkeys(("DE", "AT", "CH", "LI"), Language.DE),
    **dict.fromkeys(("FR", "LU", "MC"), Language.FR),
    "CZ": Language.CS,
}

log = structlog.get_logger(__name__)


class NotSettled(Exception):
    """The ledger's entries and its lots say different things of a day: it is not closed until somebody has looked."""


def settling_job(house: House) -> Job:
    """Settles whatever can be settled until it is cancelled."""

    async def settle() -> None:
        while True:
            await Closer(house).step()
            await asyncio.sleep(LOOK_EVERY)

    return settle


class Closer:
    """Closes days and months, and freezes statements."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._statements = Statements(house)

    async def step(self) -> None:
        """All that can be settled now. What is wrong with one system keeps no other from being settled."""
        async with self._house.database.reading() as connection:
            systems = await store.systems(connection)
        for system in systems:
            try:
                await self.close_days(system)
            except NotSettled:
                log.exception("vouchers_not_settled", system=system.id)
            await self._close_months(system)
        await self.freeze_waiting()

    async def close_days(self, system: VoucherSystem) -> None:
        """Closes each day that is over and is not closed yet. `NotSettled` for one that does not add up."""
        today = self._today(system)
        async with self._house.database.reading() as connection:
            last = await store.last_day(connection, system.id)
            first = next_day(last.day) if last else await store.first_entry(connection, system.id)
        while first is not None and first < today:
            last = await self._close(system, first, last, yesterday=next_day(first) == today)
            first = next_day(first)

    async def _close(self, system: VoucherSystem, day: str, before: Day | None, *, yesterday: bool) -> Day:
        async with self._house.database.reading() as connection:
            if self._house.database.dialect is Dialect.POSTGRESQL:
                _ = await connection.execution_options(isolation_level="REPEATABLE READ")
            one, sums = await settled(connection, system.id, day, before, yesterday=yesterday)
        now = self._house.runtime.clock.now()
        concerned = {place for each in sums for place in (each.place_id, each.owner_id)} - {NOWHERE}
        async with self._house.database.writing() as connection:
            if await store.close_day(connection, system.id, one, sums, now):
                await self._add(connection, system, Span.DAY, day, concerned, now)
                log.info("voucher_day_closed", system=system.id, day=day, entries=one.entries)
        return one

    async def _close_months(self, system: VoucherSystem) -> None:
        today = date.fromisoformat(self._today(system))
        async with self._house.database.reading() as connection:
            last, closed = await store.last_month(connection, system.id), await store.last_day(connection, system.id)
            first = await store.first_day(connection, system.id)
        if closed is None or first is None:
            return
        month = next_month(last) if last else first[: len("2026-11")]
        while days_of(month)[1] <= closed.day and date.fromisoformat(f"{next_month(month)}-{MONTHLY_ON:02d}") <= today:
            now = self._house.runtime.clock.now()
            async with self._house.database.writing() as connection:
                if await store.close_month(connection, system.id, month, now):
                    sums = await store.sums(connection, system.id, *days_of(month))
                    concerned = {place for each in sums for place in (each.place_id, each.owner_id)} - {NOWHERE}
                    await self._add(connection, system, Span.MONTH, month, concerned, now)
            month = next_month(month)

    async def freeze_waiting(self) -> None:
        """Freezes the statements that wait, as many at once as can be read together."""
        while True:
            now = self._house.runtime.clock.now()
            async with self._house.database.writing() as connection:
                taken = await store.take(connection, now, LEASE)
            if not taken:
                return
            await self._freeze(taken)

    async def _freeze(self, taken: Sequence[Waiting]) -> None:
        async for waiting, made in self._statements.of(taken):
            if not made.agrees:
                # Its bookings are not those that its day was closed with: it stays open, and the log says so.
                log.error("voucher_statement_differs", number=waiting.number, system=waiting.system_id)
                continue
            papers = await asyncio.to_thread(written, made)
            ours, theirs = claimed_and_owed(made.statement)
            tenant_id, now = made.heading.system.tenant_id, self._house.runtime.clock.now()
            after = {form.value: digest for form, (_, digest) in papers.items()}
            entry = Entry(SettlementEvent.FROZEN, tenant_id, waiting.location_id, waiting.number, after=after)
            async with self._house.database.writing() as connection:
                if await store.freeze(connection, waiting.id, now, claimed=ours, owed=theirs, papers=papers):
                    await self._house.audit.note(connection, PORTAL, entry)

    async def _add(  # what a statement is about
        self,
        connection: AsyncConnection,
        system: VoucherSystem,
        span: Span,
        period: str,
        location_ids: set[str],
        now: datetime,
    ) -> None:
        places = await store.places(connection, location_ids)
        made = [
            Waiting(
                self._house.runtime.ids.new(),
                system.id,
                place.id,
                span,
                period,
                number_of(span, period, place.number),
                self._house.settings.language or language_of(place.country),
                now,
            )
            for place in sorted(places.values(), key=lambda each: each.number)
        ]
        await store.add_statements(connection, made)

    def _today(self, system: VoucherSystem) -> str:
        """The first day that is not to be closed yet."""
        return business_day(self._house.runtime.clock.now() - AFTER, system.time_zone)


async def settled(
    connection: AsyncConnection, system_id: str, day: str, before: Day | None, *, yesterday: bool
) -> tuple[Day, tuple[Sum, ...]]:
    """What a day closes with, in one snapshot. `NotSettled` if its entries and its lots disagree."""
    where = movements.within(system_id, day, day)
    sums = await movements.sums(connection, where)
    entries, amount = await movements.total(connection, where)
    closing = (before.closing if before else 0) + amount
    vouchers = (before.vouchers if before else 0) + await movements.vouchers_gained(connection, system_id, day)
    if amount != sum(one.amount for one in sums) or min(closing, vouchers) < 0:
        raise NotSettled(day)
    loaded, redeemed = (sum(one.amount for one in sums if one.kind in kinds) for kinds in (_LOADS, CLAIMING))
    one = Day(
        day=day,
        entries=entries,
        loaded=loaded,
        redeemed=redeemed,
        other=amount - loaded - redeemed,
        closing=closing,
        vouchers=vouchers,
        blocked=await store.blocked_money(connection, system_id) if yesterday else None,
    )
    return one, sums


def written(made: Made) -> Mapping[Form, tuple[bytes, str]]:
    """The papers of a statement, each with its hash."""
    sheet, t = sheet_of(made.statement, made.heading), CATALOGUES[made.heading.language]
    contents = {Form.PDF: pdf(sheet, t), Form.XLSX: xlsx(sheet, t("settlement.paper.summary"))}
    return {form: (content, hashlib.sha256(content).hexdigest()) for form, content in contents.items()}


def number_of(span: Span, period: str, location_number: str) -> str:
    """A statement's number: nothing else in its voucher system has the same."""
    return f"{'M' if span is Span.MONTH else 'T'}-{period}-{location_number}"


def language_of(country: str) -> Language:
    """The language in which a location of this country reads its statements, unless the portal has one of its own."""
    return _LANGUAGES.get(country, Language.EN)
