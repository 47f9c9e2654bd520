"""The native interface, version 1: one FastAPI application, mounted at `/v1`."""

from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer

from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.openapi import describe
from tillbridge.connector.api.payments import add_payments
from tillbridge.connector.api.problems import ALWAYS, documented, handlers
from tillbridge.connector.api.resources import PaymentResource, TerminalResource, TerminalsResource
from tillbridge.connector.api.stream import PaymentStream
from tillbridge.connector.api.strict import StrictRoute
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Runtime

PREFIX: Final = "/v1"

DESCRIPTION: Final = """Takes payments on the terminals behind this connector, and always says what is known of them.
A payment is asked for once, under an Idempotency-Key; asking again never takes the money again."""

_bearer: Final = HTTPBearer(auto_error=False, description="The connector's key.")
"""Says in the description how the key is sent; `StrictRoute` looks at it."""


def client_address(request: Request) -> str:
    """The address that a request came from, as far as the server knows it."""
    return "unknown" if request.client is None else request.client.host


def bearer_key(request: Request) -> str | None:
    """The key that came as `Authorization: Bearer KEY`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def api_app(engine: Engine, keys: KeyCheck, runtime: Runtime, version: str) -> FastAPI:
    """The application, without its prefix."""
    app = FastAPI(
        title="tillbridge",
        version=version,
        description=DESCRIPTION,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=handlers(engine, runtime),
        dependencies=[Depends(_bearer)],
    )
    # On the application itself and not on routers: it has to know every method of a path, to name them in Allow.
    app.router.route_class = StrictRoute
    app.state.authorize = lambda request: keys.check(bearer_key(request), client_address(request))
    add_payments(app, engine)
    _add_others(app, engine)
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(describe(app))
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to say it
    return app


def payment_event(payment: Payment) -> bytes:
    """A payment as a server-sent event."""
    return b"event: payment\ndata: " + PaymentResource.of(payment).model_dump_json().encode() + b"\n\n"


def _add_others(app: FastAPI, engine: Engine) -> None:
    errors = documented(*ALWAYS)
    of_terminals: dict[str, Any] = {
        "tags": ["terminals"],
        "operation_id": "list_terminals",
        "summary": "List terminals",
    }

    @app.get("/terminals", response_model=TerminalsResource, responses=errors, **of_terminals)
    async def terminals() -> Response:
        """Every terminal: what it can do, how it is, and what occupies it."""
        statuses = await engine.terminals()
        body = TerminalsResource(terminals=tuple(map(TerminalResource.of, statuses))).model_dump_json()
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    stream = {"description": "Events named `payment`, each with a payment.", "content": {"text/event-stream": {}}}
    of_events: dict[str, Any] = {"tags": ["payments"], "operation_id": "stream_payments", "summary": "Watch payments"}

    @app.get("/events", response_class=Response, responses={**errors, 200: stream}, **of_events)
    async def events() -> Response:
        """Payments as they change, as server-sent events. It ends when its reader is too slow: then ask anew."""
        return PaymentStream(engine.watch, payment_event)
