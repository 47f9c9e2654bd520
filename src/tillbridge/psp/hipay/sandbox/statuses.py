"""The statuses of a transaction as the gateway numbers them (README.md, section 5)."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class Status(IntEnum):
    """Where a transaction stands."""

    REFUSED = 113
    EXPIRED = 114
    CANCELLED = 115
    AUTHORIZED = 116
    CAPTURE_REQUESTED = 117
    CAPTURED = 118
    PARTIALLY_CAPTURED = 119
    REFUND_REQUESTED = 124
    REFUNDED = 125
    PARTIALLY_REFUNDED = 126
    REFUND_REFUSED = 165
    CREDITED_CARD = 166
    CREDITED_MERCHANT = 168
    CREDIT_REQUESTED = 169
    CAPTURE_REFUSED = 173
    AWAITING_TERMINAL = 174
    CHARGEBACK_PENDING = 180
    CHARGEBACK = 181
    PENDING_PAYMENT = 200


class State(StrEnum):
    """The coarse state that the answers carry besides the status."""

    COMPLETED = "completed"
    PENDING = "pending"
    DECLINED = "declined"


CREDITS: Final = frozenset({Status.CREDITED_CARD, Status.CREDITED_MERCHANT, Status.CREDIT_REQUESTED})
"""What a recorded credit may end in; which one a real gateway chooses is not published."""

UNDECIDED: Final = frozenset({Status.AWAITING_TERMINAL, Status.PENDING_PAYMENT})
"""Nobody knows yet what becomes of it: a terminal, or the buyer's bank, has not answered."""

CHARGEBACKS: Final = frozenset({Status.CHARGEBACK_PENDING, Status.CHARGEBACK})

MESSAGES: Final[Mapping[Status, str]] = {
    Status.REFUSED: "Refused",
    Status.EXPIRED: "Expired",
    Status.CANCELLED: "Cancelled",
    Status.AUTHORIZED: "Authorized",
    Status.CAPTURE_REQUESTED: "Capture Requested",
    Status.CAPTURED: "Captured",
    Status.PARTIALLY_CAPTURED: "Partially Captured",
    Status.REFUND_REQUESTED: "Refund Requested",
    Status.REFUNDED: "Refunded",
    Status.PARTIALLY_REFUNDED: "Partially Refunded",
    Status.REFUND_REFUSED: "Refund Refused",
    Status.CREDITED_CARD: "Debited (cardholder credit)",
    Status.CREDITED_MERCHANT: "Debited (merchant credit)",
    Status.CREDIT_REQUESTED: "Credit Requested",
    Status.CAPTURE_REFUSED: "Capture Refused",
    Status.AWAITING_TERMINAL: "Awaiting Terminal",
    Status.CHARGEBACK_PENDING: "Chargeback Pending",
    Status.CHARGEBACK: "Chargeback",
    Status.PENDING_PAYMENT: "Pending Payment",
}


def state_of(status: Status) -> State:
    """The coarse state of a status."""
    match status:
        case Status.REFUSED | Status.EXPIRED:
            return State.DECLINED
        case Status.AWAITING_TERMINAL | Status.PENDING_PAYMENT:
            return State.PENDING
        case _:
            return State.COMPLETED
