"""The Interfaces pages: which locations are connected, and how one is."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location, Wish
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.pairing.consent import Consent
from tillbridge.portal.pairing.events import StateStream, Streams
from tillbridge.portal.pairing.guard import Guarding, require_operator
from tillbridge.portal.pairing.pins import Pins
from tillbridge.portal.pairing.places import place_of
from tillbridge.portal.pairing.views import Facts, read_facts, row_of, view_of
from tillbridge.portal.pairing.wanted import Preconditions
from tillbridge.portal.rights import Action, Area
from tillbridge.web.going import see_other

PATH: Final = "/interfaces"

LONGEST_SEARCH: Final = 100

_PAGE: Final = re.compile(r"[0-9]{1,5}", re.ASCII)

_NOTICES: Final = frozenset({"withdrawn", "accepted", "denied", "unguarded"})

_SHOWN_IN_FORM: Final = frozenset({Code.LINK_EXISTS, Code.CONVERSION_REQUIRED, Code.CONVERSION_LICENCE})
"""Refusals that the form of a PIN explains itself."""


@dataclass(frozen=True, slots=True)
class InterfacesPages:
    """The pages of one portal."""

    site: Site
    links: Links
    pins: Pins
    consent: Consent
    guarding: Guarding
    preconditions: Preconditions
    streams: Streams

    def routes(self) -> list[BaseRoute]:
        """Every page, with what its forms do."""
        site = self.site
        return [
            site.get(PATH, self.listing),
            site.get(f"{PATH}/guard", self.guard),
            site.post(f"{PATH}/guard", self.end_guard),
            site.get(f"{PATH}/{{location_id}}", self.one),
            site.post(f"{PATH}/{{location_id}}/pin", self.make_pin),
            # Where a browser goes back to after a fresh proof of who it is, or when such a page is loaded again.
            site.get(f"{PATH}/{{location_id}}/pin", self.back_to_one),
            site.post(f"{PATH}/{{location_id}}/withdraw", self.withdraw),
            site.post(f"{PATH}/{{location_id}}/consent", self.decide),
            Route(f"{PATH}/{{location_id}}/events", self.events, methods=["GET"]),
        ]

    async def listing(self, request: Request, visit: Visit) -> Response:
        """The locations within reach, with the state of their link."""
        person = visit.person
        reach = person.reach(Area.POS_INTERFACE, Action.VIEW)
        if not person.may_somewhere(Area.POS_INTERFACE):
            person.require(Area.POS_INTERFACE, Action.VIEW)
        wish = Wish(request.query_params.get("search", "").strip()[:LONGEST_SEARCH], _page(request))
        async with self.site.house.database.reading() as connection:
            found = await locations.page_of(connection, person.home, reach, wish)
            standings = await self.links.states_of(connection, person.home)
        rows = [
            row_of(place, standings.get(place.id), self.site.words(request, person, place.time_zone))
            for place in found.locations
        ]
        return await self.site.page(
            request,
            "interfaces/list.html",
            visit=visit,
            rows=rows,
            found=found,
            search=wish.text,
        )

    async def one(self, request: Request, visit: Visit) -> Response:
        """One location: its link, its PIN, and who waits."""
        return await self._page(request, visit)

    async def back_to_one(self, request: Request, visit: Visit) -> Response:  # noqa: ARG002  # as the site has it
        """The digits of a PIN are shown once, as the answer to the form: there is nothing to load again."""
        return see_other(_path(request))

    async def make_pin(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes a PIN and shows its digits, this once."""
        try:
            made = await self.pins.make(visit.person, _id(request), replace="replace" in form, accept="accept" in form)
        except BridgeError as refusal:
            if refusal.code not in _SHOWN_IN_FORM:
                raise
            return await self._page(request, visit, wrong=refusal, status=refusal.entry.status)
        return await self._page(request, visit, digits=made.digits)

    async def withdraw(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as the site has it
        """Withdraws the open PIN."""
        await self.pins.withdraw(visit.person, _id(request))
        return see_other(f"{_path(request)}?done=withdrawn")

    async def decide(self, request: Request, visit: Visit, form: Form) -> Response:
        """Accepts a connector that waits, or refuses it."""
        session_id = form.get("session", "")
        match form.get("answer"):
            case "accept":
                await self.consent.accept(visit.person, _id(request), session_id)
                return see_other(f"{_path(request)}?done=accepted")
            case "deny":
                await self.consent.deny(visit.person, _id(request), session_id)
                return see_other(f"{_path(request)}?done=denied")
            case _:
                raise BridgeError(Code.FIELD_INVALID, "the answer is accept or deny", place="answer")

    async def guard(self, request: Request, visit: Visit) -> Response:
        """Guarded mode, for the operator's staff."""
        require_operator(visit.person)
        async with self.site.house.database.reading() as connection:
            guard = await self.guarding.read(connection)
        words = self.site.words(request, visit.person, "UTC")
        return await self.site.page(
            request,
            "interfaces/guard.html",
            visit=visit,
            on=guard is not None and guard.on,
            since=None if guard is None else words.moment(guard.since),
            done=_done(request),
        )

    async def end_guard(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as the site has it
        """Ends guarded mode."""
        await self.guarding.end(visit.person)
        return see_other(f"{PATH}/guard?done=unguarded")

    async def events(self, request: Request) -> Response:
        """Tells an open page of a location what changed."""
        await self._place(request, await self.site.visit(request))
        self.streams.require_place()

        async def look() -> str:
            facts = await self._facts(request, await self.site.visit(request))
            return json.dumps({"state": facts.shown, "mark": facts.mark})

        return StateStream(self.streams, look)

    async def _page(
        self,
        request: Request,
        visit: Visit,
        *,
        digits: str = "",
        wrong: BridgeError | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        facts = await self._facts(request, visit)
        zone = facts.place.time_zone
        words = self.site.words(request, visit.person, zone)
        answer = await self.site.page(
            request,
            "interfaces/pin.html" if digits else "interfaces/one.html",
            visit=visit,
            status=status,
            zone=zone,
            digits=digits,
            wrong=None if wrong is None else wrong.code.value,
            problem=None if wrong is None else refusal_text(wrong.code, words.t.language),
            done=_done(request),
            **view_of(facts, words, visit.person),
        )
        # A page with digits on it is written to no disk, and a proxy keeps none of them.
        answer.headers["Cache-Control"] = "no-store, private"
        return answer

    async def _place(self, request: Request, visit: Visit) -> Location:
        async with self.site.house.database.reading() as connection:
            return await place_of(connection, visit.person, _id(request), Action.VIEW)

    async def _facts(self, request: Request, visit: Visit) -> Facts:
        async with self.site.house.database.reading() as connection:
            place = await place_of(connection, visit.person, _id(request), Action.VIEW)
            return await read_facts(self.site.house, connection, self.links, self.preconditions, place)


def _id(request: Request) -> str:
    return str(request.path_params["location_id"])


def _path(request: Request) -> str:
    return f"{PATH}/{_id(request)}"


def _done(request: Request) -> str:
    done = request.query_params.get("done", "")
    return done if done in _NOTICES else ""


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(int(text), 1) if _PAGE.fullmatch(text) else 1
