"""The bank behind the virtual terminal: says yes or no, and keeps the books."""

from collections.abc import Mapping
from itertools import islice
from typing import Final

import structlog

from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, stage_of
from tillbridge.domain.outcome import Aborted, Approved, Closed, Declined, DeclineReason
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.runtime.effects import Clock
from tillbridge.virtual.booking import Booking, book
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.ledger_file import LedgerBroken
from tillbridge.virtual.memory import Remembered, approved, closing, reason_of
from tillbridge.virtual.rows import Movement, Row
from tillbridge.virtual.scenarios import Approves, Cancels, Declines

LONGEST_NOTE: Final = 99
"""Characters; Concert V3's private field is the longest reference that a wire here carries."""

MOST_NOTES: Final = 8
"""A wire has one reference or two; the rest is for receivers and no terminal would keep it."""

_log = structlog.get_logger(__name__)


class Acquirer:
    """Decides operations by their scenario and by what the ledger has, and books each before its end is told."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def decide(self, remembered: Remembered) -> Closed:
        """The end of an operation, with its money moved in the ledger when that is a yes."""
        match remembered.scenario.ending:
            case Declines(reason=reason):
                return Declined(reason)
            case Cancels(by=by):
                return Aborted(by)
            case Approves() as ending:
                return self._move(remembered, ending)

    def take_back(self, remembered: Remembered, outcome: Closed) -> Closed:
        """What a terminal does that finds an unfinished sale when it restarts: it gives the money back by itself."""
        left = self._ledger.open_money(remembered.payment.id, remembered.asked.currency.code)
        if not isinstance(outcome, Approved) or left == 0:
            return outcome
        back = Booking(Movement.REVERSED, Money(left, outcome.amount.currency), remembered.payment.id)
        undone = Declined(DeclineReason.FAILED)
        return undone if self._write(remembered, back, undone) else outcome

    def note_end(self, remembered: Remembered, outcome: Closed) -> None:
        """Keeps the end of an operation that moved nothing, so that the ledger knows every one."""
        if not self._ledger.of(remembered.payment.id):
            self._write(remembered, Booking(Movement.NOTHING, Money(0, remembered.asked.currency)), outcome)

    def _move(self, remembered: Remembered, ending: Approves) -> Closed:
        payment = remembered.payment
        request = PaymentRequest(
            payment.kind, payment.amount, payment.caller, payment.door, register=payment.register, parent=payment.parent
        )
        booking = book(request, ending, self._ledger)
        if isinstance(booking, Declined):
            return booking
        number = len(self._ledger.rows) + 1
        if payment.kind is Kind.RECONCILIATION:
            outcome = closing(booking.amount, number, self._ledger.rows)
        else:
            outcome = approved(booking.amount, number, signature=ending.signature)
        # A terminal whose memory fails takes no money and says so.
        return outcome if self._write(remembered, booking, outcome) else Declined(DeclineReason.FAILED)

    def _write(self, remembered: Remembered, booking: Booking, outcome: Closed) -> bool:
        payment = remembered.payment
        row = Row(
            number=len(self._ledger.rows) + 1,
            payment_id=payment.id,
            kind=payment.kind,
            movement=booking.movement,
            minor=booking.amount.minor,
            asked_minor=remembered.asked.minor,
            currency=booking.amount.currency.code,
            stage=stage_of(outcome),
            reason=reason_of(outcome),
            register_number=payment.register,
            order_id=payment.order_id,
            key=payment.key,
            fingerprint=remembered.fingerprint,
            caller=payment.caller,
            door=payment.door,
            parent=booking.parent,
            online=payment.online,
            notes=_kept(payment.notes),
            accepted_at=payment.accepted_at,
            at=self._clock.now(),
        )
        try:
            self._ledger.append(row)
        except LedgerBroken as error:
            _log.error("the virtual terminal's ledger failed", payment=payment.id, detail=str(error))
            return False
        return True


def _kept(notes: Mapping[str, object]) -> dict[str, str]:
    """The short texts among a door's notes: a wire's reference is one, a cart is none."""
    texts = {name: text for name, text in notes.items() if isinstance(text, str) and len(text) <= LONGEST_NOTE}
    return dict(islice(texts.items(), MOST_NOTES))
