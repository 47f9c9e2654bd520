"""Decides what an operation does to the money, from what the ledger says is there to be moved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Declined, DeclineReason
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.rows import Movement, Row
from tillbridge.virtual.scenarios import Approves


@dataclass(frozen=True, slots=True)
class Booking:
    """A movement that the ledger can take; `parent` is the payment whose money it moves back, captures or releases."""

    movement: Movement
    amount: Money
    parent: str | None = None


ORIGINALS: Final = frozenset({Movement.TAKEN, Movement.CAPTURED, Movement.HELD})
"""What a later operation can go back to."""

CLOSING_CURRENCY: Final = EUR
"""A closing moves nothing, and nothing needs a currency; its totals have their own."""

NOTHING_THERE: Final = Declined(DeclineReason.REFUSED)
"""The terminal finds no payment, or not enough of it, to give back or to capture."""


def book(request: PaymentRequest, ending: Approves, ledger: Ledger) -> Booking | Declined:
    """The movement of an approved request, or the terminal's refusal where there is nothing to move."""
    match request.kind:
        case Kind.SALE:
            return Booking(Movement.TAKEN, _approved(request, ending))
        case Kind.AUTHORIZATION:
            return Booking(Movement.HELD, _approved(request, ending))
        case Kind.REFUND:
            return _refund(request, _approved(request, ending), ledger)
        case Kind.CAPTURE:
            return _capture(request, _approved(request, ending), ledger)
        case Kind.VOID:
            return _void(request, ledger)
        case Kind.RECONCILIATION:
            return Booking(Movement.NOTHING, Money(0, CLOSING_CURRENCY))
        case _:
            assert_never(request.kind)


def _approved(request: PaymentRequest, ending: Approves) -> Money:
    if request.amount is None:
        raise BridgeError(Code.AMOUNT_INVALID, f"a {request.kind} needs an amount", place="amount")
    return Money(ending.of(request.amount.minor), request.amount.currency)


def _refund(request: PaymentRequest, amount: Money, ledger: Ledger) -> Booking | Declined:
    """A refund without a parent pays out what an earlier day took, as a terminal's credit does."""
    if request.parent is None:
        return Booking(Movement.REFUNDED, amount)
    original = _parent(request.parent, ledger)
    if original is None or original.currency != amount.currency.code:
        return NOTHING_THERE
    if ledger.open_money(original.payment_id, original.currency) < amount.minor:
        return NOTHING_THERE
    return Booking(Movement.REFUNDED, amount, original.payment_id)


def _capture(request: PaymentRequest, amount: Money, ledger: Ledger) -> Booking | Declined:
    def enough(row: Row) -> bool:
        return row.currency == amount.currency.code and ledger.open_hold(row.payment_id, row.currency) >= amount.minor

    original = _original(request, ledger, enough)
    if original is None or not enough(original):
        return NOTHING_THERE
    return Booking(Movement.CAPTURED, amount, original.payment_id)


def _void(request: PaymentRequest, ledger: Ledger) -> Booking | Declined:
    """A void undoes the whole of an earlier payment, or what is left of an authorisation; never a part."""
    asked = request.amount
    if asked is None:
        return NOTHING_THERE

    def undoable(row: Row) -> bool:
        if row.currency != asked.currency.code or row.minor != asked.minor:
            return False
        if row.movement is Movement.HELD:
            return ledger.open_hold(row.payment_id, row.currency) > 0
        return ledger.open_money(row.payment_id, row.currency) == row.minor

    original = _original(request, ledger, undoable)
    if original is None or not undoable(original):
        return NOTHING_THERE
    if original.movement is Movement.HELD:
        rest = Money(ledger.open_hold(original.payment_id, original.currency), asked.currency)
        return Booking(Movement.RELEASED, rest, original.payment_id)
    return Booking(Movement.REVERSED, asked, original.payment_id)


def _original(request: PaymentRequest, ledger: Ledger, fits: Callable[[Row], bool]) -> Row | None:
    """The payment that is meant: by its reference, and on wires that have none the newest like it at this register."""
    if request.parent is not None:
        return _parent(request.parent, ledger)
    for row in ledger.newest_first():
        if row.movement in ORIGINALS and row.register_number == request.register and fits(row):
            return row
    return None


def _parent(reference: str, ledger: Ledger) -> Row | None:
    """The payment with this id; else the newest whose order number, key or note on the wire was this reference."""
    for row in ledger.of(reference):
        if row.movement in ORIGINALS:
            return row
    for row in ledger.newest_first():
        if row.movement in ORIGINALS and reference in (row.order_id, row.key, *row.notes.values()):
            return row
    return None
