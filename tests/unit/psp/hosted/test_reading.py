"""What HiPay's answers mean: amounts to the minor unit, and nothing that is not said is concluded."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.money import BY_CODE, EUR, MAX_MINOR, Money
from tillbridge.psp.hipay.hosted.asking import LONGEST_ORDER_ID, fields_of, operation_id_of, order_id_of
from tillbridge.psp.hipay.hosted.model import Attempt, HostedTrouble, Trouble, Wish
from tillbridge.psp.hipay.hosted.reading import read_amount, read_attempts, read_known, read_operation, read_page
from tillbridge.psp.hipay.hosted.statuses import Meaning, meaning, together

MONEY = st.builds(Money, st.integers(0, MAX_MINOR), st.sampled_from(sorted(BY_CODE.values(), key=str)))


def wish(**different: Any) -> Wish:
    given: dict[str, Any] = {
        "order_id": "S-1",
        "amount": Money(1999, EUR),
        "description": "a voucher",
        "return_url": "https://shop.example/back",
        "notify_url": "https://shop.example/told",
        "email": "guest@shop.example",
    }
    return Wish(**(given | different))


def told(status: int = 118, captured: str = "19.99", refunded: str = "0.00", **more: object) -> dict[str, object]:
    return {
        "transactionReference": "800000000001",
        "status": str(status),
        "state": "completed",
        "reason": "",
        "currency": "EUR",
        "capturedAmount": captured,
        "refundedAmount": refunded,
        "order": {"id": "S-1", "amount": "19.99", "currency": "EUR"},
    } | more


def read(said: object, status: int = 200) -> list[Attempt]:
    return list(read_attempts(status, json.dumps(said).encode(), "S-1"))


def attempt(status: int, captured: int = 0, refunded: int = 0, state: str = "completed", reason: str = "") -> Attempt:
    price = Money(1999, EUR)
    return Attempt("8", "S-1", status, state, reason, price, Money(captured, EUR), Money(refunded, EUR))


@given(MONEY)
def test_an_amount_goes_there_and_back(money: Money) -> None:
    text = money.major()
    assert read_amount(text, money.currency) == money
    assert read_amount(f"{text}00" if "." in text else f"{text}.00", money.currency) == money
    assert read_amount(json.loads(text, parse_float=Decimal), money.currency) == money


@given(MONEY.filter(lambda money: money.minor > 0))
def test_what_is_asked_for_is_what_is_read(money: Money) -> None:
    assert read_amount(fields_of(wish(amount=money))["amount"], money.currency) == money


@pytest.mark.parametrize(
    "text", ["", "-1", "1,00", "1.001", "NaN", "Infinity", "1e400", "9" * 25, "0x1", None, True, [], "é"]
)
def test_what_is_no_amount(text: object) -> None:
    with pytest.raises(ValueError, match="no amount"):
        read_amount(text, EUR)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40))
def test_an_order_id_is_that_of_its_key_alone(one: str, other: str, shown: str) -> None:
    found = order_id_of(one, shown)
    assert found == order_id_of(one, shown)
    assert (found == order_id_of(other, shown)) is (one == other)
    assert 0 < len(found) <= LONGEST_ORDER_ID
    assert found.isascii()
    assert (operation_id_of(found, one) == operation_id_of(found, other)) is (one == other)


def test_the_form_of_a_wish() -> None:
    fields = fields_of(wish(description=" two\r\nlines " + "x" * 300, language="cs", products=("visa", "cb")))
    assert (fields["operation"], fields["eci"], fields["template"], fields["language"]) == (
        "Sale",
        "7",
        "basic-js",
        "en_GB",
    )
    assert (fields["amount"], fields["currency"], fields["payment_product_list"]) == ("19.99", "EUR", "visa,cb")
    assert fields["description"].startswith("two lines x")
    assert len(fields["description"]) == 128
    assert "guest" not in repr(wish())
    with pytest.raises(ValueError, match="nothing"):
        fields_of(wish(amount=Money(0, EUR)))


@pytest.mark.parametrize(
    "wrapped", [told(), {"transaction": told()}, {"transaction": [told()]}, {"transaction": {"1": 1}}]
)
def test_every_shape_of_a_read(wrapped: Mapping[str, object]) -> None:
    if wrapped == {"transaction": {"1": 1}}:
        with pytest.raises(HostedTrouble):
            read(wrapped)
        return
    (one,) = read(wrapped)
    assert (one.status, one.captured, one.amount) == (118, Money(1999, EUR), Money(1999, EUR))


@pytest.mark.parametrize(
    "different",
    [
        {"order": {"id": "S-2", "amount": "19.99"}},
        {"order": {}},
        {"currency": "XXX"},
        {"capturedAmount": "19.999"},
        {"capturedAmount": "-1"},
        {"status": "paid"},
        {"transactionReference": ""},
    ],
)
def test_what_cannot_be_read_is_unclear(different: dict[str, object]) -> None:
    with pytest.raises(HostedTrouble) as trouble:
        read(told() | different)
    assert trouble.value.trouble is Trouble.UNCLEAR


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (400, {"code": 3010004, "message": "Duplicate"}, Trouble.THERE),
        (400, {"code": "3010006"}, Trouble.THERE),
        (400, {"code": 1010201, "message": "Malformed"}, Trouble.REFUSED),
        (401, {"code": 1000001}, Trouble.BARRED),
        (403, {}, Trouble.BARRED),
        (404, {}, Trouble.BARRED),
        (302, None, Trouble.BARRED),
        (503, {"code": 1000008}, Trouble.AWAY),
        (429, None, Trouble.AWAY),
        (500, None, Trouble.UNCLEAR),
        (408, None, Trouble.UNCLEAR),
        (200, None, Trouble.UNCLEAR),
        (200, {}, Trouble.UNCLEAR),
        (200, {"forwardUrl": "http://elsewhere.example/pay"}, Trouble.UNCLEAR),
        (200, {"forwardUrl": "https://user@hipay.example/pay"}, Trouble.UNCLEAR),
        (200, {"forwardUrl": "javascript:alert(1)"}, Trouble.UNCLEAR),
        (200, {"forwardUrl": "https:///pay"}, Trouble.UNCLEAR),
        (200, {"forwardUrl": 1}, Trouble.UNCLEAR),
    ],
)
def test_what_is_no_page(status: int, said: object, expected: Trouble) -> None:
    with pytest.raises(HostedTrouble) as trouble:
        read_page(status, b"<html>" if said is None else json.dumps(said).encode())
    assert trouble.value.trouble is expected


def test_a_page_and_whether_money_moves() -> None:
    page = read_page(200, b'{"forwardUrl": "https://hipay.example/pay/1", "test": "true"}')
    assert (page.address, page.test) == ("https://hipay.example/pay/1", True)
    assert not read_page(200, b'{"forwardUrl": "https://hipay.example/pay/1"}').test


def test_an_order_that_nobody_has_tried_to_pay() -> None:
    assert read({"code": 3000001}, 404) == []
    assert read({"code": "3000002"}, 400) == []
    with pytest.raises(HostedTrouble):
        read_attempts(404, b"<html>not found</html>", "S-1")
    with pytest.raises(HostedTrouble):
        read({"code": 1000008}, 503)


def test_whether_an_operation_was_made() -> None:
    assert not read_known(200, b'{"transactions": []}')
    assert read_known(200, b'{"data": [{}]}')
    assert not read_known(404, b'{"message": "No transaction found"}')
    for status, body in ((404, b"<html>"), (200, b"{}"), (200, b"[]"), (500, b"{}")):
        with pytest.raises(HostedTrouble):
            read_known(status, body)
    read_operation(200, b'{"operation": "refund"}')
    with pytest.raises(HostedTrouble):
        read_operation(200, b"{}")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (attempt(116), Meaning.OPEN),
        (attempt(117), Meaning.OPEN),
        (attempt(118, 1999), Meaning.PAID),
        (attempt(118), Meaning.OPEN),
        (attempt(119, 1000), Meaning.PAID),
        (attempt(122, 1999), Meaning.PAID),
        (attempt(113, state="declined"), Meaning.FAILED),
        (attempt(114), Meaning.FAILED),
        (attempt(115), Meaning.CANCELLED),
        (attempt(113, state="declined", reason="4000008"), Meaning.CANCELLED),
        (attempt(124, 1999), Meaning.PAID),
        (attempt(125, 1999, 1999), Meaning.REFUNDED),
        (attempt(126, 1999, 500), Meaning.PAID),
        (attempt(183, 1999), Meaning.REFUNDED),
        (attempt(165, 1999), Meaning.PAID),
        (attempt(173), Meaning.FAILED),
        (attempt(129, 1999), Meaning.DISPUTED),
        (attempt(180, 1999), Meaning.DISPUTED),
        (attempt(181, 1999, 1999), Meaning.DISPUTED),
        (attempt(200, state="pending"), Meaning.OPEN),
        (attempt(999), Meaning.OPEN),
        (attempt(999, state="error"), Meaning.FAILED),
    ],
)
def test_what_a_number_means(one: Attempt, expected: Meaning) -> None:
    assert meaning(one) is expected


def test_several_attempts_of_one_order() -> None:
    no, yes, open_, back = attempt(113), attempt(118, 1999), attempt(200), attempt(125, 1999, 1999)
    assert together([]) is Meaning.OPEN
    assert together([no, no]) is Meaning.FAILED
    assert together([no, attempt(115)]) is Meaning.CANCELLED
    assert together([no, open_]) is Meaning.OPEN
    assert together([no, yes]) is Meaning.PAID
    assert together([yes, no]) is Meaning.PAID
    assert together([back, no]) is Meaning.REFUNDED
    assert together([yes, attempt(181, 1999)]) is Meaning.DISPUTED
