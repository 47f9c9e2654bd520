"""The list of payments: searched, filtered, page by page, as a table for a spreadsheet, and the totals of a day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tillbridge.connector.console import spreadsheet
from tillbridge.connector.console.days import DayLine, Span, between, day_lines, day_of, read_day
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.views import payment_row
from tillbridge.connector.console.words import Words
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.reading import Filter

PAGE_ROWS: Final = 50
"""Payments on a page: about two screens, and quick to look up whatever the history."""

LONGEST_TEXT: Final = 64
FIELDS: Final = ("q", "terminal", "kind", "state", "day")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for, as entered, and as the journal is asked. `wrong` names a field that makes no sense."""

    entered: Mapping[str, str]
    where: Filter
    day: Span | None
    wrong: str | None

    @property
    def any(self) -> bool:
        """Whether anything was asked for at all."""
        return bool(self.entered)

    def address(self, path: str, **more: str) -> str:
        """The same wish at a path."""
        query = urlencode({**self.entered, **more})
        return f"{path}?{query}" if query else path


@dataclass(frozen=True, slots=True)
class DayRow:
    """A line of the day with its amounts in the reader's language."""

    line: DayLine
    taken: str
    given_back: str
    voided: str


@dataclass(frozen=True, slots=True)
class DayView:
    """A day's totals as a page shows them."""

    date: str
    rows: list[DayRow]


class Listing:
    """The pages under `/payments` that show many of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [gate.page("/payments", self.page), gate.page("/payments.csv", self.download)]

    async def page(self, request: Request, session: Session) -> Response:
        """What was searched for, and the totals of the day."""
        words, wish = self._site.words(request), self._wish(request)
        before = request.query_params.get("before")
        found = [] if wish.wrong else self._engine.payments(before, PAGE_ROWS, wish.where)
        return self._site.page(
            request,
            "listing.html",
            session=session,
            wish=wish,
            entered={name: wish.entered.get(name, "") for name in FIELDS},
            rows=[payment_row(payment, words) for payment in found],
            newest=before is None,
            newest_at=wish.address("/payments"),
            older_at=wish.address("/payments", before=found[-1].id) if len(found) == PAGE_ROWS else None,
            table_at=wish.address("/payments.csv"),
            terminals=[status.name for status in await self._engine.terminals()],
            kinds=[(kind, words.kind(kind)) for kind in Kind],
            stages=[(stage, words.stage(stage)) for stage in Stage],
            day=await self._day(wish, words),
        )

    async def download(self, request: Request, _: Session) -> Response:
        """The same payments as a file."""
        words, wish = self._site.words(request), self._wish(request)
        today = day_of(words.now, self._engine.settings).day
        name = f"payments-{wish.day.day if wish.day is not None else today}.csv"
        return StreamingResponse(
            spreadsheet.table(self._engine, wish.where, words),
            media_type=spreadsheet.MEDIA_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _wish(self, request: Request) -> Wish:
        entered = {name: request.query_params.get(name, "").strip()[:LONGEST_TEXT] for name in FIELDS}
        entered = {name: text for name, text in entered.items() if text}
        day = read_day(entered.get("day"), self._engine.settings)
        where = Filter(
            kind=next((kind for kind in Kind if kind == entered.get("kind")), None),
            stage=next((stage for stage in Stage if stage == entered.get("state")), None),
            terminal=entered.get("terminal"),
            since=None if day is None else day.since,
            until=None if day is None else day.until,
            text=entered.get("q"),
        )
        return Wish(entered, where, day, "day" if "day" in entered and day is None else None)

    async def _day(self, wish: Wish, words: Words) -> DayView:
        day = wish.day or day_of(words.now, self._engine.settings)
        lines = day_lines(await between(self._engine, day.since, day.until))
        if wish.where.terminal is not None:
            lines = [line for line in lines if line.terminal == wish.where.terminal]
        rows = [
            DayRow(line, *(words.amount(one.money) for one in (line.taken, line.given_back, line.voided)))
            for line in lines
        ]
        return DayView(day.day.strftime(words.t("format.date")), rows)
