"""What a maintenance operation does to a transaction, decided without any I/O (README.md, section 3)."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import parse_major
from tillbridge.psp.hipay.sandbox.model import Step, Sums, Transaction
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.statuses import Status

REFUND_MONTHS: Final = 11
"""A card payment is refunded within this many months."""

LONGEST_OPERATION_ID: Final = 64

_CAPTURABLE: Final = frozenset({Status.AUTHORIZED, Status.PARTIALLY_CAPTURED, Status.CAPTURE_REFUSED})
_CANCELLABLE: Final = frozenset({Status.AUTHORIZED, Status.AWAITING_TERMINAL})


class Kind(StrEnum):
    """The operations that the documentation lists."""

    CAPTURE = "capture"
    REFUND = "refund"
    CANCEL = "cancel"
    ACCEPT = "acceptChallenge"
    DENY = "denyChallenge"
    FINALIZE = "finalize"


@dataclass(frozen=True, slots=True)
class Request:
    """A maintenance request that could be read. `minor` is None for all that is left."""

    kind: Kind
    minor: int | None
    operation_id: str


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What goes wrong on purpose once the operation was accepted."""

    capture_refused: bool = False
    refund_refused: bool = False


def read_request(given: Mapping[str, str], transaction: Transaction) -> Request:
    """The request for this transaction; `GatewayRefusal` for one that makes no sense."""
    word = given.get("operation")
    if word is None:
        raise GatewayRefusal(GatewayCode.MISSING, "operation is missing")
    if word not in frozenset(Kind):
        raise GatewayRefusal(GatewayCode.OPERATION, f"operation must be one of {', '.join(Kind)}")
    if given.get("currency", transaction.currency.code) != transaction.currency.code:
        raise GatewayRefusal(GatewayCode.CURRENCY, f"the transaction is in {transaction.currency}")
    operation_id = given.get("operation_id", "")
    if len(operation_id) > LONGEST_OPERATION_ID:
        raise GatewayRefusal(GatewayCode.MALFORMED, f"operation_id has more than {LONGEST_OPERATION_ID} characters")
    return Request(Kind(word), _minor(given.get("amount"), transaction), operation_id)


def decide(transaction: Transaction, request: Request, now: datetime, mishaps: Mishaps) -> tuple[Step, ...]:
    """The steps that follow, the requested one first; `GatewayRefusal` for what is not allowed."""
    match request.kind:
        case Kind.CAPTURE:
            steps = _capture(transaction, request, mishaps)
        case Kind.REFUND:
            steps = _refund(transaction, request, now, mishaps)
        case Kind.CANCEL:
            steps = _cancel(transaction, request)
        case Kind.ACCEPT | Kind.DENY | Kind.FINALIZE:
            raise GatewayRefusal(GatewayCode.OPERATION, f"{request.kind} needs a transaction that awaits a decision")
        case _:
            assert_never(request.kind)
    return tuple(replace(step, kind=request.kind, operation_id=request.operation_id) for step in steps)


def collect(transaction: Transaction) -> tuple[Step, ...]:
    """The daily collection of a terminal: what was authorised is captured."""
    if transaction.status is not Status.AUTHORIZED:
        return ()
    sums = replace(transaction.sums, captured=transaction.sums.authorized)
    return (Step(Status.CAPTURED, sums, "collection", minor=sums.captured),)


def _capture(transaction: Transaction, request: Request, mishaps: Mishaps) -> tuple[Step, ...]:
    sums = transaction.sums
    left = sums.authorized - sums.captured
    if transaction.status not in _CAPTURABLE or left <= 0:
        raise GatewayRefusal(GatewayCode.OPERATION, "nothing is left to capture")
    minor = left if request.minor is None else request.minor
    if minor > left:
        raise GatewayRefusal(GatewayCode.AMOUNT_LIMIT, "more than what is left to capture")
    asked = Step(Status.CAPTURE_REQUESTED, sums, minor=minor)
    if mishaps.capture_refused:
        return (asked, Step(Status.CAPTURE_REFUSED, sums, minor=minor))
    done = replace(sums, captured=sums.captured + minor)
    status = Status.CAPTURED if done.captured == done.authorized else Status.PARTIALLY_CAPTURED
    return (asked, Step(status, done, minor=minor))


def _refund(transaction: Transaction, request: Request, now: datetime, mishaps: Mishaps) -> tuple[Step, ...]:
    sums = transaction.sums
    if sums.captured == 0:
        raise GatewayRefusal(GatewayCode.REFUND_NOT_ALLOWED, "nothing was captured")
    left = sums.captured - sums.refunded
    if left <= 0:
        raise GatewayRefusal(GatewayCode.REFUNDED_ALREADY, "all of it was refunded before")
    minor = left if request.minor is None else request.minor
    if minor > left:
        raise GatewayRefusal(GatewayCode.REFUND_TOO_MUCH, "more than what is left to refund")
    if now > _months_after(transaction.created, REFUND_MONTHS):
        raise GatewayRefusal(GatewayCode.REFUND_TOO_LATE, f"a refund is possible for {REFUND_MONTHS} months")
    asked = Step(Status.REFUND_REQUESTED, sums, minor=minor)
    if mishaps.refund_refused:
        return (asked, Step(Status.REFUND_REFUSED, sums, minor=minor))
    done = replace(sums, refunded=sums.refunded + minor)
    status = Status.REFUNDED if done.refunded == done.captured else Status.PARTIALLY_REFUNDED
    return (asked, Step(status, done, minor=minor))


def _cancel(transaction: Transaction, request: Request) -> tuple[Step, ...]:
    if transaction.status not in _CANCELLABLE:
        raise GatewayRefusal(GatewayCode.OPERATION, "only what is authorised or waits for its terminal is cancelled")
    if request.minor is not None:
        raise GatewayRefusal(GatewayCode.OPERATION, "a transaction is cancelled as a whole")
    return (Step(Status.CANCELLED, Sums(), minor=transaction.amount.minor),)


def _minor(text: str | None, transaction: Transaction) -> int | None:
    if text is None:
        return None
    try:
        money = parse_major(text, transaction.currency)
    except BridgeError:
        money = None
    if money is None or "," in text:
        raise GatewayRefusal(GatewayCode.DECIMAL, "amount must be a decimal number such as 8.99")
    if money.minor == 0:
        raise GatewayRefusal(GatewayCode.AMOUNT_LIMIT, "the least amount is one minor unit")
    return money.minor


def _months_after(at: datetime, months: int) -> datetime:
    """The same day so many months later; the last of a month that is shorter."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))
