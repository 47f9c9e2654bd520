"""Days become moments at the location, and two licences at a time are one."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.portal.licences.model import Span, joined, last_day, span_of_days
from tillbridge.portal.locations.forms import ZONES

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        ("2026-01-01", "2026-12-31", "2025-12-31T23:00+00:00", "2026-12-31T23:00+00:00"),
        ("2026-07-01", "2026-07-01", "2026-06-30T22:00+00:00", "2026-07-01T22:00+00:00"),
        # The day on which the clock is put forward has 23 hours, the one on which it is put back 25.
        ("2026-03-29", "2026-03-29", "2026-03-28T23:00+00:00", "2026-03-29T22:00+00:00"),
        ("2026-10-25", "2026-10-25", "2026-10-24T22:00+00:00", "2026-10-25T23:00+00:00"),
    ],
)
def test_whole_days_of_the_location(first: str, last: str, start: str, end: str) -> None:
    span = span_of_days(date.fromisoformat(first), date.fromisoformat(last), BERLIN)
    assert span == Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert not span.holds(span.start - timedelta(microseconds=1))
    assert span.holds(span.start)
    assert span.end is not None
    assert span.holds(span.end - timedelta(microseconds=1))
    assert not span.holds(span.end)


def test_without_a_last_day_it_never_ends() -> None:
    span = span_of_days(date(2026, 1, 1), None, BERLIN)
    assert span.end is None
    assert span.holds(datetime(2999, 1, 1, tzinfo=UTC))
    assert last_day(span, BERLIN) is None


def test_a_last_day_before_the_first_is_no_span() -> None:
    with pytest.raises(ValueError, match="ends after"):
        span_of_days(date(2026, 1, 2), date(2026, 1, 1), BERLIN)


@given(
    st.dates(date(2001, 1, 1), date(2100, 1, 1)),
    st.integers(0, 1000),
    st.sampled_from([zone for zone in ZONES if not zone.startswith("Pacific/")]),
)
def test_the_last_day_is_read_back(first: date, days: int, zone: str) -> None:
    last = first + timedelta(days=days)
    assert last_day(span_of_days(first, last, ZoneInfo(zone)), ZoneInfo(zone)) == last


_SPANS = st.builds(
    lambda start, length: Span(
        START + timedelta(hours=start), None if length is None else START + timedelta(hours=start + length)
    ),
    st.integers(0, 60),
    st.none() | st.integers(1, 20),
)


@given(st.lists(_SPANS, max_size=8))
def test_joined_spans_hold_the_same_moments_and_keep_apart(spans: list[Span]) -> None:
    whole = joined(spans)
    for hour in range(90):
        moment = START + timedelta(hours=hour)
        assert any(one.holds(moment) for one in whole) == any(one.holds(moment) for one in spans)
    for before, after in pairwise(whole):
        assert before.end is not None
        assert before.end < after.start
