"""The pages of a merchant's people."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.portal.accounts import people_forms as forms
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.desk import EDIT_PEOPLE, require_somewhere
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_service import People, Shown
from tillbridge.portal.accounts.people_store import PAGE, Search
from tillbridge.portal.accounts.tables import EMAIL_LENGTH, NAME_LENGTH
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person, Reach, Right
from tillbridge.web.going import see_other
from tillbridge.web.language import Catalogue

PATH: Final = "/people"

MOST_NAMES: Final = 8
"""Locations that are named beside a right before the rest is counted."""


class PeoplePages:
    """Lists people, invites them and changes what they may do."""

    def __init__(self, site: Site, people: People) -> None:
        self._site = site
        self._people = people

    def routes(self) -> list[BaseRoute]:
        """Every page of it; the paths with a fixed word come first."""
        site, one = self._site, f"{PATH}/{{person_id}}"
        return [
            site.get(PATH, self.overview),
            site.get(f"{PATH}/invite", self.ask_invite),
            site.post(f"{PATH}/invite", self.invite),
            site.get(one, self.show),
            site.post(f"{one}/memberships", self.put),
            site.post(f"{one}/memberships/{{membership_id}}/remove", self.take),
            site.post(f"{one}/invite-again", self.invite_again),
            site.post(f"{one}/disable", self.disable),
            site.post(f"{one}/enable", self.enable),
            site.get(f"{one}/remove", self.ask_remove),
            site.post(f"{one}/remove", self.remove),
        ]

    async def overview(self, request: Request, visit: Visit) -> Response:
        """The people whom the reader sees."""
        search, t = forms.read_search(request.query_params), self._site.words(request, visit.person).t
        found, more = await self._people.page(visit.person, search)
        rows = [
            (
                row.one,
                forms.state_badge(t, row.one.state),
                sorted({forms.group_name(t, each.group) for each in row.memberships}),
            )
            for row in found
        ]
        return await self._site.page(
            request,
            "people/list.html",
            visit=visit,
            rows=rows,
            search=search,
            states=[(state.value, t(f"people.state.{state}")) for state in PersonState],
            before=_at(search, search.offset - PAGE) if search.offset else "",
            after=_at(search, search.offset + PAGE) if more else "",
            may_edit=visit.person.may_somewhere(Area.PEOPLE, Action.EDIT),
            notice=notice_of(request, t),
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """One of them."""
        return await self._show(request, visit)

    async def ask_invite(self, request: Request, visit: Visit) -> Response:
        """The form of an invitation. It asks for the fresh proof before somebody has typed anything."""
        require_somewhere(visit.person, EDIT_PEOPLE)
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        language = self._site.language(request, visit.person)
        return await self._invite_form(request, visit, {"language": language.value})

    async def invite(self, request: Request, visit: Visit, form: Form) -> Response:
        """Invites somebody."""
        try:
            invitee, grant = forms.read_invitee(form), forms.read_grant(form)
            one = await self._people.invite(visit.person, invitee, form.get("group", ""), grant)
        except BridgeError as error:
            return await self._invite_form(request, visit, form, error)
        return see_other(f"{PATH}/{one.id}?done=invited")

    async def put(self, request: Request, visit: Visit, form: Form) -> Response:
        """Puts somebody into a group."""
        person_id = request.path_params["person_id"]
        try:
            await self._people.put(visit.person, person_id, form.get("group", ""), forms.read_grant(form))
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}/{person_id}?done=put")

    async def take(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes somebody out of a group."""
        person_id, membership_id = request.path_params["person_id"], request.path_params["membership_id"]
        try:
            await self._people.take(visit.person, person_id, membership_id)
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        # Whoever took away the own last right sees this page no more.
        return see_other(f"{PATH}/{person_id}?done=taken" if person_id != visit.person.id else "/")

    async def invite_again(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sends another invitation."""
        person_id = request.path_params["person_id"]
        try:
            await self._people.invite_again(visit.person, person_id)
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}/{person_id}?done=invited")

    async def disable(self, request: Request, visit: Visit, form: Form) -> Response:
        """Closes an account."""
        person_id = request.path_params["person_id"]
        try:
            await self._people.disable(visit.person, person_id)
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}/{person_id}?done=disabled")

    async def enable(self, request: Request, visit: Visit, form: Form) -> Response:
        """Opens it again."""
        person_id = request.path_params["person_id"]
        try:
            await self._people.enable(visit.person, person_id)
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}/{person_id}?done=enabled")

    async def ask_remove(self, request: Request, visit: Visit) -> Response:
        """Says what removing means, and asks for it."""
        shown = await self._people.show(visit.person, request.path_params["person_id"])
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        return await self._site.page(request, "people/remove.html", visit=visit, shown=shown)

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:
        """Removes somebody."""
        try:
            await self._people.remove(visit.person, request.path_params["person_id"])
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}?done=removed")

    async def _show(
        self, request: Request, visit: Visit, form: Form | None = None, error: BridgeError | None = None
    ) -> Response:
        t, person = self._site.words(request, visit.person).t, visit.person
        wrong = {} if error is None else forms.wrong_of(t, error)
        # Where the person is out of sight altogether, this says so instead of the form's own fault.
        shown = await self._people.show(person, request.path_params["person_id"])
        may_edit = person.may_somewhere(Area.PEOPLE, Action.EDIT)
        return await self._site.page(
            request,
            "people/person.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else error.entry.status,
            shown=shown,
            state=forms.state_badge(t, shown.one.state),
            memberships=[
                (each.id, forms.group_name(t, each.group), forms.grant_text(t, each), each.id in shown.takeable)
                for each in shown.memberships
            ],
            rights=await self._rights(t, person, shown),
            choices=await self._choices(t, person) if may_edit else None,
            form=forms.filled(form or {}),
            wrong=wrong,
            notice=notice_of(request, t),
        )

    async def _invite_form(
        self, request: Request, visit: Visit, form: Form, error: BridgeError | None = None
    ) -> Response:
        t = self._site.words(request, visit.person).t
        wrong = {} if error is None else forms.wrong_of(t, error)
        require_somewhere(visit.person, EDIT_PEOPLE)
        return await self._site.page(
            request,
            "people/invite.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else error.entry.status,
            choices=await self._choices(t, visit.person),
            form=forms.filled(form),
            wrong=wrong,
            longest={"email": EMAIL_LENGTH, "name": NAME_LENGTH},
            tongues=[(language.value, t(f"people.language.{language}")) for language in Language],
        )

    async def _choices(self, t: Catalogue, person: Person) -> dict[str, object]:
        found = await self._people.choices(person)
        return {
            "groups": [(group.id, forms.group_name(t, group)) for group in found.groups],
            "places": [(place.id, f"{place.name} · {place.number}") for place in found.places],
            "whole": found.whole,
        }

    async def _rights(self, t: Catalogue, reader: Person, shown: Shown) -> list[tuple[Area, str, str]]:
        """What somebody may do, area by area; places that the reader may not know of are left out."""
        async with self._site.house.database.reading() as connection:
            every = await people_store.places_in(connection, reader.home, Reach(everywhere=True))
        sight = reader.reach(Area.PEOPLE, Action.VIEW)
        names = {place.id: place.name for place in every if sight.covers(place.id)}

        def text(right: Right) -> str:
            reach = shown.reaches.get(right, Reach())
            if right.action is Action.VIEW:
                reach |= shown.reaches.get(Right(right.area, Action.EDIT), Reach())
            return _places(t, reach, names)

        rows = [(area, text(Right(area, Action.VIEW)), text(Right(area, Action.EDIT))) for area in Area]
        return [row for row in rows if row[1]]


def notice_of(request: Request, t: Catalogue) -> str:
    """What was done a moment ago, in words; empty for nothing."""
    key = f"people.done.{request.query_params.get('done', '')}"
    return t(key) if t.has(key) else ""


def _places(t: Catalogue, reach: Reach, names: dict[str, str]) -> str:
    if reach.everywhere:
        return t("people.everywhere")
    known = sorted(names[place] for place in reach.locations if place in names)
    text = ", ".join(known[:MOST_NAMES])
    return text if len(known) <= MOST_NAMES else t("people.and_more", places=text, count=len(known) - MOST_NAMES)


def _at(search: Search, offset: int) -> str:
    asked = {"q": search.text, "state": search.state.value if search.state else "", "from": str(max(offset, 0))}
    return f"{PATH}?{urlencode({name: value for name, value in asked.items() if value})}"
