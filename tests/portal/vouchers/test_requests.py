"""Bodies are read strictly: what could mean two things is refused."""

import json
from typing import Any

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Load, Redeem
from tillbridge.portal.vouchers.requests import LARGEST, read_body, read_nothing

ASKED: dict[str, Any] = {
    "number": "27612345678904",
    "pin": "0420",
    "currency": "EUR",
    "transaction_ref": "r-1",
    "up_to": 700,
}


def refusal(raw: bytes, kind: type[Redeem | Load] = Redeem) -> tuple[Code, str | None]:
    with pytest.raises(BridgeError) as caught:
        read_body(kind, raw)
    assert "0420" not in str(caught.value)
    return caught.value.code, caught.value.place


def test_a_whole_request_is_read() -> None:
    read = read_body(Redeem, json.dumps(ASKED).encode())
    assert (read.number, read.pin, read.up_to, read.exact) == ("27612345678904", "0420", 700, None)


@pytest.mark.parametrize(
    "amount", ["1e3", "10.0", "true", "-1", "0", "10000000000000", '"10"', '"\uff11\uff10"', "[1]", "1e400", "1" * 40]
)
def test_an_amount_is_a_whole_number_within_the_limits(amount: str) -> None:
    rest = {name: value for name, value in ASKED.items() if name != "up_to"}
    for member in ("up_to", "exact"):
        raw = f'{json.dumps(rest)[:-1]}, "{member}": {amount}}}'
        assert refusal(raw.encode()) == (Code.VOUCHER_AMOUNT, member)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {"number": "\uff12" * 14},
            Code.VOUCHER_UNREADABLE,
        ),
        ({"number": "2761234567890"}, Code.VOUCHER_UNREADABLE),
        ({"number": "27612345678904\n"}, Code.VOUCHER_UNREADABLE),
        ({"number": 27612345678904}, Code.VOUCHER_UNREADABLE),
        ({"pin": "42"}, Code.VOUCHER_UNREADABLE),
        ({"pin": 420}, Code.VOUCHER_UNREADABLE),
        ({"surprise": 1}, Code.FIELD_INVALID),
        ({"exact": 5}, Code.FIELD_INVALID),
        ({"up_to": None}, Code.FIELD_INVALID),
        ({"transaction_ref": ""}, Code.FIELD_INVALID),
        ({"transaction_ref": "\ud800"}, Code.FIELD_INVALID),
        ({"station": "a\u0000b"}, Code.FIELD_INVALID),
        ({"station": "x" * 65}, Code.FIELD_INVALID),
        ({"currency": "eur"}, Code.FIELD_INVALID),
    ],
)
def test_every_member_is_held_to_its_form(change: dict[str, object], code: Code) -> None:
    assert refusal(json.dumps(ASKED | change).encode())[0] is code


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b'{"number": "1", "number": "2"}', b"[" * 3000, b"NaN", b'{"up_to": ' + b"1" * 4050 + b"}"],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    assert refusal(raw)[0] in {Code.BODY_INVALID, Code.VOUCHER_AMOUNT, Code.FIELD_INVALID}


def test_a_body_is_bounded() -> None:
    assert refusal(json.dumps(ASKED).encode() + b" " * LARGEST)[0] is Code.BODY_TOO_LARGE


def test_nothing_is_nothing() -> None:
    for body in (b"", b" ", b"{}"):
        read_nothing(body)
    with pytest.raises(BridgeError):
        read_nothing(b'{"amount": 1}')
