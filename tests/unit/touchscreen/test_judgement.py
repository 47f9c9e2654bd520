"""What a result proves: every check of README, section 4."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.touchscreen import TWELVE_FIFTY, WIRE_ID, profile
from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    Outcome,
    Side,
)
from tillbridge.protocols.touchscreen.judgement import Asked, judge
from tillbridge.protocols.touchscreen.messages import read_result
from tillbridge.protocols.touchscreen.profile import Profile, built_in

SALE = Asked(Kind.SALE, WIRE_ID, TWELVE_FIFTY, EUR)
RESULT: dict[str, Any] = {
    "transactionId": WIRE_ID,
    "transactionType": "PAYMENT",
    "responseCode": "OK",
    "responseMessage": "Approved",
    "amount": 1250,
    "currency": 978,
    "pan": "4970101234567890",
    "expiration": "2912",
    "cardInputType": "CLESS",
    "aid": "A0000000421010",
    "appLabel": "CB",
    "authCode": "123456",
    "sequenceNumber": "000017",
    "merchantIdAcquirer": "1999403",
    "callReversal": False,
    "isReversed": False,
    "reversal": False,
}


class _Absent:
    """Stands for a field that is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


def judged(asked: Asked = SALE, facts: Profile | None = None, /, **different: object) -> Outcome:
    """The outcome of a result with what is different about it; `ABSENT` leaves a field out."""
    body = {name: value for name, value in (RESULT | different).items() if value is not ABSENT}
    facts = facts or built_in()
    return judge(asked, read_result(json.dumps(body).encode(), facts), facts)


def test_an_approval_keeps_what_may_be_kept() -> None:
    assert judged() == Approved(
        TWELVE_FIFTY,
        CardUse("497010######7890", EntryMode.CONTACTLESS, "CB", "A0000000421010"),
        authorization_code="123456",
        contract="1999403",
        reference="000017",
    )


def test_neither_number_nor_expiry_of_the_card_leaves_the_codec() -> None:
    read = read_result(json.dumps(RESULT | {"responseMessage": "card 4970101234567890"}).encode(), built_in())
    assert "4970101234567890" not in repr(read)
    assert "2912" not in repr(read)


@pytest.mark.parametrize("absent", [name for name in RESULT if name != "responseCode"])
def test_every_field_but_the_code_may_be_missing(absent: str) -> None:
    assert isinstance(judged(**{absent: ABSENT}), Approved)
    assert isinstance(judged(**{absent: None}), Approved)


DOUBTS: list[tuple[dict[str, object], DoubtReason]] = [
    ({"responseCode": ABSENT}, DoubtReason.ANSWER_UNREADABLE),
    ({"responseCode": None}, DoubtReason.ANSWER_UNREADABLE),
    ({"responseCode": ""}, DoubtReason.ANSWER_UNREADABLE),
    ({"responseCode": ["OK"]}, DoubtReason.ANSWER_UNREADABLE),
    ({"responseCode": True}, DoubtReason.ANSWER_UNREADABLE),
    ({"responseCode": "UNKNOWN"}, DoubtReason.ANSWER_NOT_FINAL),
    ({"transactionId": "other"}, DoubtReason.ANSWER_MISMATCH),
    ({"transactionId": 5}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": 1251}, DoubtReason.ANSWER_MISMATCH),
    ({"amount": 0}, DoubtReason.ANSWER_MISMATCH),
    ({"amount": "12.50"}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": 1250.5}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": -1250}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": True}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": {}}, DoubtReason.ANSWER_UNREADABLE),
    ({"amount": 10**15}, DoubtReason.ANSWER_UNREADABLE),
    ({"currency": 840}, DoubtReason.ANSWER_MISMATCH),
    ({"currency": "CZK"}, DoubtReason.ANSWER_MISMATCH),
    ({"currency": 1}, DoubtReason.ANSWER_UNREADABLE),
    ({"currency": False}, DoubtReason.ANSWER_UNREADABLE),
    ({"cvmTypeList": {"SIGNATURE": 1}}, DoubtReason.ANSWER_UNREADABLE),
    ({"cvmTypeList": [1]}, DoubtReason.ANSWER_UNREADABLE),
    ({"callReversal": True}, DoubtReason.REVERSAL_ASKED),
    ({"callReversal": True, "responseCode": "DECLINED"}, DoubtReason.REVERSAL_ASKED),
    ({"callReversal": "true"}, DoubtReason.ANSWER_UNREADABLE),
    ({"callReversal": 1}, DoubtReason.ANSWER_UNREADABLE),
    ({"isReversed": True}, DoubtReason.ANSWER_CONTRADICTORY),
    ({"isReversed": "no"}, DoubtReason.ANSWER_UNREADABLE),
]


@pytest.mark.parametrize(("different", "reason"), DOUBTS, ids=str)
def test_what_does_not_fit_is_in_doubt(different: dict[str, object], reason: DoubtReason) -> None:
    outcome = judged(**different)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is reason
    assert outcome.detail


@pytest.mark.parametrize(
    "different",
    [
        {"amount": "1250"},
        {"amount": 1250.0},
        {"currency": "978"},
        {"currency": "EUR"},
        {"currency": "eur"},
        {"transactionId": WIRE_ID.upper()},
        {"reversal": True},
        {"extra": {"deep": [1]}},
        {"emvResponseData": "odd"},
        {"pan": 5},
        {"pan": ["x"]},
        {"cardInputType": 7},
        {"authCode": {}},
        {"cvmTypeList": []},
        {"cvmTypeList": "PIN"},
    ],
    ids=str,
)
def test_what_is_merely_odd_spoils_nothing(different: dict[str, object]) -> None:
    assert isinstance(judged(**different), Approved)


@pytest.mark.parametrize("methods", [["SIGNATURE"], ["PIN", "SIGNATURE"], "SIGNATURE"])
def test_a_signature_is_seen(methods: object) -> None:
    outcome = judged(cvmTypeList=methods)
    assert isinstance(outcome, Approved)
    assert outcome.signature


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("DECLINED", Declined(DeclineReason.REFUSED, "DECLINED no")),
        ("UNDEFINED", Declined(DeclineReason.UNSPECIFIED, "UNDEFINED no")),
        ("51", Declined(DeclineReason.UNSPECIFIED, "51 no")),
        ("CANCELLED", Aborted(AbortedBy.CUSTOMER, "CANCELLED no")),
        ("CUSTOMER_TIMEOUT", Aborted(AbortedBy.TIMEOUT, "CUSTOMER_TIMEOUT no")),
    ],
)
def test_any_other_code_is_no_money(code: str, wanted: Outcome) -> None:
    assert judged(responseCode=code, responseMessage="no", amount=0, authCode=None) == wanted


def test_a_code_is_cancelled_only_where_the_profile_lists_it() -> None:
    facts = profile(codes={"approved": ("OK",)})
    found = judged(SALE, facts, responseCode="CANCELLED", authCode=None)
    assert found == Declined(DeclineReason.UNSPECIFIED, "CANCELLED Approved")


@pytest.mark.parametrize("fields", [{"responseCode": "ok", "authCode": None}, {"responseCode": "00"}])
def test_a_code_that_may_mean_an_approval_is_no_refusal(fields: dict[str, object]) -> None:
    found = judged(**fields)
    assert isinstance(found, InDoubt)
    assert found.reason is DoubtReason.ANSWER_CONTRADICTORY


def test_a_void_may_say_that_it_is_reversed() -> None:
    void = replace(SALE, kind=Kind.VOID)
    assert isinstance(judged(void, isReversed=True), Approved)
    assert isinstance(judged(void, amount=1251), InDoubt)


@pytest.mark.parametrize("kind", [Kind.VOID, Kind.REFUND, Kind.AUTHORIZATION])
def test_only_a_sale_can_be_asked_to_be_reversed(kind: Kind) -> None:
    outcome = judged(replace(SALE, kind=kind), callReversal=True)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_NOT_FINAL


# ---------------------------------------------------------------- closings


CLOSING = Asked(Kind.RECONCILIATION, WIRE_ID, None, currency("CZK"))
TOTALS = {
    "batchNumber": 3,
    "debitsCount": 2,
    "debitsAmount": 2500,
    "creditsCount": 1,
    "creditsAmount": 100,
    "adjsCount": 0,
    "adjsAmount": 0,
}


@pytest.mark.parametrize("spelling", ["adjsCount", "adsjCount"])
def test_totals_are_read_in_both_spellings(spelling: str) -> None:
    totals = {spelling if name == "adjsCount" else name: value for name, value in TOTALS.items()}
    assert judged(CLOSING, batchTotals=totals) == Approved(
        Money(0, EUR),
        reference="000017",
        totals=(
            BatchTotal(Side.DEBITS, 2, Money(2500, EUR)),
            BatchTotal(Side.CREDITS, 1, Money(100, EUR)),
            BatchTotal(Side.ADJUSTMENTS, 0, Money(0, EUR)),
        ),
    )


def test_totals_without_a_currency_are_in_the_terminals_own() -> None:
    outcome = judged(CLOSING, batchTotals=TOTALS, currency=ABSENT)
    assert isinstance(outcome, Approved)
    assert {total.amount.currency.code for total in outcome.totals} == {"CZK"}


@pytest.mark.parametrize(
    "totals", [ABSENT, 5, [], {}, {"debitsCount": 1}, {"debitsCount": "x", "debitsAmount": 5}], ids=str
)
def test_totals_that_cannot_be_read_spoil_nothing_but_themselves(totals: object) -> None:
    outcome = judged(CLOSING, batchTotals=totals)
    assert isinstance(outcome, Approved)
    assert outcome.totals == ()


# ---------------------------------------------------------------- other makers


@pytest.mark.parametrize(
    ("amount", "wanted"),
    [
        ("12.50", Approved),
        ("12,5", Approved),
        (12.5, Approved),
        ("12.51", InDoubt),
        ("12.501", InDoubt),
        (1250, InDoubt),
        ("x", InDoubt),
    ],
)
def test_amounts_in_major_units(amount: object, wanted: type[Outcome]) -> None:
    facts = profile(amount={"style": "decimal_text"})
    assert type(judged(SALE, facts, amount=amount)) is wanted
