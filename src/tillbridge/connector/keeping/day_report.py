"""The report of a business day: the journal against the terminals' totals and against the payment service.

Every difference has a word of its own and a place; nothing is only added up. docs/reference/keeping.md, section 5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from tillbridge.connector.keeping.psp import PspRow, PspState
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Side
from tillbridge.protocols.contract import Payment, Totals

REPORTED: Final = frozenset({Kind.SALE, Kind.CAPTURE})
"""What a payment service is asked about: kinds by which money came in."""


class Difference(StrEnum):
    """What does not agree.

    Of a payment: `IN_DOUBT`, nobody knows whether it was taken; `NOT_YET_REPORTED`, `NEVER_REPORTED`, the service was
    not told of it; `PSP_MISSING`, its list does not have it; `AMOUNT_DIFFERS`; `REPORTED_TWICE`; `PSP_HAS_IT`, the
    journal says that it was not taken; `PSP_REFUSED_IT`, the journal says that it was; `NOT_IN_JOURNAL`, only the
    service knows it. Of a terminal's totals: it counts more or less than the journal.
    """

    IN_DOUBT = "in_doubt"
    NOT_YET_REPORTED = "not_yet_reported"
    NEVER_REPORTED = "never_reported"
    PSP_MISSING = "psp_missing"
    AMOUNT_DIFFERS = "amount_differs"
    REPORTED_TWICE = "reported_twice"
    PSP_HAS_IT = "psp_has_it"
    PSP_REFUSED_IT = "psp_refused_it"
    NOT_IN_JOURNAL = "not_in_journal"
    TERMINAL_COUNTS_MORE = "terminal_counts_more"
    TERMINAL_COUNTS_LESS = "terminal_counts_less"


@dataclass(frozen=True, slots=True)
class Named:
    """One difference. `ours` and `theirs` are the amounts, None where a side has none; `place` is where theirs stands.

    `payment_id` is None for totals and for what is not in the journal. `order_id` is the till's number, or the name
    that the service has.
    """

    difference: Difference
    terminal: str | None
    payment_id: str | None
    order_id: str | None
    ours: Money | None
    theirs: Money | None
    place: str


@dataclass(frozen=True, slots=True)
class Closing:
    """A terminal's own totals of one side in one currency beside ours, since its reconciliation before that one."""

    payment_id: str
    terminal: str
    at: datetime
    side: Side
    their_count: int
    theirs: Money
    our_count: int
    ours: Money

    @property
    def difference(self) -> Difference | None:
        """Who counts more; None where both agree."""
        theirs, ours = (self.theirs.minor, self.their_count), (self.ours.minor, self.our_count)
        if theirs == ours:
            return None
        return Difference.TERMINAL_COUNTS_MORE if theirs > ours else Difference.TERMINAL_COUNTS_LESS


@dataclass(frozen=True, slots=True)
class DayReport:
    """The report. `since` until just before `until` (UTC) is the business day; `psps` are the services that were asked.

    `too_many` says that there were more payments than a report looks at, so that it is not complete.
    """

    day: date
    since: datetime
    until: datetime
    payments: int
    totals: tuple[Totals, ...]
    closings: tuple[Closing, ...]
    psps: tuple[str, ...]
    differences: tuple[Named, ...]
    too_many: bool = False

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, as far as it was looked at."""
        return not self.differences and not self.too_many


def compare(
    payments: Sequence[Payment], rows: Iterable[PspRow], names: Mapping[str, str], *, complete: bool
) -> list[Named]:
    """What of the service's rows and of our payments does not agree. `names` are the service's names for ours."""
    by_id = {payment.id: payment for payment in payments}
    said: dict[str, list[PspRow]] = {}
    found: list[Named] = []
    for row in rows:
        known = next((names[name] for name in row.ids if name in names), None)
        if known is None or known not in by_id:
            if row.state is PspState.TAKEN and known is None:
                found.append(Named(Difference.NOT_IN_JOURNAL, None, None, row.ids[0], None, row.amount, row.place))
            continue
        said.setdefault(known, []).append(row)
    gone = {one.parent for one in payments if one.kind is Kind.VOID and one.stage is Stage.APPROVED}
    for payment in payments:
        if payment.kind in REPORTED:
            missing = complete and payment.id not in gone
            found += _compare_one(payment, said.get(payment.id, []), missing=missing)
    return found


def in_doubt(payments: Iterable[Payment]) -> list[Named]:
    """Every payment of which nobody knows whether it was taken."""
    return [
        Named(Difference.IN_DOUBT, one.terminal, one.id, one.order_id, one.amount, None, "")
        for one in payments
        if one.stage is Stage.IN_DOUBT
    ]


def of_closings(closings: Iterable[Closing]) -> list[Named]:
    """Every total that does not agree."""
    return [
        Named(one.difference, one.terminal, one.payment_id, None, one.ours, one.theirs, one.side.value)
        for one in closings
        if one.difference is not None
    ]


def ours_of(payment: Payment) -> Money | None:
    """The money that was taken; None where none was."""
    return payment.outcome.amount if isinstance(payment.outcome, Approved) else None


def _compare_one(payment: Payment, rows: Sequence[PspRow], *, missing: bool) -> list[Named]:
    ours = ours_of(payment)

    def named(difference: Difference, row: PspRow | None) -> Named:
        theirs, place = (None, "") if row is None else (row.amount, row.place)
        return Named(difference, payment.terminal, payment.id, payment.order_id, ours, theirs, place)

    taken = [row for row in rows if row.state is PspState.TAKEN]
    if ours is None:
        return [named(Difference.PSP_HAS_IT, row) for row in taken[:1]]
    found = [named(Difference.REPORTED_TWICE, row) for row in taken[1:]]
    found += [named(Difference.AMOUNT_DIFFERS, row) for row in taken[:1] if row.amount not in (None, ours)]
    if taken:
        return found
    for state, difference in _WORDS.items():
        of_it = [row for row in rows if row.state is state]
        if of_it:
            return [named(difference, of_it[0])]
    return [named(Difference.PSP_MISSING, None)] if missing else []


_WORDS: Final = {
    PspState.NOT_TAKEN: Difference.PSP_REFUSED_IT,
    PspState.GIVEN_UP: Difference.NEVER_REPORTED,
    PspState.WAITING: Difference.NOT_YET_REPORTED,
}
