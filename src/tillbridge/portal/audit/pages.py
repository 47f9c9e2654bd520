"""The pages of the audit log. Reading it is written down in it, too."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit import exporting, reading
from tillbridge.portal.audit.exporting import MEDIA_TYPES, MOST_SHEET_ROWS, Form
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.audit.reading import BATCH, PAGE, Noted, Sight, Wish
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.language import Catalogue

HOME: Final = "/audit"
ZONE: Final = "Europe/Berlin"
"""The clock of the portal's own entries."""

NOTED_AGAIN: Final = timedelta(minutes=10)
"""Leafing through the same list for this long is one reading."""

LONGEST_WISH: Final = 100
_EVENT_KEYS: Final = "audit.event."
_FIELDS: Final = ("from", "to", "person", "location", "event", "text")


class AuditEvent(StrEnum):
    """What the log says about itself."""

    VIEWED = "audit.viewed"
    EXPORTED = "audit.exported"


def sight_of(person: Person) -> Sight:
    """What this person may read. `BridgeError(RIGHT_MISSING)` for nothing.

    The operator's staff read what concerns the portal as a whole; a merchant's entries only while they help there.
    """
    if person.operator and person.tenant_id is None:
        return Sight(None)
    reach = person.reach(Area.AUDIT, Action.VIEW)
    if not person.may_somewhere(Area.AUDIT):
        person.require(Area.AUDIT, Action.VIEW)
    return Sight(person.home, None if reach.everywhere else reach.locations)


def routes(site: Site) -> Sequence[BaseRoute]:
    """The list, its files and an entry."""
    pages = _Pages(site)
    return [
        site.get(HOME, pages.listing),
        site.get(f"{HOME}/export", pages.export),
        site.get(f"{HOME}/{{id}}", pages.entry),
    ]


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._house = site.house

    async def listing(self, request: Request, visit: Visit) -> Response:
        sight, zone = sight_of(visit.person), await self._zone(visit.person)
        asked = _asked(request)
        wish, wrong = _wish(asked, zone)
        before = request.query_params.get("before")
        async with self._house.database.reading() as connection:
            found = await reading.page(connection, sight, wish, before=before, count=PAGE + 1)
            places = await reading.locations(connection, sight)
        await self._note_view(visit.person, sight, asked)
        words = self._site.words(request, visit.person, zone.key)
        filters = {name: value for name, value in asked.items() if value}
        return await self._site.page(
            request,
            "audit/list.html",
            visit=visit,
            zone=zone.key,
            zone_name=zone.key,
            rows=[_row(words.t, one) | {"at": words.moment(one.at)} for one in found[:PAGE]],
            asked=asked,
            wrong=wrong,
            filtered=bool(filters),
            newest=before is None,
            older=f"{HOME}?{urlencode({**filters, 'before': found[PAGE - 1].id})}" if len(found) > PAGE else None,
            first=f"{HOME}?{urlencode(filters)}",
            places=places,
            events=_events(words.t),
            exports=[(form, f"{HOME}/export?{urlencode({**filters, 'form': form})}") for form in Form],
            longest=LONGEST_WISH,
        )

    async def entry(self, request: Request, visit: Visit) -> Response:
        sight, zone = sight_of(visit.person), await self._zone(visit.person)
        async with self._house.database.reading() as connection:
            found = await reading.one(connection, sight, request.path_params["id"])
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        noted, position, hashed = found
        words = self._site.words(request, visit.person, zone.key)
        return await self._site.page(
            request,
            "audit/entry.html",
            visit=visit,
            zone=zone.key,
            row=_row(words.t, noted) | {"at": words.moment(noted.at)},
            one=noted,
            changes=_changes(noted),
            position=None if position is None else words.count(position),
            hashed=hashed,
        )

    async def export(self, request: Request, visit: Visit) -> Response:
        sight, zone = sight_of(visit.person), await self._zone(visit.person)
        asked = _asked(request)
        wish, wrong = _wish(asked, zone)
        if wrong:
            raise BridgeError(Code.FIELD_INVALID, "a date such as 2026-04-01", place=min(wrong))
        try:
            form = Form(request.query_params.get("form", ""))
        except ValueError:
            raise BridgeError(Code.FIELD_INVALID, "csv, xlsx or jsonl", place="form") from None
        if form is Form.XLSX:
            async with self._house.database.reading() as connection:
                if await reading.count_up_to(connection, sight, wish, MOST_SHEET_ROWS) > MOST_SHEET_ROWS:
                    said = f"a spreadsheet takes {MOST_SHEET_ROWS} entries: ask for less, or for csv or jsonl"
                    raise BridgeError(Code.FIELD_INVALID, said, place="form")
        # Written down before the first line leaves: whoever breaks off has read part of it all the same.
        async with self._house.database.writing() as connection:
            after = {"form": form.value, **{name: value for name, value in asked.items() if value}}
            entry = Entry(AuditEvent.EXPORTED, sight.tenant_id, subject=f"audit.{form}", after=after)
            await self._house.audit.note(connection, visit.person.actor, entry)
        name = f"audit-{self._house.runtime.clock.now().astimezone(zone):%Y-%m-%d}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if form is Form.XLSX:
            rows = [row async for some in self._all(sight, wish) for row in some]
            content = await run_in_threadpool(exporting.spreadsheet, rows)
            return Response(content, headers=headers, media_type=MEDIA_TYPES[form])
        return StreamingResponse(self._lines(sight, wish, form), headers=headers, media_type=MEDIA_TYPES[form])

    async def _lines(self, sight: Sight, wish: Wish, form: Form) -> AsyncIterator[bytes]:
        if form is Form.CSV:
            yield exporting.csv_head()
        async for rows in self._all(sight, wish):
            yield exporting.csv_lines(rows) if form is Form.CSV else exporting.json_lines(rows)

    async def _all(self, sight: Sight, wish: Wish) -> AsyncIterator[Sequence[Noted]]:
        """Everything, the newest first. Between two batches no connection is held: a slow reader blocks nobody."""
        before: str | None = None
        while True:
            async with self._house.database.reading() as connection:
                rows = await reading.page(connection, sight, wish, before=before, count=BATCH)
            if rows:
                yield rows
            if len(rows) < BATCH:
                return
            before = rows[-1].id

    async def _note_view(self, person: Person, sight: Sight, asked: Mapping[str, str]) -> None:
        """Writes down who read what, once for each list in ten minutes."""
        since = self._house.runtime.clock.now() - NOTED_AGAIN
        wishes = {name: value for name, value in asked.items() if value}
        subject = urlencode(wishes)[:200]
        event = AuditEvent.VIEWED
        async with self._house.database.reading() as connection:
            if await _noted(connection, sight, person, subject, since):
                return
        async with self._house.database.writing() as connection:
            entry = Entry(event, sight.tenant_id, subject=subject, after=wishes)
            await self._house.audit.note(connection, person.actor, entry)

    async def _zone(self, person: Person) -> ZoneInfo:
        if person.tenant_id is None:
            return ZoneInfo(ZONE)
        async with self._house.database.reading() as connection:
            return ZoneInfo(await reading.home_zone(connection, person.tenant_id) or ZONE)


async def _noted(connection: AsyncConnection, sight: Sight, person: Person, subject: str, since: datetime) -> bool:
    return await reading.noted_since(connection, sight.tenant_id, person.id, AuditEvent.VIEWED, subject, since)


def _asked(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:LONGEST_WISH] for name in _FIELDS}


def _wish(asked: Mapping[str, str], zone: ZoneInfo) -> tuple[Wish, frozenset[str]]:
    """What is looked for, and the fields that say nothing; days are those of the clock there, both included."""
    days: dict[str, datetime | None] = {}
    wrong = set()
    for name, more in (("from", 0), ("to", 1)):
        days[name] = None
        if asked[name]:
            try:
                day = date.fromisoformat(asked[name]) + timedelta(days=more)
                days[name] = datetime.combine(day, time.min, zone)
            except (ValueError, OverflowError):
                wrong.add(name)
    wish = Wish(
        start=days["from"],
        end=days["to"],
        person=asked["person"],
        location_id=asked["location"],
        event=asked["event"],
        text=asked["text"],
    )
    return wish, frozenset(wrong)


def _events(t: Catalogue) -> list[tuple[str, str]]:
    """Every event that has a name in this language, by that name."""
    names = [(key.removeprefix(_EVENT_KEYS), text) for key, text in t.texts.items() if key.startswith(_EVENT_KEYS)]
    return sorted(names, key=lambda one: one[1].casefold())


def _row(t: Catalogue, one: Noted) -> dict[str, object]:
    key, kind = _EVENT_KEYS + one.event, f"audit.actor.{one.actor_kind}"
    return {
        "id": one.id,
        "event": t(key) if t.has(key) else one.event,
        "actor": one.actor_name if one.actor_kind == "person" or not t.has(kind) else t(kind, name=one.actor_name),
        "on_behalf_of": one.on_behalf_of,
        "location": one.location,
        "subject": one.subject,
    }


def _changes(one: Noted) -> list[tuple[str, str, str, bool]]:
    """Each field with what it was and what it is, as texts, and whether the two differ."""
    names = sorted({*one.before, *one.after})
    return [
        (name, _text(one.before.get(name)), _text(one.after.get(name)), one.before.get(name) != one.after.get(name))
        for name in names
    ]


def _text(value: object) -> str:
    if value is None:
        return "\N{EN DASH}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
