"""The words of the matrix: what a till can ask for, and what can happen to it."""

from dataclasses import dataclass
from enum import StrEnum

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind

AMOUNT = Money(1250, EUR)


class Ask(StrEnum):
    """What a till asks for; those that go back to a payment follow it at once."""

    SALE = "sale"
    REFUND = "refund"
    REFUND_OF_SALE = "refund of a sale"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    VOID_OF_SALE = "void of a sale"
    VOID_OF_AUTHORIZATION = "void of an authorization"
    RECONCILIATION = "reconciliation"


KIND = {
    Ask.SALE: Kind.SALE,
    Ask.REFUND: Kind.REFUND,
    Ask.REFUND_OF_SALE: Kind.REFUND,
    Ask.AUTHORIZATION: Kind.AUTHORIZATION,
    Ask.CAPTURE: Kind.CAPTURE,
    Ask.VOID_OF_SALE: Kind.VOID,
    Ask.VOID_OF_AUTHORIZATION: Kind.VOID,
    Ask.RECONCILIATION: Kind.RECONCILIATION,
}
BEFORE = {
    Ask.REFUND_OF_SALE: Ask.SALE,
    Ask.VOID_OF_SALE: Ask.SALE,
    Ask.CAPTURE: Ask.AUTHORIZATION,
    Ask.VOID_OF_AUTHORIZATION: Ask.AUTHORIZATION,
}
"""The payment that has to be there first."""


class Case(StrEnum):
    """What happens."""

    APPROVE = "approve"
    DECLINE = "decline"
    CUSTOMER_ABORT = "customer abort"
    TILL_ABORT = "till abort"
    CUT_BEFORE = "line cut before"
    CUT_AFTER = "line cut after"
    LATE = "late answer"


class Heard(StrEnum):
    """What the till was told."""

    APPROVED = "approved"
    DECLINED = "declined"
    ABORTED = "aborted"
    NOT_STARTED = "not started"
    IN_DOUBT = "in doubt"
    REFUSED = "refused"


PAID = frozenset({Heard.APPROVED})
NOT_PAID = frozenset({Heard.DECLINED, Heard.ABORTED, Heard.NOT_STARTED, Heard.REFUSED})


@dataclass(frozen=True, slots=True)
class Told:
    """What a till heard, and the reference with which it can go back to the payment, if its wire has one."""

    heard: Heard
    reference: str | None = None
    why: str = ""
