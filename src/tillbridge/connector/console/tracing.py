"""The wire trace of a terminal: a person switches it on for an hour, sees what passes, and switches it off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import one_line
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.tracing.files import TraceLine
from tillbridge.connector.tracing.tracing import MOST_MINUTES, USUAL_MINUTES
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import MAX_PERSON_TEXT
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

SHOWN: Final = 100
"""Pieces on the page: some ten payments; the file has all."""

CHOICES: Final = (15, USUAL_MINUTES, 8 * 60, MOST_MINUTES)
"""Minutes that a person may choose: a try, an hour, a working day, a day."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the form, with what is wrong by the name of its field."""

    by: str
    minutes: int
    wrong: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A piece as the page shows it."""

    at: Moment
    sent: bool
    text: str
    left_out: int


class TracePages:
    """The page `/terminals/NAME/trace` and its two forms."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tracing = site.tracing

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        path = "/terminals/{name}/trace"
        return [gate.page(path, self.page), gate.form(path, self.start), gate.form(f"{path}/stop", self.stop)]

    async def page(self, request: Request, session: Session) -> Response:
        """Whether a trace runs, and what it has seen."""
        return await self._page(request, session, Entered("", USUAL_MINUTES, {}))

    async def start(self, request: Request, session: Session) -> Response:
        """Begins a trace."""
        entered = _entered(await read_form(request), self._site.words(request))
        if not entered.wrong:
            try:
                await self._tracing.start(_name(request), entered.minutes, entered.by)
            except BridgeError as error:
                if error.code is not Code.FOLDER_UNUSABLE:
                    raise
                words = refusal_text(error.code, self._site.words(request).t.language)
                entered = Entered(entered.by, entered.minutes, {"form": words})
            else:
                return see_other(f"/terminals/{_name(request)}/trace")
        return await self._page(request, session, entered)

    async def stop(self, request: Request, _: Session) -> Response:
        """Ends it."""
        await self._tracing.stop(_name(request))
        return see_other(f"/terminals/{_name(request)}/trace")

    async def _page(self, request: Request, session: Session, entered: Entered) -> Response:
        words, name = self._site.words(request), _name(request)
        state = self._tracing.state(name)
        lines = await self._tracing.tail(name, SHOWN)
        return self._site.page(
            request,
            "trace.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if entered.wrong else HTTPStatus.OK,
            name=name,
            state=state,
            until=None if state.span is None else words.moment(state.span.until),
            rows=[_row(line, words) for line in reversed(lines)],
            choices=[(minutes, words.t(f"trace.minutes.{minutes}")) for minutes in CHOICES],
            entered=entered,
            longest=MAX_PERSON_TEXT,
        )


def _entered(form: Mapping[str, str], words: Words) -> Entered:
    by = one_line(form.get("by", ""))
    chosen = form.get("minutes", "")
    minutes = int(chosen) if chosen in {str(one) for one in CHOICES} else USUAL_MINUTES
    if not by:
        return Entered(by, minutes, {"by": words.t("error.by")})
    if len(by) > MAX_PERSON_TEXT:
        return Entered(by, minutes, {"by": words.t("error.too_long", limit=MAX_PERSON_TEXT)})
    return Entered(by, minutes, {})


def _row(line: TraceLine, words: Words) -> Row:
    return Row(words.moment(datetime.fromisoformat(line.at)), line.direction == "sent", line.text, line.left_out)


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name
