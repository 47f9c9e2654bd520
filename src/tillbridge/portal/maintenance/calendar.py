"""The windows as an iCalendar (RFC 5545), for people's own calendars."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

from icalendar import Calendar, Event, vRecur

from tillbridge.portal.maintenance.model import Window
from tillbridge.portal.maintenance.windows import zone_of
from tillbridge.web.language import Catalogue

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"

REFRESH: Final = "PT6H"
"""How often a subscribed calendar is asked to look again: announcements are a week ahead."""

_PRODUCT: Final = "-//tillbridge//portal//EN"
_ZONES_FROM: Final = date(2000, 1, 1)
_ZONES_UNTIL: Final = date(2100, 1, 1)


def calendar(windows: Sequence[Window], t: Catalogue, name: str, host: str) -> bytes:
    """A calendar with an event for each window: its rule stays a rule, in its own time zone.

    `name` is what the calendar is called, `host` makes the events' ids unique in the world.
    """
    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("name", name)
    made.add("x-wr-calname", name)
    made.add("refresh-interval;value=duration", REFRESH)
    made.add("x-published-ttl", REFRESH)
    for window in windows:
        made.add_component(_event(window, t, host))
    made.add_missing_timezones(first_date=_ZONES_FROM, last_date=_ZONES_UNTIL)
    return bytes(made.to_ical())


def _event(window: Window, t: Catalogue, host: str) -> Event:
    plan, recurrence = window.plan, window.plan.recurrence
    event = Event()
    event.add("uid", f"{window.id}@{host}")
    event.add("dtstamp", window.changed_at)
    event.add("last-modified", window.changed_at)
    event.add("sequence", window.revision)
    event.add("summary", t("maintenance.calendar.summary", component=t(f"maintenance.component.{plan.component}")))
    effect = t(f"maintenance.effect.{plan.effect}")
    event.add("description", f"{effect} {plan.note}".strip())
    event.add("dtstart", _placed(recurrence.start, recurrence.zone))
    event.add("duration", recurrence.duration)
    if recurrence.rule:
        event.add("rrule", vRecur.from_ical(recurrence.rule))
    for name, single in (("exdate", recurrence.left_out), ("rdate", recurrence.added)):
        if single:
            event.add(name, [_placed(local, recurrence.zone) for local in sorted(single)])
    event.add("transp", "TRANSPARENT")
    return event


def _placed(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=UTC if zone == "UTC" else zone_of(zone))
