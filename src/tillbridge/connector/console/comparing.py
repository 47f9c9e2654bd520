"""A terminal's own totals beside ours, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tillbridge.connector.console.days import between, sum_of
from tillbridge.connector.console.words import Words
from tillbridge.domain.money import Currency, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, BatchTotal, Side
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.reading import Filter
from tillbridge.protocols.contract import Payment, Totals

SIDES: Final = {
    Side.DEBITS: (Kind.SALE, Kind.CAPTURE),
    Side.CREDITS: (Kind.REFUND,),
    Side.ADJUSTMENTS: (Kind.VOID,),
}
"""What of ours each column of a terminal counts."""

BEGINNING: Final = datetime(1970, 1, 2, tzinfo=UTC)
"""Before every payment: for a terminal that has never been reconciled."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One column in one currency. A dash stands where a side says nothing."""

    side: str
    theirs: str
    their_count: int | None
    ours: str
    our_count: int
    differs: bool


async def compare(engine: Engine, closing: Payment, words: Words) -> list[Compared]:
    """Each column of a reconciliation that is over; empty where the terminal gave no totals."""
    if not isinstance(closing.outcome, Approved) or not closing.outcome.totals:
        return []
    before = engine.payments(closing.id, 1, Filter(Kind.RECONCILIATION, Stage.APPROVED, closing.terminal))
    since = before[0].accepted_at if before else BEGINNING
    counted = await between(engine, since, closing.accepted_at)
    ours = [one for one in counted if one.terminal == closing.terminal]
    theirs = closing.outcome.totals
    units = {one.amount.currency for one in theirs} | {one.currency for one in ours}
    return [
        line
        for unit in sorted(units, key=lambda unit: unit.code)
        for side in Side
        if (line := _line(side, unit, theirs, ours, words)) is not None
    ]


def _line(
    side: Side, unit: Currency, theirs: Sequence[BatchTotal], ours: Sequence[Totals], words: Words
) -> Compared | None:
    fitting = [one for one in theirs if one.side is side and one.amount.currency == unit]
    our = sum_of(ours, SIDES[side], unit)
    if not fitting and our.count == 0:
        return None
    minor, count = sum(one.amount.minor for one in fitting), sum(one.count for one in fitting)
    # What a terminal calls an adjustment differs from maker to maker, and some leave it out: only money that came in
    # or went out is compared with certainty.
    said = bool(fitting) or side is not Side.ADJUSTMENTS
    return Compared(
        side=words.t(f"side.{side}"),
        theirs=words.amount(Money(minor, unit) if fitting else None),
        their_count=count if fitting else None,
        ours=words.amount(our.money),
        our_count=our.count,
        differs=said and (minor, count) != (our.money.minor, our.count),
    )
