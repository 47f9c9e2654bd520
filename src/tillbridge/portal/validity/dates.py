"""When credit that nobody uses is written off (docs/reference/voucher-validity.md). Pure.

A date is a day of the calendar, a moment is UTC; between them stands the time zone of the voucher system. What falls on
29 February falls on 28 February in the other years.
"""

from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.domain.errors import BridgeError, Code

LEAST_YEARS: Final = 1
MOST_YEARS: Final = 30
"""No law asks for more, and a mistyped year is noticed."""

FIRST_NOTICE: Final = 60
LAST_NOTICE: Final = 7
NOTICES: Final = (FIRST_NOTICE, LAST_NOTICE)
"""So many days before the date the owners hear of it."""

_FEBRUARY: Final = 2
_LEAP_DAY: Final = 29


@dataclass(frozen=True, slots=True)
class Rule:
    """Credit that was not used for so many years is written off on this day of the year."""

    years: int
    month: int
    day: int

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)`, place `years` or `date`, unless it can be meant; 29 February can."""
        if not LEAST_YEARS <= self.years <= MOST_YEARS:
            raise BridgeError(Code.FIELD_INVALID, f"{LEAST_YEARS} to {MOST_YEARS} years", place="years")
        try:
            date(2000, self.month, self.day)
        except ValueError as error:
            raise BridgeError(Code.FIELD_INVALID, "there is no such day of the year", place="date") from error

    def in_year(self, year: int) -> date:
        """Its date in a year."""
        return _day(year, self.month, self.day)

    def first_after(self, earliest: date) -> date:
        """Its first date that is not before this one."""
        this_year = self.in_year(earliest.year)
        return this_year if this_year >= earliest else self.in_year(earliest.year + 1)


@dataclass(frozen=True, slots=True)
class Due:
    """A write-off: its date, when it begins, and from which moment on something used is not written off."""

    on: date
    begins: datetime
    cut: datetime
    years: int

    def strikes(self, last_activity: datetime | None, balance: int) -> bool:
        """Whether a voucher with this balance, last loaded or redeemed at this moment, is due."""
        return balance > 0 and last_activity is not None and last_activity < self.cut


def years_earlier(on: date, years: int) -> date:
    """The same date so many years earlier."""
    return _day(on.year - years, on.month, on.day)


def begin_of(on: date, zone: str) -> datetime:
    """00:00 of a day in a zone; where clocks skip it, the moment they do, and where it comes twice, the first time."""
    return datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC)


def day_at(moment: datetime, zone: str) -> date:
    """The day that it is in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def due_on(on: date, rule: Rule, zone: str) -> Due:
    """The write-off of a date."""
    return Due(on, begin_of(on, zone), begin_of(years_earlier(on, rule.years), zone), rule.years)


def first_date(rule: Rule, since: datetime, zone: str) -> date:
    """The first date of a rule that was set at this moment: the last notice before it is always given."""
    return rule.first_after(day_at(since, zone) + timedelta(days=LAST_NOTICE))


def dates(rule: Rule, since: datetime, now: datetime, zone: str) -> tuple[tuple[Due, ...], Due]:
    """The write-offs that have begun by now, the oldest first, and the next one."""
    begun: list[Due] = []
    one = due_on(first_date(rule, since, zone), rule, zone)
    while one.begins <= now:
        begun.append(one)
        one = due_on(rule.in_year(one.on.year + 1), rule, zone)
    return tuple(begun), one


def _day(year: int, month: int, day: int) -> date:
    if (month, day) == (_FEBRUARY, _LEAP_DAY) and not isleap(year):
        return date(year, _FEBRUARY, _LEAP_DAY - 1)
    return date(year, month, day)
