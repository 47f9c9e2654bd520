"""One table: what every outcome is in HiPay's ten codes (README, section 3).

The wire knows SUCCESS and FAILURE alone. In doubt therefore travels as FAILURE with a code that claims nothing about
the card (1000, 1001, 1005, 1007, 1008), and never as 1006, which is a proven refusal or cancellation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.errors import Code
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)


class PaymentStatus(StrEnum):
    """The wire's two results, in the upper case of this product."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class ErrorCode(StrEnum):
    """The connector's codes, complete. 1002 and 1009 speak of HiPay's servers, which change no payment's result."""

    UNKNOWN = "1000"
    TIME_OUT = "1001"
    AUTHENTICATION = "1002"
    NETWORK = "1003"
    NOT_CONNECTED = "1004"
    STATUS_UNREADABLE = "1005"
    CANCELLED = "1006"
    FRAME_UNREADABLE = "1007"
    FRAME_IMPOSSIBLE = "1008"
    CONTRACT_UNKNOWN = "1009"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an outcome is put: `outcome` and `code` are our additions, the rest is the wire's.

    `retryable` says that a new attempt charges nobody twice.
    """

    status: PaymentStatus
    outcome: str
    code: str
    retryable: bool
    error_code: ErrorCode | None = None
    description: str | None = None


_CHECK_TERMINAL: Final = "It is not known whether the card was charged: check the terminal before you try again."

RUNNING: Final = Verdict(
    PaymentStatus.FAILURE,
    "unknown",
    "still_running",
    retryable=False,
    error_code=ErrorCode.TIME_OUT,
    description=f"The terminal is still working on the payment. {_CHECK_TERMINAL}",
)
"""At the end of the till's patience the payment goes on: nothing is known yet, and that is what is said."""

_DECLINED: Final[Mapping[DeclineReason, str]] = {
    DeclineReason.REFUSED: "Refused",
    DeclineReason.FAILED: "Not completed",
    DeclineReason.REFERRAL: "Call phonie",
    DeclineReason.CONFIGURATION: "Error selection",
    DeclineReason.UNSPECIFIED: "",
}
"""The words in the parentheses of 1006; a wire that gives no reason leaves them empty."""

_ABORTED: Final[Mapping[AbortedBy, str]] = {
    AbortedBy.CUSTOMER: "Abandon",
    AbortedBy.CASHIER: "Abandon Operator",
    AbortedBy.TIMEOUT: "Time-out entered",
    AbortedBy.UNSPECIFIED: "Abandon",
}

_NOT_STARTED: Final[Mapping[NotStartedReason, tuple[ErrorCode, str]]] = {
    NotStartedReason.TERMINAL_BUSY: (ErrorCode.UNKNOWN, "The terminal is busy"),
    NotStartedReason.TERMINAL_SILENT: (ErrorCode.NOT_CONNECTED, "The terminal does not answer"),
    NotStartedReason.TERMINAL_REFUSED_MESSAGE: (ErrorCode.FRAME_IMPOSSIBLE, "The terminal did not take the request"),
    NotStartedReason.NETWORK_UNAVAILABLE: (ErrorCode.NETWORK, "The network is unavailable"),
    NotStartedReason.PORT_UNAVAILABLE: (ErrorCode.NOT_CONNECTED, "The terminal is not connected"),
    NotStartedReason.JOURNAL_UNAVAILABLE: (ErrorCode.UNKNOWN, "The journal on this computer cannot be written"),
    NotStartedReason.CANNOT_EXPRESS: (ErrorCode.FRAME_IMPOSSIBLE, "The terminal's protocol cannot express the request"),
    NotStartedReason.CONNECTOR_STOPPED: (ErrorCode.UNKNOWN, "The connector stopped before the terminal was asked"),
    NotStartedReason.DRIVER_FAULT: (
        ErrorCode.FRAME_IMPOSSIBLE,
        "The connector had a fault before the terminal was asked",
    ),
    NotStartedReason.ABORTED_FIRST: (ErrorCode.CANCELLED, "Cancelled (Abandon Operator)"),
}

_IN_DOUBT: Final[Mapping[DoubtReason, tuple[ErrorCode, str]]] = {
    DoubtReason.NO_ANSWER: (ErrorCode.TIME_OUT, "The terminal gave no answer in time."),
    DoubtReason.LINE_LOST: (ErrorCode.TIME_OUT, "The connection to the terminal was lost during the payment."),
    DoubtReason.ANSWER_UNREADABLE: (ErrorCode.FRAME_UNREADABLE, "The terminal's answer could not be read."),
    DoubtReason.ANSWER_MISMATCH: (ErrorCode.STATUS_UNREADABLE, "The terminal's answer does not fit the payment."),
    DoubtReason.ANSWER_NOT_FINAL: (ErrorCode.STATUS_UNREADABLE, "The terminal's answer is not the final one."),
    DoubtReason.ANSWER_CONTRADICTORY: (ErrorCode.STATUS_UNREADABLE, "The terminal's answer contradicts itself."),
    DoubtReason.CONNECTOR_STOPPED: (ErrorCode.UNKNOWN, "The connector was stopped during the payment."),
    DoubtReason.JOURNAL_UNAVAILABLE: (ErrorCode.UNKNOWN, "The journal could not be written during the payment."),
    DoubtReason.DRIVER_FAULT: (ErrorCode.FRAME_IMPOSSIBLE, "The connector had a fault of its own during the payment."),
    DoubtReason.SIGNATURE_REFUSED: (
        ErrorCode.UNKNOWN,
        "The signature was refused, and the reversal is not confirmed yet.",
    ),
    DoubtReason.ABORTED_TOO_LATE: (
        ErrorCode.UNKNOWN,
        "The card was faster than the abort, and the reversal is not confirmed yet.",
    ),
    DoubtReason.REVERSAL_ASKED: (ErrorCode.UNKNOWN, "The terminal asked for a reversal that is not confirmed yet."),
}

_OF_CONCERT: Final[Mapping[str, tuple[DeclineReason | AbortedBy, str]]] = {
    "00": (DeclineReason.UNSPECIFIED, "Unknown"),
    "02": (DeclineReason.REFERRAL, "Call phonie"),
    "04": (DeclineReason.REFUSED, "Refused"),
    "05": (DeclineReason.REFUSED, "Prohibited"),
    "06": (AbortedBy.CUSTOMER, "Abandon"),
    "07": (DeclineReason.FAILED, "Not completed"),
    "08": (AbortedBy.TIMEOUT, "Time-out entered"),
    "09": (DeclineReason.CONFIGURATION, "Error message format"),
    "10": (DeclineReason.CONFIGURATION, "Error selection"),
    "11": (AbortedBy.CASHIER, "Abandon Operator"),
    "12": (DeclineReason.CONFIGURATION, "Type of action requested unknown"),
    "13": (DeclineReason.CONFIGURATION, "Unsupported currency"),
}
"""HiPay's list of reasons is Concert V3's list of details, one to one (README, section 3), so a finer word is at hand
where a terminal's own code is one of those and means the same. 01 and 03 speak of money taken: never a refusal."""

_CONCERT_DETAIL: Final = re.compile(r"([0-9]{2})(?: .*)?", re.ASCII)


def verdict(outcome: Outcome) -> Verdict:
    """How this outcome is answered."""
    match outcome:
        case Approved():
            return Verdict(PaymentStatus.SUCCESS, "approved", "approved", retryable=False)
        case Declined(reason=reason, wire_reason=wire):
            return _cancelled("declined", reason, _finer(reason, wire) or _DECLINED[reason])
        case Aborted(by=by, wire_reason=wire):
            return _cancelled("aborted", by, _finer(by, wire) or _ABORTED[by])
        case NotStarted(reason=reason):
            error, text = _NOT_STARTED[reason]
            return Verdict(PaymentStatus.FAILURE, "not_started", f"not_started_{reason}", True, error, text)
        case InDoubt(reason=reason):
            error, text = _IN_DOUBT[reason]
            code = f"in_doubt_{reason}"
            return Verdict(PaymentStatus.FAILURE, "unknown", code, False, error, f"{text} {_CHECK_TERMINAL}")
        case _:
            assert_never(outcome)


def _cancelled(word: str, reason: DeclineReason | AbortedBy, shown: str) -> Verdict:
    text = f"Cancelled ({shown})"
    return Verdict(PaymentStatus.FAILURE, word, f"{word}_{reason}", True, ErrorCode.CANCELLED, text)


def _finer(reason: DeclineReason | AbortedBy, wire_reason: str | None) -> str | None:
    match = _CONCERT_DETAIL.fullmatch(wire_reason or "")
    meant, shown = _OF_CONCERT.get(match[1], (None, None)) if match else (None, None)
    return shown if meant is reason else None


# ---------------------------------------------------------------- refusals

_RETRYABLE: Final = frozenset(
    {
        Code.RATE_LIMITED,
        Code.TERMINAL_BUSY,
        Code.JOURNAL_UNAVAILABLE,
        Code.CONNECTOR_STOPPING,
    }
)
"""Refusals that go away by themselves: the same request may be sent again as it is."""


def refusal_retryable(code: Code) -> bool:
    """Whether the same request may succeed later without anybody changing anything."""
    return code in _RETRYABLE


REFUSED: Final = ErrorCode.UNKNOWN
"""The code of every refusal: 1000 stands for bad requests, bad logins, busy and locked terminals alike. Which of them
it is stands in the additional `code`."""
