"""Windows and times in the reader's words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.portal.maintenance.model import Component, Mode, Occurrence, Recurrence, Span, WindowEffect
from tillbridge.web.language import Catalogue

DAYS: Final = ("mo", "tu", "we", "th", "fr", "sa", "su")
_NUMBERED: Final = re.compile("FREQ=MONTHLY;BYDAY=([1-4]|-1)(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True, slots=True)
class Told:
    """A time at which something is planned, as a page shows it; windows at the same time are one."""

    when: str
    iso: str
    components: str
    effect: str
    running: bool
    everybody: bool
    notes: Sequence[str]
    days: frozenset[str]


def day(t: Catalogue, local: datetime) -> str:
    """A date with its weekday, short."""
    return f"{t(f'maintenance.day.{DAYS[local.weekday()]}')} {local.strftime(t('format.date'))}"


def moment(t: Catalogue, at: datetime, zone: ZoneInfo) -> str:
    """A date and a time of the clock there."""
    local = at.astimezone(zone)
    return f"{day(t, local)}, {local:%H:%M}"


def stretch(t: Catalogue, span: Span, zone: ZoneInfo) -> str:
    """From when to when, on the clock there; the date once where that is enough."""
    start, end = span.start.astimezone(zone), span.end.astimezone(zone)
    if start.date() == end.date():
        return f"{day(t, start)}, {start:%H:%M}\N{EN DASH}{end:%H:%M}"
    return f"{moment(t, span.start, zone)} \N{EN DASH} {moment(t, span.end, zone)}"


def repeats(t: Catalogue, recurrence: Recurrence) -> str:
    """How often, in a few words; a rule that people rarely use as it is written."""
    weekday = DAYS[recurrence.start.weekday()]
    match recurrence.rule:
        case "":
            return t("maintenance.repeats.once", day=day(t, recurrence.start))
        case "FREQ=DAILY":
            return t("maintenance.repeats.daily")
        case "FREQ=WEEKLY":
            return t(f"maintenance.weekly.{weekday}")
        case "FREQ=MONTHLY":
            return t("maintenance.repeats.monthly_day", day=recurrence.start.day)
    found = _NUMBERED.fullmatch(recurrence.rule)
    if found is None:
        return t("maintenance.repeats.rule", rule=recurrence.rule)
    return t(f"maintenance.nth.{'last' if found[1] == '-1' else found[1]}.{found[2].lower()}")


def components(t: Catalogue, found: Sequence[Component]) -> str:
    """Their names in a row."""
    return ", ".join(t(f"maintenance.component.{one}") for one in sorted(set(found), key=list(Component).index))


def told(t: Catalogue, found: Sequence[Occurrence], zone: ZoneInfo, now: datetime) -> list[Told]:
    """Occurrences as a list shows them, those of one time together."""
    together: dict[tuple[Span, WindowEffect, bool], list[Occurrence]] = {}
    for one in found:
        together.setdefault((one.span, one.window.plan.effect, one.window.tenant_id is None), []).append(one)
    return [
        Told(
            when=stretch(t, span, zone),
            iso=span.start.isoformat(),
            components=components(t, [one.window.plan.component for one in group]),
            effect=t(f"maintenance.effect.{effect}"),
            running=span.holds(now),
            everybody=everybody,
            notes=sorted({one.window.plan.note for one in group} - {""}),
            days=local_days(span, zone),
        )
        for (span, effect, everybody), group in together.items()
    ]


def local_days(span: Span, zone: ZoneInfo) -> frozenset[str]:
    """The dates on which it takes place there (ISO 8601)."""
    first = span.start.astimezone(zone).date()
    last = (span.end - timedelta(microseconds=1)).astimezone(zone).date()
    return frozenset((first + timedelta(days=step)).isoformat() for step in range((last - first).days + 1))


def on(t: Catalogue, mode: Mode, now: datetime) -> str:
    """What is under maintenance and until when, in a sentence."""
    until = mode.told_until(now)
    name = t(f"maintenance.component.{mode.component}")
    if until is None:
        return t("maintenance.on.open", component=name)
    return t("maintenance.on.until", component=name, until=moment(t, until, ZoneInfo(mode.zone)))


def window_text(t: Catalogue, recurrence: Recurrence) -> str:
    """A window as its list shows it: how often, and from when to when."""
    end = recurrence.start + recurrence.duration
    if end - recurrence.start < timedelta(days=1):
        return f"{repeats(t, recurrence)}, {recurrence.start:%H:%M}\N{EN DASH}{end:%H:%M}"
    hours = recurrence.duration // timedelta(hours=1)
    return t("maintenance.long", repeats=repeats(t, recurrence), start=f"{recurrence.start:%H:%M}", hours=hours)
