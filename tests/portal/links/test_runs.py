"""One computer or two, by the numbers of their requests."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.portal.links.runs import REMEMBERED, Runs, follow

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
EVERY = timedelta(minutes=8)


def alarm_after(numbers: list[int], every: timedelta = EVERY) -> int | None:
    """After how many requests there is an alarm; None if there is none."""
    runs = Runs()
    for place, number in enumerate(numbers):
        runs, alarm = follow(runs, number, NOON + place * every)
        if alarm:
            return place + 1
    return None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 10**6))
def test_numbers_that_only_grow_never_raise_an_alarm(steps: list[int], first: int) -> None:
    numbers = [first]
    for step in steps:
        numbers.append(numbers[-1] + step)
    assert alarm_after(numbers) is None


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 300))
def test_a_disk_that_was_restored_once_never_raises_an_alarm(counted: int, lost: int, after: int) -> None:
    back = max(0, counted - lost)
    assert alarm_after([*range(1, counted + 1), *range(back, back + after)]) is None


@given(st.integers(1, 10**9), st.randoms(use_true_random=False))
def test_two_copies_are_found_within_a_few_requests_each(copied_at: int, chance: random.Random) -> None:
    one = two = copied_at
    numbers = [copied_at]
    for _ in range(6):
        pair = [1, 2]
        chance.shuffle(pair)
        for who in pair:
            if who == 1:
                one += 1
                numbers.append(one)
            else:
                two += 1
                numbers.append(two)
    found = alarm_after(numbers)
    assert found is not None
    assert found <= 7


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([100, 101, 101, 102, 102], 5),
        # An old copy comes alive beside the newest one.
        ([100, 41, 101], 3),
        ([100, 41, 42, 43, 101], 5),
        ([100, 41, 100], None),
    ],
)
def test_interleaved_runs(numbers: list[int], found: int | None) -> None:
    assert alarm_after(numbers) == found


def test_a_second_restore_on_another_day_is_no_alarm() -> None:
    runs, _ = follow(Runs(100), 50, NOON)
    runs, alarm = follow(runs, 51, NOON + REMEMBERED)
    assert (runs, alarm) == (Runs(51), False)
    assert follow(runs, 40, NOON + REMEMBERED) == (Runs(40, 51, NOON + REMEMBERED), False)
