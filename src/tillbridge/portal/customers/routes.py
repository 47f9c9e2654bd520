"""The pages of customers: the list, one customer, and what can be done with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers import store
from tillbridge.portal.customers.exporting import CSV_TYPE, XLSX_TYPE, Exports, person_rows, workbook
from tillbridge.portal.customers.forms import Wrong, amount, entered, read_fields
from tillbridge.portal.customers.model import Customer, CustomerState, Fields
from tillbridge.portal.customers.places import places_of
from tillbridge.portal.customers.service import Customers
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.going import see_other
from tillbridge.web.words import Words


@dataclass(frozen=True, slots=True)
class Shown:
    """A customer in a list."""

    id: str
    number: str
    name: str
    place: str
    balance: str
    points: str


class CustomerPages:
    """The pages over one service."""

    def __init__(self, site: Site, customers: Customers) -> None:
        self._site = site
        self._customers = customers
        self._exports = Exports(site.house)

    def routes(self) -> Sequence[BaseRoute]:
        """Every route; those with fixed words stand before those with an id."""
        site, one = self._site, "/customers/one/{customer_id}"
        return [
            site.get("/customers", self.list),
            site.get("/customers/new", self.new),
            site.post("/customers/new", self.create),
            site.post("/customers/export.csv", self.export_csv),
            site.post("/customers/export.xlsx", self.export_xlsx),
            site.get(one, self.show),
            site.post(one, self.change),
            site.get(f"{one}/merge", self.ask_merge),
            site.post(f"{one}/merge", self.merge),
            site.get(f"{one}/erase", self.ask_erase),
            site.post(f"{one}/erase", self.erase),
            site.post(f"{one}/export.json", self.export_one_json),
            site.post(f"{one}/export.xlsx", self.export_one_xlsx),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """Search and list."""
        text, after = request.query_params.get("q", ""), request.query_params.get("after", "")
        found = await self._customers.search(visit.person, text, after)
        words, places = self._site.words(request, visit.person), await self._places(visit.person)
        return await self._site.page(
            request,
            "customers/list.html",
            visit=visit,
            rows=[_shown(one, places, words) for one in found],
            q=text,
            next=found[-1].number if not text.strip() and len(found) == store.PER_PAGE else "",
            first=not after,
            done=request.query_params.get("done", ""),
            may_edit=any(place.customer_base is CustomerBase.V2 for place in await self._editable(visit.person)),
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """An empty form."""
        return await self._form(request, visit, Fields(), {}, request.query_params.get("location", ""))

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes a customer."""
        fields, wrong = read_fields(form)
        if wrong:
            return await self._form(request, visit, fields, wrong, form.get("location", ""))
        made = await self._customers.create(visit.person, form.get("location", ""), fields)
        return see_other(f"/customers/one/{made.id}?done=created")

    async def show(self, request: Request, visit: Visit) -> Response:
        """One customer, with a form to change it."""
        one = await self._customers.one(visit.person, request.path_params["customer_id"])
        return await self._one(request, visit, one, one.fields, {})

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Writes other fields down."""
        customer_id = request.path_params["customer_id"]
        fields, wrong = read_fields(form)
        if wrong:
            one = await self._customers.one(visit.person, customer_id)
            return await self._one(request, visit, one, fields, wrong)
        revision = form.get("revision", "")
        if not revision.isascii() or not revision.isdigit():
            raise BridgeError(Code.FIELD_INVALID, "the page's revision is missing", place="revision")
        await self._customers.change(visit.person, customer_id, int(revision[:9]), fields)
        return see_other(f"/customers/one/{customer_id}?done=changed")

    async def ask_merge(self, request: Request, visit: Visit) -> Response:
        """The two that are to become one, side by side."""
        one = await self._customers.one(visit.person, request.path_params["customer_id"])
        number, other, problem = request.query_params.get("number", "").strip(), None, ""
        if number:
            try:
                other = await self._customers.find_number(visit.person, number)
            except BridgeError as error:
                if error.code is not Code.RECORD_UNKNOWN:
                    raise
                problem = "customers.merge.unknown"
            if other is not None and (other.id == one.id or other.location_id != one.location_id):
                other, problem = None, "customers.merge.unfit"
        words, places = self._site.words(request, visit.person), await self._places(visit.person)
        return await self._site.page(
            request,
            "customers/merge.html",
            visit=visit,
            one=one,
            other=other,
            shown=_shown(one, places, words),
            other_shown=None if other is None else _shown(other, places, words),
            number=number,
            problem=problem,
        )

    async def merge(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes one of two."""
        winner = request.path_params["customer_id"]
        await self._customers.merge(visit.person, winner, form.get("other", ""))
        return see_other(f"/customers/one/{winner}?done=merged")

    async def ask_erase(self, request: Request, visit: Visit) -> Response:
        """What an erasure does, and the form for it."""
        one = await self._customers.one(visit.person, request.path_params["customer_id"])
        return await self._erase_form(request, visit, one, "", "")

    async def erase(self, request: Request, visit: Visit, form: Form) -> Response:
        """Destroys a customer's key."""
        one = await self._customers.one(visit.person, request.path_params["customer_id"])
        number, reason = form.get("number", ""), form.get("reason", "")
        if number != one.number or not reason:
            return await self._erase_form(request, visit, one, "number" if number != one.number else "reason", reason)
        await self._customers.erase(visit.person, one.id, number, reason)
        return see_other(f"/customers/one/{one.id}?done=erased")

    async def export_csv(self, request: Request, visit: Visit, _: Form) -> Response:
        """Every customer as CSV."""
        await self._exports.note(visit.person, "csv")
        t = self._site.words(request, visit.person).t
        return _download(self._exports.as_csv(visit.person, t), CSV_TYPE, "customers.csv")

    async def export_xlsx(self, request: Request, visit: Visit, _: Form) -> Response:
        """Every customer as a workbook."""
        await self._exports.note(visit.person, "xlsx")
        t = self._site.words(request, visit.person).t
        return _download(self._exports.as_xlsx(visit.person, t), XLSX_TYPE, "customers.xlsx")

    async def export_one_json(self, request: Request, visit: Visit, _: Form) -> Response:
        """Everything about one customer, for programs."""
        facts = await self._customers.export_one(visit.person, request.path_params["customer_id"])
        text = json.dumps(facts, ensure_ascii=False, indent=1).encode()
        return file(text, "application/json", f"customer-{facts['number']}.json")

    async def export_one_xlsx(self, request: Request, visit: Visit, _: Form) -> Response:
        """Everything about one customer, for people."""
        facts = await self._customers.export_one(visit.person, request.path_params["customer_id"])
        t = self._site.words(request, visit.person).t
        return file(workbook(person_rows(facts, t), facts["number"]), XLSX_TYPE, f"customer-{facts['number']}.xlsx")

    async def _form(self, request: Request, visit: Visit, fields: Fields, wrong: Wrong, location_id: str) -> Response:
        places = [one for one in await self._editable(visit.person) if one.customer_base is CustomerBase.V2]
        if not places:
            visit.person.require(Area.CUSTOMERS, Action.EDIT, location_id or None)
        return await self._site.page(
            request,
            "customers/new.html",
            visit=visit,
            status=400 if wrong else 200,
            places=places,
            chosen=location_id,
            entered=entered(fields),
            wrong=wrong,
        )

    async def _one(self, request: Request, visit: Visit, one: Customer, fields: Fields, wrong: Wrong) -> Response:
        places, words = await self._places(visit.person), self._site.words(request, visit.person)
        place = places.get(one.location_id)
        zone, code = (None, "EUR") if place is None else (place.time_zone, place.currency)
        local = self._site.words(request, visit.person, zone)
        return await self._site.page(
            request,
            "customers/one.html",
            visit=visit,
            status=400 if wrong else 200,
            one=one,
            shown=_shown(one, places, words),
            entered=entered(fields),
            wrong=wrong,
            live=one.state is CustomerState.LIVE,
            may_edit=visit.person.may(Area.CUSTOMERS, Action.EDIT, one.location_id),
            history=[
                (
                    local.moment(moved.at),
                    moved.kind,
                    amount(words, moved.balance_minor, code),
                    words.count(moved.points),
                )
                for moved in await self._customers.history(visit.person, one.id)
            ],
            done=request.query_params.get("done", ""),
        )

    async def _erase_form(self, request: Request, visit: Visit, one: Customer, wrong: str, reason: str) -> Response:
        visit.person.require(Area.CUSTOMERS, Action.EDIT, one.location_id)
        return await self._site.page(
            request,
            "customers/erase.html",
            visit=visit,
            status=400 if wrong else 200,
            one=one,
            wrong=wrong,
            reason=reason,
        )

    async def _places(self, person: Person) -> Mapping[str, Location]:
        async with self._site.house.database.reading() as connection:
            return {one.id: one for one in await places_of(connection, person, Action.VIEW)}

    async def _editable(self, person: Person) -> Sequence[Location]:
        async with self._site.house.database.reading() as connection:
            return await places_of(connection, person, Action.EDIT)


def file(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved."""
    return Response(content, media_type=media_type, headers=_saved_as(name))


def _download(parts: object, media_type: str, name: str) -> Response:
    return StreamingResponse(parts, media_type=media_type, headers=_saved_as(name))  # type: ignore[arg-type]


def _saved_as(name: str) -> Mapping[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _shown(one: Customer, places: Mapping[str, Location], words: Words) -> Shown:
    place = places.get(one.location_id)
    name, code = ("", "EUR") if place is None else (place.name, place.currency)
    balance = amount(words, one.balance_minor, code)
    return Shown(one.id, one.number, one.fields.name, name, balance, words.count(one.points))
