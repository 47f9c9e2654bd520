"""A connector that does not answer is ended, and never too early where a payment may still come to its end."""

from tillbridge.connector.supervisor.health import (
    CHECK_SECONDS,
    LONGEST_PAYMENT_SECONDS,
    LONGEST_READY_SECONDS,
    MISSES,
    READY_SECONDS,
    HealthWatch,
    ready_seconds,
)


def missing(watch: HealthWatch, times: int, since: float = 1000.0) -> float:
    """So many questions without an answer; the moment of the last one."""
    for number in range(times):
        watch.missed(since + number * CHECK_SECONDS)
    return since + (times - 1) * CHECK_SECONDS


def test_some_missing_answers_are_no_reason() -> None:
    watch = HealthWatch()
    now = missing(watch, MISSES - 1)
    assert watch.silent
    assert not watch.hung(now, payment_runs=False)


def test_many_in_a_row_are_one() -> None:
    watch = HealthWatch()
    assert watch.hung(missing(watch, MISSES), payment_runs=False)


def test_an_answer_begins_the_count_anew() -> None:
    watch = HealthWatch()
    missing(watch, MISSES - 1)
    watch.answered()
    assert not watch.silent
    assert not watch.hung(missing(watch, MISSES - 1), payment_runs=False)


def test_a_payment_is_waited_for_as_long_as_one_takes_and_no_longer() -> None:
    watch = HealthWatch()
    now = missing(watch, MISSES)
    assert not watch.hung(now, payment_runs=True)
    assert not watch.hung(1000.0 + LONGEST_PAYMENT_SECONDS - 1, payment_runs=True)
    assert watch.hung(1000.0 + LONGEST_PAYMENT_SECONDS, payment_runs=True)


def test_a_computer_that_slept_has_missed_no_answers() -> None:
    watch = HealthWatch()
    watch.missed(1000.0)
    watch.missed(1_000_000.0)
    assert not watch.hung(1_000_000.0, payment_runs=False)


def test_a_start_that_takes_long_is_given_more_each_time() -> None:
    found = [ready_seconds(times) for times in range(8)]
    assert found[:3] == [READY_SECONDS, 2 * READY_SECONDS, 4 * READY_SECONDS]
    assert found[-1] == LONGEST_READY_SECONDS
