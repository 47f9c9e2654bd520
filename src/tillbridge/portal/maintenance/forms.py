"""The form of a window: what it shows, and what a person sent with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.maintenance.model import Component, Plan, Recurrence, WindowEffect
from tillbridge.portal.maintenance.windows import in_utc, zone_of

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FIFTH: Final = 5
_MOST_DIGITS: Final = 3

Word = TypeVar("Word", bound=StrEnum)


class Repeat(StrEnum):
    """How often, as the form asks it; the first date says which weekday or day of the month."""

    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY_WEEKDAY = "monthly_weekday"
    MONTHLY_LAST = "monthly_last"
    MONTHLY_DAY = "monthly_day"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class WindowForm:
    """The fields as texts, right or wrong, and by their names what is wrong with them."""

    fields: Mapping[str, str]
    wrong: frozenset[str] = field(default_factory=frozenset)


def blank(zone: str) -> WindowForm:
    """The form of a new window, with what most people want."""
    return WindowForm(
        {
            "component": Component.VOUCHERS,
            "effect": WindowEffect.UNAVAILABLE,
            "auto_switch": "",
            "date": "",
            "clock": "03:00",
            "hours": "2",
            "minutes": "0",
            "zone": zone,
            "repeat": Repeat.MONTHLY_WEEKDAY,
            "rule": "",
            "left_out": "",
            "added": "",
            "note": "",
        }
    )


def filled(plan: Plan) -> WindowForm:
    """The form of a window as it is."""
    recurrence = plan.recurrence
    minutes = int(recurrence.duration.total_seconds()) // 60
    repeat = _repeat(recurrence)
    return WindowForm(
        {
            "component": plan.component,
            "effect": plan.effect,
            "auto_switch": "yes" if plan.auto_switch else "",
            "date": recurrence.start.date().isoformat(),
            "clock": f"{recurrence.start:%H:%M}",
            "hours": str(minutes // 60),
            "minutes": str(minutes % 60),
            "zone": recurrence.zone,
            "repeat": repeat,
            "rule": recurrence.rule if repeat is Repeat.RULE else "",
            "left_out": _dates(recurrence.left_out, recurrence.start.time()),
            "added": _dates(recurrence.added, recurrence.start.time()),
            "note": plan.note,
        }
    )


def read_plan(form: Mapping[str, str]) -> Plan:
    """What was sent, as a plan that `windows.checked` has yet to judge. `BridgeError(FIELD_INVALID)` with the field."""
    start = datetime.combine(_date(form.get("date", "")), _clock(form.get("clock", "")))
    minutes = _number(form.get("hours", "")) * 60 + _number(form.get("minutes", "0") or "0")
    recurrence = Recurrence(
        start,
        timedelta(minutes=minutes),
        _rule(_choice(Repeat, form, "repeat"), start, form.get("rule", "")),
        form.get("zone", ""),
        _read_dates(form.get("left_out", ""), start.time(), "left_out"),
        _read_dates(form.get("added", ""), start.time(), "added"),
    )
    return Plan(
        _choice(Component, form, "component"),
        _choice(WindowEffect, form, "effect"),
        auto_switch=form.get("auto_switch") == "yes",
        recurrence=recurrence,
        note=form.get("note", ""),
    )


def read_component(form: Mapping[str, str]) -> Component:
    """The component that a form or a query names. `BridgeError(FIELD_INVALID)` for any other word."""
    return _choice(Component, form, "component")


def read_until(form: Mapping[str, str], zone: str) -> datetime | None:
    """The expected end in UTC, from a date and a time on the clock there; None where neither was given."""
    if not form.get("until_date") and not form.get("until_clock"):
        return None
    try:
        local = datetime.combine(_date(form.get("until_date", "")), _clock(form.get("until_clock", "")))
    except BridgeError:
        raise _wrong("until") from None
    return in_utc(local, ZoneInfo(zone_of(zone).key))


def _repeat(recurrence: Recurrence) -> Repeat:
    simple = {
        "": Repeat.ONCE,
        "FREQ=DAILY": Repeat.DAILY,
        "FREQ=WEEKLY": Repeat.WEEKLY,
        "FREQ=MONTHLY": Repeat.MONTHLY_DAY,
    }
    if recurrence.rule in simple:
        return simple[recurrence.rule]
    for repeat in (Repeat.MONTHLY_WEEKDAY, Repeat.MONTHLY_LAST):
        if recurrence.rule == _rule(repeat, recurrence.start, ""):
            return repeat
    return Repeat.RULE


def _rule(repeat: Repeat, start: datetime, own: str) -> str:
    weekday = _DAYS[start.weekday()]
    nth = (start.day - 1) // 7 + 1
    match repeat:
        case Repeat.ONCE:
            return ""
        case Repeat.DAILY:
            return "FREQ=DAILY"
        case Repeat.WEEKLY:
            return "FREQ=WEEKLY"
        case Repeat.MONTHLY_DAY:
            return "FREQ=MONTHLY"
        case Repeat.MONTHLY_LAST:
            return f"FREQ=MONTHLY;BYDAY=-1{weekday}"
        case Repeat.MONTHLY_WEEKDAY:
            # Most months have no fifth one: who picks such a date means the last.
            return f"FREQ=MONTHLY;BYDAY={-1 if nth == _FIFTH else nth}{weekday}"
        case Repeat.RULE:
            return own.upper().removeprefix("RRULE:") or "-"


def _dates(local: frozenset[datetime], usual: time) -> str:
    return " ".join(
        one.date().isoformat() if one.time() == usual else one.isoformat(timespec="minutes") for one in sorted(local)
    )


def _read_dates(text: str, usual: time, place: str) -> frozenset[datetime]:
    found = set()
    for part in re.split(r"[\s,;]+", text.strip()):
        if part:
            day, _, clock = part.partition("T")
            try:
                found.add(datetime.combine(_date(day), _clock(clock) if clock else usual))
            except BridgeError:
                raise _wrong(place) from None
    return frozenset(found)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _wrong("date") from None


def _clock(text: str) -> time:
    if not re.fullmatch("[0-2][0-9]:[0-5][0-9]", text):
        raise _wrong("clock")
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise _wrong("clock") from None


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise _wrong("duration")
    return int(text)


def _choice(words: type[Word], form: Mapping[str, str], place: str) -> Word:
    try:
        return words(form.get(place, ""))
    except ValueError:
        raise _wrong(place) from None


def _wrong(place: str) -> BridgeError:
    return BridgeError(Code.FIELD_INVALID, place=place)
