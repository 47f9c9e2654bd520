"""The pages of locations."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE
from tillbridge.portal.locations import move_store, store
from tillbridge.portal.locations.countries import COUNTRIES, NAMED
from tillbridge.portal.locations.forms import LONGEST, RESTRICTIONS, ZONES, Wrong, as_form, read_draft, read_wish
from tillbridge.portal.locations.linked import LinkStates, states_of
from tillbridge.portal.locations.model import Location, LocationKind, Ownership
from tillbridge.portal.locations.moving import Moves
from tillbridge.portal.locations.service import LONGEST_REASON, Locations, location_for
from tillbridge.portal.locations.views import day, done, link_badge, paging
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/locations"
CURRENCIES: Final = tuple(sorted(BY_CODE))
CURRENCY_CHOICES: Final = tuple((code, code) for code in CURRENCIES)
OTHER_COUNTRIES: Final = tuple((code, code) for code in sorted(COUNTRIES.difference(NAMED)))
ZONE_CHOICES: Final = tuple((zone, zone) for zone in ZONES)


class LocationPages:
    """Lists, shows, makes, changes and closes locations."""

    def __init__(self, site: Site, locations: Locations, moves: Moves, links: LinkStates) -> None:
        self._site = site
        self._locations = locations
        self._moves = moves
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.list),
            site.get(f"{PATH}/new", self.new),
            site.post(f"{PATH}/new", self.create),
            site.get(f"{PATH}/{{location_id}}", self.show),
            site.get(f"{PATH}/{{location_id}}/edit", self.edit),
            site.post(f"{PATH}/{{location_id}}/edit", self.change),
            site.get(f"{PATH}/{{location_id}}/close", self.ask_close),
            site.post(f"{PATH}/{{location_id}}/close", self.close),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """The locations that the reader may see."""
        wish, person = read_wish(request.query_params), visit.person
        found = await self._locations.page(person, wish)
        async with self._site.house.database.reading() as connection:
            states = await states_of(self._links, connection, person.home)
        t = self._site.words(request, person).t
        return await self._site.page(
            request,
            "locations/list.html",
            visit=visit,
            rows=[(one, link_badge(t, states.get(one.id))) for one in found.locations],
            found=found,
            wish=wish,
            paging=paging(PATH, wish, found),
            offers=await self._moves.offered_to(person),
            may_add=person.may(Area.LOCATIONS, Action.EDIT),
            notice=done(request, t, "locations"),
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """One location, with its owners so far."""
        person, location_id = visit.person, request.path_params["location_id"]
        async with self._site.house.database.reading() as connection:
            one = await location_for(connection, person, location_id, Action.VIEW)
            parent = None if one.parent_id is None else await store.find(connection, one.parent_id)
            owners = await store.ownerships(connection, one.id)
            offer = await move_store.open_of(connection, one.id)
            state = await self._links.state(connection, one.id)
        words = self._site.words(request, person, one.time_zone)
        return await self._site.page(
            request,
            "locations/show.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            parent=parent if parent is not None and person.may(Area.LOCATIONS, Action.VIEW, parent.id) else None,
            country=words.t(named) if words.t.has(named := f"country.{one.address.country}") else one.address.country,
            state=link_badge(words.t, state),
            # Who another owner was is that owner's business: the reader is told the dates alone.
            owners=[
                (
                    owner.tenant_name if owner.tenant_id == person.home else None,
                    owner.client_number,
                    *_days(words, owner),
                )
                for owner in owners
            ],
            offer=offer,
            offered_on=None if offer is None else day(words, offer.offered_at),
            closed_on=None if one.closed_at is None else day(words, one.closed_at),
            may_edit=one.open and person.may(Area.LOCATIONS, Action.EDIT, one.id),
            sees_licences=person.may(Area.LICENCES, Action.VIEW, one.id),
            sees_services=person.may(Area.SERVICES, Action.VIEW, one.id),
            movable=one.kind is not LocationKind.HEAD_OFFICE,
            notice=done(request, words.t, "locations"),
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new location; it starts with what the one above it has."""
        above = await self._above(visit.person, request.query_params.get("below") or None)
        form = as_form(above) | {"name": "", "street": "", "postal_code": "", "city": ""}
        return await self._form(request, visit, above=above, form=form)

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        above = await self._above(visit.person, form.get("below") or None)
        draft, wrong = read_draft(form)
        if draft is None:
            return await self._form(request, visit, above=above, form=form, wrong=wrong)
        made = await self._locations.create(visit.person, above.id, draft)
        return see_other(f"{PATH}/{made.id}?done=created")

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of a location that is there."""
        one = await self._open(visit.person, request)
        return await self._form(request, visit, one=one, form=as_form(one))

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Changes it."""
        one = await self._open(visit.person, request)
        draft, wrong = read_draft(form)
        if draft is None:
            return await self._form(request, visit, one=one, form=form, wrong=wrong)
        await self._locations.change(visit.person, one.id, draft)
        return see_other(f"{PATH}/{one.id}?done=changed")

    async def ask_close(self, request: Request, visit: Visit) -> Response:
        """Says what closing means, and asks for it."""
        one = await self._open(visit.person, request)
        # Whoever lacks the fresh proof goes for it now, not with a form that is filled in already.
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        return await self._site.page(
            request, "locations/close.html", visit=visit, one=one, longest_reason=LONGEST_REASON
        )

    async def close(self, request: Request, visit: Visit, form: Form) -> Response:
        """Closes it."""
        location_id = request.path_params["location_id"]
        await self._locations.close(visit.person, location_id, form.get("reason", ""))
        return see_other(f"{PATH}/{location_id}?done=closed")

    async def _above(self, person: Person, location_id: str | None) -> Location:
        async with self._site.house.database.reading() as connection:
            if location_id is not None:
                return await location_for(connection, person, location_id, Action.EDIT)
            person.require(Area.LOCATIONS, Action.EDIT)
            head = await store.find_head_office(connection, person.home)
        if head is None:
            raise BridgeError(Code.RECORD_CONFLICT, "this merchant has no head office")
        return head

    async def _open(self, person: Person, request: Request) -> Location:
        async with self._site.house.database.reading() as connection:
            one = await location_for(connection, person, request.path_params["location_id"], Action.EDIT)
        if not one.open:
            raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")
        return one

    async def _form(
        self,
        request: Request,
        visit: Visit,
        *,
        form: Form,
        one: Location | None = None,
        above: Location | None = None,
        wrong: Wrong | None = None,
    ) -> Response:
        t = self._site.words(request, visit.person).t
        countries = sorted(((code, t(f"country.{code}")) for code in NAMED), key=lambda country: country[1])
        return await self._site.page(
            request,
            "locations/edit.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            above=above,
            form=form,
            wrong={name: t(key) for name, key in (wrong or {}).items()},
            longest=LONGEST,
            countries=countries,
            other_countries=OTHER_COUNTRIES,
            currencies=CURRENCY_CHOICES,
            zones=ZONE_CHOICES,
            restrictions=RESTRICTIONS,
            head=one is not None and one.kind is LocationKind.HEAD_OFFICE,
        )


def _days(words: Words, owner: Ownership) -> tuple[str, str]:
    return day(words, owner.since), "" if owner.until is None else day(words, owner.until)
