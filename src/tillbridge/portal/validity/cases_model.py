"""What a person has to look at, as values (docs/reference/voucher-validity.md, section 6). Amounts are minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.rights import Reach
from tillbridge.portal.validity.dates import begin_of, day_at

SILENCE: Final = timedelta(hours=6)
"""How long after the end of its business day a receipt may stay open until a person is asked."""

LOOKED_BACK: Final = timedelta(days=90)
"""How long what needs no decision stays on the list."""

MOST: Final = 100
"""Lines of one list: whoever has more has another problem, and the rest moves up."""


class CaseEvent(StrEnum):
    """What the audit log says of cases and pauses."""

    PAID = "voucher_case.paid"
    NOT_PAID = "voucher_case.not_paid"
    SETTLED = "voucher_case.settled"
    REVERSED = "voucher_case.reversed"
    DISMISSED = "voucher_case.dismissed"
    RELEASED = "voucher_pause.released"


class CaseKind(StrEnum):
    """A receipt of which the till never said what became of it, or one that was closed after its money went back.

    Or one that a till of another maker may have asked for twice.
    """

    OPEN = "open"
    CONTESTED = "contested"
    DUPLICATE = "duplicate"


class Decision(StrEnum):
    """What a person found: the receipt was paid, it was not; or, of a contested one, that it is settled otherwise.

    Of a possible duplicate, that it is one and goes back, or that it is none.
    """

    PAID = "paid"
    NOT_PAID = "not_paid"
    SETTLED = "settled"
    REVERSE = "reverse"
    DISMISS = "dismiss"


CHOICES: Final = {
    CaseKind.OPEN: (Decision.PAID, Decision.NOT_PAID),
    CaseKind.CONTESTED: (Decision.SETTLED,),
    CaseKind.DUPLICATE: (Decision.REVERSE, Decision.DISMISS),
}
"""What may be decided of each."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A redemption as a list shows it. `number` is masked when it is shown, "" where nothing was ever booked.

    `at` is when it was booked, `moment` when it became what the list is about.
    """

    operation_id: str
    location_id: str
    location: str
    key: str
    state: OperationState
    voucher_id: str | None
    number: str = field(repr=False)
    taken: int
    receipt: str
    station: str
    operator: str
    at: datetime
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody decided, with what the till's records say and why."""

    kind: CaseKind
    decision: Decision
    evidence: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShutVoucher:
    """A voucher whose PIN is not judged: until a moment, or (None) until somebody unblocks it."""

    voucher_id: str
    number: str = field(repr=False)
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A location that guessed too much. `kinds` are what is paused, `until` the end of the longest."""

    location_id: str
    location: str
    kinds: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """Wrong PINs at a location, so many that redeeming had to pause."""

    location: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Credit that somebody changed by hand."""

    voucher_id: str
    number: str = field(repr=False)
    amount: int
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unsent:
    """A connector that cannot get rid of what it has to tell, as it last said; `put_backs` is the part that goes back.

    `since`: how long the oldest of it waits. `heard_at`: when it was last heard of.
    """

    location_id: str
    location: str
    link_id: str
    count: int
    put_backs: int
    since: datetime
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was taken without a connection and could not be taken from the voucher: `reason` is the code of why."""

    location: str
    voucher_id: str | None
    number: str = field(repr=False)
    receipt: str
    asked: int
    loss: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    """What the last recovery left behind. `silent`: locations that have not told what they booked since the backup.

    `missing`: bookings of the backup that the connector there should have told again, and did not.
    """

    begun_at: datetime
    silent: Sequence[str] = ()
    cases: int = 0
    missing: Sequence[Receipt] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to look after."""
        return not (self.silent or self.cases or self.missing)


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The whole page, each list with at most one line more than `MOST`.

    `unfinished` are receipts without an end of which the day is not over, or only just.
    """

    unsent: Sequence[Unsent] = ()
    restored: Restored | None = None
    open_cases: Sequence[Receipt] = ()
    unfinished: Sequence[Receipt] = ()
    contested: Sequence[Receipt] = ()
    repeated: Sequence[Receipt] = ()
    late: Sequence[Receipt] = ()
    shut: Sequence[ShutVoucher] = ()
    pauses: Sequence[Pause] = ()
    alarms: Sequence[Alarm] = ()
    short: Sequence[Shortfall] = ()
    adjusted: Sequence[Adjusted] = ()

    @property
    def to_do(self) -> int:
        """How many of them wait for a person; the rest is there to be known."""
        waiting = sum(map(len, (self.unsent, self.open_cases, self.unfinished, self.contested, self.repeated)))
        left = 0 if self.restored is None else len(self.restored.silent) + self.restored.cases
        return waiting + left + len(self.pauses) + sum(one.until is None for one in self.shut)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read for a reader: `before` is when a receipt must have been booked to be a case by now."""

    system_id: str
    reach: Reach
    now: datetime
    before: datetime

    @classmethod
    def at(cls, system_id: str, reach: Reach, now: datetime, zone: str) -> "Wanted":
        """At this moment, in the zone of the system."""
        return cls(system_id, reach, now, begin_of(day_at(now - SILENCE, zone), zone))
