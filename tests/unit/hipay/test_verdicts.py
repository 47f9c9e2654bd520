import re
from collections.abc import Iterator

import pytest

from tillbridge.domain.errors import Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    MoneyMoved,
    NotStarted,
    NotStartedReason,
    Outcome,
    money_moved,
)
from tillbridge.protocols.hipay import verdicts
from tillbridge.protocols.hipay.verdicts import ErrorCode, PaymentStatus, verdict


def every_outcome() -> Iterator[Outcome]:
    yield Approved(Money(1000, EUR))
    yield from (Declined(reason) for reason in DeclineReason)
    yield from (Aborted(by) for by in AbortedBy)
    yield from (NotStarted(reason) for reason in NotStartedReason)
    yield from (InDoubt(reason) for reason in DoubtReason)


OUTCOMES = tuple(every_outcome())


def test_the_codes_are_the_ten() -> None:
    assert [code.value for code in ErrorCode] == [str(code) for code in range(1000, 1010)]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_only_money_that_moved_is_a_success(outcome: Outcome) -> None:
    found = verdict(outcome)
    approved = money_moved(outcome) is MoneyMoved.YES
    assert (found.status is PaymentStatus.SUCCESS) == approved
    assert (found.error_code is None) == approved
    assert (found.description is None) == approved


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_a_new_attempt_is_offered_only_where_no_money_moved(outcome: Outcome) -> None:
    assert verdict(outcome).retryable == (money_moved(outcome) is MoneyMoved.NO)


@pytest.mark.parametrize("reason", DoubtReason)
def test_a_doubt_never_looks_like_a_refusal(reason: DoubtReason) -> None:
    found = verdict(InDoubt(reason))
    assert found.outcome == "unknown"
    claims_nothing = {"1000", "1001", "1005", "1007", "1008"}
    assert found.error_code in claims_nothing
    assert "check the terminal" in str(found.description)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_1006_is_a_proven_refusal_or_cancellation(outcome: Outcome) -> None:
    found = verdict(outcome)
    proven = isinstance(outcome, Declined | Aborted) or outcome == NotStarted(NotStartedReason.ABORTED_FIRST)
    assert (found.error_code is ErrorCode.CANCELLED) == proven
    if proven:
        assert re.fullmatch(r"Cancelled \([A-Za-z -]*\)", str(found.description))


def test_the_network_has_the_words_of_the_sample() -> None:
    found = verdict(NotStarted(NotStartedReason.NETWORK_UNAVAILABLE))
    assert (found.error_code, found.description) == (ErrorCode.NETWORK, "The network is unavailable")


def test_every_outcome_has_its_own_code_of_ours() -> None:
    codes = [verdict(outcome).code for outcome in OUTCOMES]
    assert len(set(codes)) == len(codes)
    assert verdicts.RUNNING.code not in codes


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Declined(), ""),
        (Declined(DeclineReason.UNSPECIFIED, "7"), ""),
        (Declined(DeclineReason.UNSPECIFIED, "00"), "Unknown"),
        (Declined(DeclineReason.REFERRAL, "02"), "Call phonie"),
        (Declined(DeclineReason.REFUSED, "04"), "Refused"),
        (Declined(DeclineReason.REFUSED, "04 51"), "Refused"),
        (Declined(DeclineReason.REFUSED, "05"), "Prohibited"),
        (Aborted(AbortedBy.CUSTOMER, "06"), "Abandon"),
        (Declined(DeclineReason.FAILED, "07"), "Not completed"),
        (Aborted(AbortedBy.TIMEOUT, "08"), "Time-out entered"),
        (Declined(DeclineReason.CONFIGURATION, "09"), "Error message format"),
        (Declined(DeclineReason.CONFIGURATION, "10"), "Error selection"),
        (Aborted(AbortedBy.CASHIER, "11"), "Abandon Operator"),
        (Declined(DeclineReason.CONFIGURATION, "12"), "Type of action requested unknown"),
        (Declined(DeclineReason.CONFIGURATION, "13"), "Unsupported currency"),
        # Another wire's code that happens to look alike does not change what the terminal meant.
        (Declined(DeclineReason.REFUSED, "06"), "Refused"),
        (Aborted(AbortedBy.CUSTOMER, "04"), "Abandon"),
        (Declined(DeclineReason.REFUSED, "0451"), "Refused"),
        # 01 and 03 speak of money taken: no driver makes a refusal of them, and no such word is ever shown.
        (Declined(DeclineReason.REFUSED, "01"), "Refused"),
        (Declined(DeclineReason.REFUSED, "03"), "Refused"),
    ],
)
def test_the_reason_in_the_parentheses(outcome: Outcome, shown: str) -> None:
    assert verdict(outcome).description == f"Cancelled ({shown})"


def test_refusals_that_go_away_by_themselves_may_be_sent_again() -> None:
    again = {code for code in Code if verdicts.refusal_retryable(code)}
    assert Code.TERMINAL_BUSY in again
    assert again.isdisjoint({Code.TERMINAL_LOCKED, Code.INTERNAL, Code.ORDER_CONFLICT, Code.KEY_CONFLICT})
