"""Takes back a payment in doubt that nobody wants to stand: a refused signature, a lost abort, a terminal's own wish.

The reversal is an operation of its own in the journal, with its own id. The payment stays in doubt, and its lane
locked, until the reversal is proven; only then is it closed as aborted. A reversal whose answer is lost is asked about
and never sent a second time (protocols/touchscreen/README.md, "Recovery").
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from tillbridge.domain.operation import Kind, Operation, Parent, Stage
from tillbridge.domain.outcome import (
    REVERSIBLE,
    Aborted,
    AbortedBy,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.books import Books
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.live import Live
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment, PaymentRequest

log = structlog.get_logger(__name__)

CALLER: Final = "tillbridge:reversal"
"""Nobody asked for it at a till: the journal says that the bridge did it by itself."""

TakeBack = Callable[[Live], Awaitable[Live]]
"""Runs the void of this payment on its terminal and returns it when it is over, whatever came out."""

Ask = Callable[[Live], Awaitable[Outcome | None]]
"""What the terminal says became of an operation, where its word proves it; None where nothing is proven."""

Settle = Callable[[Operation], Awaitable[None]]
"""Pays the confirmation that the terminal is owed for what an inquiry has brought to light; see `Terminal.settle`."""


def closed_by_a_void(outcome: Outcome | None) -> bool:
    """Whether this is a doubt that a reversal closes."""
    return isinstance(outcome, InDoubt) and outcome.reason in REVERSIBLE


def wanted(live: Live) -> bool:
    """Whether this payment in doubt is one to take back."""
    return closed_by_a_void(live.payment.outcome)


def reversal_request(sale: Live) -> tuple[PaymentRequest, Parent | None]:
    """The void that takes this payment back."""
    payment = sale.payment
    amount = payment.amount
    link = None if amount is None else Parent(sale.operation.wire_reference, payment.kind, amount)
    if link is not None and sale.approved is not None:
        link = replace(link, reference=sale.approved.reference, authorization_code=sale.approved.authorization_code)
    request = PaymentRequest(
        kind=Kind.VOID,
        amount=amount,
        caller=CALLER,
        door=payment.door,
        terminal=payment.terminal,
        register=payment.register,
        parent=payment.id,
    )
    return request, link


class Reversal:
    """One lane's taking back. `void` is the newest attempt at it for the payment that is in doubt now.

    `closing` is the lane's lock around whatever closes an operation: a person may settle one at the same moment.
    """

    def __init__(self, books: Books, take_back: TakeBack, ask: Ask, settle: Settle, closing: asyncio.Lock) -> None:
        self.void: Live | None = None
        self._books = books
        self._take_back = take_back
        self._ask = ask
        self._settle = settle
        self._closing = closing
        self._one_at_a_time = asyncio.Lock()
        self._refused: str | None = None

    def recall(self, void: Live) -> None:
        """After a restart: an attempt that was made before it."""
        self.void = void

    def begun(self, live: Live) -> bool:
        """Whether a void of this payment is on record: then only the void says what becomes of it.

        After a restart that may be all that tells of the wish to take it back: what an inquiry had shown is not kept.
        """
        return self.void is not None and self.void.payment.parent == live.payment.id

    async def advance(self, sale: Live, still: Callable[[], bool]) -> Payment | None:
        """One step: sends the void, or asks what became of it. The payment closed, once that is proven."""
        async with self._one_at_a_time:
            if not still():
                return None
            void = self.void if self.begun(sale) else None
            if void is None or _to_be_tried_again(void):
                self.void = void = await self._take_back(sale)
            elif void.payment.open:
                await self._inquire(void)
            async with self._closing:
                return await self._judge(sale, void) if still() else None

    async def _inquire(self, void: Live) -> None:
        outcome = await self._ask(void)
        if outcome is None:
            return
        async with self._closing:
            if void.payment.open:
                void.payment = await self._books.close(void.payment, outcome, Cause.INQUIRY)
                self._books.feed.publish(void.payment)
        await self._settle(void.operation)

    async def _judge(self, sale: Live, void: Live) -> Payment | None:
        match void.payment.stage:
            case Stage.APPROVED:
                detail = {"reversal": void.payment.id}
                return await self._books.close(sale.payment, _taken_back(sale), Cause.REVERSAL, detail)
            case Stage.DECLINED | Stage.ABORTED | Stage.NOT_STARTED if (
                self._refused != void.payment.id and not _to_be_tried_again(void)
            ):
                self._refused = void.payment.id
                said = {"reversal": void.payment.id, "stage": void.payment.stage}
                log.error("reversal_refused", payment=sale.payment.id, **said)
                self._books.note(sale.payment.id, sale.payment.terminal, EventType.EVIDENCE, said)
            case _:
                pass
        return None


def _to_be_tried_again(void: Live) -> bool:
    """Whether the void never reached the terminal and may do so later; what the wire cannot say, it never will."""
    outcome = void.payment.outcome
    return isinstance(outcome, NotStarted) and outcome.reason is not NotStartedReason.CANNOT_EXPRESS


def _taken_back(sale: Live) -> Aborted:
    outcome = sale.payment.outcome
    refused = isinstance(outcome, InDoubt) and outcome.reason is not DoubtReason.REVERSAL_ASKED
    return Aborted(AbortedBy.CASHIER if refused else AbortedBy.UNSPECIFIED, wire_reason="reversed")
