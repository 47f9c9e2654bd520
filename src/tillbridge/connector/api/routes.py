"""The native interface, version 1: one FastAPI application, mounted at `/v1`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from tillbridge.connector.api.decisions import add_decisions
from tillbridge.connector.api.describing import Route
from tillbridge.connector.api.hub import Hub, JournalStream
from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.listing import add_lists
from tillbridge.connector.api.openapi import describe
from tillbridge.connector.api.payments import PREFIX as PREFIX  # noqa: PLC0414  # where the application is mounted
from tillbridge.connector.api.payments import add_payments
from tillbridge.connector.api.problems import handlers
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.api.strict import StrictRoute
from tillbridge.connector.api.terminals import add_terminals
from tillbridge.domain.errors import Code
from tillbridge.engine.engine import Engine
from tillbridge.runtime.effects import Runtime

DESCRIPTION: Final = """Takes payments on the terminals behind this connector, and always says what is known of them.
A payment is asked for once, under an Idempotency-Key; asking again never takes the money again."""

DOCUMENT: Final = "/openapi.json"
"""Where the interface describes itself, to whoever asks."""

MOST_LINES: Final = 2**63 - 1
"""The largest number that a line of the journal can have."""

_bearer: Final = HTTPBearer(auto_error=False, description="The connector's key, or a named one.")
"""Says in the description how the key is sent; `StrictRoute` looks at it."""

_After = Annotated[
    int | None, Query(ge=0, le=MOST_LINES, description="Tells everything after the event of this id; 0 for all.")
]
_LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern="^[0-9]{1,18}$",
        description="The same as `after`, as a browser says it when it comes back.",
    ),
]

_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events named `payment`, each with a StreamedResource; `voucher` with a StreamedVoucherResource;"
        " `voucher_service` with a VoucherServiceResource.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

AddRoutes = Callable[[FastAPI], None]
"""Adds routes of one feature to the application, as `Route.add_to` does."""


def client_address(request: Request) -> str:
    """The address that a request came from, as far as the server knows it."""
    return "unknown" if request.client is None else request.client.host


def bearer_key(request: Request) -> str | None:
    """The key that came as `Authorization: Bearer KEY`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def api_app(
    engine: Engine, keys: KeyCheck, runtime: Runtime, version: str, features: Sequence[AddRoutes] = ()
) -> FastAPI:
    """The application, without its prefix. `features` add what is not about payments alone."""
    app = FastAPI(
        title="tillbridge",
        version=version,
        description=DESCRIPTION,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=handlers(engine, runtime),
        dependencies=[Depends(_bearer)],
    )
    # On the application itself and not on routers: it has to know every method of a path, to name them in Allow.
    app.router.route_class = StrictRoute
    app.state.authorize = lambda request: keys.grant(bearer_key(request), client_address(request))
    add_lists(app, engine, runtime.clock)
    add_payments(app, engine)
    add_decisions(app, engine)
    add_terminals(app, engine)
    _add_events(app, engine, keys)
    for add in features:
        add(app)
    _describe_itself(app)
    return app


def _describe_itself(app: FastAPI) -> None:
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(describe(app))
        return document

    async def described(_: Request) -> Response:
        # In a thread, and not by the framework's own route: it takes a tenth of a second, in which payments go on.
        return JSONResponse(await asyncio.to_thread(openapi))

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to say it
    app.add_route(DOCUMENT, described, methods=["GET"], include_in_schema=False)


def _add_events(app: FastAPI, engine: Engine, keys: KeyCheck) -> None:
    hub = app.state.hub = Hub(engine)

    async def events(request: Request, after: _After = None, last_event_id: _LastEventId = None) -> Response:
        """Payments and vouchers as they change, as server-sent events.

        An event with an `id` is a line of the journal: whoever comes back with the last id (`Last-Event-ID`, or
        `after`) is told everything since, in its order. Progress has no id and is not told again, nor have the events
        of vouchers: `voucher_service`, told at once and whenever it changes, and `voucher`, each step of an action.
        The stream ends when its reader is too slow, or when the key is taken away.
        """
        grant = granted(request)
        place = after if last_event_id is None else int(last_event_id)
        return JournalStream(hub, place, lambda: keys.stands(grant))

    Route(
        "GET",
        "/events",
        events,
        "stream_payments",
        "Watch payments",
        "payments",
        errors=(Code.FIELD_INVALID,),
        scopes=(Scope.READ,),
        more=_EVENTS,
    ).add_to(app)
