"""The pages of a location's customer base: its state, the dry run, the conversion and what became of 1.0."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers import job_store, old_store, reports
from tillbridge.portal.customers.conversions import FUNCTIONS, Conversions
from tillbridge.portal.customers.exporting import XLSX_TYPE
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.customers.model import Base, Job, JobKind, JobState, Remedy, Report
from tillbridge.portal.customers.places import place_for, places_of
from tillbridge.portal.customers.routes import file
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

MOST_SHOWN: Final = 100
"""Findings on the page; the file of the report has all of them."""

PER_PAGE: Final = 50

_LINE: Final = re.compile("[0-9]{1,9}", re.ASCII)

TONES: Final[Mapping[CustomerBase, str]] = {
    CustomerBase.NONE: "calm",
    CustomerBase.V1_OFFLINE: "calm",
    CustomerBase.V1_ONLINE: "alert",
    CustomerBase.V2: "good",
}

_SHOWN_HERE: Final = frozenset(
    {
        Code.CONVERSION_LICENCE,
        Code.CONVERSION_BLOCKED,
        Code.CONVERSION_CHANGED,
        Code.CONVERSION_RUNNING,
        Code.RECORD_CONFLICT,
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a location's base."""

    place: Location
    base: Base | None
    rows: int
    balance_minor: int
    accepted: bool
    latest: Job | None
    dry_run: Job | None

    @property
    def running(self) -> bool:
        """Whether a dry run or a conversion is waiting or at work."""
        return self.latest is not None and not self.latest.over

    @property
    def ready(self) -> bool:
        """Whether the newest report lets the conversion begin."""
        run = self.dry_run
        if run is None or run.report is None or self.base is None or self.running:
            return False
        return run.base_revision == self.base.revision and not run.report.blockers


class BasePages:
    """The pages over one service."""

    def __init__(self, site: Site, conversions: Conversions) -> None:
        self._site = site
        self._conversions = conversions

    def routes(self) -> Sequence[BaseRoute]:
        """Every route."""
        site, one = self._site, "/customers/bases/{location_id}"
        return [
            site.get("/customers/bases", self.list),
            site.get(one, self.show),
            site.post(f"{one}/declare", self.declare),
            site.post(f"{one}/accept", self.accept),
            site.post(f"{one}/dry-run", self.dry_run),
            site.post(f"{one}/convert", self.convert),
            site.get(f"{one}/old", self.old),
            site.get("/customers/reports/{job_id}.json", self.report_json),
            site.get("/customers/reports/{job_id}.xlsx", self.report_xlsx),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """Every location with its state."""
        if not visit.person.may_somewhere(Area.CUSTOMERS):
            visit.person.require(Area.CUSTOMERS, Action.VIEW)
        async with self._site.house.database.reading() as connection:
            places = await places_of(connection, visit.person, Action.VIEW)
        return await self._site.page(request, "customers/bases.html", visit=visit, places=places, tones=TONES)

    async def show(self, request: Request, visit: Visit) -> Response:
        """One location's base."""
        return await self._show(request, visit, None)

    async def declare(self, request: Request, visit: Visit, form: Form) -> Response:
        """Says which base there is."""
        state = form.get("state", "")
        if state not in set(CustomerBase):
            raise BridgeError(Code.FIELD_INVALID, "no such customer base", place="state")
        place_id = request.path_params["location_id"]
        try:
            await self._conversions.declare(visit.person, place_id, CustomerBase(state))
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"/customers/bases/{place_id}?done=declared")

    async def accept(self, request: Request, visit: Visit, form: Form) -> Response:
        """Accepts what does not work with 2.0."""
        place_id = request.path_params["location_id"]
        if form.get("accepted") != "yes":
            raise BridgeError(Code.FIELD_INVALID, "the functions are not accepted", place="accepted")
        async with self._site.house.database.writing() as connection:
            await self._conversions.accept_functions(connection, place_id, visit.person)
        return see_other(f"/customers/bases/{place_id}?done=accepted")

    async def dry_run(self, request: Request, visit: Visit, form: Form) -> Response:
        """Asks for a report."""
        place_id = request.path_params["location_id"]
        remedies = frozenset(remedy for remedy in Remedy if form.get(f"remedy-{remedy}") == "yes")
        try:
            await self._conversions.dry_run(visit.person, place_id, remedies)
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"/customers/bases/{place_id}")

    async def convert(self, request: Request, visit: Visit, form: Form) -> Response:
        """Asks for the conversion."""
        place_id = request.path_params["location_id"]
        try:
            await self._conversions.convert(visit.person, place_id, form.get("dry_run", ""))
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"/customers/bases/{place_id}")

    async def old(self, request: Request, visit: Visit) -> Response:
        """The rows of 1.0, as they were imported."""
        asked = request.query_params.get("after", "")
        after = int(asked) if _LINE.fullmatch(asked) else 0
        async with self._site.house.database.reading() as connection:
            place = await place_for(connection, visit.person, request.path_params["location_id"], Action.VIEW)
            rows = await old_store.read_rows(connection, place.id, after=after, limit=PER_PAGE)
        words = self._site.words(request, visit.person)
        shown = [(row, amount(words, row.balance_minor, place.currency), words.count(row.points)) for row in rows]
        onward = rows[-1].position if len(rows) == PER_PAGE else 0
        return await self._site.page(request, "customers/old.html", visit=visit, place=place, rows=shown, next=onward)

    async def report_json(self, request: Request, visit: Visit) -> Response:
        """A report for programs."""
        job, report = await self._report(request, visit)
        return file(reports.as_json(job, report), "application/json", f"report-{job.id}.json")

    async def report_xlsx(self, request: Request, visit: Visit) -> Response:
        """A report for people."""
        job, report = await self._report(request, visit)
        t = self._site.words(request, visit.person).t
        return file(reports.as_xlsx(job, report, t), XLSX_TYPE, f"report-{job.id}.xlsx")

    async def _report(self, request: Request, visit: Visit) -> tuple[Job, Report]:
        async with self._site.house.database.reading() as connection:
            job = await job_store.find(connection, request.path_params["job_id"])
            if job is None or job.report is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            await place_for(connection, visit.person, job.location_id, Action.VIEW)
        return job, job.report

    async def _refused(self, request: Request, visit: Visit, error: BridgeError) -> Response:
        if error.code not in _SHOWN_HERE:
            raise error
        return await self._show(request, visit, error)

    async def _show(self, request: Request, visit: Visit, problem: BridgeError | None) -> Response:
        place_id = request.path_params["location_id"]
        async with self._site.house.database.reading() as connection:
            place = await place_for(connection, visit.person, place_id, Action.VIEW)
            rows, balance, _ = await old_store.totals(connection, place.id)
            standing = Standing(
                place=place,
                base=await old_store.find_base(connection, place.id),
                rows=rows,
                balance_minor=balance,
                accepted=await self._conversions.accepted(connection, place.id),
                latest=await job_store.latest(connection, place.id),
                dry_run=await job_store.latest(connection, place.id, JobKind.DRY_RUN),
            )
        words = self._site.words(request, visit.person, place.time_zone)
        language = self._site.language(request, visit.person)
        return await self._site.page(
            request,
            "customers/base.html",
            visit=visit,
            status=200 if problem is None else problem.entry.status,
            zone=place.time_zone,
            **_parts(standing, words),
            may_edit=visit.person.may(Area.CUSTOMERS, Action.EDIT, place.id),
            problem=None if problem is None else refusal_text(problem.code, language),
            problem_number="" if problem is None else problem.entry.number,
            contact_wanted=problem is not None and problem.code is Code.CONVERSION_LICENCE,
            done=request.query_params.get("done", ""),
        )


def _parts(one: Standing, words: Words) -> dict[str, object]:
    run, report = one.dry_run, None if one.dry_run is None else one.dry_run.report
    readable = None if one.base is None else one.base.readable_until
    failed = one.latest is not None and one.latest.state is JobState.FAILED
    code = one.place.currency
    sums = {} if report is None else {"balance": amount(words, report.balance_minor, code)}
    if report is not None and report.declared_balance is not None:
        sums["declared"] = amount(words, report.declared_balance, code)
    return {
        "place": one.place,
        "state": one.place.customer_base,
        "tone": TONES[one.place.customer_base],
        "standing": one,
        "rows": words.count(one.rows),
        "balance": amount(words, one.balance_minor, code),
        "functions": FUNCTIONS,
        "remedies": list(Remedy),
        "report": report,
        "sums": sums,
        "counts": {} if report is None else _counts(report, words),
        "findings": [] if report is None else report.findings[:MOST_SHOWN],
        "report_at": None if run is None else words.moment(run.made_at),
        "readable_until": None if readable is None else words.moment(readable),
        "failed": one.latest if failed else None,
    }


def _counts(report: Report, words: Words) -> Mapping[str, str]:
    names = ("rows_read", "to_create", "merged", "renumbered", "set_aside", "points", "blockers")
    return {name: words.count(getattr(report, name)) for name in names}
