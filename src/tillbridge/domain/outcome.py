"""How an operation ended. Law 2: *in doubt* is a result of its own and never shows as a decline."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.card import CardUse
from tillbridge.domain.money import Money


class MoneyMoved(StrEnum):
    """Whether the cardholder's money moved, as far as is known."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class DeclineReason(StrEnum):
    """Why the terminal says that no money was taken; the text that a person reads follows it."""

    REFUSED = "refused"
    FAILED = "failed"
    REFERRAL = "referral"
    CONFIGURATION = "configuration"
    UNSPECIFIED = "unspecified"


class AbortedBy(StrEnum):
    """Who stopped an operation, as the terminal tells it."""

    CUSTOMER = "customer"
    CASHIER = "cashier"
    TIMEOUT = "timeout"
    UNSPECIFIED = "unspecified"


class NotStartedReason(StrEnum):
    """Why it is proven that the terminal never worked on the operation."""

    TERMINAL_BUSY = "terminal_busy"
    TERMINAL_SILENT = "terminal_silent"
    TERMINAL_REFUSED_MESSAGE = "terminal_refused_message"
    NETWORK_UNAVAILABLE = "network_unavailable"
    PORT_UNAVAILABLE = "port_unavailable"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    CANNOT_EXPRESS = "cannot_express"
    CONNECTOR_STOPPED = "connector_stopped"
    ABORTED_FIRST = "aborted_first"
    DRIVER_FAULT = "driver_fault"


class DoubtReason(StrEnum):
    """Why it is not known whether money moved."""

    NO_ANSWER = "no_answer"
    LINE_LOST = "line_lost"
    ANSWER_UNREADABLE = "answer_unreadable"
    ANSWER_MISMATCH = "answer_mismatch"
    ANSWER_NOT_FINAL = "answer_not_final"
    ANSWER_CONTRADICTORY = "answer_contradictory"
    CONNECTOR_STOPPED = "connector_stopped"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    DRIVER_FAULT = "driver_fault"
    SIGNATURE_REFUSED = "signature_refused"
    REVERSAL_ASKED = "reversal_asked"
    ABORTED_TOO_LATE = "aborted_too_late"


REVERSIBLE: Final = frozenset({DoubtReason.SIGNATURE_REFUSED, DoubtReason.REVERSAL_ASKED, DoubtReason.ABORTED_TOO_LATE})
"""Doubts that a reversal closes: the money may have been taken, and nobody wants it to stay so."""


class Side(StrEnum):
    """The columns of a terminal's totals."""

    DEBITS = "debits"
    CREDITS = "credits"
    ADJUSTMENTS = "adjustments"


@dataclass(frozen=True, slots=True)
class BatchTotal:
    """One line of a terminal's own end-of-day totals: how many operations, and their sum."""

    side: Side
    count: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Approved:
    """The terminal says that the money moved. `amount` may be below the one asked only where that was allowed.

    `contract` is the merchant contract that was used and `ticket` the cardholder's slip, where the wire gives them.
    `reference` is the terminal's own name for the operation: what a later capture or void may have to quote.
    `signature` says that the cardholder signs the slip. A reconciliation has an amount of zero, because it moves
    nothing, and `totals`.
    """

    amount: Money
    card: CardUse | None = None
    authorization_code: str | None = None
    contract: str | None = None
    ticket: str | None = None
    reference: str | None = None
    signature: bool = False
    totals: tuple[BatchTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """The terminal says that no money was taken. `wire_reason` is the wire's own code, as it came."""

    reason: DeclineReason = DeclineReason.UNSPECIFIED
    wire_reason: str | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class Aborted:
    """The terminal says that somebody stopped it before money moved."""

    by: AbortedBy = AbortedBy.UNSPECIFIED
    wire_reason: str | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class NotStarted:
    """It is proven that the terminal never worked on the operation. `detail` says what was seen, for a technician."""

    reason: NotStartedReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody can say yet whether money moved. `detail` says what was seen, for a technician."""

    reason: DoubtReason
    detail: str = ""


Outcome = Approved | Declined | Aborted | NotStarted | InDoubt
Closed = Approved | Declined | Aborted | NotStarted
"""An outcome that nothing changes any more."""


def money_moved(outcome: Outcome) -> MoneyMoved:
    """Whether money moved in this outcome. A refund that is approved has moved money too, the other way."""
    match outcome:
        case Approved():
            return MoneyMoved.YES
        case Declined() | Aborted() | NotStarted():
            return MoneyMoved.NO
        case InDoubt():
            return MoneyMoved.UNKNOWN
        case _:
            assert_never(outcome)
