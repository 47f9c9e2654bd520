"""The report of a day: the journal beside the terminals' totals and the payment service, every difference in words."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console import spreadsheet
from tillbridge.connector.console.days import DayLine, Sum, day_lines
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.keeping.day_report import Closing, Named
from tillbridge.connector.keeping.report_table import table
from tillbridge.domain.errors import BridgeError

SHOWN: Final = 200
"""Differences on the page; all of them are in the table to download."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A difference as the page says it."""

    one: Named
    what: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class _Closed:
    """A line of a terminal's own totals."""

    one: Closing
    at: Moment
    side: str
    ours: str
    theirs: str


class DayReportPages:
    """The pages under `/reconciliation/day`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk = site.premises.features.day_reports

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [gate.page("/reconciliation/day", self.page), gate.page("/reconciliation/day.csv", self.download)]

    async def page(self, request: Request, session: Session) -> Response:
        """The report of the day that was entered, else of today."""
        words, entered = self._site.words(request), _entered(request)
        wrong = False
        try:
            found = await self._desk.report(entered)
        except BridgeError:
            found, wrong = await self._desk.report(None), True
        return self._site.page(
            request,
            "day_report.html",
            session=session,
            report=found,
            wrong=wrong,
            entered=found.day.isoformat(),
            date=found.day.strftime(words.t("format.date")),
            totals=[_amounts(line, words) for line in day_lines(found.totals)],
            closings=[_closed(one, words) for one in found.closings],
            differences=[_found(one, words) for one in found.differences[:SHOWN]],
            more=max(0, len(found.differences) - SHOWN),
            receivers=", ".join(found.psps),
        )

    async def download(self, request: Request, _: Session) -> Response:
        """The same as a table."""
        found = await self._desk.report(_entered(request))
        name = f"day-report-{found.day}.csv"
        return Response(
            table(found, self._site.words(request)),
            media_type=spreadsheet.MEDIA_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _entered(request: Request) -> str | None:
    return request.query_params.get("day", "").strip()[:20] or None


def _amounts(line: DayLine, words: Words) -> tuple[DayLine, list[tuple[str, int]]]:
    sums: tuple[Sum, ...] = (line.taken, line.given_back, line.voided)
    return line, [(words.amount(one.money), one.count) for one in sums]


def _closed(one: Closing, words: Words) -> _Closed:
    ours, theirs = words.amount(one.ours), words.amount(one.theirs)
    return _Closed(one, words.moment(one.at), words.t(f"side.{one.side}"), ours, theirs)


def _found(one: Named, words: Words) -> _Found:
    return _Found(one, words.t(f"difference.{one.difference}"), words.amount(one.ours), words.amount(one.theirs))
