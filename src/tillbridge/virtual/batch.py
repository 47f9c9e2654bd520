"""The virtual terminal's totals: what its ledger has since the day was closed last."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import BatchTotal, Side
from tillbridge.virtual.rows import Movement, Row

SIDES: Final = {
    Movement.TAKEN: Side.DEBITS,
    Movement.CAPTURED: Side.DEBITS,
    Movement.REFUNDED: Side.CREDITS,
    Movement.REVERSED: Side.ADJUSTMENTS,
}
"""Debits less credits less adjustments is what the shop has gained; what is only held is in no column."""


def totals(rows: Sequence[Row], before: int) -> tuple[BatchTotal, ...]:
    """Each column in each currency of the batch that ends with the row before number `before`."""
    counts: Counter[tuple[str, Side]] = Counter()
    sums: Counter[tuple[str, Side]] = Counter()
    for row in reversed(rows[: before - 1]):
        if row.kind is Kind.RECONCILIATION and row.stage is Stage.APPROVED:
            break
        if row.movement in SIDES:
            counts[row.currency, SIDES[row.movement]] += 1
            sums[row.currency, SIDES[row.movement]] += row.minor
    codes = sorted({code for code, _ in counts})
    return tuple(
        BatchTotal(side, counts[code, side], Money(sums[code, side], currency(code))) for code in codes for side in Side
    )
