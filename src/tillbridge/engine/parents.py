"""Operations that go back to an earlier one: which one is meant, whether it fits, and how much of it is left.

Money that may have moved counts as moved: a refund in doubt takes from what is left like one that was approved.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import OPEN, Kind, Parent, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Capabilities, Payment, PaymentRequest

GOES_BACK_TO: Final = {
    Kind.CAPTURE: frozenset({Kind.AUTHORIZATION}),
    Kind.REFUND: frozenset({Kind.SALE, Kind.CAPTURE}),
    Kind.VOID: frozenset({Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE}),
}
"""What each kind can go back to at all; a terminal's `voids` may allow less."""

COUNTS: Final = OPEN | {Stage.APPROVED}
"""Stages in which a later operation has used up, or may have used up, money of the earlier one."""

VOID_REACHES_BACK: Final = timedelta(days=1)
"""A till that cannot name what it voids means a payment of today: no terminal voids after its day was closed."""


class History(Protocol):
    """What is asked of earlier payments; memory and journal together answer it."""

    def known(self, payment_id: str) -> Payment | None:
        """The payment of this id as it stands now."""
        ...

    def children(self, payment_id: str) -> Iterable[Payment]:
        """Everything that went back to it, whatever became of it."""
        ...

    def like(self, request: PaymentRequest, terminal: str, reach: timedelta) -> Iterable[Payment]:
        """Approved payments of this till with this money on this terminal, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request with everything filled in that its parent decides, and that parent as a driver gets it."""

    request: PaymentRequest
    parent: Parent | None


def resolve(request: PaymentRequest, terminal: str, capabilities: Capabilities, history: History) -> Resolved:
    """The request as it is meant.

    `BridgeError` PAYMENT_UNKNOWN, PARENT_REQUIRED, PARENT_UNFIT, PARENT_SPENT or AMOUNT_INVALID.
    """
    if request.kind not in GOES_BACK_TO:
        if request.parent is not None:
            raise BridgeError(
                Code.PARENT_UNFIT, f"{request.kind.phrase} goes back to no earlier payment", place="parent"
            )
        return Resolved(request, None)
    parent = named(request.parent, history) if request.parent else _guessed(request, terminal, capabilities, history)
    if parent is None:
        if request.kind in capabilities.linked:
            raise BridgeError(Code.PARENT_REQUIRED, f"{terminal} needs to know the payment", place="parent")
        return Resolved(request, None)
    approved = _fitting(request, parent, terminal, capabilities)
    amount = _amount(request, parent, approved, history)
    link = Parent(parent.id, parent.kind, approved.amount, approved.reference, approved.authorization_code)
    return Resolved(replace(request, parent=parent.id, amount=amount), link)


def link_of(payment: Payment, history: History) -> Parent | None:
    """The parent as the driver had it, for asking after a restart what became of an operation."""
    parent = None if payment.parent is None else history.known(payment.parent)
    if parent is None:
        return None
    if isinstance(parent.outcome, Approved):
        approved = parent.outcome
        return Parent(parent.id, parent.kind, approved.amount, approved.reference, approved.authorization_code)
    # Taken back while it is in doubt itself: all of what was asked for.
    return None if parent.amount is None else Parent(parent.id, parent.kind, parent.amount)


def left(parent: Payment, approved: Money, history: History) -> int:
    """Minor units of an approved payment that are neither captured, refunded nor voided."""
    gone = 0
    for child in history.children(parent.id):
        if child.stage not in COUNTS:
            continue
        gone += approved.minor if child.kind is Kind.VOID or child.amount is None else child.amount.minor
    return max(0, approved.minor - gone)


def named(payment_id: str, history: History) -> Payment:
    """The payment of this id; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
    parent = history.known(payment_id)
    if parent is None:
        raise BridgeError(Code.PAYMENT_UNKNOWN, f"there is no payment {payment_id[:40]!r}", place="parent")
    return parent


def _guessed(request: PaymentRequest, terminal: str, capabilities: Capabilities, history: History) -> Payment | None:
    """What a till means whose wire names no payment, on a terminal that wants one: the newest like it (Concert)."""
    if not request.keyless or request.kind is not Kind.VOID or request.kind not in capabilities.linked:
        return None
    for earlier in history.like(request, terminal, VOID_REACHES_BACK):
        if earlier.kind in capabilities.voids and not any(
            child.stage in COUNTS for child in history.children(earlier.id)
        ):
            return earlier
    return None


def _fitting(request: PaymentRequest, parent: Payment, terminal: str, capabilities: Capabilities) -> Approved:
    def unfit(why: str) -> BridgeError:
        return BridgeError(Code.PARENT_UNFIT, why, place="parent", payment_id=parent.id)

    if not isinstance(parent.outcome, Approved):
        raise unfit(f"that {parent.kind} is {parent.stage}")
    if parent.kind not in GOES_BACK_TO[request.kind]:
        raise unfit(f"{request.kind.phrase} does not go back to {parent.kind.phrase}")
    if request.kind is Kind.VOID and parent.kind not in capabilities.voids:
        raise unfit(f"{terminal} cannot void {parent.kind.phrase}")
    if request.kind is not Kind.REFUND and parent.terminal != terminal:
        raise unfit(f"it was taken on {parent.terminal}, not on {terminal}")
    return parent.outcome


def _amount(request: PaymentRequest, parent: Payment, approved: Approved, history: History) -> Money:
    rest = left(parent, approved.amount, history)
    amount = request.amount
    if amount is not None and amount.currency != approved.amount.currency:
        raise BridgeError(Code.PARENT_UNFIT, f"it was taken in {approved.amount.currency}", place="amount.currency")
    if request.kind is Kind.VOID:
        if amount not in (None, approved.amount):
            raise BridgeError(Code.AMOUNT_INVALID, f"a void takes back all of {approved.amount}", place="amount")
        if rest == 0 or (rest < approved.amount.minor and parent.kind is not Kind.AUTHORIZATION):
            raise BridgeError(Code.PARENT_SPENT, f"{rest} minor units are left", place="parent", payment_id=parent.id)
        return approved.amount
    wanted = rest if amount is None else amount.minor
    if wanted == 0 or wanted > rest:
        raise BridgeError(Code.PARENT_SPENT, f"{rest} minor units are left", place="amount", payment_id=parent.id)
    return Money(wanted, approved.amount.currency)
