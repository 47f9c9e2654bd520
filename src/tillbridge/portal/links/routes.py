"""The pages of a link, and the route where a connector exchanges its credential."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Actor
from tillbridge.portal.links import store
from tillbridge.portal.links.model import Link
from tillbridge.portal.links.rotation import Rotations
from tillbridge.portal.links.service import LONGEST_REASON, Links
from tillbridge.portal.links.views import LinkAction, actions, facts
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.source import source_of
from tillbridge.web.going import see_other

PATH: Final = "/interfaces/links"
LOCATION_PATH: Final = "/interfaces"

_Doing = Callable[[AsyncConnection, str, Actor, str], Awaitable[Link]]


class LinkPages:
    """Shows a link, and what may be done with it."""

    def __init__(self, site: Site, links: Links) -> None:
        self._site = site
        self._links = links
        self._doings: Mapping[LinkAction, _Doing] = {
            LinkAction.SUSPEND: links.suspend,
            LinkAction.RESUME: links.resume,
            LinkAction.ROTATE: links.ask_rotation,
            LinkAction.CLEAR: links.clear_clone,
            LinkAction.REVOKE: links.revoke,
        }

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(f"{PATH}/clones", self.clones),
            site.post(f"{PATH}/clones", self.choose_clones),
            site.get(f"{PATH}/{{link_id}}", self.show),
            site.get(f"{PATH}/{{link_id}}/{{action}}", self.ask),
            site.post(f"{PATH}/{{link_id}}/{{action}}", self.act),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """What is known of a link."""
        async with self._site.house.database.reading() as connection:
            link, place = await self._find(connection, request, visit.person, Action.VIEW)
        may_edit = visit.person.may(Area.POS_INTERFACE, Action.EDIT, place.id)
        offered = actions(link) if may_edit else ()
        return await self._page(request, visit, "links/show.html", (link, place), offered=offered)

    async def ask(self, request: Request, visit: Visit) -> Response:
        """What an action does, before it is done."""
        action = _action(request)
        async with self._site.house.database.reading() as connection:
            link, place = await self._find(connection, request, visit.person, Action.EDIT)
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        _check_offered(link, action)
        return await self._page(request, visit, "links/ask.html", (link, place), action=action)

    async def act(self, request: Request, visit: Visit, form: Form) -> Response:
        """Does it."""
        action = _action(request)
        reason = form.get("reason", "")[:LONGEST_REASON]
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        async with self._site.house.database.writing() as connection:
            link, _ = await self._find(connection, request, visit.person, Action.EDIT)
            _check_offered(link, action)
            await self._doings[action](connection, link.id, visit.person.actor, reason)
        return see_other(f"{PATH}/{link.id}?done={action.value}")

    async def clones(self, request: Request, visit: Visit) -> Response:
        """What is to happen when two computers seem to use one link."""
        person = visit.person
        person.require(Area.POS_INTERFACE, Action.VIEW)
        async with self._site.house.database.reading() as connection:
            suspend = await store.suspends_clones(connection, person.home)
        may_edit = person.may(Area.POS_INTERFACE, Action.EDIT)
        done = request.query_params.get("done") == "clones"
        return await self._site.page(
            request, "links/clones.html", visit=visit, suspend=suspend, may_edit=may_edit, done=done
        )

    async def choose_clones(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as `Action` has it
        """Chooses that for the whole merchant."""
        person = visit.person
        person.require(Area.POS_INTERFACE, Action.EDIT)
        person.require_step_up(self._site.house.runtime.clock.now())
        if form.get("suspend") not in {"yes", "no"}:
            raise BridgeError(Code.FIELD_INVALID, "choose one of the two", place="suspend")
        async with self._site.house.database.writing() as connection:
            suspend = form["suspend"] == "yes"
            await self._links.choose_clones(connection, person.home, person.actor, suspend=suspend)
        return see_other(f"{PATH}/clones?done=clones")

    async def _find(
        self, connection: AsyncConnection, request: Request, person: Person, action: Action
    ) -> tuple[Link, store.Place]:
        """The link that the address names, if this person may; another merchant's is unknown."""
        link = await self._links.link(connection, request.path_params["link_id"])
        place = await store.place(connection, link.location_id)
        if place is None or link.tenant_id != person.home:
            raise BridgeError(Code.RECORD_UNKNOWN)
        person.require(Area.POS_INTERFACE, action, place.id)
        return link, place

    async def _page(
        self,
        request: Request,
        visit: Visit,
        template: str,
        found: tuple[Link, store.Place],
        *,
        action: LinkAction | None = None,
        offered: tuple[LinkAction, ...] = (),
    ) -> Response:
        link, place = found
        words = self._site.words(request, visit.person, place.time_zone)
        key = f"links.done.{request.query_params.get('done', '')}"
        return await self._site.page(
            request,
            template,
            visit=visit,
            zone=place.time_zone,
            link_id=link.id,
            place=place,
            facts=facts(words, link),
            notice=words.t(key) if words.t.has(key) else "",
            path=f"{PATH}/{link.id}",
            back=f"{LOCATION_PATH}/{place.id}",
            action=action,
            actions=offered,
            longest=LONGEST_REASON,
        )


def rotation_router(rotations: Rotations) -> APIRouter:
    """Where a connector exchanges its credential."""
    router = APIRouter(tags=["links"])

    @router.post("/link/rotation", response_model=None)
    async def rotate(request: Request) -> Response:
        """A new credential, sealed to the key that came along. The same request gets the same bytes."""
        source = source_of(request, rotations.settings)
        answer = await rotations.rotate(await request.body(), source)
        return Response(answer, media_type="application/json", headers={"Cache-Control": "no-store"})

    return router


def _action(request: Request) -> LinkAction:
    found = next((one for one in LinkAction if one == request.path_params["action"]), None)
    if found is None:
        raise BridgeError(Code.PATH_UNKNOWN)
    return found


def _check_offered(link: Link, action: LinkAction) -> None:
    if action not in actions(link):
        raise BridgeError(Code.RECORD_CONFLICT, f"the link is {link.state}: this cannot be done with it", place="state")
