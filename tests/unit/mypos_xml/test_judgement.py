"""What an answer proves, what a door says of an outcome, and that the two agree."""

from typing import Any

import pytest

from tillbridge.domain.money import EUR, Money
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
from tillbridge.protocols.mypos_xml.judgement import Asked, Code, judge, oddities, told
from tillbridge.protocols.mypos_xml.messages import Answer, Root

AMOUNT = Money(1250, EUR)
PAY = Asked(Root.PAY, AMOUNT)
CARD = "4970101234567893"


def _judged(asked: Asked = PAY, **fields: Any) -> Outcome:
    return judge(asked, Answer(Root.PAY, **fields))


@pytest.mark.parametrize("result", ["OK", "ok", "Ok"])
@pytest.mark.parametrize("status", [None, "", "0", "00"])
def test_an_approval_needs_ok_and_no_status_against_it(result: str, status: str | None) -> None:
    assert judge(PAY, Answer(Root.PAY, result, status, ref="R")) == Approved(AMOUNT, reference="R")


@pytest.mark.parametrize("status", ["1", "3", "99", "x", "0.0", "-0", "\N{ARABIC-INDIC DIGIT ZERO}"])
def test_ok_beside_another_status_is_a_contradiction(status: str) -> None:
    outcome = _judged(result="OK", status=status, ref="R")
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_CONTRADICTORY


@pytest.mark.parametrize("ref", [None, "", CARD])
def test_an_approval_without_a_usable_reference_is_still_one(ref: str | None) -> None:
    answer = Answer(Root.PREAUTH, "OK", ref=ref)
    assert judge(Asked(Root.PREAUTH, AMOUNT), answer) == Approved(AMOUNT, reference=None)
    assert oddities(answer)


@pytest.mark.parametrize("result", [None, "", "OKAY", "O K", "TRUE", "0"])
def test_any_other_result_proves_nothing(result: str | None) -> None:
    outcome = judge(PAY, Answer(Root.PAY, result, ref="R"))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_UNREADABLE


REFUSED = {
    1: Aborted(AbortedBy.UNSPECIFIED, "1 TRANSACTION_CANCELED"),
    2: Declined(DeclineReason.REFUSED, "2 TRANSACTION_DECLINED"),
    3: Declined(DeclineReason.FAILED, "3 TRANSACTION_FAILED"),
    4: Declined(DeclineReason.CONFIGURATION, "4 DEVICE_NOT_ACTIVATED"),
    5: Declined(DeclineReason.FAILED, "5 NO_DATA_FOUND"),
    6: Declined(DeclineReason.CONFIGURATION, "6 INVALID_CURRENCY"),
    7: Declined(DeclineReason.FAILED, "7 INVALID_AMOUNT"),
    9: Declined(DeclineReason.FAILED, "9 INVALID_E_RECEIPT_CREDENTIAL"),
}


@pytest.mark.parametrize("status", range(13))
def test_an_error_is_what_its_status_says(status: int) -> None:
    outcome = _judged(result="ERROR", status=str(status), ref="")
    if status in REFUSED:
        assert outcome == REFUSED[status]
    else:
        assert isinstance(outcome, InDoubt), status


@pytest.mark.parametrize(
    "fields", [{}, {"status": ""}, {"ref": "x"}, {"status": "x"}, {"status": "3 "}, {"ref": "Hiba"}]
)
def test_an_error_that_says_nothing_known_proves_nothing(fields: dict[str, Any]) -> None:
    assert isinstance(_judged(result="ERROR", **fields), InDoubt)


def test_the_text_decides_nothing_and_is_kept() -> None:
    outcome = _judged(result="ERROR", status="2", status_text="TRANSACTION_SUCCESS")
    assert outcome == Declined(DeclineReason.REFUSED, "2 TRANSACTION_SUCCESS")
    assert oddities(Answer(Root.PAY, "ERROR", "2", "TRANSACTION_SUCCESS", ""))
    assert oddities(Answer(Root.PAY, "ERROR", "2", "TRANSACTION_DECLINED", "")) == ()
    assert oddities(Answer(Root.PAY, "OK", ref="R")) == ()


def test_failed_is_unknown_where_a_shop_wants_it_so() -> None:
    wary = Asked(Root.PAY, AMOUNT, failed_is_unknown=True)
    assert isinstance(_judged(wary, result="ERROR", status="3"), InDoubt)
    assert isinstance(_judged(wary, result="ERROR", status="2"), Declined)


@pytest.mark.parametrize("asked", Root)
@pytest.mark.parametrize("answered", [*Root, None])
@pytest.mark.parametrize("result", ["OK", "ERROR"])
def test_an_answer_to_another_request_proves_nothing(asked: Root, answered: Root | None, result: str) -> None:
    outcome = judge(Asked(asked, AMOUNT), Answer(answered, result, None if result == "OK" else "2", ref="R"))
    if asked is not answered:
        assert isinstance(outcome, InDoubt)
        assert outcome.reason is DoubtReason.ANSWER_MISMATCH


@pytest.mark.parametrize("field", ["result", "status", "ref"])
def test_an_answer_with_two_values_proves_nothing(field: str) -> None:
    outcome = judge(PAY, Answer(Root.PAY, "OK", ref="R", conflicts=frozenset({field})))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_CONTRADICTORY


@pytest.mark.parametrize("field", ["result", "status", "status_text", "ref"])
def test_no_outcome_holds_a_card_number(field: str) -> None:
    for status in (None, "2", "8"):
        for result in ("OK", "ERROR", "X"):
            given: dict[str, Any] = {"result": result, "status": status, "ref": ""} | {field: CARD}
            answer = Answer(Root.PAY, **given)
            assert CARD not in repr(judge(PAY, answer))
            assert CARD not in repr(oddities(answer))


@pytest.mark.parametrize(
    "outcome",
    [
        Approved(AMOUNT),
        *(Declined(reason) for reason in DeclineReason),
        *(Aborted(by) for by in AbortedBy),
        *(NotStarted(reason) for reason in NotStartedReason),
        *(InDoubt(reason) for reason in DoubtReason),
    ],
    ids=str,
)
@pytest.mark.parametrize("root", Root)
def test_what_a_door_says_is_understood_without_a_lie(outcome: Outcome, root: Root) -> None:
    heard = judge(Asked(root, AMOUNT), told(root, "p-1", outcome))
    match outcome:
        case Approved():
            assert heard == Approved(AMOUNT, reference="p-1")
        case Declined():
            assert isinstance(heard, Declined)
        case Aborted():
            assert isinstance(heard, Aborted)
        case NotStarted():
            assert heard == Declined(DeclineReason.FAILED, "3 TRANSACTION_FAILED")
        case InDoubt():
            assert isinstance(heard, InDoubt)
            assert told(root, "p-1", outcome).status == str(Code.COMMUNICATION_ERROR.value)
