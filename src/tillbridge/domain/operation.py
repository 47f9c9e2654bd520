"""What a till can ask of a terminal, and where that stands."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.money import Money
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome


class Kind(StrEnum):
    """The operations of a counter; the words are those of the field, not of one wire."""

    SALE = "sale"
    REFUND = "refund"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    VOID = "void"
    RECONCILIATION = "reconciliation"

    @property
    def phrase(self) -> str:
        """The word with its article, for a sentence."""
        return f"{'an' if self.value[0] in 'aeiou' else 'a'} {self.value}"


class Progress(StrEnum):
    """What the terminal is doing, in words that every wire's own states are translated to."""

    CONNECTING = "connecting"
    WAITING_FOR_CARD = "waiting_for_card"
    WAITING_FOR_PIN = "waiting_for_pin"
    AWAITING_SIGNATURE = "awaiting_signature"
    AUTHORIZING = "authorizing"
    PRINTING = "printing"


class Stage(StrEnum):
    """Where an operation stands in the journal; the moves between them are the table in `engine/states.py`."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    APPROVED = "approved"
    DECLINED = "declined"
    ABORTED = "aborted"
    NOT_STARTED = "not_started"
    IN_DOUBT = "in_doubt"


RUNNING: Final = frozenset({Stage.ACCEPTED, Stage.SENDING})
OPEN: Final = RUNNING | {Stage.IN_DOUBT}
"""What still occupies its terminal: running, or in doubt (in doubt locks the lane)."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The approved operation that a refund, capture or void goes back to.

    `wire_reference` is what its wire carried of it, `amount` what the terminal approved. `reference` and
    `authorization_code` are the terminal's own names for it, where the wire gave any.
    """

    wire_reference: str
    kind: Kind
    amount: Money
    reference: str | None = None
    authorization_code: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as a driver gets it.

    `id` is ours and unique for ever; `wire_reference` is what a wire may carry of it (at most 32 ASCII letters and
    digits, unique too). `register` is the till's number of two digits. `online` asks the terminal to authorise
    online, False leaves it to the terminal. `parent` is the operation that a refund, capture or void goes back to.
    `amount` is None only for a reconciliation.
    """

    id: str
    kind: Kind
    amount: Money | None
    wire_reference: str
    register: str = "01"
    online: bool = False
    partial_allowed: bool = False
    parent: Parent | None = None


def stage_of(outcome: Outcome) -> Stage:
    """The stage that an outcome puts its operation into."""
    match outcome:
        case Approved():
            return Stage.APPROVED
        case Declined():
            return Stage.DECLINED
        case Aborted():
            return Stage.ABORTED
        case NotStarted():
            return Stage.NOT_STARTED
        case InDoubt():
            return Stage.IN_DOUBT
        case _:
            assert_never(outcome)
