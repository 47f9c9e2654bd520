"""What a till hears: HiPay's own fields in HiPay's own shapes, and everything that it lacks in fields of ours.

protocols/hipay/README.md, section 4, lists the fields. Sans-IO: payments and refusals in, JSON values out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, assert_never

from tillbridge.domain.card import CardUse
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import outcome_text, running_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, MoneyMoved, NotStarted
from tillbridge.protocols.contract import AbortReply, Payment
from tillbridge.protocols.deliveries import NOT_REPORTED, Reported
from tillbridge.protocols.hipay import verdicts
from tillbridge.protocols.hipay.cart import CheckedCart, Problem
from tillbridge.protocols.hipay.messages import AmountStyle, Echo, Warned
from tillbridge.protocols.hipay.settings import AnswerAmount, ErrorShape, HipaySettings
from tillbridge.protocols.hipay.strict_json import read_value
from tillbridge.protocols.hipay.verdicts import PaymentStatus, Verdict
from tillbridge.protocols.strict_json import JsonObject, write

_TYPES: Final = {Kind.REFUND: "Credit"}

_OF_DESK: Final[Mapping[str, tuple[str, str]]] = {
    "online_authorization_left_to_terminal": (
        "force_authorization",
        "this terminal's protocol cannot ask for online authorisation: the terminal decides by itself",
    ),
}
"""The field and the sentence for a warning of the desk, by its code."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the JSON object that goes with it; `listed`: as the one member of a list."""

    status: int
    body: JsonObject
    listed: bool = False

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return write([self.body] if self.listed else self.body)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was noticed while the request was read: warnings, and what became of its cart."""

    warnings: tuple[Warned, ...] = ()
    cart: CheckedCart | None = None


# ---------------------------------------------------------------- what is kept with the payment


def notes(echo: Echo, cart: CheckedCart) -> Mapping[str, object]:
    """What the desk keeps for receivers and for `GET /order/{id}`.

    Values are JSON texts, so that every digit survives whatever the desk stores them in. `cart` is there only if it
    adds up; `cart_as_sent` only where the caller's own differs from it.
    """
    kept: dict[str, object] = {
        "amount": write(echo.amount),
        "force_authorization": echo.force_authorization,
        "cart_status": cart.status.value,
    }
    parts: dict[str, object] = {
        "cart": cart.lines,
        "cart_as_sent": {} if echo.cart == list(cart.lines) else echo.cart,
        "customer": echo.customer,
        "custom_data": echo.custom_data,
    }
    return kept | {name: write(part) for name, part in parts.items() if part}


def echo_of(payment: Payment) -> Echo:
    """The echo of an earlier request, from the notes that were kept with its payment."""
    kept = payment.notes
    amount = _kept(kept, "amount")
    style = AmountStyle.NUMBER
    if isinstance(amount, str):
        style = AmountStyle.COMMA if "," in amount else AmountStyle.POINT
    cart = _kept(kept, "cart_as_sent") or _kept(kept, "cart") or {}
    customer, custom_data = _kept(kept, "customer"), _kept(kept, "custom_data")
    return Echo(
        amount,
        style,
        kept.get("force_authorization") is True,
        cart,
        customer if isinstance(customer, dict) else {},
        custom_data if isinstance(custom_data, dict) else {},
    )


def _kept(kept: Mapping[str, object], name: str) -> object:
    text = kept.get(name)
    return read_value(text) if isinstance(text, str) else None


# ---------------------------------------------------------------- answers


class Answers:
    """Writes answers in the shapes that the settings ask for."""

    def __init__(self, settings: HipaySettings) -> None:
        self._settings = settings
        self._language = settings.language

    def payment(
        self, payment: Payment, echo: Echo, remarks: Remarks, trace_id: str, reported: Reported = NOT_REPORTED
    ) -> Answer:
        """A payment as it stands: HTTP 200, whatever the terminal said (README, section 4)."""
        verdict = verdicts.verdict(payment.outcome) if payment.outcome is not None else verdicts.RUNNING
        body = self._wire_fields(payment, echo, verdict) | self._our_fields(payment, verdict, trace_id)
        body |= {
            "notificationHipaySent": reported.sent > 0,
            "numberOfNotificationSent": reported.sent,
            "notification_state": reported.state.value,
        }
        warnings = [*remarks.warnings, *self._warnings(payment)]
        if remarks.cart is not None:
            body["cart_status"] = remarks.cart.status.value
            warnings += _cart_warnings(remarks.cart.problems)
            if remarks.cart.problems:
                body["cart_problems"] = [_problem(problem) for problem in remarks.cart.problems]
        elif "cart_status" in payment.notes:
            body["cart_status"] = payment.notes["cart_status"]
        body["warnings"] = [{"code": one.code, "field": one.field, "text": one.text} for one in warnings]
        return Answer(200, body)

    def upkeep(self, body: JsonObject) -> Answer:
        """What a path for maintenance says."""
        return Answer(200, body)

    def version(self, version: str, system: str) -> Answer:
        """What runs here."""
        return self.upkeep({"version": f"{version}-concertv2-{system}"})

    def cancellation(
        self, reply: AbortReply, payment: Payment, trace_id: str, reported: Reported = NOT_REPORTED
    ) -> Answer:
        """What became of the wish to stop, with the payment as it stands now; asking is not yet being stopped."""
        answer = self.payment(payment, echo_of(payment), Remarks(), trace_id, reported)
        status = 202 if reply is AbortReply.REQUESTED else 200
        return Answer(status, answer.body | {"cancel": reply.value})

    def refusal(self, error: BridgeError, trace_id: str, status: int | None = None) -> Answer:
        """A refusal: nothing was sent to a terminal for this request, except where a fault leaves that open."""
        unknown = error.code is Code.INTERNAL
        flat: JsonObject = {
            "paymentStatus": PaymentStatus.FAILURE.value,
            "errorCode": verdicts.REFUSED.value,
            "errorDescription": f"{error.entry.title[:-1]}: {error.detail}" if error.detail else error.entry.title,
        }
        ours: JsonObject = {
            "code": error.code.value,
            "field": error.place,
            "detail": error.detail or error.entry.title,
            "action": error.entry.action,
            "outcome": "unknown" if unknown else "not_started",
            "money_moved": (MoneyMoved.UNKNOWN if unknown else MoneyMoved.NO).value,
            "retryable": verdicts.refusal_retryable(error.code),
            # After a fault of ours in the middle of a payment, that payment still occupies its terminal.
            "device_locked": error.code is Code.TERMINAL_LOCKED or (unknown and error.payment_id is not None),
            "operator_text": refusal_text(error.code, self._language),
            "trace_id": trace_id,
        }
        if error.payment_id is not None:
            ours["payment_id"] = error.payment_id
        return Answer(status or error.entry.status, self._shaped(flat) | ours)

    def _shaped(self, flat: JsonObject) -> JsonObject:
        match self._settings.quirks.error_shape:
            case ErrorShape.FLAT:
                return flat
            case ErrorShape.ENVELOPE:
                return {"error": flat}
            case ErrorShape.BOTH:
                return {"error": flat} | flat
            case shape:
                assert_never(shape)

    def _wire_fields(self, payment: Payment, echo: Echo, verdict: Verdict) -> JsonObject:
        body: JsonObject = {
            "paymentStatus": verdict.status.value,
            "notificationHipaySent": False,
            "numberOfNotificationSent": 0,
        }
        if verdict.error_code is not None:
            body |= {"errorCode": verdict.error_code.value, "errorDescription": verdict.description}
        asked = payment.amount
        if asked is not None:
            paid = payment.outcome.amount if isinstance(payment.outcome, Approved) else asked
            body["amount"] = self._amount(paid, asked, echo)
            if paid != asked:
                body["amount_requested"] = self._amount(asked, asked, echo)
            body["currency"] = asked.currency.code
        kind = _TYPES.get(payment.kind, "Debit")
        body |= {"orderId": payment.order_id, "transationType": kind}
        if not self._settings.quirks.misspelt_type_only:
            body["transactionType"] = kind
        # A cart that is neither an object nor a list is left out: tills read an object here.
        cart = echo.cart if isinstance(echo.cart, dict | list) else {}
        echoed = {"cart": cart, "customer": echo.customer, "customData": echo.custom_data}
        return body | {"forceAuthorization": echo.force_authorization} | echoed

    def _amount(self, money: Money, asked: Money, echo: Echo) -> object:
        """In the caller's own style; the very amount that it asked for comes back as the very text that it sent."""
        wanted = self._settings.quirks.amounts
        if wanted is AnswerAmount.CALLER:
            if money == asked and echo.amount is not None:
                return echo.amount
            wanted = AnswerAmount(echo.style.value)
        match wanted:
            case AnswerAmount.COMMA:
                return money.major(",")
            case AnswerAmount.POINT:
                return money.major()
            case _:
                return Decimal(money.major())

    def _our_fields(self, payment: Payment, verdict: Verdict, trace_id: str) -> JsonObject:
        unsure = payment.open
        moved = MoneyMoved.UNKNOWN if unsure else payment.money_moved
        body: JsonObject = {
            "payment_id": payment.id,
            "outcome": verdict.outcome,
            "money_moved": moved.value,
            "code": verdict.code,
            "retryable": verdict.retryable,
            "device_locked": unsure,
            "replayed": payment.replayed,
            "terminal": payment.terminal,
            "notification_state": NOT_REPORTED.state.value,
            "operator_text": self._operator_text(payment),
            "trace_id": trace_id,
        }
        return body | _details(payment)

    def _operator_text(self, payment: Payment) -> str:
        outcome = payment.outcome
        if outcome is None:
            return running_text(self._language)
        in_part = isinstance(outcome, Approved) and outcome.amount != payment.amount
        return outcome_text(payment.kind, outcome, self._language, in_part=in_part)

    def _warnings(self, payment: Payment) -> Iterable[Warned]:
        for code in payment.warnings:
            field, text = _OF_DESK.get(code, ("", code.replace("_", " ")))
            yield Warned(code, field, text)
        outcome = payment.outcome
        if not isinstance(outcome, Approved):
            return
        if payment.amount is not None and outcome.amount != payment.amount:
            text = f"{outcome.amount} of {payment.amount} was approved; the rest is still to be paid"
            yield Warned("partial_approval", "amount", text)
        known = self._settings.known_contracts
        if outcome.contract is not None and known and outcome.contract not in known:
            yield Warned("contract_unknown", "contract", "the terminal used a contract that the settings do not name")


def _details(payment: Payment) -> JsonObject:
    """What the terminal told beyond the result, as far as it told it."""
    found: JsonObject = {}
    match payment.outcome:
        case Approved(card=card, authorization_code=authorization, contract=contract, ticket=ticket):
            found = {
                "paid_at": payment.closed_at.isoformat() if payment.closed_at is not None else None,
                "card": _card(card) if card is not None else None,
                "authorization_code": authorization,
                "contract": contract,
                "receipt": ticket,
            }
        case Declined(wire_reason=wire, ticket=ticket) | Aborted(wire_reason=wire, ticket=ticket):
            found = {"terminal_reason": wire, "receipt": ticket}
        case NotStarted(detail=detail) | InDoubt(detail=detail):
            found = {"detail": detail or None}
        case None:
            found = {"progress": payment.progress.value if payment.progress is not None else None}
        case outcome:
            assert_never(outcome)
    return {name: value for name, value in found.items() if value is not None}


def _card(card: CardUse) -> JsonObject:
    told = {
        "masked_pan": card.masked_pan,
        "entry_mode": card.entry_mode.value if card.entry_mode is not None else None,
        "application": card.application,
        "aid": card.aid,
    }
    return {name: value for name, value in told.items() if value is not None}


def _problem(problem: Problem) -> JsonObject:
    return {"code": problem.fault.value, "line": problem.line, "field": problem.field, "text": problem.text}


def _cart_warnings(problems: tuple[Problem, ...]) -> Iterable[Warned]:
    for problem in problems:
        where = "cart" if problem.line is None else f"cart[{problem.line}]"
        field = where if problem.field is None else f"{where}.{problem.field}"
        yield Warned(f"cart_{problem.fault}", field, problem.text)
