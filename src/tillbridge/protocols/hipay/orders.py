"""What the door does with an order: reads it, hands it to the desk, waits, and answers.

Everything before `desk.start` refuses with a code of the catalogue. From there on money may move, so that whatever
goes wrong is answered as unknown and never as a refusal (law 2).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import Payment, PaymentDesk, PaymentRequest
from tillbridge.protocols.deliveries import NOT_REPORTED, Deliveries, Reported, ReportState
from tillbridge.protocols.hipay import cart
from tillbridge.protocols.hipay.answers import Answer, Answers, Remarks, echo_of, notes
from tillbridge.protocols.hipay.cart import CheckedCart
from tillbridge.protocols.hipay.messages import Order, read_key, read_order
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.effects import Runtime

NAME: Final = "hipay"
"""The door's name, in entry points, in `PaymentRequest.door` and before the login in `PaymentRequest.caller`."""

_LOOK_FIRST: Final = "check the terminal before you try again"
_PAYMENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer, the payment that it is about, and whether it tells how that payment ended."""

    answer: Answer
    payment_id: str | None = None
    final: bool = False


class Orders:
    """The orders of one caller over a desk."""

    def __init__(
        self,
        settings: HipaySettings,
        desk: PaymentDesk,
        runtime: Runtime,
        answers: Answers,
        read: Callable[[bytes], Order] = read_order,
    ) -> None:
        self._read = read
        self.caller = f"{NAME}:{settings.api_username}"
        self._settings = settings
        self._desk = desk
        self._runtime = runtime
        self._answers = answers
        self._deliveries: Deliveries | None = None

    def use_deliveries(self, deliveries: Deliveries) -> None:
        """From now on answers say what these know of the report to HiPay."""
        self._deliveries = deliveries

    async def pay(self, body: bytes, keys: list[bytes], trace_id: str) -> Result:
        """`POST /order`: one payment, answered when the terminal is done or the till's patience ends."""
        order = self._read(body)
        key = read_key(keys)
        if order.kind is Kind.REFUND and key is None:
            raise BridgeError(Code.KEY_REQUIRED, "a Credit needs the header Idempotency-Key", place="Idempotency-Key")
        checked = cart.check(order.echo.cart, order.amount)
        started = await self._start(self._request(order, key, checked), trace_id)
        if isinstance(started, BridgeError):
            return Result(self._answers.refusal(started, trace_id))
        ended = await self._wait(started, trace_id)
        if isinstance(ended, BridgeError):
            return Result(self._answers.refusal(ended, trace_id), started.id)
        reported = await self._reported(ended, patiently=not ended.running)
        answer = self._answers.payment(ended, order.echo, Remarks(order.warnings, checked), trace_id, reported)
        return Result(answer, ended.id, not ended.running)

    async def ask(self, reference: str, trace_id: str) -> Result:
        """`GET /order/{id}`: the payment as it stands, by order number or payment id."""
        payment = await self._find(reference)
        reported = await self._reported(payment, patiently=False)
        answer = self._answers.payment(payment, echo_of(payment), Remarks(), trace_id, reported)
        return Result(answer, payment.id, not payment.running)

    async def cancel(self, reference: str, trace_id: str) -> Result:
        """`POST /order/{id}/cancel`: asks the terminal to stop; the end is still read from the payment (law 5)."""
        payment = await self._find(reference)
        reply = await self._desk.abort(payment.id)
        now = await self._desk.inquire(payment.id)
        reported = await self._reported(now, patiently=False)
        return Result(self._answers.cancellation(reply, now, trace_id, reported))

    def _request(self, order: Order, key: str | None, checked: CheckedCart) -> PaymentRequest:
        return PaymentRequest(
            kind=order.kind,
            amount=order.amount,
            caller=self.caller,
            door=NAME,
            terminal=self._settings.terminal,
            order_id=order.order_id or self._runtime.ids.new(),
            key=key,
            fingerprint=order.fingerprint(),
            online=self._online(order),
            partial_allowed=self._settings.partial_approval and order.kind is Kind.SALE,
            notes=notes(order.echo, checked),
        )

    def _online(self, order: Order) -> bool:
        """Forced, or above the threshold; equal is not above (README, section 5)."""
        threshold = self._settings.authorization_threshold
        above = threshold is not None and Decimal(order.amount.major()) > threshold
        return order.echo.force_authorization or above

    async def _start(self, request: PaymentRequest, trace_id: str) -> Payment | BridgeError:
        try:
            return await self._desk.start(request)
        except BridgeError as refused:
            return refused
        except Exception:  # noqa: BLE001 - whatever it was, the till hears that nothing is known
            _log.exception("the desk failed on a new payment", trace_id=trace_id, order_id=request.order_id)
            return BridgeError(Code.INTERNAL, f"it is not known whether the payment was started; {_LOOK_FIRST}")

    async def _wait(self, started: Payment, trace_id: str) -> Payment | BridgeError:
        if not started.running:
            return started
        try:
            ended = await self._desk.wait(started.id, self._settings.patience)
        except Exception:  # noqa: BLE001 - whatever it was, the till hears that nothing is known
            _log.exception("the desk failed during a payment", trace_id=trace_id, payment_id=started.id)
            detail = f"it is not known how the payment ended; {_LOOK_FIRST}"
            return BridgeError(Code.INTERNAL, detail, payment_id=started.id)
        return replace(ended, replayed=True) if started.replayed else ended

    async def _reported(self, payment: Payment, *, patiently: bool) -> Reported:
        """Whether HiPay knows of it. Whatever goes wrong there, the payment is answered as it is."""
        if self._deliveries is None:
            return NOT_REPORTED
        try:
            return await self._deliveries.reported(payment, patiently=patiently)
        except Exception:  # noqa: BLE001 - the payment is over: nothing of the report may turn its answer into a fault
            _log.exception("a report could not be looked up", payment_id=payment.id)
            return Reported(0, ReportState.WAITING)

    async def _find(self, reference: str) -> Payment:
        """This caller's payment; those of others do not exist for it."""
        unknown = BridgeError(Code.PAYMENT_UNKNOWN, f"nothing is known under {reference[:64]!r}", place="id")
        try:
            return await self._desk.find_order(self.caller, reference)
        except BridgeError as error:
            if error.code is not Code.PAYMENT_UNKNOWN:
                raise
        if _PAYMENT_ID.fullmatch(reference) is None:
            raise unknown
        try:
            payment = await self._desk.inquire(reference)
        except BridgeError as error:
            if error.code is not Code.PAYMENT_UNKNOWN:
                raise
            raise unknown from None
        if payment.caller != self.caller:
            raise unknown
        return payment

    async def told(self, payment_id: str, reached: bool) -> None:
        """Notes at the desk whether the till was still there to hear the result."""
        await self._desk.delivered(payment_id, self.caller, reached)
