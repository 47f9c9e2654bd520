"""Whatever a kiosk sends is an order of exactly its cents or a refusal with a code."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_hipay import BODIES
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import EUR, Money
from tillbridge.protocols.hipay.unattended_messages import read_order_in_cents
from tillbridge.protocols.hipay.unattended_receipt import COLUMNS, Column


@given(st.integers(1, 10**12), st.booleans())
def test_cents_are_never_lost(cents: int, as_text: bool) -> None:
    body = json.dumps({"amount": str(cents) if as_text else cents, "orderId": "a"}).encode()
    assert read_order_in_cents(body).amount == Money(cents, EUR)


@given(st.floats() | st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str))
def test_what_is_written_with_a_point_is_refused(amount: Any) -> None:
    try:
        read_order_in_cents(json.dumps({"amount": amount}).encode())
    except BridgeError:
        return
    raise AssertionError("an amount that could be euros was taken")


@given(BODIES)
def test_a_body_is_an_order_or_a_refusal(fields: dict[str, Any]) -> None:
    try:
        order = read_order_in_cents(json.dumps(fields).encode())
    except BridgeError:
        return
    assert order.amount.currency is EUR
    assert order.amount.minor == int(fields["amount"])


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_nothing_else_is_raised(body: bytes) -> None:
    with pytest.raises(BridgeError):
        read_order_in_cents(b"\x00" + body)


@given(st.sampled_from(sorted(COLUMNS)), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_a_field_has_its_width_whatever_is_in_it(name: str, text: str) -> None:
    column: Column = COLUMNS[name]
    written = column.put(text)
    assert len(written) == max(column.width, len(text) if column.number else 0)
