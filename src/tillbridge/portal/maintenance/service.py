"""What is planned and what is on: who may change it, and what it means for a request."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import messages
from tillbridge.link.message_words import Effect
from tillbridge.portal.audit.log import LONGEST_REASON, PORTAL, Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.maintenance import store
from tillbridge.portal.maintenance.model import (
    Component,
    MaintenanceEvent,
    Mode,
    Occurrence,
    Plan,
    Scope,
    Window,
)
from tillbridge.portal.maintenance.windows import checked, occurrences, spans, zone_of
from tillbridge.portal.rights import Action, Area, Person

ANNOUNCED: Final = timedelta(days=7)
"""How long before it a window stands on every page."""

TOLD_CONNECTORS: Final = timedelta(days=35)
"""How far connectors are told ahead: a monthly window is always among it, also where a connection lasts for weeks."""

LONGEST_EXPECTED: Final = timedelta(days=30)
"""Maintenance that is expected to take longer is a mistake in the date."""

_FEED_LABEL: Final = "maintenance-feed"
_MAC_CHARACTERS: Final = 32
_ID_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """What is planned and on for somebody."""

    windows: Sequence[Window]
    modes: Sequence[Mode]


class Maintenance:
    """Maintenance of one portal."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def now(
        self, connection: AsyncConnection, tenant_id: Scope, component: Component, now: datetime
    ) -> Mode | None:
        """The maintenance that keeps this component from working for this merchant; None if nothing does.

        Both the portal's and the merchant's own count, and maintenance of the whole portal counts for every component.
        Of several it is the one that lasts longest: whoever waits for its end need not be refused a second time.
        """
        return lasting_longest(await self.on(connection, tenant_id, now), now).get(component)

    async def on(self, connection: AsyncConnection, tenant_id: Scope, now: datetime) -> list[Mode]:
        """Everything that is on for this merchant (None: for the portal as a whole)."""
        return [mode for mode in await store.open_modes(connection, tenant_id) if mode.in_force(now)]

    async def standing(self, connection: AsyncConnection, tenant_id: Scope, now: datetime) -> Standing:
        """What is planned and on for this merchant, the portal's included."""
        return Standing(await store.windows(connection, tenant_id), await self.on(connection, tenant_id, now))

    async def ahead(self, connection: AsyncConnection, tenant_id: str, now: datetime) -> list[messages.Window]:
        """The next windows, in the shape of a welcome to a connector."""
        found = occurrences(await store.windows(connection, tenant_id), now, now + TOLD_CONNECTORS)
        return [
            messages.Window(
                component=one.window.plan.component.value,
                start=one.span.start,
                end=one.span.end,
                effect=Effect(one.window.plan.effect.value),
            )
            for one in found[: messages.MAX_WINDOWS]
        ]

    async def told(self, connection: AsyncConnection, tenant_id: str, now: datetime) -> messages.Maintenance | None:
        """Maintenance of the portal that is on, in the shape of a welcome to a connector."""
        mode = await self.now(connection, tenant_id, Component.PORTAL, now)
        return None if mode is None else messages.Maintenance(until=mode.told_until(now), reason=mode.reason)

    async def make_window(self, connection: AsyncConnection, person: Person, plan: Plan) -> Window:
        """A new window of the merchant that the person works on, or of the portal for the operator's staff."""
        scope = require_edit(person)
        runtime = self._house.runtime
        window = Window(runtime.ids.new(), scope, checked(plan), 0, runtime.clock.now())
        await store.add_window(connection, window)
        made = Entry(MaintenanceEvent.WINDOW_MADE, scope, subject=_name(window), after=_told(window))
        await self._house.audit.note(connection, person.actor, made)
        return window

    async def change_window(self, connection: AsyncConnection, person: Person, window_id: str, plan: Plan) -> None:
        """Replaces what a window says. `BridgeError(RECORD_UNKNOWN)` for a window of somebody else."""
        found = await self.own_window(connection, person, window_id, lock=True)
        if plan == found.plan:
            return
        await store.change_window(connection, window_id, checked(plan), self._house.runtime.clock.now())
        entry = Entry(
            MaintenanceEvent.WINDOW_CHANGED,
            found.tenant_id,
            subject=_name(found),
            before=_told(found),
            after=_told(replace(found, plan=plan)),
        )
        await self._house.audit.note(connection, person.actor, entry)

    async def remove_window(self, connection: AsyncConnection, person: Person, window_id: str) -> None:
        """Takes a window away; a mode that it has switched still ends with it."""
        found = await self.own_window(connection, person, window_id, lock=True)
        await store.remove_window(connection, window_id, self._house.runtime.clock.now())
        entry = Entry(MaintenanceEvent.WINDOW_REMOVED, found.tenant_id, subject=_name(found), before=_told(found))
        await self._house.audit.note(connection, person.actor, entry)

    async def own_window(
        self, connection: AsyncConnection, person: Person, window_id: str, *, lock: bool = False
    ) -> Window:
        """The window, if this person may change it; else `BridgeError`: RIGHT_MISSING or RECORD_UNKNOWN."""
        found = await store.window(connection, require_edit(person), window_id, lock=lock)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    async def switch_on(
        self,
        connection: AsyncConnection,
        person: Person,
        component: Component,
        *,
        until: datetime | None,
        reason: str,
        zone: str,
    ) -> None:
        """Turns maintenance on by hand, or gives a running one another end and reason, and makes it a person's."""
        scope, now = require_edit(person), self._house.runtime.clock.now()
        _check_switch(until, reason, zone, now)
        for _ in range(2):  # the second time where a window was faster by a moment
            before = await store.open_mode(connection, scope, component)
            mode = Mode(self._house.runtime.ids.new(), component, scope, now, until, reason, zone, None, person.name)
            event, was = MaintenanceEvent.MODE_ON, dict[str, object]()
            if before is not None:
                await store.take_over(connection, replace(mode, id=before.id))
                event, was = MaintenanceEvent.MODE_CHANGED, _facts(before)
            elif not await store.begin_mode(connection, mode, occurrence_at=None, by_hand=True):
                continue
            entry = Entry(event, scope, subject=component.value, before=was, after=_facts(mode), reason=reason)
            await self._house.audit.note(connection, person.actor, entry)
            return
        raise BridgeError(Code.RECORD_CONFLICT)

    async def switch_off(self, connection: AsyncConnection, person: Person, component: Component) -> bool:
        """Turns maintenance off by hand; False if it was not on."""
        scope, now = require_edit(person), self._house.runtime.clock.now()
        mode = await store.open_mode(connection, scope, component)
        if mode is None or not await store.end_mode(connection, mode.id, now, by_hand=True):
            return False
        await self._note_off(connection, person.actor, mode)
        return True

    async def follow_windows(self) -> None:
        """Switches as the windows say. Any number of processes may do so at once: each occurrence counts once."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            due = _running(await store.switching(connection), now)
            over = await store.over(connection, now)
        if not due and not over:
            return
        async with self._house.database.writing() as connection:
            for mode in over:
                if await store.end_mode(connection, mode.id, now, by_hand=False):
                    await self._note_off(connection, PORTAL, mode)
            for occurrence in due:
                await self._switch_by(connection, occurrence, now)

    async def feed_token(self, connection: AsyncConnection, tenant_id: str) -> str | None:
        """What makes the merchant's feed address unguessable; None where it has no feed.

        It is computed and nowhere stored: a stolen database opens no feed.
        """
        feed_id = await store.feed_of(connection, tenant_id)
        return None if feed_id is None else feed_id + self._feed_mac(feed_id)

    async def feed_owner(self, connection: AsyncConnection, token: str) -> str:
        """Whose feed this is. `BridgeError(RECORD_UNKNOWN)` for a token that opens none."""
        feed_id, mac = token[:_ID_CHARACTERS], token[_ID_CHARACTERS:]
        right = hmac.compare_digest(self._feed_mac(feed_id).encode(), mac.encode())
        owner = await store.feed_owner(connection, feed_id) if right else None
        if owner is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return owner

    async def new_feed(self, connection: AsyncConnection, person: Person) -> None:
        """Gives the merchant a feed address, or a new one in place of the old one, which ends at once."""
        scope = require_edit(person)
        if scope is None:
            raise BridgeError(Code.RECORD_UNKNOWN, "the portal's own feed is public")
        await store.replace_feed(connection, scope, self._house.runtime.ids.new(), self._house.runtime.clock.now())
        await self._house.audit.note(connection, person.actor, Entry(MaintenanceEvent.FEED_MADE, scope))

    def _feed_mac(self, feed_id: str) -> str:
        return self._house.vault.mac(_FEED_LABEL, feed_id.encode()).hex()[:_MAC_CHARACTERS]

    async def _switch_by(self, connection: AsyncConnection, one: Occurrence, now: datetime) -> None:
        scope, plan, span = one.window.tenant_id, one.window.plan, one.span
        if await store.ended_by_hand_since(connection, scope, plan.component, span.start):
            return
        mode_id, zone = self._house.runtime.ids.new(), plan.recurrence.zone
        mode = Mode(mode_id, plan.component, scope, now, span.end, plan.note, zone, one.window.id, PORTAL.name)
        if await store.begin_mode(connection, mode, occurrence_at=span.start, by_hand=False):
            entry = Entry(MaintenanceEvent.MODE_ON, scope, subject=plan.component.value, after=_facts(mode))
            await self._house.audit.note(connection, PORTAL, entry)

    async def _note_off(self, connection: AsyncConnection, actor: Actor, mode: Mode) -> None:
        entry = Entry(MaintenanceEvent.MODE_OFF, mode.tenant_id, subject=mode.component.value, before=_facts(mode))
        await self._house.audit.note(connection, actor, entry)


def require_edit(person: Person) -> Scope:
    """For whom this person may change maintenance: the merchant worked on; None, the portal, for the operator's staff.

    `BridgeError(RIGHT_MISSING)` for everybody else. Staff who help a merchant act for that merchant alone.
    """
    if person.operator and person.tenant_id is None:
        return None
    person.require(Area.MAINTENANCE, Action.EDIT)
    return person.home


def may_edit(person: Person) -> bool:
    """Whether `require_edit` lets this person pass."""
    if person.operator and person.tenant_id is None:
        return True
    return person.tenant_id is not None and person.may(Area.MAINTENANCE, Action.EDIT)


def _check_switch(until: datetime | None, reason: str, zone: str, now: datetime) -> None:
    zone_of(zone)
    if not reason or len(reason) > LONGEST_REASON:
        raise BridgeError(Code.FIELD_INVALID, f"a reason of at most {LONGEST_REASON} characters", place="reason")
    if until is not None and not timedelta(0) < until - now <= LONGEST_EXPECTED:
        said = f"the expected end lies in the coming {LONGEST_EXPECTED.days} days, or is left open"
        raise BridgeError(Code.FIELD_INVALID, said, place="until")


def _running(windows: Sequence[Window], now: datetime) -> list[Occurrence]:
    return [
        Occurrence(window, span)
        for window in windows
        for span in spans(window.plan.recurrence, now, now + timedelta(seconds=1))
        if span.holds(now)
    ]


def lasting_longest(on: Sequence[Mode], now: datetime) -> Mapping[Component, Mode]:
    """For each component that does not work, the maintenance that keeps it longest, of all that is on.

    What is on for the whole portal counts for every component. One whose end nobody knows lasts longer than any other.
    """
    ordered = sorted(on, key=lambda mode: (mode.told_until(now) is None, mode.told_until(now) or now))
    found: dict[Component, Mode] = {}
    for mode in ordered:
        found |= dict.fromkeys(Component if mode.component is Component.PORTAL else (mode.component,), mode)
    return found


def _name(window: Window) -> str:
    """How the audit log calls a window: what it is about, and when it first takes place."""
    recurrence = window.plan.recurrence
    return f"{window.plan.component} {recurrence.start:%Y-%m-%d %H:%M} {recurrence.zone}"


def _told(window: Window) -> dict[str, object]:
    return {"window": window.id, **store.plan_columns(window.plan)}


def _facts(mode: Mode) -> dict[str, object]:
    return {
        "component": mode.component.value,
        "until": None if mode.until is None else mode.until.isoformat(),
        "reason": mode.reason,
        "window": mode.window_id,
    }
