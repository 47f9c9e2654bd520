"""Corrections of vouchers as values (docs/reference/voucher-corrections.md). Amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.vouchers.batches_model import LONGEST_REASON

LASTS: Final = timedelta(days=7)
"""How long a request waits for the second person."""


class Kind(StrEnum):
    """What is to become of a voucher."""

    MORE = "more"
    LESS = "less"
    REVERSE = "reverse"
    PUT_BACK = "put_back"
    REISSUE = "reissue"
    RETIRE = "retire"


TAKES_BACK: Final = {Kind.REVERSE: EntryKind.LOAD, Kind.PUT_BACK: EntryKind.REDEEM}
"""The corrections that take an entry back, and of which kind that entry is."""


class State(StrEnum):
    """Where a request stands. `FAILED`: it was approved and could not be booked any more."""

    OPEN = "open"
    BOOKED = "booked"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    EXPIRED = "expired"


class Failure(StrEnum):
    """Why something cannot be booked."""

    FUNDS = "funds"
    SPENT = "spent"
    TAKEN_BACK = "taken_back"
    CAP = "cap"
    AMOUNT = "amount"
    RETIRED = "retired"
    NOT_ACTIVATED = "not_activated"
    EMPTY = "empty"
    CREDIT = "credit"
    TARGET = "target"
    COUNTRY = "country"
    MOVED = "moved"
    WAITING = "waiting"
    NO_SECOND = "no_second"


class Impossible(Exception):  # what stands in the way, and no fault
    """A correction that cannot be asked for or booked; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class CorrectionEvent(StrEnum):
    """What the audit log says of corrections."""

    REQUESTED = "voucher_correction.requested"
    BOOKED = "voucher_correction.booked"
    REFUSED = "voucher_correction.refused"
    WITHDRAWN = "voucher_correction.withdrawn"
    FAILED = "voucher_correction.failed"
    EXPIRED = "voucher_correction.expired"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for, as it was entered.

    `seen_seq` is the last entry that the page showed. `amount` counts for whatever has one; `original_id` is the entry
    to take back, `target` the number of the voucher that is to take the place, `location_id` whose credit more of it
    is to be.
    """

    kind: Kind
    reason: str
    seen_seq: int
    amount: int = 0
    original_id: str | None = None
    target: str = ""
    location_id: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A request, and what became of it."""

    id: str
    system_id: str
    voucher_id: str
    kind: Kind
    amount: int
    original_id: str | None
    target_id: str | None
    location_id: str | None
    reason: str
    seen_balance: int
    seen_seq: int
    requested_by: str
    requested_name: str
    requested_at: datetime
    expires_at: datetime
    state: State = State.OPEN
    decided_by: str = ""
    decided_name: str = ""
    decided_at: datetime | None = None
    decision: str = ""
    failure: str = ""
    entry_id: str | None = None

    def state_at(self, now: datetime) -> State:
        """Its state: one that nobody decided on in time has expired."""
        return State.EXPIRED if self.state is State.OPEN and now >= self.expires_at else self.state


@dataclass(frozen=True, slots=True)
class Listed:
    """A request as lists show it, with the numbers of its vouchers and the name of its location."""

    one: Correction
    number: str
    target: str
    location: str


@dataclass(frozen=True, slots=True)
class Reversible:
    """An entry that may be taken back; `free` is what of it still can be."""

    entry_id: str
    seq: int
    amount: int
    free: int
    location_id: str | None
    location: str
    receipt: str
    booked_at: datetime


def clean_reason(text: str) -> str:
    """A reason as it is kept. `BridgeError(FIELD_INVALID)` for none, or one that is too long."""
    reason = text.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.replace("\n", "").replace("\r", "").isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a reason has 1 to {LONGEST_REASON} characters", place="reason")
    return reason
