"""The pages of maintenance: what comes, what is on, and for those who may, how it is planned and switched."""

import calendar
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.maintenance import feeds, store, wording
from tillbridge.portal.maintenance.defaults import ZONE
from tillbridge.portal.maintenance.forms import (
    Repeat,
    WindowForm,
    blank,
    filled,
    read_component,
    read_plan,
    read_until,
)
from tillbridge.portal.maintenance.model import Component, Plan, Window, WindowEffect
from tillbridge.portal.maintenance.service import Maintenance, may_edit, require_edit
from tillbridge.portal.maintenance.windows import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    checked,
    in_utc,
    occurrences,
    upcoming,
)
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.going import see_other
from tillbridge.web.language import Catalogue

HOME: Final = "/maintenance"
SHOWN: Final = timedelta(days=100)
"""How far the list of the next ones looks: three of each that comes monthly."""

PREVIEWED: Final = 6

_NOTICES: Final = frozenset({"saved", "removed", "on", "off", "feed"})
_DECEMBER: Final = 12


def may_look(person: Person) -> bool:
    """Whether this person sees the calendar: with the right to, or as the operator's staff."""
    return (person.operator and person.tenant_id is None) or person.may_somewhere(Area.MAINTENANCE)


def routes(site: Site) -> Sequence[BaseRoute]:
    """All of them."""
    pages = _Pages(site)
    return [
        site.get(HOME, pages.overview),
        site.get(f"{HOME}/windows/new", pages.new_window),
        site.post(f"{HOME}/windows/new", pages.save_new),
        site.get(f"{HOME}/windows/{{id}}", pages.window),
        site.post(f"{HOME}/windows/{{id}}", pages.save),
        site.get(f"{HOME}/windows/{{id}}/remove", pages.ask_remove),
        site.post(f"{HOME}/windows/{{id}}/remove", pages.remove),
        site.get(f"{HOME}/mode", pages.mode),
        site.post(f"{HOME}/mode", pages.switch),
        site.get(f"{HOME}/mode/off", pages.ask_off),
        site.post(f"{HOME}/mode/off", pages.switch_off),
        site.post(f"{HOME}/feed", pages.new_feed),
    ]


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._house = site.house
        self._maintenance = Maintenance(site.house)

    async def overview(self, request: Request, visit: Visit) -> Response:
        person, now = visit.person, self._house.runtime.clock.now()
        if not may_look(person):
            person.require(Area.MAINTENANCE, Action.VIEW)
        async with self._house.database.reading() as connection:
            standing = await self._maintenance.standing(connection, person.tenant_id, now)
            zone = await self._zone(connection, person)
            token = (
                None if person.tenant_id is None else await self._maintenance.feed_token(connection, person.tenant_id)
            )
        t = self._site.words(request, person).t
        first = _month(request.query_params.get("month"), now.astimezone(zone).date())
        found = occurrences(standing.windows, now, now + SHOWN)
        return await self._site.page(
            request,
            "maintenance/overview.html",
            visit=visit,
            zone=zone.key,
            zone_name=zone.key,
            modes=[(mode, wording.on(t, mode, now), mode.tenant_id == person.tenant_id) for mode in standing.modes],
            coming=wording.told(t, found, zone, now),
            month=_month_view(t, standing.windows, first, zone),
            windows=[
                (one, wording.window_text(t, one.plan.recurrence), self._own(person, one)) for one in standing.windows
            ],
            editor=may_edit(person),
            components=list(Component),
            public_feed=feeds.address(self._site),
            own_feed=None if token is None or not may_edit(person) else feeds.address(self._site, token),
            notice=_notice(request),
        )

    async def new_window(self, request: Request, visit: Visit) -> Response:
        require_edit(visit.person)
        async with self._house.database.reading() as connection:
            zone = await self._zone(connection, visit.person)
        return await self._form(request, visit, blank(zone.key), None, None)

    async def window(self, request: Request, visit: Visit) -> Response:
        async with self._house.database.reading() as connection:
            found = await self._maintenance.own_window(connection, visit.person, request.path_params["id"])
        return await self._form(request, visit, filled(found.plan), found.plan, found.id)

    async def save_new(self, request: Request, visit: Visit, form: Form) -> Response:
        require_edit(visit.person)

        async def keep(connection: AsyncConnection, plan: Plan) -> None:
            await self._maintenance.make_window(connection, visit.person, plan)

        return await self._save(request, visit, form, None, keep)

    async def save(self, request: Request, visit: Visit, form: Form) -> Response:
        window_id = request.path_params["id"]
        async with self._house.database.reading() as connection:
            await self._maintenance.own_window(connection, visit.person, window_id)

        async def keep(connection: AsyncConnection, plan: Plan) -> None:
            await self._maintenance.change_window(connection, visit.person, window_id, plan)

        return await self._save(request, visit, form, window_id, keep)

    async def ask_remove(self, request: Request, visit: Visit) -> Response:
        async with self._house.database.reading() as connection:
            found = await self._maintenance.own_window(connection, visit.person, request.path_params["id"])
        t = self._site.words(request, visit.person).t
        what = wording.window_text(t, found.plan.recurrence)
        component = t(f"maintenance.component.{found.plan.component}")
        return await self._ask(request, visit, "remove", f"{HOME}/windows/{found.id}/remove", f"{component}: {what}")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # only its token counts
        async with self._house.database.writing() as connection:
            await self._maintenance.remove_window(connection, visit.person, request.path_params["id"])
        return see_other(f"{HOME}?done=removed")

    async def mode(self, request: Request, visit: Visit) -> Response:
        require_edit(visit.person)
        fields = {"component": request.query_params.get("component", Component.PORTAL)}
        return await self._mode_form(request, visit, fields, frozenset())

    async def switch(self, request: Request, visit: Visit, form: Form) -> Response:
        require_edit(visit.person)
        async with self._house.database.reading() as connection:
            zone = (await self._zone(connection, visit.person)).key
        try:
            component, until = read_component(form), read_until(form, zone)
            if form.get("do") != "on":
                return await self._confirm_mode(request, visit, form, component, until, zone)
            async with self._house.database.writing() as connection:
                await self._maintenance.switch_on(
                    connection, visit.person, component, until=until, reason=form.get("reason", ""), zone=zone
                )
        except BridgeError as error:
            return await self._mode_form(request, visit, form, _places(error))
        return see_other(f"{HOME}?done=on")

    async def ask_off(self, request: Request, visit: Visit) -> Response:
        require_edit(visit.person)
        component = read_component(request.query_params)
        t = self._site.words(request, visit.person).t
        what, path = t(f"maintenance.component.{component}"), f"{HOME}/mode/off"
        return await self._ask(request, visit, "off", path, what, component=component)

    async def switch_off(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # a page's shape
        async with self._house.database.writing() as connection:
            await self._maintenance.switch_off(connection, visit.person, read_component(form))
        return see_other(f"{HOME}?done=off")

    async def new_feed(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # a page's shape
        async with self._house.database.writing() as connection:
            await self._maintenance.new_feed(connection, visit.person)
        return see_other(f"{HOME}?done=feed")

    async def _save(
        self,
        request: Request,
        visit: Visit,
        form: Form,
        window_id: str | None,
        keep: Callable[[AsyncConnection, Plan], Awaitable[None]],
    ) -> Response:
        try:
            plan = checked(read_plan(form))
            if form.get("do") != "save":
                return await self._form(request, visit, _sent(form, frozenset()), plan, window_id)
            async with self._house.database.writing() as connection:
                await keep(connection, plan)
        except BridgeError as error:
            wrong = _places(error)
            return await self._form(request, visit, _sent(form, wrong), None, window_id)
        return see_other(f"{HOME}?done=saved")

    async def _form(
        self, request: Request, visit: Visit, form: WindowForm, plan: Plan | None, window_id: str | None
    ) -> Response:
        t, now = self._site.words(request, visit.person).t, self._house.runtime.clock.now()
        preview: list[str] | None = None
        if plan is not None:
            zone = ZoneInfo(plan.recurrence.zone)
            preview = [wording.stretch(t, span, zone) for span in upcoming(plan.recurrence, now, PREVIEWED)]
        return await self._site.page(
            request,
            "maintenance/window.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if form.wrong else HTTPStatus.OK,
            form=form.fields,
            wrong={place: t(f"maintenance.wrong.{place}") for place in form.wrong},
            repeats="" if plan is None else wording.window_text(t, plan.recurrence),
            preview=preview,
            window_id=window_id,
            components=list(Component),
            effects=list(WindowEffect),
            repeat_choices=list(Repeat),
        )

    async def _mode_form(
        self, request: Request, visit: Visit, fields: Mapping[str, str], wrong: frozenset[str]
    ) -> Response:
        async with self._house.database.reading() as connection:
            zone = await self._zone(connection, visit.person)
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "maintenance/mode.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            form={"component": "", "reason": "", "until_date": "", "until_clock": "", **fields},
            wrong={place: t(f"maintenance.wrong.{place}") for place in wrong},
            components=list(Component),
            zone_name=zone.key,
        )

    async def _confirm_mode(
        self, request: Request, visit: Visit, form: Form, component: Component, until: datetime | None, zone: str
    ) -> Response:
        t, now = self._site.words(request, visit.person).t, self._house.runtime.clock.now()
        if until is not None and until <= now:
            raise BridgeError(Code.FIELD_INVALID, place="until")
        if not form.get("reason"):
            raise BridgeError(Code.FIELD_INVALID, place="reason")
        return await self._site.page(
            request,
            "maintenance/mode_confirm.html",
            visit=visit,
            form={name: form.get(name, "") for name in ("component", "reason", "until_date", "until_clock")},
            component=t(f"maintenance.component.{component}"),
            until=None if until is None else wording.moment(t, until, ZoneInfo(zone)),
        )

    async def _ask(self, request: Request, visit: Visit, what: str, path: str, subject: str, **hidden: str) -> Response:
        return await self._site.page(
            request, "maintenance/ask.html", visit=visit, what=what, path=path, subject=subject, hidden=hidden
        )

    async def _zone(self, connection: AsyncConnection, person: Person) -> ZoneInfo:
        """The clock on which this person reads: that of the head office, or the portal's own."""
        found = None if person.tenant_id is None else await store.home_zone(connection, person.tenant_id)
        return ZoneInfo(found or ZONE)

    def _own(self, person: Person, window: Window) -> bool:
        return may_edit(person) and window.tenant_id == person.tenant_id


def _sent(form: Form, wrong: frozenset[str]) -> WindowForm:
    return WindowForm({name: form.get(name, "") for name in blank(ZONE).fields}, wrong)


def _places(error: BridgeError) -> frozenset[str]:
    """The field that is wrong; anything else than a wrong field is no matter of the form."""
    if error.code is not Code.FIELD_INVALID or error.place is None:
        raise error
    return frozenset({error.place})


def _notice(request: Request) -> str | None:
    done = request.query_params.get("done")
    return done if done in _NOTICES else None


def _month(asked: str | None, today: date) -> date:
    """The first day of the month to show: the one that is asked for where there is such a one, else this one."""
    try:
        first = date.fromisoformat(f"{asked}-01")
    except ValueError:
        return today.replace(day=1)
    return first if EARLIEST_YEAR < first.year < LATEST_YEAR else today.replace(day=1)


def _month_view(t: Catalogue, windows: Sequence[Window], first: date, zone: ZoneInfo) -> dict[str, object]:
    following = date(first.year + first.month // _DECEMBER, first.month % _DECEMBER + 1, 1)
    start, end = (in_utc(datetime.combine(day, datetime.min.time()), zone) for day in (first, following))
    marked: dict[str, list[str]] = {}
    for one in occurrences(windows, start, end):
        name = t(f"maintenance.component.{one.window.plan.component}")
        text = f"{one.span.start.astimezone(zone):%H:%M} {name}"
        for day in wording.local_days(one.span, zone):
            marked.setdefault(day, []).append(text)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return {
        "name": t(f"maintenance.month.{first.month}", year=first.year),
        "before": f"{first - timedelta(days=1):%Y-%m}",
        "after": f"{following:%Y-%m}",
        "days": [t(f"maintenance.day.{day}") for day in wording.DAYS],
        "weeks": [
            [(day.day if day.month == first.month else None, marked.get(day.isoformat(), [])) for day in week]
            for week in weeks
        ],
    }
