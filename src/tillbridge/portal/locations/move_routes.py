"""The pages on which a location changes hands."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.locations import move_store
from tillbridge.portal.locations.model import Move
from tillbridge.portal.locations.moving import Moves
from tillbridge.portal.locations.routes import PATH
from tillbridge.portal.locations.service import location_for
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.going import see_other

OFFERS: Final = f"{PATH}/offers"


class MovePages:
    """Offers a location, takes the offer back, accepts and declines it."""

    def __init__(self, site: Site, moves: Moves) -> None:
        self._site = site
        self._moves = moves

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(f"{PATH}/{{location_id}}/move", self.ask),
            site.post(f"{PATH}/{{location_id}}/move", self.offer),
            site.post(f"{PATH}/{{location_id}}/move/withdraw", self.withdraw),
            site.get(f"{OFFERS}/{{move_id}}", self.show),
            site.post(f"{OFFERS}/{{move_id}}/accept", self.accept),
            site.post(f"{OFFERS}/{{move_id}}/decline", self.decline),
        ]

    async def ask(self, request: Request, visit: Visit) -> Response:
        """The form of an offer."""
        return await self._form(request, visit)

    async def offer(self, request: Request, visit: Visit, form: Form) -> Response:
        """Offers it."""
        location_id = request.path_params["location_id"]
        try:
            await self._moves.offer(visit.person, location_id, form.get("head_office", ""))
        except BridgeError as error:
            if error.place != "head_office":
                raise
            return await self._form(request, visit, typed=form.get("head_office", ""), wrong=True)
        return see_other(f"{PATH}/{location_id}?done=offered")

    async def withdraw(self, request: Request, visit: Visit, _: Form) -> Response:
        """Takes an offer back."""
        location_id = request.path_params["location_id"]
        await self._moves.withdraw(visit.person, location_id)
        return see_other(f"{PATH}/{location_id}?done=withdrawn")

    async def show(self, request: Request, visit: Visit) -> Response:
        """What another merchant offers, and what accepting it means."""
        move = await self._offered(visit.person, request.path_params["move_id"])
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        return await self._site.page(request, "locations/offer.html", visit=visit, move=move)

    async def accept(self, request: Request, visit: Visit, _: Form) -> Response:
        """Takes it over."""
        taken = await self._moves.accept(visit.person, request.path_params["move_id"])
        return see_other(f"{PATH}/{taken.id}?done=accepted")

    async def decline(self, request: Request, visit: Visit, _: Form) -> Response:
        """Refuses it."""
        await self._moves.decline(visit.person, request.path_params["move_id"])
        return see_other(f"{PATH}?done=declined")

    async def _form(self, request: Request, visit: Visit, *, typed: str = "", wrong: bool = False) -> Response:
        person = visit.person
        async with self._site.house.database.reading() as connection:
            one = await location_for(connection, person, request.path_params["location_id"], Action.EDIT)
        person.require_step_up(self._site.house.runtime.clock.now())
        t = self._site.words(request, person).t
        return await self._site.page(
            request,
            "locations/move.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            typed=typed,
            wrong={"head_office": t("locations.wrong.head_office")} if wrong else {},
        )

    async def _offered(self, person: Person, move_id: str) -> Move:
        async with self._site.house.database.reading() as connection:
            move = await move_store.find(connection, move_id)
        if move is None or move.to_tenant_id != person.home:
            raise BridgeError(Code.RECORD_UNKNOWN)
        person.require(Area.LOCATIONS, Action.EDIT)
        return move
