"""Law 2: in doubt is a result of its own, and every outcome says whether money moved."""

import dataclasses
from typing import get_args

import pytest

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import OPEN, RUNNING, Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Closed,
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

_EVERY_OUTCOME: list[Outcome] = [
    Approved(Money(1250, EUR)),
    *(Declined(reason) for reason in DeclineReason),
    *(Aborted(by) for by in AbortedBy),
    *(NotStarted(reason) for reason in NotStartedReason),
    *(InDoubt(reason) for reason in DoubtReason),
]


def _expected(outcome: Outcome) -> MoneyMoved:
    return {Approved: MoneyMoved.YES, InDoubt: MoneyMoved.UNKNOWN}.get(type(outcome), MoneyMoved.NO)


@pytest.mark.parametrize("outcome", _EVERY_OUTCOME, ids=repr)
def test_only_approved_moved_money_and_only_in_doubt_is_unknown(outcome: Outcome) -> None:
    assert money_moved(outcome) is _expected(outcome)


def test_the_list_above_leaves_no_outcome_out() -> None:
    assert {type(outcome) for outcome in _EVERY_OUTCOME} == set(get_args(Outcome))


def test_closed_is_every_outcome_but_in_doubt() -> None:
    assert set(get_args(Closed)) == set(get_args(Outcome)) - {InDoubt}


def test_the_same_outcome_is_equal_and_another_is_not() -> None:
    assert Declined(DeclineReason.REFUSED, "05") == Declined(DeclineReason.REFUSED, "05")
    assert Declined(DeclineReason.REFUSED) != Declined(DeclineReason.REFERRAL)
    same_words: set[Outcome] = {Declined(), Aborted()}
    assert len(same_words) == 2


@pytest.mark.parametrize("outcome", _EVERY_OUTCOME, ids=repr)
def test_an_outcome_never_changes(outcome: Outcome) -> None:
    # An attribute of the instance's own would let a value be changed behind the journal's back.
    assert not hasattr(outcome, "__dict__")
    name = dataclasses.fields(outcome)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(outcome, name, None)


def test_every_outcome_has_its_stage_and_in_doubt_keeps_the_terminal() -> None:
    ended = {Stage.APPROVED, Stage.DECLINED, Stage.ABORTED, Stage.NOT_STARTED, Stage.IN_DOUBT}
    assert len(ended) == len(get_args(Outcome))
    assert set(Stage) == ended | RUNNING
    assert set(Stage) - OPEN == ended - {Stage.IN_DOUBT}
