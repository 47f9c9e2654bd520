import json
from decimal import Decimal
from typing import Any

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.protocols.hipay.messages import MAX_KEY, MAX_ORDER_ID, AmountStyle, Order, read_key, read_order


def order(**fields: Any) -> Order:
    return read_order(json.dumps({"amount": 1} | fields).encode())


def refused(**fields: Any) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        order(**fields)
    assert caught.value.entry.status == 400
    return caught.value


def warned(read: Order) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in read.warnings]


def test_everything_but_the_amount_has_a_default() -> None:
    read = read_order(b'{"amount": 9.99}')
    assert read.amount == Money(999, EUR)
    assert (read.kind, read.order_id, read.warnings) == (Kind.SALE, None, ())
    assert read.echo.force_authorization is False
    assert (read.echo.cart, read.echo.customer, read.echo.custom_data) == ({}, {}, {})


def test_null_is_the_same_as_absent() -> None:
    fields = "currency transaction_type order_id force_authorization cart customer custom_data".split()
    assert order(**dict.fromkeys(fields)) == order()


def test_an_empty_list_is_an_empty_object() -> None:
    assert order(customer=[], custom_data=[]) == order()


# ---------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("written", "minor", "style"),
    [
        ("9.99", 999, AmountStyle.NUMBER),
        ("10", 1000, AmountStyle.NUMBER),
        ("0.1", 10, AmountStyle.NUMBER),
        ("0.29", 29, AmountStyle.NUMBER),
        ("1.15", 115, AmountStyle.NUMBER),
        ('"10.23"', 1023, AmountStyle.POINT),
        ('"10,23"', 1023, AmountStyle.COMMA),
        ('"10"', 1000, AmountStyle.POINT),
        ('"10,2"', 1020, AmountStyle.COMMA),
        ("1E+1", 1000, AmountStyle.NUMBER),
        ("9999999999.99", 999999999999, AmountStyle.NUMBER),
    ],
)
def test_an_amount_in_every_style(written: str, minor: int, style: AmountStyle) -> None:
    read = read_order(f'{{"amount": {written}}}'.encode())
    assert read.amount.minor == minor
    assert read.echo.style is style


@pytest.mark.parametrize(
    "written",
    [
        "0",
        "0.00",
        '"0,00"',
        "-1",
        '"-1"',
        "-0.01",
        "10000000000.01",
        "123456789012345678901234567890",
        "10.234",
        '"10,234"',
        "9.990",
        "1e-3",
        '"1e2"',
        '"1.000,00"',
        '"1,000.00"',
        '"1 000"',
        '"1_000"',
        '"+5"',
        '" 5"',
        '"5 "',
        '".5"',
        '"5."',
        '"\u0665"',
        '""',
        '"ten"',
        '"NaN"',
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[10]",
    ],
)
def test_what_is_no_amount(written: str) -> None:
    with pytest.raises(BridgeError) as caught:
        read_order(f'{{"amount": {written}}}'.encode())
    assert (caught.value.code, caught.value.place) == (Code.AMOUNT_INVALID, "amount")


def test_a_missing_amount_is_named() -> None:
    with pytest.raises(BridgeError, match="amount: the amount is missing"):
        read_order(b"{}")


def test_decimals_follow_the_currency() -> None:
    assert order(amount=1000, currency="JPY").amount == Money(1000, BY_CODE["JPY"])
    assert order(amount="1,234", currency="BHD").amount == Money(1234, BY_CODE["BHD"])
    assert refused(amount="10.5", currency="JPY").code is Code.AMOUNT_INVALID


# ---------------------------------------------------------------- currency


def test_the_placeholder_of_the_sample_is_refused_in_clear_words() -> None:
    error = refused(currency="string")
    assert (error.code, error.place) == (Code.CURRENCY_UNKNOWN, "currency")
    assert "placeholder" in error.detail
    assert "EUR" in error.detail


@pytest.mark.parametrize("unknown", ["", "EURO", "eur", "XXX", "978", "X" * 10_000])
def test_an_unknown_currency_is_refused(unknown: str) -> None:
    error = refused(currency=unknown)
    assert (error.code, error.place) == (Code.CURRENCY_UNKNOWN, "currency")
    assert len(error.detail) < 200


# ---------------------------------------------------------------- spellings


@pytest.mark.parametrize("name", ["transaction_type", "transation_type", "transactionType", "transationType"])
def test_the_type_in_every_spelling(name: str) -> None:
    assert order(**{name: "Debit"}).kind is Kind.SALE
    assert order(**{name: "Credit"}).kind is Kind.REFUND
    assert refused(**{name: "Cancel"}).place == name


@pytest.mark.parametrize("name", ["order_id", "orderId"])
def test_the_order_number_in_every_spelling(name: str) -> None:
    assert order(**{name: "Order_12345"}).order_id == "Order_12345"


@pytest.mark.parametrize("name", ["force_authorization", "forceAuthorization"])
def test_the_forced_authorization_in_every_spelling(name: str) -> None:
    assert order(**{name: True}).echo.force_authorization is True


@pytest.mark.parametrize("name", ["cart", "basket"])
@pytest.mark.parametrize(
    "cart", [{"name": "one line"}, [{"name": "first"}, {"name": "second"}], [], {}, "none", 0, False]
)
def test_the_cart_in_every_spelling_and_shape(name: str, cart: object) -> None:
    assert order(**{name: cart}).echo.cart == cart


@pytest.mark.parametrize("name", ["custom_data", "customData"])
def test_the_custom_data_in_every_spelling(name: str) -> None:
    assert order(**{name: {"shop": "Opera"}}).echo.custom_data == {"shop": "Opera"}


@pytest.mark.parametrize(
    "twice",
    [
        {"order_id": "A", "orderId": "B"},
        {"transaction_type": "Debit", "transation_type": "Credit"},
        {"force_authorization": True, "forceAuthorization": False},
        {"cart": {"name": "A"}, "basket": [{"name": "A"}]},
        {"custom_data": {"a": 1}, "customData": {"a": "1"}},
        {"custom_data": {"a": 1}, "customData": {"a": True}},
        {"customer": {"firstname": "John", "firstName": "Jane"}},
        {"customer": {"lastName": "Doe", "last_name": "Roe"}},
    ],
)
def test_two_spellings_that_disagree_are_refused(twice: dict[str, object]) -> None:
    error = refused(**twice)
    assert error.code is Code.FIELD_INVALID
    assert "different" in error.detail


def test_two_spellings_that_agree_are_one() -> None:
    read = order(order_id="A", orderId="A", cart={"a": 1, "b": 2}, basket={"b": 2, "a": 1})
    assert (read.order_id, read.echo.cart) == ("A", {"a": 1, "b": 2})


# ---------------------------------------------------------------- wrong types


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"currency": 978}, "currency"),
        ({"transaction_type": 1}, "transaction_type"),
        ({"transation_type": ["Debit"]}, "transation_type"),
        ({"order_id": 12345}, "order_id"),
        ({"orderId": {}}, "orderId"),
        ({"order_id": "x" * (MAX_ORDER_ID + 1)}, "order_id"),
        ({"order_id": "a\nb"}, "order_id"),
        ({"order_id": "a\x00b"}, "order_id"),
        ({"force_authorization": "false"}, "force_authorization"),
        ({"forceAuthorization": 1}, "forceAuthorization"),
        ({"customer": [{}]}, "customer"),
        ({"customer": "John"}, "customer"),
        ({"customer": {"id": True}}, "customer.id"),
        ({"customer": {"id": 1.5}}, "customer.id"),
        ({"customer": {"firstname": 1}}, "customer.firstname"),
        ({"customer": {"last_name": []}}, "customer.last_name"),
        ({"custom_data": ["x"]}, "custom_data"),
        ({"customData": "x"}, "customData"),
    ],
)
def test_a_wrong_type_is_refused_and_named(fields: dict[str, object], place: str) -> None:
    error = refused(**fields)
    assert (error.code, error.place) == (Code.FIELD_INVALID, place)


# ---------------------------------------------------------------- warnings, never refusals


@pytest.mark.parametrize(
    "email",
    ["[email protected]", "john", "john@", "@doe.fr", "john@doe", "j d@doe.fr", "a@b..fr", 1, False, ["a@b.fr"], {}],
)
def test_an_address_that_does_not_add_up_gives_a_warning(email: object) -> None:
    assert warned(order(customer={"email": email})) == [("email_invalid", "customer.email")]


@pytest.mark.parametrize("email", ["john@doe.fr", "j.doe+shop@mail.doe.co.uk", "", None])
def test_an_address_that_may_be_right_gives_none(email: str | None) -> None:
    assert warned(order(customer={"email": email})) == []


def test_custom_data_of_a_wrong_type_is_dropped_with_a_warning() -> None:
    body = b'{"amount": 1, "custom_data": {"t": "x", "b": true, "i": 42, "f": 1.50, "n": null, "o": {}, "l": [1]}}'
    read = read_order(body)
    assert read.echo.custom_data == {"t": "x", "b": True, "i": 42, "f": Decimal("1.50")}
    assert warned(read) == [("custom_data_dropped", f"custom_data.{name}") for name in "nol"]


def test_an_unknown_field_gives_a_warning() -> None:
    assert warned(order(ammount=5)) == [("field_unknown", "ammount")]


def test_warnings_are_bounded() -> None:
    many = {f"field{number}": None for number in range(1000)}
    assert len(order(**many, custom_data=dict(many)).warnings) == 20


def test_an_order_number_that_the_gateway_would_refuse_gives_a_warning() -> None:
    assert warned(order(order_id="x" * 33)) == [("order_id_not_for_gateway", "order_id")]
    assert warned(order(order_id="commande-é")) == [("order_id_not_for_gateway", "order_id")]
    assert warned(order(order_id="x" * 32)) == []


def test_a_blank_order_number_counts_as_absent() -> None:
    assert order(order_id="").order_id is None


def test_fields_beyond_the_known_stay_with_the_customer() -> None:
    customer = {"id": "7", "phone": "+33 1", "address": {"city": "Paris"}}
    assert order(customer=customer).echo.customer == customer


# ---------------------------------------------------------------- fingerprints and keys


def test_the_way_of_writing_does_not_change_the_fingerprint() -> None:
    texts = [b'{"amount": 10.2}', b'{"amount":"10,20"}', b'{"currency": "EUR", "amount": "10.2"}']
    assert len({read_order(text).fingerprint() for text in texts}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 2},
        {"currency": "CHF"},
        {"transaction_type": "Credit"},
        {"order_id": "B"},
        {"force_authorization": True},
        {"cart": {"name": "x"}},
        {"customer": {"id": 2}},
        {"custom_data": {"a": 2}},
        {"custom_data": {"a": "1"}},
    ],
)
def test_everything_else_changes_the_fingerprint(change: dict[str, object]) -> None:
    usual: dict[str, Any] = {"order_id": "A", "customer": {"id": 1}, "custom_data": {"a": 1}}
    prints = {order(**usual).fingerprint(), order(**(usual | change)).fingerprint()}
    assert len(prints) == 2


def test_a_key_is_read_from_its_header() -> None:
    assert read_key([]) is None
    assert read_key([b" 8e03978e "]) == "8e03978e"
    assert read_key([b"same", b"same"]) == "same"
    assert read_key([b"k" * MAX_KEY]) == "k" * MAX_KEY


@pytest.mark.parametrize("values", [[b""], [b"  "], [b"k" * (MAX_KEY + 1)], [b"a", b"b"], [b"\xe9"], [b"a\x01b"]])
def test_a_key_that_cannot_be_kept_is_refused(values: list[bytes]) -> None:
    with pytest.raises(BridgeError) as caught:
        read_key(values)
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "Idempotency-Key")
