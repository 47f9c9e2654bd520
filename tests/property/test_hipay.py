"""Whatever a till sends is an order or a refusal with a code; and no digit of an amount is ever lost."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.hipay.till import settings
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import BY_CODE, EUR, Money
from tillbridge.protocols.hipay import cart, strict_json
from tillbridge.protocols.hipay.answers import Answers, notes
from tillbridge.protocols.hipay.cart import CartStatus
from tillbridge.protocols.hipay.messages import Order, read_order
from tillbridge.protocols.strict_json import canonical, write

CENTS = st.integers(min_value=1, max_value=10**10)
TEXTS = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
FIELDS = st.sampled_from(
    [
        *("amount", "currency", "transaction_type", "transation_type", "transactionType", "order_id", "orderId"),
        *("force_authorization", "forceAuthorization", "cart", "basket", "customer", "custom_data", "customData"),
    ]
)
ANSWERS = Answers(settings())
LIKELY: st.SearchStrategy[Any] = st.sampled_from(
    ["9.99", "10,23", 9.99, 10, "EUR", "JPY", "Debit", "Credit", True, False, {}, [], None]
)
BODIES = st.dictionaries(FIELDS | TEXTS, LIKELY | VALUES, max_size=8)
EXACT = st.recursive(
    st.none() | st.booleans() | TEXTS | st.integers(-(10**20), 10**20) | st.decimals(-(10**9), 10**9, places=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def read(body: bytes) -> Order | None:
    """The order, or None where it is refused; nothing else may come out."""
    found = read_or_refuse(body)
    if isinstance(found, Order):
        assert found.amount.minor > 0
        return found
    assert found.entry.status == 400
    assert found.place
    answer = ANSWERS.refusal(found, "trace")
    assert json.loads(write(answer.body))["money_moved"] == "no"
    return None


def read_or_refuse(body: bytes) -> Order | BridgeError:
    try:
        return read_order(body)
    except BridgeError as error:
        return error


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf{")
@example(b'{"amount": 1e400}')
@example(b'{"amount": -0}')
def test_garbage_is_refused(body: bytes) -> None:
    assert read(body) is None


@given(BODIES)
def test_any_json_is_an_order_or_a_refusal(body: dict[str, Any]) -> None:
    order = read(json.dumps(body).encode())
    if order is None:
        return
    checked = cart.check(order.echo.cart, order.amount)
    json.dumps(notes(order.echo, checked))
    assert len(order.fingerprint()) == 64


@given(st.binary(max_size=40), st.integers(0, 200))
def test_a_good_request_with_garbage_in_it_is_an_order_or_a_refusal(garbage: bytes, place: int) -> None:
    good = b'{"amount": "10,23", "currency": "EUR", "order_id": "A", "cart": {"unit_price": 8.99}}'
    read(good[:place] + garbage + good[place:])


@given(CENTS, st.sampled_from([code for code, unit in BY_CODE.items() if unit.exponent <= 3]), st.sampled_from(".,"))
def test_no_digit_of_an_amount_is_lost(minor: int, code: str, separator: str) -> None:
    money = Money(minor, BY_CODE[code])
    as_text = read(json.dumps({"amount": money.major(separator), "currency": code}).encode())
    as_number = read(f'{{"amount": {money.major()}, "currency": "{code}"}}'.encode())
    assert as_text is not None
    assert as_number is not None
    assert as_text.amount == as_number.amount == money
    assert as_text.fingerprint() == as_number.fingerprint()
    assert as_text.echo.amount == money.major(separator)


@given(CENTS)
def test_the_float_of_a_careless_till_is_read_as_it_prints(minor: int) -> None:
    """A till that computes in floats prints the shortest text that means the float: those digits are the amount."""
    order = read(json.dumps({"amount": minor / 100}).encode())
    assert order is not None
    assert order.amount == Money(minor, EUR)


@given(EXACT)
def test_what_is_written_reads_back_digit_by_digit(value: object) -> None:
    text = write(value)
    again = strict_json.read_value(text)
    assert write(again) == text
    assert text.isascii()


@given(st.dictionaries(TEXTS, EXACT, max_size=6))
def test_the_order_of_keys_has_no_meaning(value: dict[str, object]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@given(st.lists(VALUES, max_size=5) | st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_cart_is_checked_and_none_stops_the_payment(lines: Any) -> None:
    parsed = strict_json.read_value(json.dumps(lines)) if _readable(lines) else []
    checked = cart.check(parsed, Money(1000, EUR))
    assert (checked.status is CartStatus.ABSENT) == (not parsed)
    assert checked.lines == () or checked.status is CartStatus.COMPLETE


def _readable(lines: Any) -> bool:
    try:
        strict_json.read_object(json.dumps({"lines": lines}).encode())
    except BridgeError:
        return False
    return True


@given(st.lists(st.tuples(st.integers(501, 100_000), st.integers(1, 99), st.integers(0, 500)), min_size=1, max_size=6))
def test_a_cart_that_is_built_by_the_formula_adds_up(lines: list[tuple[int, int, int]]) -> None:
    built: list[dict[str, object]] = []
    total = 0
    for price, quantity, discount in lines:
        sum_of_line = price * quantity - discount
        total += sum_of_line
        built.append(
            {
                "product_reference": "r",
                "name": "n",
                "type": "good",
                "quantity": quantity,
                "unit_price": Decimal(price).scaleb(-2),
                "tax_rate": Decimal("5.5"),
                "discount": -Decimal(discount).scaleb(-2),
                "total_amount": Decimal(sum_of_line).scaleb(-2),
            }
        )
    assert cart.check(built, Money(total, EUR)).status is CartStatus.COMPLETE
    assert cart.check(built, Money(total + 1, EUR)).status is CartStatus.LEFT_OUT
