"""Looking for updates at the hour, whatever somebody does to the clock."""

from datetime import datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.supervisor.hours import RETRY_SECONDS, SET_BACK, UpdateHours

HOUR = time(3, 0)
NOON = datetime(2026, 3, 10, 12, 0)  # noqa: DTZ001  # local wall time, as it is read here
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def started(now: datetime = NOON) -> UpdateHours:
    """Hours whose look at the start is done."""
    hours = UpdateHours(HOUR, now)
    assert hours.owed(now, 0.0)
    hours.looked()
    assert not hours.owed(now, 0.0)
    return hours


def test_it_looks_at_the_start() -> None:
    assert UpdateHours(HOUR, NOON).owed(NOON, 0.0)


def test_it_looks_once_at_the_hour_each_day() -> None:
    hours = started()
    night = NOON.replace(hour=3) + DAY
    assert not hours.owed(night - timedelta(seconds=1), 1.0)
    assert hours.owed(night, 2.0)
    hours.looked()
    assert not hours.owed(night + timedelta(hours=5), 3.0)
    assert hours.owed(night + DAY, 4.0)


def test_an_hour_that_was_slept_through_is_made_up() -> None:
    hours = started()
    assert hours.owed(NOON.replace(hour=8) + DAY, 1.0)


def test_many_nights_that_were_slept_through_are_one_look() -> None:
    hours = started()
    later = NOON + 30 * DAY
    assert hours.owed(later, 1.0)
    hours.looked()
    assert not hours.owed(later, 2.0)


def test_a_clock_set_forward_by_a_day_brings_one_look_and_then_the_usual_hours() -> None:
    hours = started()
    assert hours.owed(NOON + DAY, 1.0)
    hours.looked()
    assert not hours.owed(NOON + DAY + timedelta(hours=14), 2.0)
    assert hours.owed(NOON + DAY + timedelta(hours=15), 3.0)


def test_a_clock_set_back_by_a_year_does_not_silence_the_next_hour() -> None:
    hours = started()
    back = NOON - YEAR
    assert not hours.owed(back, 1.0)
    assert not hours.owed(back + timedelta(hours=14), 2.0)
    assert hours.owed(back + timedelta(hours=15), 3.0)


def test_a_clock_that_is_mended_again_brings_one_look() -> None:
    hours = started()
    assert not hours.owed(NOON - YEAR, 1.0)
    assert hours.owed(NOON, 2.0)
    hours.looked()
    assert not hours.owed(NOON + timedelta(hours=1), 3.0)


def test_summer_time_does_not_make_it_look_twice() -> None:
    hours = UpdateHours(time(2, 30), NOON)
    hours.looked()
    night = datetime(2026, 10, 25, 2, 59)  # noqa: DTZ001  # local wall time
    assert hours.owed(night, 1.0)
    hours.looked()
    assert not hours.owed(datetime(2026, 10, 25, 2, 0), 2.0)  # noqa: DTZ001  # the hour comes a second time
    assert not hours.owed(datetime(2026, 10, 25, 2, 59), 3.0)  # noqa: DTZ001


def test_a_look_that_failed_is_repeated_later_by_the_monotonic_clock() -> None:
    hours = UpdateHours(HOUR, NOON)
    now = 100.0
    for delay in (*RETRY_SECONDS, RETRY_SECONDS[-1]):
        assert hours.owed(NOON - YEAR, now)
        hours.failed(now)
        assert not hours.owed(NOON - YEAR, now + delay - 1)
        now += delay
    assert hours.owed(NOON - YEAR, now)


def test_another_hour_counts_from_its_next_coming() -> None:
    hours = started()
    hours.change(time(11, 0), NOON)
    assert not hours.owed(NOON + timedelta(minutes=1), 1.0)
    assert hours.owed(NOON.replace(hour=11) + DAY, 2.0)


@given(st.lists(st.timedeltas(-2 * YEAR, 2 * YEAR), max_size=20))
def test_whatever_the_clock_does_the_hour_comes_again_within_a_day(jumps: list[timedelta]) -> None:
    hours, now = started(), NOON
    for jump in jumps:
        now += jump
        if hours.owed(now, 1.0):
            hours.looked()
    # A clock that is a little behind waits for the hour that it has seen; from then on it comes each day.
    ticks = [now + SET_BACK + timedelta(minutes=20 * step) for step in range(3 * 24 + 1)]
    assert any(hours.owed(tick, 2.0) for tick in ticks)
