"""Maintenance as values: what is planned, and what is really on (docs/reference/portal-maintenance.md)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

OVERDUE_SECONDS: Final = 300
"""What a program is told to wait when nobody knows the end, or the end that was told has passed."""

Scope = str | None
"""Whose it is: a merchant's id, or None for the portal as a whole."""


class Component(StrEnum):
    """A part of the service that can be taken out. The others live in the portal: its own maintenance covers them."""

    PORTAL = "portal"
    VOUCHERS = "vouchers"
    SHOP = "shop"


class WindowEffect(StrEnum):
    """What people have to expect during a window."""

    UNAVAILABLE = "unavailable"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When something happens again and again, in local time (RFC 5545).

    `start` is the first occurrence, without an offset; `rule` is the value of an RRULE, "" for once; `added` and
    `left_out` are the local starts of single occurrences more or less. `duration` is elapsed time: two hours are two
    hours on the night when the clock is changed, too.
    """

    start: datetime
    duration: timedelta
    rule: str
    zone: str
    left_out: frozenset[datetime] = frozenset()
    added: frozenset[datetime] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person decides about a window.

    `auto_switch` turns the maintenance mode on and off with it; a window without it announces and refuses nothing.
    `note` is a sentence that readers of the calendar and refused programs are shown.
    """

    component: Component
    effect: WindowEffect
    auto_switch: bool
    recurrence: Recurrence
    note: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A planned maintenance. `revision` counts its changes from 0, `changed_at` is the last of them."""

    id: str
    tenant_id: Scope
    plan: Plan
    revision: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to, but without, `end`; both in UTC."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether this moment lies in it."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a window takes place."""

    window: Window
    span: Span


@dataclass(frozen=True, slots=True)
class Mode:
    """Maintenance that is on.

    `until` is the expected end. `window_id` is the window that switched it, and then it is over at `until` by itself;
    None where a person did, and then it lasts until a person ends it. `zone` is the one in which its times are told.
    """

    id: str
    component: Component
    tenant_id: Scope
    since: datetime
    until: datetime | None
    reason: str
    zone: str
    window_id: str | None
    by: str

    def in_force(self, now: datetime) -> bool:
        """Whether it is still on: what a window switched ends with the window, whoever has yet to write that down."""
        return self.window_id is None or self.until is None or now < self.until

    def told_until(self, now: datetime) -> datetime | None:
        """The end to name; None if nobody knows one, or it has passed."""
        return self.until if self.until is not None and now < self.until else None

    def retry_after(self, now: datetime) -> int:
        """Seconds that a program is told to wait; rounded up, so that it never comes back a moment too early."""
        until = self.told_until(now)
        return OVERDUE_SECONDS if until is None else max(1, math.ceil((until - now).total_seconds()))


class MaintenanceEvent(StrEnum):
    """What the audit log says about maintenance."""

    WINDOW_MADE = "maintenance.window_made"
    WINDOW_CHANGED = "maintenance.window_changed"
    WINDOW_REMOVED = "maintenance.window_removed"
    MODE_ON = "maintenance.mode_on"
    MODE_CHANGED = "maintenance.mode_changed"
    MODE_OFF = "maintenance.mode_off"
    FEED_MADE = "maintenance.feed_made"
