"""The report of a day: the journal beside the terminals' totals and the payment service, every difference in words."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console import spreadsheet
from tillbridge.connector.console.days import DayLine, Sum, day_lines
from tillbridge.connector.console.gate import File, Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.keeping.day_report import Closing, DayReport, Named
from tillbridge.connector.keeping.psp_csv import ListUnreadable, PspList, list_of
from tillbridge.connector.keeping.report_table import table
from tillbridge.domain.errors import BridgeError

PATH: Final = "/reconciliation/day"

SHOWN: Final = 200
"""Differences on the page; all of them are in the table to download."""

SHOWN_OF_A_LIST: Final = 2000
"""Of a comparison with a list, which is on this page alone: after so many it is the list of another day or shop."""

LONGEST_NAME: Final = 80
"""Characters of a file's name that are shown."""


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
        return [
            gate.page(PATH, self.page),
            gate.upload(PATH, self.compared),
            gate.page("/reconciliation/day.csv", self.download),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """The report of the day that was entered, else of today."""
        wrong = False
        try:
            found = await self._desk.report(_entered(request))
        except BridgeError:
            found, wrong = await self._desk.report(None), True
        return self._page(request, session, found, wrong=wrong)

    async def compared(self, request: Request, session: Session, fields: Mapping[str, str], file: File) -> Response:
        """The same, beside a list that was downloaded from the payment service. Nothing of the list is kept."""
        words = self._site.words(request)

        def at(line: int) -> str:
            return words.t("day_report.list.line", line=line)

        day = fields.get("day", "").strip()[:20] or None
        name = file.name.strip()[:LONGEST_NAME] or "CSV"
        try:
            listed = await asyncio.to_thread(list_of, file.content, name, at)
        except ListUnreadable as error:
            found = await self._desk.report(day)
            return self._page(request, session, found, unread=_unread(error, words))
        found = await self._desk.report(day, (listed,))
        return self._page(request, session, found, listed=listed)

    def _page(
        self,
        request: Request,
        session: Session,
        found: DayReport,
        *,
        wrong: bool = False,
        unread: str = "",
        listed: PspList | None = None,
    ) -> Response:
        words = self._site.words(request)
        shown = SHOWN if listed is None else SHOWN_OF_A_LIST
        return self._site.page(
            request,
            "day_report.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if unread else HTTPStatus.OK,
            unread=unread,
            listed=listed,
            lines=None if listed is None else words.count(len(listed.listed)),
            report=found,
            wrong=wrong,
            entered=found.day.isoformat(),
            date=found.day.strftime(words.t("format.date")),
            totals=[_amounts(line, words) for line in day_lines(found.totals)],
            closings=[_closed(one, words) for one in found.closings],
            differences=[_found(one, words) for one in found.differences[:shown]],
            more=max(0, len(found.differences) - shown),
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


def _unread(error: ListUnreadable, words: Words) -> str:
    sentence = words.t(f"day_report.list.wrong.{error.fault}")
    return sentence if error.line is None else f"{words.t('day_report.list.line', line=error.line)}: {sentence}"


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
