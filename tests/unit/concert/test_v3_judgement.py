"""What an answer proves about the money: the table of AE and AF, and every way to be no proof."""

from dataclasses import replace

import pytest

from tillbridge.domain.card import CardUse
from tillbridge.domain.money import BY_CODE, EUR, Money
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
from tillbridge.protocols.concert.tlv import Fields, Tlv
from tillbridge.protocols.concert.v3.judgement import Asked, detail_of, judge, late_result, settled
from tillbridge.protocols.concert.v3.messages import Action, Detail

REFERENCE = "0123456789abcdef0123456789abcdef"
ANOTHER = "fedcba9876543210fedcba9876543210"
ASKED = Asked(frozenset({Action.DEBIT}), "01", Money(1250, EUR), REFERENCE)
DONE = {"AE": "10", "CA": "01", "CB": "1250", "CC": "001", "CD": "0", "CE": "978"}
NOT_DONE = {"AE": "01", "AF": "04", "CA": "01", "CD": "0"}


def _answer(base: dict[str, str], **changed: str | None) -> Fields:
    values = base | changed
    return Fields.of(Tlv(tag, value) for tag, value in values.items() if value is not None)


def _doubt(outcome: Outcome | None) -> DoubtReason:
    assert isinstance(outcome, InDoubt)
    return outcome.reason


# ---------------------------------------------------------------- accepted


@pytest.mark.parametrize("amount", ["1250", "01250", "000000001250"])
@pytest.mark.parametrize("register", ["01", "1"])
@pytest.mark.parametrize("detail", [None, "01", "03", "00"])
def test_accepted_is_accepted_however_it_is_written(amount: str, register: str, detail: str | None) -> None:
    outcome = judge(ASKED, _answer(DONE, CB=amount, CA=register, AF=detail))
    assert outcome == Approved(Money(1250, EUR), CardUse(application="001"))


def test_own_version_and_protocol_id_are_fine() -> None:
    assert isinstance(judge(ASKED, _answer(DONE, CZ="0301", CJ="330538600404")), Approved)


@pytest.mark.parametrize("application", ["00B", "00E", "1", None])
def test_the_terminal_may_choose_the_application(application: str | None) -> None:
    assert isinstance(judge(ASKED, _answer(DONE, CC=application)), Approved)


@pytest.mark.parametrize("reference", [None, REFERENCE, "1010000000", "a text of the terminal's own", "F" * 32])
def test_a_text_of_the_terminals_own_in_cf_proves_nothing(reference: str | None) -> None:
    assert isinstance(judge(ASKED, _answer(DONE, CF=reference)), Approved)


@pytest.mark.parametrize("base", [DONE, NOT_DONE])
def test_the_reference_of_another_operation_is_a_mismatch(base: dict[str, str]) -> None:
    assert _doubt(judge(ASKED, _answer(base, CF=ANOTHER))) is DoubtReason.ANSWER_MISMATCH


@pytest.mark.parametrize(
    "changed", [{"CA": "02"}, {"CB": "1251"}, {"CB": "1249"}, {"CB": "0"}, {"CE": "840"}, {"CD": "1"}]
)
def test_accepted_for_something_else_is_in_doubt(changed: dict[str, str]) -> None:
    assert _doubt(judge(ASKED, _answer(DONE, **changed))) is DoubtReason.ANSWER_MISMATCH


@pytest.mark.parametrize("tag", ["AE", "CA", "CB", "CD", "CE"])
def test_accepted_without_what_is_needed_is_in_doubt(tag: str) -> None:
    answer = _answer(DONE, **{tag: None})
    assert _doubt(judge(ASKED, answer)) is DoubtReason.ANSWER_UNREADABLE
    assert not settled(answer)
    assert settled(_answer(DONE))


def test_an_accepted_amount_that_is_no_number_is_in_doubt() -> None:
    assert _doubt(judge(ASKED, _answer(DONE, CB="12.50"))) is DoubtReason.ANSWER_UNREADABLE


@pytest.mark.parametrize("tag", ["AE", "AF", "CA", "CB", "CD", "CE", "CF"])
@pytest.mark.parametrize(
    "base", [DONE | {"AF": "01", "CF": REFERENCE}, NOT_DONE | {"CB": "1250", "CE": "978", "CF": "x"}]
)
def test_two_values_for_what_counts_are_in_doubt(tag: str, base: dict[str, str]) -> None:
    elements = [Tlv(name, value) for name, value in base.items()]
    twice = Fields.of([*elements, Tlv(tag, "99")])
    assert _doubt(judge(ASKED, twice)) is DoubtReason.ANSWER_CONTRADICTORY


def test_two_values_for_what_does_not_count_are_no_matter() -> None:
    elements = [Tlv(name, value) for name, value in DONE.items()]
    assert isinstance(judge(ASKED, Fields.of([*elements, Tlv("AC", "1"), Tlv("AC", "2")])), Approved)


@pytest.mark.parametrize("code", ["02", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "99"])
def test_done_beside_a_refusal_is_contradictory(code: str) -> None:
    assert _doubt(judge(ASKED, _answer(DONE, AF=code))) is DoubtReason.ANSWER_CONTRADICTORY


def test_less_is_approved_only_where_that_was_allowed() -> None:
    less = _answer(DONE, CB="1000")
    assert _doubt(judge(ASKED, less)) is DoubtReason.ANSWER_MISMATCH
    outcome = judge(replace(ASKED, partial_allowed=True), less)
    assert isinstance(outcome, Approved)
    assert outcome.amount == Money(1000, EUR)


@pytest.mark.parametrize("amount", ["0", "00", "1251"])
def test_partial_means_more_than_nothing_and_less_than_all(amount: str) -> None:
    outcome = judge(replace(ASKED, partial_allowed=True), _answer(DONE, CB=amount))
    assert _doubt(outcome) is DoubtReason.ANSWER_MISMATCH


def test_whole_units_of_a_currency_without_decimals() -> None:
    asked = replace(ASKED, amount=Money(1250, BY_CODE["XPF"]))
    outcome = judge(asked, _answer(DONE, CE="953"))
    assert isinstance(outcome, Approved)
    assert str(outcome.amount) == "1250 XPF"


# ---------------------------------------------------------------- not accepted


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("00", Declined(DeclineReason.UNSPECIFIED, "00")),
        ("02", Declined(DeclineReason.REFERRAL, "02")),
        ("04", Declined(DeclineReason.REFUSED, "04")),
        ("05", Declined(DeclineReason.REFUSED, "05")),
        ("06", Aborted(AbortedBy.CUSTOMER, "06")),
        ("07", Declined(DeclineReason.FAILED, "07")),
        ("08", Aborted(AbortedBy.TIMEOUT, "08")),
        ("09", Declined(DeclineReason.CONFIGURATION, "09")),
        ("10", Declined(DeclineReason.CONFIGURATION, "10")),
        ("11", Aborted(AbortedBy.CASHIER, "11")),
        ("12", Declined(DeclineReason.CONFIGURATION, "12")),
        ("13", Declined(DeclineReason.CONFIGURATION, "13")),
        ("77", Declined(DeclineReason.UNSPECIFIED, "77")),
        ("0451PLAFOND", Declined(DeclineReason.REFUSED, "04 51")),
        (None, Declined(DeclineReason.UNSPECIFIED)),
    ],
)
def test_the_table_of_refusals(code: str | None, outcome: Outcome) -> None:
    assert judge(ASKED, _answer(NOT_DONE, AF=code)) == outcome


@pytest.mark.parametrize("code", ["01", "03"])
def test_not_done_beside_money_taken_is_contradictory(code: str) -> None:
    assert _doubt(judge(ASKED, _answer(NOT_DONE, AF=code))) is DoubtReason.ANSWER_CONTRADICTORY


@pytest.mark.parametrize("amount", [None, "0", "00000000", "1250", "77", "none"])
def test_a_refusal_may_carry_any_amount(amount: str | None) -> None:
    assert isinstance(judge(ASKED, _answer(NOT_DONE, CB=amount)), Declined)


@pytest.mark.parametrize("changed", [{"CA": "02"}, {"CD": "1"}])
def test_a_refusal_of_something_else_is_no_refusal(changed: dict[str, str]) -> None:
    assert _doubt(judge(ASKED, _answer(NOT_DONE, **changed))) is DoubtReason.ANSWER_MISMATCH


@pytest.mark.parametrize("tag", ["AE", "CA", "CD"])
def test_a_refusal_that_was_cut_short_is_in_doubt(tag: str) -> None:
    answer = _answer(NOT_DONE, **{tag: None})
    assert _doubt(judge(ASKED, answer)) is DoubtReason.ANSWER_UNREADABLE
    assert not settled(answer)
    assert settled(_answer(NOT_DONE))


# ---------------------------------------------------------------- not final


@pytest.mark.parametrize("status", ["10", "01", "11"])
def test_immediate_mode_tells_no_outcome(status: str) -> None:
    asked = replace(ASKED, immediate=True)
    assert _doubt(judge(asked, _answer(DONE, AE=status))) is DoubtReason.ANSWER_NOT_FINAL
    assert _doubt(judge(ASKED, _answer(DONE, AE=status, BA="1"))) is DoubtReason.ANSWER_NOT_FINAL


def test_taken_into_account_is_in_doubt() -> None:
    assert _doubt(judge(ASKED, _answer(DONE, AE="11"))) is DoubtReason.ANSWER_NOT_FINAL


@pytest.mark.parametrize("status", ["00", "02", "1", "XX"])
def test_any_other_status_is_unreadable(status: str) -> None:
    assert _doubt(judge(ASKED, _answer(DONE, AE=status))) is DoubtReason.ANSWER_UNREADABLE


# ---------------------------------------------------------------- late answers


def test_a_late_answer_on_its_own_connection_names_its_operation() -> None:
    late = late_result(_answer(DONE), ASKED)
    assert late is not None
    assert isinstance(late.outcome, Approved)
    assert (late.register, late.amount, late.wire_reference) == ("01", Money(1250, EUR), REFERENCE)


def test_a_late_answer_that_names_another_operation_is_that_ones() -> None:
    late = late_result(_answer(DONE, CF=ANOTHER), ASKED)
    assert late is not None
    assert late.wire_reference == ANOTHER
    assert _doubt(late.outcome) is DoubtReason.ANSWER_MISMATCH


@pytest.mark.parametrize(("reference", "ours"), [(ANOTHER, ANOTHER), ("1010000000", None), (None, None)])
def test_a_late_answer_without_a_question_is_taken_at_its_word(reference: str | None, ours: str | None) -> None:
    late = late_result(_answer(DONE, CA="2", CF=reference), None)
    assert late is not None
    assert isinstance(late.outcome, Approved)
    assert (late.register, late.amount, late.wire_reference) == ("02", Money(1250, EUR), ours)


def test_a_late_refusal_of_zero_has_no_amount() -> None:
    late = late_result(_answer(NOT_DONE, CB="00", CE="978"), None)
    assert late is not None
    assert (late.outcome, late.amount) == (Declined(DeclineReason.REFUSED, "04"), None)


@pytest.mark.parametrize("changed", [{"CD": "I"}, {"CD": None}, {"CA": None}, {"CE": None}, {"CE": "000"}])
def test_a_late_answer_about_no_payment_is_none(changed: dict[str, str | None]) -> None:
    assert late_result(_answer(DONE, **changed), None) is None


def test_a_late_answer_without_an_amount_is_no_approval() -> None:
    late = late_result(_answer(DONE, CB=None), None)
    assert late is not None
    assert _doubt(late.outcome) is DoubtReason.ANSWER_UNREADABLE


# ---------------------------------------------------------------- the other way


@pytest.mark.parametrize(
    "outcome", [*(Declined(reason) for reason in DeclineReason), *(Aborted(by) for by in AbortedBy)], ids=str
)
def test_what_a_door_says_is_read_as_what_it_meant(outcome: Declined | Aborted) -> None:
    read = judge(ASKED, _answer(NOT_DONE, AF=detail_of(outcome)))
    match outcome:
        case Declined(reason=reason):
            assert isinstance(read, Declined)
            assert read.reason is reason
        case Aborted(by=by):
            assert isinstance(read, Aborted)
            assert read.by is (AbortedBy.CUSTOMER if by is AbortedBy.UNSPECIFIED else by)


def test_what_never_started_was_not_completed() -> None:
    assert detail_of(NotStarted(NotStartedReason.TERMINAL_BUSY)) is Detail.NOT_COMPLETED
