"""The pages of licences."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.licences.model import ENDS_SOON, Licence, Product, joined, last_day
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations.forms import read_wish
from tillbridge.portal.locations.model import Location
from tillbridge.portal.locations.service import LONGEST_REASON
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.locations.views import Badge, day, done, paging
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/licences"
MOST_MERCHANTS: Final = 1000
LAST_YEAR: Final = 2200
"""Days beyond it are slips of the fingers; the database could not hold much later ones in every zone."""


class LicencePages:
    """Shows who has which licence; allots and withdraws."""

    def __init__(self, site: Site, licences: Licences) -> None:
        self._site = site
        self._licences = licences

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.matrix),
            site.get(f"{PATH}/{{location_id}}", self.show),
            site.get(f"{PATH}/{{location_id}}/allot", self.ask_allot),
            site.post(f"{PATH}/{{location_id}}/allot", self.allot),
            site.get(f"{PATH}/{{location_id}}/withdraw/{{licence_id}}", self.ask_withdraw),
            site.post(f"{PATH}/{{location_id}}/withdraw/{{licence_id}}", self.withdraw),
        ]

    async def matrix(self, request: Request, visit: Visit) -> Response:
        """Locations down, products across."""
        person, wish = visit.person, read_wish(request.query_params)
        merchant = request.query_params.get("merchant") or None
        if person.operator and person.tenant_id is None and merchant is None:
            return await self._merchants(request, visit)
        found = await self._licences.matrix(person, merchant, wish)
        words = self._site.words(request, person)
        rows = [
            (one, [_cell(words, one, product, found.licences.get(one.id, ())) for product in Product])
            for one in found.found.locations
        ]
        extra = {"merchant": merchant} if merchant else None
        return await self._site.page(
            request,
            "licences/matrix.html",
            visit=visit,
            tenant=found.tenant,
            merchant=merchant,
            products=tuple(Product),
            rows=rows,
            found=found.found,
            wish=wish,
            paging=paging(PATH, wish, found.found, extra),
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """Every allotment that one location ever had."""
        person = visit.person
        one, licences = await self._licences.of_location(person, request.path_params["location_id"])
        words, now = self._site.words(request, person, one.time_zone), self._site.house.runtime.clock.now()
        return await self._site.page(
            request,
            "licences/show.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            rows=[(licence, _span(words, licence, one), _standing(words, licence, now)) for licence in licences],
            over=frozenset(licence.id for licence in licences if licence.over(now)),
            may_edit=one.open and self._licences.may_edit(person, one.id),
            merchant=one.tenant_id if person.tenant_id != one.tenant_id else None,
            notice=done(request, words.t, "licences"),
        )

    async def ask_allot(self, request: Request, visit: Visit) -> Response:
        """The form of an allotment, from today on."""
        one = await self._editable(request, visit)
        today = self._site.house.runtime.clock.now().astimezone(ZoneInfo(one.time_zone)).date()
        return await self._form(request, visit, one, {"first": today.isoformat()}, {})

    async def allot(self, request: Request, visit: Visit, form: Form) -> Response:
        """Allots."""
        one = await self._editable(request, visit)
        wrong: dict[str, str] = {}
        first, last = _date(form, "first", wrong), _date(form, "last", wrong)
        if first is None:
            wrong.setdefault("first", "licences.wrong.date")
        if form.get("product") not in set(Product):
            wrong["product"] = "licences.wrong.product"
        if wrong or first is None:
            return await self._form(request, visit, one, form, wrong)
        try:
            await self._licences.allot(visit.person, one.id, Product(form["product"]), first, last)
        except BridgeError as error:
            if error.place != "last":
                raise
            return await self._form(request, visit, one, form, {"last": "licences.wrong.last"})
        return see_other(f"{PATH}/{one.id}?done=allotted")

    async def ask_withdraw(self, request: Request, visit: Visit) -> Response:
        """Says what withdrawing means, and asks for it."""
        one = await self._editable(request, visit)
        _, licences = await self._licences.of_location(visit.person, one.id)
        wanted = request.path_params["licence_id"]
        licence = next((each for each in licences if each.id == wanted), None)
        if licence is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        words = self._site.words(request, visit.person, one.time_zone)
        return await self._site.page(
            request,
            "licences/withdraw.html",
            visit=visit,
            one=one,
            licence=licence,
            span=_span(words, licence, one),
            longest_reason=LONGEST_REASON,
        )

    async def withdraw(self, request: Request, visit: Visit, form: Form) -> Response:
        """Withdraws."""
        location_id, licence_id = request.path_params["location_id"], request.path_params["licence_id"]
        await self._licences.withdraw(visit.person, location_id, licence_id, form.get("reason", ""))
        return see_other(f"{PATH}/{location_id}?done=withdrawn")

    async def _editable(self, request: Request, visit: Visit) -> Location:
        one, _ = await self._licences.of_location(visit.person, request.path_params["location_id"])
        self._licences.require_edit(visit.person, one.id)
        return one

    async def _form(
        self, request: Request, visit: Visit, one: Location, form: Form, wrong: Mapping[str, str]
    ) -> Response:
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "licences/allot.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            form=form,
            wrong={name: t(key) for name, key in wrong.items()},
            products=tuple(Product),
        )

    async def _merchants(self, request: Request, visit: Visit) -> Response:
        """The merchants, for the operator's staff to choose from."""
        async with self._site.house.database.reading() as connection:
            named = await connection.execute(
                select(tenant.c.id, tenant.c.name).order_by(tenant.c.name, tenant.c.id).limit(MOST_MERCHANTS)
            )
            merchants = [(str(row.id), str(row.name)) for row in named]
        return await self._site.page(request, "licences/merchants.html", visit=visit, merchants=merchants)


def _cell(words: Words, one: Location, product: Product, licences: tuple[Licence, ...]) -> Badge | None:
    """What a location has of a product now or next; None for nothing."""
    spans = joined(licence.span for licence in licences if licence.product is product)
    if not spans:
        return None
    first, zone = spans[0], ZoneInfo(one.time_zone)
    if not first.holds(words.now):
        return Badge("calm", words.t("licences.from", date=day(words, first.start.astimezone(zone).date())))
    last = last_day(first, zone)
    if first.end is None or last is None:
        return Badge("good", words.t("licences.endless"))
    tone = "alert" if first.end - words.now <= ENDS_SOON else "good"
    return Badge(tone, words.t("licences.until", date=day(words, last)))


def _span(words: Words, licence: Licence, one: Location) -> str:
    zone = ZoneInfo(one.time_zone)
    last = last_day(licence.span, zone)
    first = day(words, licence.span.start.astimezone(zone).date())
    if last is None:
        return words.t("licences.span.endless", first=first)
    return words.t("licences.span", first=first, last=day(words, last))


def _standing(words: Words, licence: Licence, now: datetime) -> Badge:
    if licence.withdrawn_at is not None:
        return Badge("calm", words.t("licences.withdrawn", date=day(words, licence.withdrawn_at)))
    if licence.over(now):
        return Badge("calm", words.t("licences.over"))
    if now < licence.span.start:
        return Badge("running", words.t("licences.future"))
    if licence.span.end is not None and licence.span.end - now <= ENDS_SOON:
        return Badge("alert", words.t("licences.ends_soon"))
    return Badge("good", words.t("licences.counts"))


def _date(form: Form, name: str, wrong: dict[str, str]) -> date | None:
    text = form.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not date(2000, 1, 1) <= found < date(LAST_YEAR, 1, 1) - timedelta(days=1):
        wrong[name] = "licences.wrong.date"
        return None
    return found
