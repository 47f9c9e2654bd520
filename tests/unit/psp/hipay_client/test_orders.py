"""The form of a passive order: every field that HiPay wants, and only what it may get."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hipay_gateway import refusal
from tests.unit.engine.puppet import LOST
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Declined
from tillbridge.protocols.contract import Payment
from tillbridge.psp.hipay.orders import Contract, hipay_order_id, is_reported, passive_order

HASHKEY = "the merchant's own"
CONTRACT = Contract("m1", "1234567")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CART = [{"name": "Tea", "quantity": 1, "total_amount": 10.23}]


def paid(minor: int = 1023, kind: Kind = Kind.SALE, **more: Any) -> Payment:
    usual = Payment(
        "0" * 31 + "1", kind, Stage.APPROVED, Money(minor, EUR), "t1", "hipay:log", "hipay", "01", AT, order_id="47",
        outcome=Approved(Money(minor, EUR)),
    )  # fmt: skip
    return replace(usual, **more)


def fields(payment: Payment) -> dict[str, str]:
    return dict(passive_order(payment, CONTRACT, HASHKEY).fields)


@pytest.mark.parametrize(
    ("kind", "operation", "code"),
    [
        (Kind.SALE, "Sale", "200100"),
        (Kind.AUTHORIZATION, "Authorization", "200000"),
        (Kind.REFUND, "Credit", "200350"),
    ],
)
def test_each_kind_has_its_operation_and_code_and_what_hipay_demands(kind: Kind, operation: str, code: str) -> None:
    found = fields(paid(kind=kind))
    assert refusal(found) is None
    product = json.loads(found["payment_product_parameters"])
    assert (found["operation"], product["code"], found["eci"]) == (operation, code, "10")
    assert (found["payment_product"], found["initialize_payment_terminal"]) == ("tpe", "0")
    assert (found["amount"], found["currency"]) == ("10.23", "EUR")
    assert (product["mid"], product["acquirer_registrationid"]) == ("m1", "1234567")
    said = found["orderid"] + "10.23" + "EUR" + HASHKEY
    assert product["hash"] == hashlib.sha1(said.encode()).hexdigest()  # noqa: S324
    assert "basket" not in found


def test_what_was_not_approved_and_what_has_no_passive_order_is_not_reported() -> None:
    assert not is_reported(paid(outcome=Declined()))
    assert not is_reported(paid(outcome=LOST))
    assert not is_reported(paid(outcome=None))
    for kind in (Kind.CAPTURE, Kind.VOID, Kind.RECONCILIATION):
        assert not is_reported(paid(kind=kind))
    with pytest.raises(TypeError):
        fields(paid(outcome=Declined()))


def test_the_basket_goes_only_where_it_comes_to_what_was_paid() -> None:
    notes = {"cart_status": "complete", "cart": json.dumps(CART)}
    assert json.loads(fields(paid(notes=notes))["basket"]) == CART
    in_part = paid(notes=notes, outcome=Approved(Money(500, EUR)))
    assert "basket" not in fields(in_part)
    assert fields(in_part)["amount"] == "5.00"
    for left_out in ({"cart_status": "left_out"}, {"cart": "[1]"}, {"cart": "{}"}, {"cart": "no json"}, {"cart": 7}):
        assert "basket" not in fields(paid(notes=notes | left_out))


def test_the_customer_comes_under_any_spelling_and_on_one_line() -> None:
    customer = {"id": 283749291, "firstName": "John\r\nBcc: x", "last_name": "D" * 300, "email": "j@doe.example"}
    found = fields(paid(notes={"customer": json.dumps(customer), "custom_data": '{"event": 42}'}))
    assert (found["cid"], found["firstname"], found["email"]) == ("283749291", "John Bcc: x", "j@doe.example")
    assert found["lastname"] == "D" * 128
    assert found["custom_data"] == '{"event": 42}'
    assert "firstname" not in fields(paid(notes={"customer": '{"firstName": true, "id": {}}'}))


def test_an_authorization_code_goes_where_there_is_one() -> None:
    found = fields(paid(outcome=Approved(Money(1023, EUR), authorization_code="123456")))
    assert json.loads(found["payment_product_parameters"])["authorization_code"] == "123456"


def test_a_currency_without_cents_has_none() -> None:
    yen = Money(1200, currency("JPY"))
    assert fields(paid(amount=yen, outcome=Approved(yen)))["amount"] == "1200"


@given(st.text(max_size=80), st.text(alphabet="0123456789abcdef", min_size=32, max_size=32))
def test_an_order_id_is_short_plain_and_always_the_same(order_id: str, payment_id: str) -> None:
    found = hipay_order_id(payment_id, order_id)
    assert found == hipay_order_id(payment_id, order_id)
    assert 0 < len(found) <= 32
    assert found.isascii()
    assert not set(found) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert refusal(fields(paid(id=payment_id, order_id=order_id))) is None


def test_the_same_number_on_another_day_is_another_order() -> None:
    assert hipay_order_id("0" * 32, "47") != hipay_order_id("1" * 32, "47")
    assert hipay_order_id("0" * 32, "47").startswith("47-")
    assert hipay_order_id("0" * 32, None).startswith("tillbridge-")


def test_no_secret_and_no_customer_stands_in_an_orders_repr() -> None:
    shown = repr(passive_order(paid(notes={"customer": '{"email": "j@doe.example"}'}), CONTRACT, HASHKEY))
    assert HASHKEY not in shown
    assert "doe" not in shown
