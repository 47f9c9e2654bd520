"""The wire trace of a terminal in the native interface: switched on for a while, read, and switched off again."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from tillbridge.connector.api.bodies import Body, PersonText, digest
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import WRITING
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.tracing.files import TraceLine
from tillbridge.connector.tracing.tracing import MOST_LINES, MOST_MINUTES, USUAL_MINUTES, Ended, TraceState, WireTracing
from tillbridge.domain.errors import Code
from tillbridge.transports.tap import Direction

USUAL_LINES: Final = 50
"""About five payments."""

_Lines = Annotated[int, Query(ge=0, le=MOST_LINES, description="So many of the newest pieces are given.")]


class TraceBody(Body):
    """For how many minutes to write down what passes, and who asks for it."""

    minutes: int = Field(default=USUAL_MINUTES, ge=1, le=MOST_MINUTES)
    by: PersonText


class PieceResource(Resource):
    """What went one way before anything came the other way. `text` is masked, `size` counts the bytes that passed.

    `left_out` counts the bytes that `text` does not show.
    """

    at: str
    direction: Direction
    size: int
    left_out: int
    text: str


class TraceResource(Resource):
    """The trace of one terminal. While it runs, `until` is when it ends by itself; `ended` is why the last one is over.

    `pieces_left_out` counts what the disk was too slow for. `bytes_written` is the size of the file, which all
    terminals share.
    """

    terminal: str
    running: bool
    since: datetime | None
    until: datetime | None
    by: str | None
    ended: Ended | None
    pieces_left_out: int
    bytes_written: int
    pieces: tuple[PieceResource, ...]

    @classmethod
    def of(cls, state: TraceState, lines: list[TraceLine]) -> "TraceResource":
        """This trace with these of its lines."""
        span = state.span
        return cls(
            terminal=state.terminal,
            running=span is not None,
            since=None if span is None else span.since,
            until=None if span is None else span.until,
            by=None if span is None else span.by,
            ended=state.ended,
            pieces_left_out=state.left_out,
            bytes_written=state.bytes_written,
            pieces=tuple(
                PieceResource(
                    at=one.at,
                    direction=Direction(one.direction),
                    size=one.size,
                    left_out=one.left_out,
                    text=one.text,
                )
                for one in lines
            ),
        )


class _Traces:
    """The routes' functions."""

    def __init__(self, tracing: WireTracing) -> None:
        self._tracing = tracing
        self._repeats = Repeats()

    async def look(self, name: str, lines: _Lines = USUAL_LINES) -> Response:
        """The trace of a terminal: whether it runs, and its newest pieces, oldest first."""
        return json_answer(await self._resource(name, lines))

    async def start(self, request: Request, name: str, body: TraceBody, idempotency_key: IdempotencyKey) -> Response:
        """Writes down what passes between here and the terminal, masked, for some minutes; then it ends by itself.

        It also ends when its file is full, and goes on over a restart. Asked for while one runs, that one ends later.
        """

        async def act() -> Resource:
            await self._tracing.start(name, body.minutes, body.by)
            return await self._resource(name, 0)

        return await self._repeats.once(granted(request).caller, idempotency_key, digest(body, request.url.path), act)

    async def stop(self, request: Request, name: str, idempotency_key: IdempotencyKey) -> Response:
        """Ends the trace before its time. What was written stays until the next trace begins."""

        async def act() -> Resource:
            await self._tracing.stop(name)
            return await self._resource(name, 0)

        what = f"stop {request.url.path}"
        return await self._repeats.once(granted(request).caller, idempotency_key, what, act)

    async def _resource(self, name: str, lines: int) -> TraceResource:
        found = await self._tracing.tail(name, lines) if lines else []
        return TraceResource.of(self._tracing.state(name), found)


def add_traces(app: FastAPI, tracing: WireTracing) -> None:
    """Adds the routes about traces."""
    of = _Traces(tracing)
    path, tag, shape = "/terminals/{name}/trace", "terminals", TraceResource
    unknown, admin = (Code.TERMINAL_UNKNOWN,), (Scope.ADMIN,)
    stopping = (*unknown, Code.FIELD_INVALID, Code.KEY_REQUIRED, Code.KEY_CONFLICT)
    starting = (*WRITING, *unknown, Code.FOLDER_UNUSABLE)
    for route in (
        Route(
            "GET",
            path,
            of.look,
            "get_trace",
            "Look at the wire trace",
            tag,
            shape,
            (*unknown, Code.FIELD_INVALID),
            admin,
        ),
        Route("POST", path, of.start, "start_trace", "Write down what passes", tag, shape, starting, admin),
        Route("DELETE", path, of.stop, "stop_trace", "End the wire trace", tag, shape, stopping, admin),
    ):
        route.add_to(app)
