"""The pages of a voucher system's reports: charts, what is owed, and sales."""

from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.portal.locations.views import day
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.portal.rights import Area, Person
from tillbridge.portal.settlement import access, charts
from tillbridge.portal.settlement.liability import NotProven
from tillbridge.portal.settlement.service import Settlement
from tillbridge.portal.settlement.views import (
    ageing_table,
    chart_list,
    chart_table,
    circulation_table,
    liability_table,
    sales_tables,
    span_of,
)
from tillbridge.portal.vouchers.pages_systems import PATH
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.portal.vouchers.systems_model import VoucherSystem

SYSTEM: Final = f"{PATH}/systems/{{system_id}}/reports"

log = structlog.get_logger(__name__)


class ReportPages:
    """Shows reports."""

    def __init__(self, site: Site, settlement: Settlement) -> None:
        self._site = site
        self._settlement = settlement

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(SYSTEM, self.overview),
            site.get(f"{SYSTEM}/liability", self.liability),
            site.get(f"{SYSTEM}/sales", self.sales),
        ]

    async def overview(self, request: Request, visit: Visit) -> Response:
        """The charts, and the ways to everything else."""
        person = visit.person
        found = await self._settlement.overview(person, request.path_params["system_id"])
        one = found.system
        words = self._site.words(request, person, one.time_zone)
        return await self._site.page(
            request,
            "settlement/overview.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, "/reports"),
            ways=ways(person, one),
            charted=access.whole(person) and person.may_somewhere(Area.REPORTS),
            charts=chart_list(words, found.days, one.currency),
            size=(charts.WIDTH, charts.HEIGHT),
            table=chart_table(words, found.days, one.currency),
        )

    async def liability(self, request: Request, visit: Visit) -> Response:
        """What is owed and how old it is; nothing but a warning where the ledger does not hold together."""
        person, system_id = visit.person, request.path_params["system_id"]
        one = (await self._settlement.overview(person, system_id)).system
        words = self._site.words(request, person, one.time_zone)
        first, last = span_of(request.query_params, words.now, one.time_zone)
        try:
            found = await self._settlement.liability(person, system_id, first, last)
        except NotProven:
            log.exception("voucher_liability_not_proven", system=system_id)
            return await self._site.page(
                request, "settlement/refused.html", visit=visit, status=HTTPStatus.CONFLICT, one=one
            )
        return await self._site.page(
            request,
            "settlement/liability.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            first=first,
            last=last,
            until=day(words, words.now),
            some=found.rest is None and not access.whole(person),
            circulation=circulation_table(words, found),
            proof=liability_table(words, found),
            ageing=ageing_table(words, found),
        )

    async def sales(self, request: Request, visit: Visit) -> Response:
        """What was sold and redeemed where and by whom."""
        person, system_id = visit.person, request.path_params["system_id"]
        one = (await self._settlement.overview(person, system_id)).system
        words = self._site.words(request, person, one.time_zone)
        first, last = span_of(request.query_params, words.now, one.time_zone)
        found = await self._settlement.sales(person, system_id, first, last)
        stations, days = sales_tables(words, found)
        return await self._site.page(
            request,
            "settlement/sales.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            first=first,
            last=last,
            stations=stations,
            days=days,
        )


def ways(person: Person, one: VoucherSystem) -> list[tuple[str, str]]:
    """What this person may open next: the key of its text and its address."""
    here = f"{PATH}/systems/{one.id}/reports"
    found: list[tuple[str, str]] = []
    if person.may_somewhere(Area.VOUCHER_SETTLEMENT):
        found += [("statements", f"{here}/statements"), ("claims", f"{here}/claims")]
    if person.may_somewhere(Area.REPORTS):
        found += [("liability", f"{here}/liability"), ("sales", f"{here}/sales")]
    if access.whole(person):
        found.append(("postings", f"{here}/postings"))
    return found
