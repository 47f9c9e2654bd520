"""Ids are unique and grow, whatever the wall clock does; the real effects are what they say."""

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime.effects import Runtime, SystemClock, TimeOrderedIds

_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_UUID7 = re.compile("[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


@dataclass
class HandClock:
    """A clock whose hands a test turns."""

    at: datetime = _START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class Extreme(random.Random):
    """The largest throw, each time."""

    def getrandbits(self, k: int, /) -> int:
        return (1 << k) - 1


def _ids(clock: HandClock, seed: int = 1) -> TimeOrderedIds:
    return TimeOrderedIds(clock, random.Random(seed))


def test_an_id_is_a_uuid_of_version_7() -> None:
    clock = HandClock()
    made = _ids(clock).new()
    assert _UUID7.fullmatch(made)
    assert int(made[:12], 16) == int(_START.timestamp() * 1000)


@given(st.lists(st.integers(-10_000, 10_000), max_size=200), st.integers())
def test_a_later_id_is_the_larger_one_even_when_the_clock_is_set_back(turns: list[int], seed: int) -> None:
    clock = HandClock()
    ids = _ids(clock, seed)
    made = [ids.new()]
    for milliseconds in turns:
        clock.at += timedelta(milliseconds=milliseconds)
        made.append(ids.new())
    assert made == sorted(set(made))
    assert all(_UUID7.fullmatch(one) for one in made)


def test_counting_on_within_one_millisecond_has_room() -> None:
    ids = TimeOrderedIds(HandClock(), Extreme())
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert all(_UUID7.fullmatch(one) for one in made)
    assert len({one[:12] for one in made}) == 1


def test_the_same_seed_and_clock_give_the_same_ids_and_another_seed_others() -> None:
    def run(seed: int) -> list[str]:
        ids = _ids(HandClock(), seed)
        return [ids.new() for _ in range(10)]

    assert run(7) == run(7)
    assert not set(run(7)) & set(run(8))


def test_two_starts_in_the_same_millisecond_share_no_id() -> None:
    clock = HandClock()
    first, second = _ids(clock, 1), _ids(clock, 2)
    assert not {first.new() for _ in range(1000)} & {second.new() for _ in range(1000)}


def test_the_real_effects_are_the_default() -> None:
    runtime = Runtime()
    earlier, before = runtime.clock.now(), runtime.clock.monotonic()
    assert earlier.tzinfo is UTC
    assert runtime.clock.now() >= earlier
    assert runtime.clock.monotonic() >= before
    assert isinstance(runtime.clock, SystemClock)
    assert isinstance(runtime.chance, random.SystemRandom)
    assert runtime.ids.new() < runtime.ids.new()
