"""The payments that the virtual terminal remembers: those of this run, and those that its ledger tells of."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, assert_never

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage, stage_of
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Closed,
    Declined,
    DeclineReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.virtual.batch import totals
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.rows import Row
from tillbridge.virtual.scenarios import APPROVE, Scenario
from tillbridge.virtual.script import Counters

MAX_REMEMBERED: Final = 10_000
"""A terminal's memory is finite, and so is a simulator's that runs for weeks; the ledger keeps everything."""

CARD: Final = CardUse(masked_pan="497010######7890", entry_mode=EntryMode.CONTACT, aid="A0000000421010")
"""The one card that every scripted customer carries."""

CONTRACT: Final = "1999403"


UNDECIDED: Final = Declined(DeclineReason.FAILED)
"""What a terminal says that stopped before it had the acquirer's word."""


@dataclass(slots=True)
class Remembered:
    """A payment with what belongs to it here.

    `decided` is what the terminal would have to say if it stopped now. `told` says whether a door reached its till,
    None before one tried.
    """

    payment: Payment
    asked: Money
    fingerprint: str = ""
    scenario: Scenario = APPROVE
    faults: Counters = field(default_factory=Counters)
    over: "asyncio.Future[None] | None" = None
    decided: Closed = UNDECIDED
    told: bool | None = None

    def close(self, outcome: Closed, at: datetime) -> None:
        """Ends the payment and wakes whoever waits for it."""
        self.payment = replace(self.payment, stage=stage_of(outcome), outcome=outcome, progress=None, closed_at=at)
        if self.over is not None and not self.over.done():
            self.over.set_result(None)


class Memory:
    """Payments by id, by key and by order."""

    def __init__(self, terminal: str, ledger: Ledger) -> None:
        self._by_id: dict[str, Remembered] = {}
        self._by_key: dict[tuple[str, str], str] = {}
        self._by_order: dict[tuple[str, str], str] = {}
        for row in ledger.rows[-MAX_REMEMBERED:]:
            payment = _payment(terminal, row, ledger.rows)
            self.add(Remembered(payment, Money(row.asked_minor, currency(row.currency)), row.fingerprint))

    def __iter__(self) -> Iterator[Remembered]:
        return iter(self._by_id.values())

    def add(self, remembered: Remembered) -> None:
        """Remembers a payment, and forgets the oldest one when there are too many."""
        payment = remembered.payment
        self._by_id[payment.id] = remembered
        if payment.key is not None:
            self._by_key[payment.caller, payment.key] = payment.id
        if payment.order_id is not None:
            self._by_order[payment.caller, payment.order_id] = payment.id
        if len(self._by_id) > MAX_REMEMBERED:
            self._forget(next(iter(self._by_id)))

    def find(self, payment_id: str) -> Remembered | None:
        """The payment with this id, if it is remembered."""
        return self._by_id.get(payment_id)

    def get(self, payment_id: str) -> Remembered:
        """The payment with this id; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        found = self._by_id.get(payment_id)
        if found is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"the virtual terminal knows no payment {payment_id!r}")
        return found

    def by_order(self, caller: str, order_id: str) -> Remembered:
        """The newest payment of this order; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        found = self._by_order.get((caller, order_id))
        if found is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"the virtual terminal knows no order {order_id!r}")
        return self._by_id[found]

    def by_key(self, caller: str, key: str) -> Remembered:
        """The payment of this key; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        found = self._by_key.get((caller, key))
        if found is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"the virtual terminal knows no key {key[:40]!r}")
        return self._by_id[found]

    def repeated(self, request: PaymentRequest) -> Remembered | None:
        """The payment that this request's key names; `BridgeError(KEY_CONFLICT)` if it was something else."""
        if request.key is None or (request.caller, request.key) not in self._by_key:
            return None
        found = self._by_id[self._by_key[request.caller, request.key]]
        if found.fingerprint != request.fingerprint or found.payment.amount != request.amount:
            raise BridgeError(Code.KEY_CONFLICT, payment_id=found.payment.id)
        return found

    def _forget(self, payment_id: str) -> None:
        gone = self._by_id.pop(payment_id).payment
        for index, reference in ((self._by_key, gone.key), (self._by_order, gone.order_id)):
            if reference is not None and index.get((gone.caller, reference)) == payment_id:
                del index[gone.caller, reference]


def approved(amount: Money, number: int, *, signature: bool = False) -> Approved:
    """The approval of the ledger's row `number`; `signature` says that the customer signs instead of typing a PIN."""
    code = f"{number % 1_000_000:06d}"
    return Approved(amount, CARD, authorization_code=code, contract=CONTRACT, reference=f"R{code}", signature=signature)


def closing(nothing: Money, number: int, rows: Sequence[Row]) -> Approved:
    """The answer to a closing that is the ledger's row `number`: it moved nothing, and has the batch's totals."""
    return Approved(nothing, reference=f"B{number % 1_000_000:06d}", totals=totals(rows, number))


def reason_of(outcome: Outcome) -> str | None:
    """The outcome's reason as a ledger's row keeps it."""
    match outcome:
        case Approved():
            return None
        case Declined(reason=reason) | NotStarted(reason=reason) | InDoubt(reason=reason):
            return reason.value
        case Aborted(by=by):
            return by.value
        case _:
            assert_never(outcome)


def _outcome(row: Row, rows: Sequence[Row]) -> Closed:
    match row.stage:
        case Stage.DECLINED:
            return Declined(DeclineReason(row.reason or ""))
        case Stage.ABORTED:
            return Aborted(AbortedBy(row.reason or ""))
        case Stage.NOT_STARTED:
            return NotStarted(NotStartedReason(row.reason or ""))
        case _:
            amount = Money(row.minor, currency(row.currency))
            if row.kind is Kind.RECONCILIATION:
                return closing(amount, row.number, rows)
            return approved(amount, row.number)


def _payment(terminal: str, row: Row, rows: Sequence[Row]) -> Payment:
    return Payment(
        id=row.payment_id,
        kind=row.kind,
        stage=row.stage,
        amount=None if row.kind is Kind.RECONCILIATION else Money(row.asked_minor, currency(row.currency)),
        terminal=terminal,
        caller=row.caller,
        door=row.door,
        register=row.register_number,
        accepted_at=row.accepted_at,
        order_id=row.order_id,
        key=row.key,
        online=row.online,
        parent=row.parent,
        outcome=_outcome(row, rows),
        notes=row.notes,
        closed_at=row.at,
    )
