"""The pages of services and their switches."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service, ServiceState
from tillbridge.portal.locations.forms import read_wish
from tillbridge.portal.locations.views import done, paging
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.services.answers import badge, who, why
from tillbridge.portal.services.service import Switches
from tillbridge.web.going import see_other

PATH: Final = "/services"


class ServicePages:
    """Shows how services stand, and switches them."""

    def __init__(self, site: Site, switches: Switches) -> None:
        self._site = site
        self._switches = switches

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.list),
            site.get(f"{PATH}/{{location_id}}", self.show),
            site.post(f"{PATH}/{{location_id}}", self.switch),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """The locations to choose from; with one alone there is nothing to choose."""
        wish = read_wish(request.query_params)
        found = await self._switches.page(visit.person, wish)
        if found.total == 1 and not wish.text:
            return see_other(f"{PATH}/{found.locations[0].id}")
        return await self._site.page(
            request, "services/list.html", visit=visit, found=found, wish=wish, paging=paging(PATH, wish, found)
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """How each service stands at a location."""
        return await self._page(request, visit)

    async def switch(self, request: Request, visit: Visit, form: Form) -> Response:
        """Switches one; what has to be done first is said on the same page."""
        location_id, service = request.path_params["location_id"], form.get("service")
        if service not in set(Service) or form.get("to") not in {"on", "off"}:
            raise BridgeError(Code.FIELD_INVALID, "no such service", place="service")
        try:
            await self._switches.switch(visit.person, location_id, Service(service), on=form["to"] == "on")
        except BridgeError as error:
            if error.place != service:
                raise
            return await self._page(request, visit, refused=error)
        return see_other(f"{PATH}/{location_id}?done={form['to']}")

    async def _page(self, request: Request, visit: Visit, refused: BridgeError | None = None) -> Response:
        person = visit.person
        one, standing = await self._switches.at(person, request.path_params["location_id"])
        words = self._site.words(request, person, one.time_zone)
        now, contact = self._site.house.runtime.clock.now(), self._site.house.settings.operator.sales_contact
        rows = [
            (
                each,
                badge(words.t, each),
                why(words.t, each),
                who(words.t, each, contact),
                until and words.moment(until),
            )
            for each in standing
            for until in [None if each.mode is None else each.mode.told_until(now)]
        ]
        return await self._site.page(
            request,
            "services/show.html",
            visit=visit,
            status=HTTPStatus.OK if refused is None else refused.entry.status,
            zone=one.time_zone,
            one=one,
            rows=rows,
            refused=None
            if refused is None
            else words.t(f"services.why.{refused.code}", service=words.t(f"services.name.{refused.place}")),
            number="" if refused is None else refused.entry.number,
            may_edit=one.open and person.may(Area.SERVICES, Action.EDIT, one.id),
            unbuilt=ServiceState.NOT_AVAILABLE,
            later=[each.service for each in standing if each.state is ServiceState.NOT_AVAILABLE],
            notice=done(request, words.t, "services"),
        )
