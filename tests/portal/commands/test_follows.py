"""In which order the states of a command can come."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.portal.clock import HandClock
from tests.portal.commands.lines import PAYMENT_ID
from tillbridge.link.message_words import CommandKind
from tillbridge.portal.commands.model import Command, State, follows

NOW = HandClock().now()
SHOWN: dict[str, JsonValue] = {"payment_id": PAYMENT_ID, "outcome": "approved"}
DOUBT: dict[str, JsonValue] = {"payment_id": PAYMENT_ID, "outcome": "in_doubt"}


def command(state: State, result: dict[str, JsonValue] | None = None) -> Command:
    return Command("1" * 32, "t", "l", CommandKind.PAYMENT, {}, state, NOW, NOW, "Olga", result=result or {})


@pytest.mark.parametrize("state", State)
def test_nothing_comes_after_done(state: State) -> None:
    assert not follows(command(State.DONE, SHOWN), state, SHOWN)


@pytest.mark.parametrize(("state", "said"), list(product([State.REFUSED, State.EXPIRED], State)))
def test_after_not_started_only_evidence_counts(state: State, said: State) -> None:
    assert not follows(command(state), said, {})
    assert follows(command(state), said, SHOWN) is (said in {State.RUNNING, State.DONE})


def test_nothing_goes_backwards() -> None:
    assert not follows(command(State.RUNNING), State.ACCEPTED, {})
    assert follows(command(State.GIVEN), State.ACCEPTED, {})


@pytest.mark.parametrize("said", [State.REFUSED, State.EXPIRED])
def test_a_payment_in_doubt_is_never_called_not_started(said: State) -> None:
    assert not follows(command(State.RUNNING, DOUBT), said, {})
    assert follows(command(State.RUNNING), said, {})


@given(st.lists(st.tuples(st.sampled_from(State), st.sampled_from([{}, SHOWN, DOUBT])), max_size=12))
def test_whatever_is_said_a_shown_payment_stays_known(said: list[tuple[State, dict[str, Any]]]) -> None:
    now = command(State.GIVEN)
    in_doubt = done = False
    for state, result in said:
        if follows(now, state, result):
            now = command(state, result)
            done = done or state is State.DONE
            in_doubt = in_doubt or (state is State.RUNNING and result == DOUBT)
        assert not done or now.state is State.DONE
        assert now.state is not State.QUEUED
        if now.state in {State.REFUSED, State.EXPIRED}:
            assert not done
