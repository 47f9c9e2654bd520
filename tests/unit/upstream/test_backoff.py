"""When a message is tried again: soon, then more and more slowly, and not for ever."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime.manual import EPOCH
from tillbridge.web.webhooks import backoff


@given(st.integers(0, 10_000))
def test_a_message_that_never_arrives_is_tried_for_three_days_and_then_given_up(seed: int) -> None:
    chance = random.Random(seed)
    now, attempts, tried = EPOCH, 1, [EPOCH]
    while (following := backoff.next_attempt(attempts, EPOCH, now, chance)) is not None:
        assert now < following <= EPOCH + backoff.PATIENCE
        assert following - now <= backoff.STEPS[-1] * (1 + backoff.SPREAD)
        now, attempts = following, attempts + 1
        tried.append(now)
    assert tried[-1] == EPOCH + backoff.PATIENCE
    assert tried[1] - tried[0] < timedelta(seconds=7)
    assert 60 < len(tried) < 100


@given(st.integers(1, 10**6), st.integers(0, 100))
def test_a_receiver_is_left_alone_for_a_minute_at_most(failures: int, seed: int) -> None:
    seconds = backoff.pause(failures, random.Random(seed))
    assert 0.5 < seconds <= backoff.LONGEST_PAUSE
    assert failures < 10 or seconds >= backoff.LONGEST_PAUSE * (1 - backoff.SPREAD)
