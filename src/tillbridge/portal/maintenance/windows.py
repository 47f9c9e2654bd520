"""From a recurrence to moments in UTC. Pure: no clock, no database (docs/reference/portal-maintenance.md).

The rule runs in local time, because that is what people mean by "03:00". Only each start is then placed in UTC: a local
time that a clock change leaves out counts with the offset before it, one that comes twice counts as the first.
"""

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.maintenance.model import Occurrence, Plan, Recurrence, Span, Window, WindowEffect

LONGEST_QUESTION: Final = timedelta(days=400)
"""How much of the calendar is expanded at once: a year and a month, so that the cost of a question is bounded."""

LONGEST_WINDOW: Final = timedelta(days=7)
MOST_EXCEPTIONS: Final = 100
MOST_REPEATS: Final = 1000
MOST_APART: Final = 999
"""The largest INTERVAL."""

WEEKS_OF_A_MONTH: Final = 5
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

LONGEST_RULE: Final = 200
LONGEST_NOTE: Final = 200
EARLIEST_YEAR: Final = 2000
LATEST_YEAR: Final = 2099
MOST_YEARS_AHEAD: Final = 10
"""How far the next occurrences are looked for: a 29 February may be eight years away."""


def _list_of(one: str) -> str:
    return rf"(?:{one})(?:,(?:{one})){{0,30}}"


_MONTH_DAY: Final = "-?(?:[1-9]|[12][0-9]|3[01])"
_WEEKDAY: Final = "(?:-?(?:[1-9]|[1-4][0-9]|5[0-3]))?(?:MO|TU|WE|TH|FR|SA|SU)"
_PARTS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern)
    for name, pattern in {
        # Nothing more often than daily: maintenance each second is a mistake, and its expansion would never end.
        "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
        "INTERVAL": "[0-9]{1,3}",
        "COUNT": "[0-9]{1,4}",
        "UNTIL": "[0-9]{8}T[0-9]{6}Z",
        "BYDAY": _list_of(_WEEKDAY),
        "BYMONTHDAY": _list_of(_MONTH_DAY),
        "BYMONTH": _list_of("[1-9]|1[0-2]"),
        "BYSETPOS": _list_of("-?[1-9]"),
        "WKST": "MO|TU|WE|TH|FR|SA|SU",
    }.items()
}
_UNTIL: Final = "%Y%m%dT%H%M%SZ"
_MARGIN: Final = timedelta(days=2)
"""More than any local time is away from UTC, so that no occurrence near the edge is lost."""


def checked(plan: Plan) -> Plan:
    """The plan, if it can be kept; else `BridgeError(FIELD_INVALID)` with the place: a field of the form."""
    recurrence = plan.recurrence
    if len(plan.note) > LONGEST_NOTE:
        raise _wrong("note", f"at most {LONGEST_NOTE} characters")
    if plan.auto_switch and plan.effect is WindowEffect.RESTRICTED:
        raise _wrong("auto_switch", "maintenance mode refuses everything, so it needs the effect unavailable")
    if not timedelta(0) < recurrence.duration <= LONGEST_WINDOW or recurrence.duration.microseconds:
        raise _wrong("duration", "a window lasts from one second to seven days")
    for local in (recurrence.start, *recurrence.left_out, *recurrence.added):
        _check_local(local)
    if len(recurrence.left_out) > MOST_EXCEPTIONS or len(recurrence.added) > MOST_EXCEPTIONS:
        raise _wrong("left_out", f"at most {MOST_EXCEPTIONS} single dates")
    zone_of(recurrence.zone)
    if recurrence.rule:
        _check_rule(recurrence)
    return plan


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of this name. `BridgeError(FIELD_INVALID)` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong("zone", "this is no IANA time zone such as Europe/Berlin") from None


def in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Where a local time lies. `fold=0` is the offset before a gap and the first of two equal times (PEP 495)."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def check_question(start: datetime, end: datetime) -> None:
    """`BridgeError(FIELD_INVALID)` unless this stretch of the calendar may be asked for."""
    for place, moment in (("from", start), ("to", end)):
        if moment.tzinfo is None:
            raise _wrong(place, "a moment needs its offset, such as 2026-04-01T00:00:00Z")
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise _wrong(place, f"the calendar reaches from {EARLIEST_YEAR} to {LATEST_YEAR}")
    if not timedelta(0) < end - start <= LONGEST_QUESTION:
        raise _wrong("to", f"it comes after from, by at most {LONGEST_QUESTION.days} days")


def spans(recurrence: Recurrence, start: datetime, end: datetime) -> list[Span]:
    """Every occurrence that has a moment in [start, end), in order. At most `LONGEST_QUESTION` may be asked for."""
    check_question(start, end)
    zone = zone_of(recurrence.zone)
    # Whole days, so that questions a moment apart share one answer of the cache.
    first = datetime.combine((start - recurrence.duration - _MARGIN).date(), time.min)
    last = datetime.combine((end + _MARGIN).date(), time(23, 59, 59))
    placed = (in_utc(local, zone) for local in _starts(recurrence, first, last))
    found = {Span(begin, begin + recurrence.duration) for begin in placed}
    return sorted(span for span in found if span.start < end and span.end > start)


def occurrences(windows: Iterable[Window], start: datetime, end: datetime) -> list[Occurrence]:
    """Those of several windows together, in order of their starts."""
    found = [Occurrence(window, span) for window in windows for span in spans(window.plan.recurrence, start, end)]
    return sorted(found, key=lambda one: (one.span, one.window.plan.component, one.window.id))


def upcoming(recurrence: Recurrence, now: datetime, count: int) -> list[Span]:
    """The next ones from now on, one that runs included; fewer if the coming years have no more."""
    found: list[Span] = []
    begin = now
    while len(found) < count and begin.year < min(now.year + MOST_YEARS_AHEAD, LATEST_YEAR - 1):
        end = begin + LONGEST_QUESTION
        found += [span for span in spans(recurrence, begin, end) if span not in found]
        begin = end
    return found[:count]


@lru_cache(maxsize=2048)
def _starts(recurrence: Recurrence, first: datetime, last: datetime) -> tuple[datetime, ...]:
    """The local starts in [first, last]. Every page of the portal asks for the same days, hence the cache."""
    regular = _by_rule(recurrence, last) if recurrence.rule else iter((recurrence.start,))
    local = {one for one in regular if one >= first} | {one for one in recurrence.added if first <= one <= last}
    return tuple(sorted(one for one in local - recurrence.left_out if one <= last))


def _by_rule(recurrence: Recurrence, last: datetime) -> Iterator[datetime]:
    """The regular ones up to `last`."""
    parts = dict(part.split("=") for part in recurrence.rule.split(";"))
    until, count = parts.pop("UNTIL", None), parts.pop("COUNT", None)
    if until is not None:
        # RFC 5545 writes it in UTC, while the rule runs in local time.
        told = datetime.strptime(until, _UNTIL).replace(tzinfo=UTC).astimezone(ZoneInfo(recurrence.zone))
        last = min(last, told.replace(tzinfo=None))
    if last < recurrence.start:
        return iter(())
    parts["UNTIL"] = f"{last:%Y%m%dT%H%M%S}"
    rule = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=recurrence.start)
    return islice(iter(rule), None if count is None else int(count))


def _check_rule(recurrence: Recurrence) -> None:
    if len(recurrence.rule) > LONGEST_RULE:
        raise _wrong("rule", f"at most {LONGEST_RULE} characters")
    seen: dict[str, str] = {}
    for part in recurrence.rule.split(";"):
        name, _, value = part.partition("=")
        pattern = _PARTS.get(name)
        if pattern is None or name in seen or pattern.fullmatch(value) is None:
            raise _wrong("rule", f"{part[:40]!r} is not understood in a recurrence rule")
        seen[name] = value
    _check_figures(seen)
    try:
        first = next(_by_rule(recurrence, recurrence.start), None) if _fits(recurrence.start, seen) else None
    except (ValueError, TypeError):
        raise _wrong("rule", "this recurrence rule contradicts itself") from None
    if first != recurrence.start:
        # Calendars disagree about a first occurrence that the rule does not give, so there is none.
        raise _wrong("date", "the rule does not fall on the first date")


def _check_figures(seen: Mapping[str, str]) -> None:
    if "FREQ" not in seen or {"COUNT", "UNTIL"} <= seen.keys():
        raise _wrong("rule", "a recurrence rule has FREQ, and COUNT or UNTIL but not both")
    if not 1 <= int(seen.get("INTERVAL", "1")) <= MOST_APART or not 1 <= int(seen.get("COUNT", "1")) <= MOST_REPEATS:
        raise _wrong("rule", f"INTERVAL is 1 to {MOST_APART}, COUNT 1 to {MOST_REPEATS}")
    if "UNTIL" in seen:
        try:
            datetime.strptime(seen["UNTIL"], _UNTIL).replace(tzinfo=UTC)
        except ValueError:
            raise _wrong("rule", "UNTIL is no date") from None
    _check_frequency(seen)


def _check_frequency(seen: Mapping[str, str]) -> None:
    """What goes with which frequency (RFC 5545, 3.3.10); besides, what never comes true and is looked for in vain."""
    often = seen["FREQ"] in {"DAILY", "WEEKLY"}
    numbers = [int(number) for number in re.findall("-?[0-9]+", seen.get("BYDAY", ""))]
    if often and (numbers or "BYSETPOS" in seen):
        raise _wrong("rule", "a numbered day such as 1WE, or BYSETPOS, needs FREQ MONTHLY or YEARLY")
    if seen["FREQ"] == "WEEKLY" and "BYMONTHDAY" in seen:
        raise _wrong("rule", "BYMONTHDAY does not go with FREQ WEEKLY")
    if seen["FREQ"] == "MONTHLY" and any(abs(number) > WEEKS_OF_A_MONTH for number in numbers):
        raise _wrong("rule", f"no month has more than {WEEKS_OF_A_MONTH} of a weekday")


def _fits(start: datetime, seen: Mapping[str, str]) -> bool:
    """Whether the first date is of a month, a day and a weekday that the rule names.

    Asked before the rule runs: it would look for a 31 February until the end of the calendar.
    """
    from_the_end = start.day - calendar.monthrange(start.year, start.month)[1] - 1
    weekday = _WEEKDAYS[start.weekday()]
    return (
        ("BYMONTH" not in seen or str(start.month) in seen["BYMONTH"].split(","))
        and (
            "BYMONTHDAY" not in seen
            or not {str(start.day), str(from_the_end)}.isdisjoint(seen["BYMONTHDAY"].split(","))
        )
        and ("BYDAY" not in seen or weekday in re.findall("[A-Z]{2}", seen["BYDAY"]))
    )


def _check_local(local: datetime) -> None:
    if local.tzinfo is not None or local.microsecond or not EARLIEST_YEAR <= local.year <= LATEST_YEAR:
        raise _wrong("date", f"a local time between {EARLIEST_YEAR} and {LATEST_YEAR}, in whole seconds")


def _wrong(place: str, detail: str) -> BridgeError:
    return BridgeError(Code.FIELD_INVALID, detail, place=place)
