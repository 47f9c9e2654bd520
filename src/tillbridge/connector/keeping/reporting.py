"""Gathers what a day's report needs out of the journal, reading only: a running connector is not held up by it."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tillbridge.connector.console.comparing import SIDES
from tillbridge.connector.console.days import Span, sum_of
from tillbridge.connector.keeping.day_report import Closing, DayReport, Named, compare, in_doubt, of_closings
from tillbridge.connector.keeping.psp import PspDay, aliases
from tillbridge.domain.money import MAX_MINOR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Side
from tillbridge.engine.journal.reading import PAGE_LIMIT, Filter, Reading
from tillbridge.protocols.contract import Payment, Totals

MOST_PAYMENTS: Final = 20_000
"""Of one day: a till at every second of it for five hours. What is beyond them is said, and not looked at."""

BEGINNING: Final = datetime(1970, 1, 2, tzinfo=UTC)
"""Before every payment: for a terminal that has never been reconciled."""


def report(journal: Path, day: Span, psps: Sequence[PspDay]) -> DayReport:
    """The report of this business day; a moment of reading for each thousand payments, so call it in a thread."""
    with closing(Reading(journal)) as reading:
        payments, too_many = _payments(reading, day)
        totals = between(reading, day.since, day.until)
        closings = [line for one in payments for line in _closing(reading, one)]
    names = aliases(journal, payments)
    differences: list[Named] = [*in_doubt(payments), *of_closings(closings)]
    for psp in psps:
        rows = psp.rows(payments, day.since, day.until)
        differences += compare(payments, rows, names, complete=psp.complete)
    return DayReport(
        day=day.day,
        since=day.since,
        until=day.until,
        payments=len(payments),
        totals=tuple(sorted(totals, key=lambda one: (one.currency.code, one.terminal, one.kind))),
        closings=tuple(closings),
        psps=tuple(psp.name for psp in psps),
        differences=tuple(differences),
        too_many=too_many,
    )


def between(reading: Reading, since: datetime, until: datetime) -> list[Totals]:
    """Approved money of what was accepted from `since` until just before `until`."""
    later = {(one.terminal, one.kind, one.currency): one for one in reading.totals(until)}
    found = []
    for one in reading.totals(since):
        after = later.get((one.terminal, one.kind, one.currency))
        count, minor = (0, 0) if after is None else (after.count, after.minor)
        if one.count > count:
            found.append(Totals(one.terminal, one.kind, one.currency, one.count - count, one.minor - minor))
    return found


def _payments(reading: Reading, day: Span) -> tuple[list[Payment], bool]:
    """Every payment that was accepted on that day, newest first."""
    found: list[Payment] = []
    before: str | None = None
    where = Filter(since=day.since, until=day.until)
    while page := reading.payments(before=before, limit=PAGE_LIMIT, where=where):
        found += page
        before = page[-1].id
        if len(found) >= MOST_PAYMENTS:
            return found[:MOST_PAYMENTS], True
    return found, False


def _closing(reading: Reading, payment: Payment) -> list[Closing]:
    """The lines of a reconciliation at which the terminal gave totals; none for anything else."""
    outcome = payment.outcome
    if payment.kind is not Kind.RECONCILIATION or not isinstance(outcome, Approved) or not outcome.totals:
        return []
    earlier = reading.payments(
        before=payment.id, limit=1, where=Filter(Kind.RECONCILIATION, Stage.APPROVED, payment.terminal)
    )
    counted = between(reading, earlier[0].accepted_at if earlier else BEGINNING, payment.accepted_at)
    ours = [one for one in counted if one.terminal == payment.terminal]
    units = {one.amount.currency for one in outcome.totals} | {one.currency for one in ours}
    found = []
    for unit in sorted(units, key=lambda unit: unit.code):
        for side in Side:
            said = [one for one in outcome.totals if one.side is side and one.amount.currency == unit]
            our = sum_of(ours, SIDES[side], unit)
            # What a terminal calls an adjustment differs from maker to maker, and some leave it out.
            if said or (our.count and side is not Side.ADJUSTMENTS):
                theirs = Money(min(sum(one.amount.minor for one in said), MAX_MINOR), unit)
                count = sum(one.count for one in said)
                found.append(
                    Closing(
                        payment.id, payment.terminal, payment.accepted_at, side, count, theirs, our.count, our.money
                    )
                )
    return found
