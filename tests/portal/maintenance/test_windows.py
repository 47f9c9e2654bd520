"""Recurrences become the right moments in UTC: the vectors of docs/reference/portal-maintenance.md, and odd hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.maintenance.defaults import DEFAULTS
from tillbridge.portal.maintenance.model import Component, Plan, Recurrence, Span, WindowEffect
from tillbridge.portal.maintenance.windows import (
    LONGEST_QUESTION,
    LONGEST_WINDOW,
    checked,
    in_utc,
    spans,
    upcoming,
)

YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
SERVERS, SHOPS = DEFAULTS[0].recurrence, DEFAULTS[2].recurrence


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def plan(  # noqa: PLR0913  # what a test cares about, by name
    start: str = "2026-01-07T03:00",
    rule: str = "FREQ=MONTHLY;BYDAY=1WE",
    zone: str = "Europe/Berlin",
    *,
    hours: float = 2,
    left_out: tuple[str, ...] = (),
    added: tuple[str, ...] = (),
    effect: WindowEffect = WindowEffect.UNAVAILABLE,
    auto_switch: bool = False,
) -> Plan:
    recurrence = Recurrence(
        local(start),
        timedelta(hours=hours),
        rule,
        zone,
        frozenset(map(local, left_out)),
        frozenset(map(local, added)),
    )
    return Plan(Component.PORTAL, effect, auto_switch, recurrence)


@pytest.mark.parametrize(
    ("recurrence", "start", "end"),
    [
        (SERVERS, "2026-01-07T02:00", "2026-01-07T04:00"),
        (SERVERS, "2026-04-01T01:00", "2026-04-01T03:00"),
        (SERVERS, "2026-07-01T01:00", "2026-07-01T03:00"),
        (SERVERS, "2026-11-04T02:00", "2026-11-04T04:00"),
        (SHOPS, "2026-01-21T03:00", "2026-01-21T06:00"),
        (SHOPS, "2026-04-15T02:00", "2026-04-15T05:00"),
        (SHOPS, "2026-07-15T02:00", "2026-07-15T05:00"),
        (SHOPS, "2026-11-18T03:00", "2026-11-18T06:00"),
    ],
)
def test_the_vectors(recurrence: Recurrence, start: str, end: str) -> None:
    found = spans(recurrence, *YEAR)
    assert Span(at(start), at(end)) in found
    assert len(found) == 12


def test_a_zone_without_summer_time_stays_where_it_is() -> None:
    found = spans(plan(zone="Etc/GMT-1").recurrence, *YEAR)
    assert {span.start.hour for span in found} == {2}


@pytest.mark.parametrize(
    ("start", "zone", "utc"),
    [
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),  # left out: with the offset before it
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),  # comes twice: the first
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),  # a gap of half an hour
    ],
)
def test_a_start_in_a_gap_or_a_doubled_hour(start: str, zone: str, utc: str) -> None:
    (found,) = spans(plan(start, "", zone).recurrence, *YEAR)
    assert found == Span(at(utc), at(utc) + timedelta(hours=2))


def test_the_duration_is_elapsed_time() -> None:
    (spring,) = spans(plan("2026-03-29T01:00", "", hours=3).recurrence, *YEAR)
    assert spring.end - spring.start == timedelta(hours=3)
    assert spring.end.astimezone(ZoneInfo("Europe/Berlin")).hour == 5


def test_spans_are_half_open() -> None:
    recurrence = plan(rule="").recurrence
    start, end = at("2026-01-07T02:00"), at("2026-01-07T04:00")
    a_moment = timedelta(microseconds=1)
    assert spans(recurrence, start - timedelta(days=1), start) == []
    assert spans(recurrence, start - timedelta(days=1), start + a_moment) == [Span(start, end)]
    assert spans(recurrence, end - a_moment, end) == [Span(start, end)]
    assert spans(recurrence, end, end + timedelta(days=1)) == []
    assert Span(start, end).holds(start)
    assert not Span(start, end).holds(end)


def test_single_dates_more_and_less() -> None:
    recurrence = plan(left_out=("2026-05-06T03:00",), added=("2026-05-09T22:00", "2026-06-03T03:00")).recurrence
    may = spans(recurrence, at("2026-05-01"), at("2026-07-01"))
    assert [span.start for span in may] == [at("2026-05-09T20:00"), at("2026-06-03T01:00")]


def test_count_and_until() -> None:
    assert len(spans(plan(rule="FREQ=MONTHLY;BYDAY=1WE;COUNT=3").recurrence, *YEAR)) == 3
    # In UTC, and the occurrence at that very moment still counts.
    assert len(spans(plan(rule="FREQ=MONTHLY;BYDAY=1WE;UNTIL=20260401T010000Z").recurrence, *YEAR)) == 4
    assert len(spans(plan(rule="FREQ=MONTHLY;BYDAY=1WE;UNTIL=20260401T005959Z").recurrence, *YEAR)) == 3


def test_the_next_ones_begin_with_the_one_that_runs() -> None:
    found = upcoming(SERVERS, at("2026-04-01T02:00"), 6)
    assert [span.start.month for span in found] == [4, 5, 6, 7, 8, 9]
    assert (
        len(upcoming(plan("2028-02-29T03:00", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29").recurrence, at("2026-01-01"), 2))
        == 2
    )
    assert upcoming(plan(rule="").recurrence, at("2026-02-01"), 6) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (plan(rule="FREQ=SECONDLY"), "rule"),
        (plan(rule="FREQ=HOURLY;INTERVAL=2"), "rule"),
        (plan(rule="BYDAY=1WE"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;FREQ=DAILY"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;COUNT=2;UNTIL=20270101T000000Z"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;UNTIL=20270101"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;UNTIL=20271301T000000Z"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;INTERVAL=0"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE;COUNT=0"), "rule"),
        (plan(rule="FREQ=WEEKLY;BYDAY=1WE"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYMONTHDAY=99"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=9WE"), "rule"),
        (plan(rule="FREQ=DAILY;BYSETPOS=2"), "rule"),
        (plan(rule="FREQ=WEEKLY;BYMONTHDAY=7"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=1WE\r\nSUMMARY:x"), "rule"),
        (plan(rule="FREQ=MONTHLY;BYDAY=2WE"), "date"),
        (plan(rule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"), "date"),
        (plan("1999-12-31T23:00", ""), "date"),
        (plan(zone="Europe/Nowhere"), "zone"),
        (plan(zone="../../etc/passwd"), "zone"),
        (plan(zone=""), "zone"),
        (plan(hours=0), "duration"),
        (plan(hours=-1), "duration"),
        (plan(hours=7 * 24 + 1), "duration"),
        (plan(added=tuple(f"2026-01-01T00:{n // 60:02}:{n % 60:02}" for n in range(101))), "left_out"),
        (plan(effect=WindowEffect.RESTRICTED, auto_switch=True), "auto_switch"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(wrong: Plan, place: str) -> None:
    with pytest.raises(BridgeError) as caught:
        checked(wrong)
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, place)


def test_at_most_400_days_are_expanded() -> None:
    assert spans(SERVERS, YEAR[0], YEAR[0] + LONGEST_QUESTION)
    for start, end, place in (
        (YEAR[0], YEAR[0] + LONGEST_QUESTION + timedelta(seconds=1), "to"),
        (YEAR[0], YEAR[0], "to"),
        (local("2026-01-01"), YEAR[1], "from"),
        (at("2099-12-31"), at("2100-01-01"), "to"),
    ):
        with pytest.raises(BridgeError) as caught:
            spans(SERVERS, start, end)
        assert caught.value.place == place


_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Etc/GMT-1", "UTC", "Asia/Kathmandu")
_RULES = ("", "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=DAILY;INTERVAL=3;COUNT=40", "FREQ=MONTHLY")

_recurrences = st.builds(
    Recurrence,
    start=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 28)).map(lambda one: one.replace(microsecond=0)),  # noqa: DTZ001
    duration=st.timedeltas(timedelta(seconds=1), LONGEST_WINDOW).map(
        lambda one: timedelta(seconds=one // timedelta(seconds=1))
    ),
    rule=st.sampled_from(_RULES),
    zone=st.sampled_from(_ZONES),
)
_moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(_recurrences, _moments, st.timedeltas(timedelta(seconds=1), timedelta(days=30)))
def test_each_span_touches_what_was_asked_for_and_is_as_long_as_it_says(
    recurrence: Recurrence, start: datetime, length: timedelta
) -> None:
    end = start + length
    found = spans(recurrence, start, end)
    assert found == sorted(set(found))
    for span in found:
        assert span.start < end
        assert span.end > start
        assert span.end - span.start == recurrence.duration


@given(_recurrences, _moments, st.timedeltas(timedelta(days=2), timedelta(days=30)))
def test_two_halves_are_the_whole(recurrence: Recurrence, start: datetime, length: timedelta) -> None:
    middle, end = start + length / 2, start + length
    halves = {*spans(recurrence, start, middle), *spans(recurrence, middle, end)}
    assert halves == set(spans(recurrence, start, end))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)), st.sampled_from(_ZONES))  # noqa: DTZ001
def test_a_local_time_lies_where_the_zone_says_or_was_left_out(moment: datetime, zone: str) -> None:
    placed = in_utc(moment, ZoneInfo(zone))
    back = placed.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    # In a gap the offset before it leads to a later local time, never to an earlier one.
    assert back == moment or timedelta(0) < back - moment <= timedelta(hours=1)
    assert (
        in_utc(moment, ZoneInfo(zone)) <= moment.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) or back > moment
    )
