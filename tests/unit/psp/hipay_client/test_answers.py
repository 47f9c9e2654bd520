"""What an answer means: taken, unclear, refused, or held for a person; never a guess."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.money import EUR, Money
from tillbridge.psp.hipay.answers import OUR_SIDE, Found, Seen, read_lookup_answer, read_order_answer
from tillbridge.psp.hipay.orders import PassiveOrder
from tillbridge.psp.verdicts import Fate, Verdict

ORDER = PassiveOrder("47-abc", Money(1023, EUR), {})
HAS = {"id": "47-abc", "amount": "10.23", "currency": "EUR"}


def said(status: int, answer: object) -> Verdict | None:
    return read_order_answer(status, json.dumps(answer).encode(), ORDER)


def seen(status: int, answer: object) -> Verdict | Seen:
    return read_lookup_answer(status, json.dumps(answer).encode(), ORDER)


@pytest.mark.parametrize("state", ["completed", "pending", "forwarding"])
def test_an_order_that_stands_is_taken_with_hipays_reference(state: str) -> None:
    for status in (200, 201):
        found = said(status, {"state": state, "transactionReference": "8000", "order": HAS})
        assert found is not None
        assert (found.fate, found.reference) == (Fate.TAKEN, "8000")


def test_numbers_unquoted_are_the_same_numbers() -> None:
    found = said(200, {"state": "completed", "transactionReference": 8000, "order": HAS | {"amount": 10.230}})
    assert found is not None
    assert (found.fate, found.reference) == (Fate.TAKEN, "8000")


@pytest.mark.parametrize("different", [{"amount": "10.24"}, {"currency": "CHF"}, {"id": "48"}, {"amount": "NaN"}])
def test_another_order_under_our_id_is_a_person_s_business(different: dict[str, str]) -> None:
    found = said(200, {"state": "completed", "order": HAS | different})
    assert found is not None
    assert found.fate is Fate.REFUSED
    looked = seen(200, {"transaction": {"state": "completed", "order": HAS | different}})
    assert isinstance(looked, Seen)
    assert looked.found is Found.OTHER
    assert looked.words


def test_what_hipay_declines_is_not_delivered() -> None:
    found = said(200, {"state": "declined", "reason": {"code": "4010301", "message": "Not  enough\nfunds"}})
    assert found is not None
    assert found.fate is Fate.REFUSED
    assert found.words == "HiPay recorded it as declined: 4010301 Not enough funds"


@pytest.mark.parametrize("code", [3010004, "3010004", "3010006"])
def test_a_duplicate_is_looked_up(code: object) -> None:
    assert said(400, {"code": code, "message": "This order has already been paid"}) is None


@pytest.mark.parametrize("code", OUR_SIDE)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_only_a_person_can_mend_is_held_and_named_1002(code: str, status: int) -> None:
    found = said(status, {"code": int(code), "message": "x"})
    assert found is not None
    assert (found.fate, "1002" in found.words) == (Fate.HELD, True)


@pytest.mark.parametrize(
    ("status", "answer", "fate"),
    [
        (401, "", Fate.HELD),
        (403, {}, Fate.HELD),
        (302, {}, Fate.HELD),
        (404, "not here", Fate.HELD),
        (400, {"code": 1000008}, Fate.UNREACHED),
        (503, "", Fate.UNREACHED),
        (429, "", Fate.UNREACHED),
        (500, {"code": 1}, Fate.UNCLEAR),
        (504, "", Fate.UNCLEAR),
        (408, "", Fate.UNCLEAR),
        (400, {"code": 1010101, "message": "missing"}, Fate.REFUSED),
        (422, "", Fate.REFUSED),
        (200, "half an ans", Fate.UNCLEAR),
        (200, {"state": "new"}, Fate.UNCLEAR),
        (200, [], Fate.UNCLEAR),
    ],
)
def test_each_answer_has_one_meaning(status: int, answer: object, fate: Fate) -> None:
    found = said(status, answer)
    assert found is not None
    assert found.fate is fate


@pytest.mark.parametrize(
    "answer", [{"transaction": []}, {"transaction": {}}, [], {}, {"transaction": None}, {"transaction": [7]}]
)
def test_a_look_up_that_shows_none_has_found_nothing(answer: object) -> None:
    assert seen(200, answer) == Seen(Found.NOTHING)


def test_a_look_up_reads_one_transaction_or_many_in_every_shape() -> None:
    one = {"state": "completed", "transactionReference": "8000", "order": HAS}
    other = {"state": "declined", "order": HAS}
    for answer in (one, [one], {"transaction": one}, {"transaction": [other, one]}):
        assert seen(200, answer) == Seen(Found.MATCH, reference="8000")
    looked = seen(200, {"transaction": [other]})
    assert isinstance(looked, Seen)
    assert looked.found is Found.OTHER


def test_an_unknown_order_is_nothing_and_a_failing_look_up_is_no_news() -> None:
    for status in (400, 404):
        assert seen(status, {"code": "3000001", "message": "Unknown order"}) == Seen(Found.NOTHING)
    assert seen(404, {"message": "none"}) == Seen(Found.NOTHING)
    for status, fate in ((500, Fate.UNCLEAR), (401, Fate.HELD), (503, Fate.UNREACHED)):
        looked = seen(status, "")
        assert isinstance(looked, Verdict)
        assert looked.fate is fate


@given(st.integers(100, 599), st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["state", "order", "transaction", "code", "reason", "id", "amount"]), inner),
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_garbage_is_never_a_delivery_without_a_state(status: int, body: bytes) -> None:
    found = read_order_answer(status, body, ORDER)
    if found is not None and found.fate is Fate.TAKEN:
        assert json.loads(body)["state"] in ("completed", "pending", "forwarding")
    looked = read_lookup_answer(status, body, ORDER)
    assert isinstance(looked, Verdict | Seen)
