from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.hipay.till import settings
from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.cashier_refusals import REFUSED
from tillbridge.domain.errors import CATALOGUE, BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import AbortReply, Payment
from tillbridge.protocols.hipay import cart
from tillbridge.protocols.hipay.answers import Answers, Remarks, echo_of, notes
from tillbridge.protocols.hipay.messages import AmountStyle, Echo, Warned, read_order

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TEN = Money(1023, EUR)
ECHO = Echo("10,23", AmountStyle.COMMA, False, {}, {}, {})
STAGES = {
    Approved: Stage.APPROVED,
    Declined: Stage.DECLINED,
    Aborted: Stage.ABORTED,
    NotStarted: Stage.NOT_STARTED,
    InDoubt: Stage.IN_DOUBT,
}


def payment(outcome: Outcome | None = None, **different: Any) -> Payment:
    stage = Stage.SENDING if outcome is None else STAGES[type(outcome)]
    usual = Payment("p1", Kind.SALE, stage, TEN, "t1", "hipay:log", "hipay", "01", NOON, "A1", outcome=outcome)
    return replace(usual, closed_at=None if outcome is None else NOON, **different)


NO_REMARKS = Remarks()


def told(outcome: Outcome | None = None, echo: Echo = ECHO, remarks: Remarks = NO_REMARKS, **different: Any) -> Any:
    asked = {name: different.pop(name) for name in list(different) if name in Payment.__dataclass_fields__}
    answer = Answers(settings(**different)).payment(payment(outcome, **asked), echo, remarks, "trace")
    assert answer.status == 200
    return answer.body


def test_an_approval_tells_everything() -> None:
    card = CardUse("497010######7890", EntryMode.CONTACTLESS, "00B", "A0000000421010")
    body = told(Approved(TEN, card, "123456", "1234567", "the slip"))
    assert (body["paymentStatus"], body["outcome"], body["money_moved"], body["code"]) == (
        "SUCCESS",
        "approved",
        "yes",
        "approved",
    )
    assert body["card"] == {
        "masked_pan": "497010######7890",
        "entry_mode": "contactless",
        "application": "00B",
        "aid": "A0000000421010",
    }
    assert (body["authorization_code"], body["contract"], body["receipt"]) == ("123456", "1234567", "the slip")
    assert (body["paid_at"], body["replayed"], body["retryable"]) == ("2026-01-02T12:00:00+00:00", False, False)
    assert "errorCode" not in body
    assert "amount_requested" not in body
    assert body["warnings"] == []


def test_nobody_was_told_and_that_is_what_is_said() -> None:
    body = told(Approved(TEN))
    assert (body["notificationHipaySent"], body["numberOfNotificationSent"]) == (False, 0)
    assert body["notification_state"] == "not_configured"


def test_what_the_terminal_did_not_tell_is_left_out() -> None:
    assert {"card", "authorization_code", "contract", "receipt"}.isdisjoint(told(Approved(TEN)))
    assert told(Approved(TEN, CardUse(masked_pan="#### 1234")))["card"] == {"masked_pan": "#### 1234"}


def test_a_part_that_was_paid_comes_with_what_was_asked() -> None:
    body = told(Approved(Money(500, EUR)))
    assert (body["paymentStatus"], body["amount"], body["amount_requested"]) == ("SUCCESS", "5,00", "10,23")
    assert [warning["code"] for warning in body["warnings"]] == ["partial_approval"]
    assert "rest" in body["operator_text"]


@pytest.mark.parametrize(
    ("outcome", "error", "moved", "retryable"),
    [
        (Declined(DeclineReason.REFUSED, "04 51"), "1006", "no", True),
        (Aborted(AbortedBy.CUSTOMER), "1006", "no", True),
        (NotStarted(NotStartedReason.PORT_UNAVAILABLE, "no /dev/ttyUSB0"), "1004", "no", True),
        (InDoubt(DoubtReason.NO_ANSWER, "60 s"), "1001", "unknown", False),
    ],
)
def test_a_failure_says_what_is_known_of_the_money(outcome: Outcome, error: str, moved: str, retryable: bool) -> None:
    body = told(outcome)
    assert (body["paymentStatus"], body["errorCode"]) == ("FAILURE", error)
    assert (body["money_moved"], body["retryable"]) == (moved, retryable)
    assert body["amount"] == "10,23"


@pytest.mark.parametrize("reason", DoubtReason)
def test_a_doubt_has_the_whole_shape(reason: DoubtReason) -> None:
    body = told(InDoubt(reason, "what was seen"))
    assert (body["outcome"], body["money_moved"], body["device_locked"]) == ("unknown", "unknown", True)
    assert body["errorCode"] != "1006"
    assert "check the terminal" in body["errorDescription"]
    assert body["detail"] == "what was seen"
    assert "paid_at" not in body


def test_a_payment_that_still_runs_is_unknown_whatever_was_sent() -> None:
    for stage in (Stage.ACCEPTED, Stage.SENDING):
        body = told(None, stage=stage, progress=Progress.WAITING_FOR_PIN)
        assert (body["paymentStatus"], body["errorCode"], body["code"]) == ("FAILURE", "1001", "still_running")
        assert (body["outcome"], body["money_moved"], body["device_locked"]) == ("unknown", "unknown", True)
        assert body["progress"] == "waiting_for_pin"


def test_the_reason_of_the_terminal_comes_as_it_came() -> None:
    assert told(Declined(DeclineReason.REFUSED, "04 51"))["terminal_reason"] == "04 51"
    assert "terminal_reason" not in told(Declined())


def test_a_refund_is_a_credit() -> None:
    body = told(Approved(TEN), kind=Kind.REFUND)
    assert (body["transationType"], body["transactionType"]) == ("Credit", "Credit")
    assert "refund" in body["operator_text"]


# ---------------------------------------------------------------- styles and quirks


@pytest.mark.parametrize(
    ("quirk", "whole", "part"),
    [
        ("caller", "10,23", "5,00"),
        ("number", Decimal("10.23"), Decimal("5.00")),
        ("point", "10.23", "5.00"),
        ("comma", "10,23", "5,00"),
    ],
)
def test_amounts_in_the_style_of_the_settings(quirk: str, whole: object, part: object) -> None:
    quirks = {"amounts": quirk}
    assert told(Approved(TEN), quirks=quirks)["amount"] == whole
    assert told(Approved(Money(500, EUR)), quirks=quirks)["amount"] == part


@pytest.mark.parametrize(
    ("echo", "whole", "part"),
    [
        (Echo(Decimal("10.23"), AmountStyle.NUMBER, False, {}, {}, {}), Decimal("10.23"), Decimal("5.00")),
        (Echo("10.23", AmountStyle.POINT, False, {}, {}, {}), "10.23", "5.00"),
        (Echo("010,23", AmountStyle.COMMA, False, {}, {}, {}), "010,23", "5,00"),
    ],
)
def test_amounts_in_the_style_of_the_caller(echo: Echo, whole: object, part: object) -> None:
    assert told(Approved(TEN), echo)["amount"] == whole
    assert told(Approved(Money(500, EUR)), echo)["amount"] == part


def test_the_misspelt_type_alone() -> None:
    assert "transactionType" not in told(Approved(TEN), quirks={"misspelt_type_only": True})


def test_a_contract_that_the_shop_does_not_know_is_a_warning() -> None:
    paid = Approved(TEN, contract="7654321")
    assert told(paid)["warnings"] == []
    assert told(paid, contracts=["7654321"])["warnings"] == []
    body = told(paid, contracts=["1234567"])
    assert body["paymentStatus"] == "SUCCESS"
    assert [warning["code"] for warning in body["warnings"]] == ["contract_unknown"]


def test_warnings_of_the_desk_are_explained() -> None:
    body = told(Approved(TEN), warnings=("online_authorization_left_to_terminal", "something_new"))
    assert [(one["code"], one["field"]) for one in body["warnings"]] == [
        ("online_authorization_left_to_terminal", "force_authorization"),
        ("something_new", ""),
    ]


def test_warnings_of_the_request_and_of_the_cart_come_along() -> None:
    checked = cart.check([1], TEN)
    body = told(Approved(TEN), remarks=Remarks((Warned("c", "f", "t"),), checked))
    assert (body["cart_status"], body["cart_problems"][0]["code"]) == ("left_out", "not_an_object")
    assert [(one["code"], one["field"]) for one in body["warnings"]] == [("c", "f"), ("cart_not_an_object", "cart[1]")]


@pytest.mark.parametrize(
    ("language", "start"), [("de", "Die Karte wurde"), ("fr", "La carte"), ("cs", "Karta"), ("en", "The card")]
)
def test_the_cashier_is_spoken_to_in_the_language_of_the_shop(language: str, start: str) -> None:
    assert told(Declined(DeclineReason.REFUSED), language=language)["operator_text"].startswith(start)


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("amount", ["10.23", '"10.23"', '"10,23"', "10.2"])
@pytest.mark.parametrize("lines", ['{"name": "x", "unit_price": 8.990}', '[{"a": 1.50}]', "{}", "[]"])
def test_the_echo_survives_being_kept(amount: str, lines: str) -> None:
    body = f'{{"amount": {amount}, "cart": {lines}, "customer": {{"id": 7}}, "custom_data": {{"f": 1.10}}}}'
    order = read_order(body.encode())
    kept = notes(order.echo, cart.check(order.echo.cart, order.amount))
    assert all(isinstance(value, str | bool) for value in kept.values())
    again = echo_of(payment(notes=kept))
    assert again == (order.echo if lines != "[]" else replace(order.echo, cart={}))


def test_receivers_get_a_cart_only_if_it_adds_up() -> None:
    line = (
        '{"product_reference": "r", "name": "n", "type": "good", "quantity": 1, "unit_price": 11.23, "tax_rate": 20,'
        ' "discount": 1, "total_amount": 10.23}'
    )
    order = read_order(f'{{"amount": 10.23, "cart": [{line}]}}'.encode())
    kept = notes(order.echo, cart.check(order.echo.cart, order.amount))
    assert kept["cart_status"] == "complete"
    assert '"discount":-1' in str(kept["cart"])
    assert '"discount":1' in str(kept["cart_as_sent"])
    wrong = notes(order.echo, cart.check(order.echo.cart, Money(1, EUR)))
    assert (wrong["cart_status"], "cart" in wrong) == ("left_out", False)


def test_a_payment_without_notes_can_be_shown() -> None:
    bare = payment(Approved(TEN))
    body = Answers(settings()).payment(bare, echo_of(bare), Remarks(), "trace").body
    assert (body["amount"], body["cart"], body["forceAuthorization"]) == (Decimal("10.23"), {}, False)


# ---------------------------------------------------------------- refusals


def refusal(code: Code, shape: str = "both", **more: Any) -> Any:
    error = BridgeError(code, more.pop("detail", ""), **more)
    answer = Answers(settings(quirks={"error_shape": shape})).refusal(error, "trace")
    assert answer.status == CATALOGUE[code].status
    return answer.body


def test_a_refusal_comes_in_both_shapes_or_in_one() -> None:
    both, flat, envelope = (refusal(Code.TERMINAL_BUSY, shape) for shape in ("both", "flat", "envelope"))
    wire = {"paymentStatus": "FAILURE", "errorCode": "1000", "errorDescription": CATALOGUE[Code.TERMINAL_BUSY].title}
    assert both["error"] == envelope["error"] == wire
    assert wire.items() <= both.items()
    assert wire.items() <= flat.items()
    assert "error" not in flat
    assert wire.keys().isdisjoint(envelope)
    for body in (both, flat, envelope):
        assert (body["code"], body["money_moved"], body["retryable"]) == ("terminal_busy", "no", True)


def test_a_refusal_names_the_field_and_the_payment_in_the_way() -> None:
    body = refusal(Code.ORDER_CONFLICT, detail="it was 5.00 EUR", place="order_id", payment_id="p1")
    assert (body["field"], body["payment_id"]) == ("order_id", "p1")
    assert body["errorDescription"].endswith("currency: it was 5.00 EUR")


def test_a_locked_terminal_is_told() -> None:
    assert refusal(Code.TERMINAL_LOCKED)["device_locked"] is True
    assert refusal(Code.TERMINAL_BUSY)["device_locked"] is False


@pytest.mark.parametrize("code", Code)
def test_only_a_fault_of_our_own_leaves_the_money_open(code: Code) -> None:
    body = refusal(code)
    unsure = code is Code.INTERNAL
    assert (body["money_moved"], body["outcome"]) == (("unknown", "unknown") if unsure else ("no", "not_started"))
    assert body["operator_text"] == REFUSED[code].en
    assert not (unsure and body["retryable"])


@pytest.mark.parametrize(("reply", "status"), list(zip(AbortReply, [202, 200, 200], strict=True)))
def test_a_wish_to_stop_is_answered_with_the_payment(reply: AbortReply, status: int) -> None:
    answer = Answers(settings()).cancellation(reply, payment(), "trace")
    assert (answer.status, answer.body["cancel"], answer.body["code"]) == (status, reply.value, "still_running")
