"""When credit falls due: the rule's dates, their cuts, and the clocks of the world."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.validity.dates import (
    LAST_NOTICE,
    Rule,
    begin_of,
    dates,
    day_at,
    due_on,
    first_date,
    years_earlier,
)

BERLIN = "Europe/Berlin"
NEW_YEARS_EVE = Rule(3, 12, 31)
DAYS = st.dates(date(2015, 1, 1), date(2100, 12, 31))
ZONES = st.sampled_from(sorted(available_timezones()))
MOMENTS = st.dates(date(2016, 1, 1), date(2060, 1, 1)).flatmap(
    lambda on: st.times().map(lambda at: datetime.combine(on, at, UTC))
)
RULES = st.builds(
    lambda years, on: Rule(years, on.month, on.day),
    st.integers(1, 30),
    st.dates(date(2000, 1, 1), date(2000, 12, 31)),
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


def strikes(text: str, on: date, rule: Rule = NEW_YEARS_EVE) -> bool:
    return due_on(on, rule, BERLIN).strikes(berlin(text), 100)


def test_three_years_and_new_years_eve() -> None:
    assert not strikes("2026-05-10T12:00", date(2028, 12, 31))
    assert strikes("2026-05-10T12:00", date(2029, 12, 31))
    assert not strikes("2026-12-31T10:00", date(2029, 12, 31))
    assert strikes("2026-12-31T10:00", date(2030, 12, 31))


def test_midnight_itself_is_not_before_the_cut() -> None:
    assert strikes("2026-12-30T23:59:59.999999", date(2029, 12, 31))
    assert not strikes("2026-12-31T00:00", date(2029, 12, 31))


def test_nothing_is_due_of_an_empty_or_an_unused_voucher() -> None:
    due = due_on(date(2029, 12, 31), NEW_YEARS_EVE, BERLIN)
    assert not due.strikes(berlin("2020-01-01T00:00"), 0)
    assert not due.strikes(None, 100)


@pytest.mark.parametrize(
    ("on", "years", "earlier"),
    [
        (date(2028, 2, 29), 3, date(2025, 2, 28)),
        (date(2028, 2, 29), 4, date(2024, 2, 29)),
        (date(2027, 2, 28), 3, date(2024, 2, 28)),
        (date(2029, 12, 31), 3, date(2026, 12, 31)),
    ],
)
def test_the_same_date_years_earlier(on: date, years: int, earlier: date) -> None:
    assert years_earlier(on, years) == earlier


def test_a_rule_of_the_leap_day_has_a_date_in_every_year() -> None:
    rule = Rule(1, 2, 29)
    rule.check()
    assert [rule.in_year(year) for year in (2027, 2028)] == [date(2027, 2, 28), date(2028, 2, 29)]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        (Rule(0, 12, 31), "years"),
        (Rule(31, 12, 31), "years"),
        (Rule(3, 2, 30), "date"),
        (Rule(3, 13, 1), "date"),
        (Rule(3, 4, 0), "date"),
    ],
)
def test_what_cannot_be_meant(rule: Rule, place: str) -> None:
    with pytest.raises(BridgeError) as caught:
        rule.check()
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, place)


def test_days_begin_where_clocks_change_at_midnight() -> None:
    # Clocks in Beirut leap from 00:00 to 01:00 on 29 March 2026: the day begins as they do.
    assert begin_of(date(2026, 3, 29), "Asia/Beirut") == datetime(2026, 3, 28, 22, tzinfo=UTC)
    # In Havana 00:00 to 01:00 comes twice on 1 November 2026: the day begins the first time.
    assert begin_of(date(2026, 11, 1), "America/Havana") == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert begin_of(date(2026, 7, 1), BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert begin_of(date(2026, 12, 31), BERLIN) == datetime(2026, 12, 30, 23, tzinfo=UTC)


@given(on=DAYS, zone=ZONES)
def test_a_day_begins_when_it_becomes_that_day(on: date, zone: str) -> None:
    begin = begin_of(on, zone)
    assert day_at(begin, zone) == on
    assert day_at(begin - timedelta(microseconds=1), zone) < on


@given(rule=RULES, on=DAYS, zone=ZONES)
def test_a_cut_lies_so_many_years_earlier_at_the_same_time(rule: Rule, on: date, zone: str) -> None:
    due = due_on(rule.in_year(on.year), rule, zone)
    cut = day_at(due.cut, zone)
    assert cut.year == due.on.year - rule.years
    leap_day = (due.on.month, due.on.day) == (2, 29)
    assert (cut.month, cut.day) == (due.on.month, due.on.day) or (leap_day and (cut.month, cut.day) == (2, 28))
    assert due.strikes(due.cut - timedelta(microseconds=1), 1)
    assert not due.strikes(due.cut, 1)


@given(rule=RULES, since=MOMENTS, zone=ZONES)
def test_every_year_has_one_date_and_the_first_is_never_too_near(rule: Rule, since: datetime, zone: str) -> None:
    now = since + timedelta(days=5 * 365)
    begun, following = dates(rule, since, now, zone)
    every = [*(one.on for one in begun), following.on]
    assert every[0] == first_date(rule, since, zone)
    assert LAST_NOTICE <= (every[0] - day_at(since, zone)).days <= 366 + LAST_NOTICE
    assert [one.year for one in every] == list(range(every[0].year, every[-1].year + 1))
    assert all(one.begins <= now for one in begun)
    assert now < following.begins
