"""The payments of the native interface: starting them and asking for them. docs/reference/native-api.md is its manual.

What people decide about a payment stands in decisions.py, the lists in listing.py.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response

from tillbridge.connector.api.asking import request_of
from tillbridge.connector.api.bodies import KEY_PATTERN, LONGEST_KEY, PaymentBody
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey, Prefer, patience_of
from tillbridge.connector.api.resources import EventResource, EventsResource, PaymentResource
from tillbridge.connector.api.scopes import OF_KIND, STARTING, granted
from tillbridge.domain.errors import Code
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment

PREFIX: Final = "/v1"

LONGEST_ID: Final = 64

WRITING: Final = (Code.BODY_INVALID, Code.FIELD_INVALID, Code.KEY_REQUIRED, Code.KEY_CONFLICT, Code.JOURNAL_UNAVAILABLE)
"""What a write with a body and a key may meet."""

ONE: Final = (Code.PAYMENT_UNKNOWN,)

TERMINAL_REFUSES: Final = (
    Code.CURRENCY_UNSUPPORTED,
    Code.AMOUNT_TOO_LARGE,
    Code.OPERATION_UNSUPPORTED,
    Code.TERMINAL_UNKNOWN,
    Code.TERMINAL_BUSY,
    Code.TERMINAL_LOCKED,
    Code.PAYMENT_UNKNOWN,
    Code.PARENT_REQUIRED,
    Code.PARENT_UNFIT,
    Code.PARENT_SPENT,
    Code.AMOUNT_INVALID,
    Code.CONNECTOR_STOPPING,
)
"""What a new operation may meet beyond its request."""

RUNNING: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.ACCEPTED: {"model": PaymentResource, "description": "It runs; ask again at the Location."}
}

_ByKey = Annotated[
    str,
    Query(
        min_length=1, max_length=LONGEST_KEY, pattern=KEY_PATTERN, description="The Idempotency-Key it was sent with."
    ),
]


class Answering:
    """Answers with a payment, having waited for its end where that was preferred."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, payment: Payment, prefer: str | None) -> Response:
        """202 while it runs, 200 once it is over."""
        patience = patience_of(prefer)
        if payment.running and patience is not None:
            waited = await self._engine.wait(payment.id, patience)
            # Still marked as met again where this request met it.
            payment = replace(waited, replayed=payment.replayed)
        answer = json_answer(PaymentResource.of(payment), HTTPStatus.ACCEPTED if payment.running else HTTPStatus.OK)
        answer.headers["Location"] = f"{PREFIX}/payments/{payment.id}"
        if patience is not None:
            answer.headers["Preference-Applied"] = f"wait={patience}"
        return answer


class _Payments:
    """The routes' functions, over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answer = Answering(engine)

    async def start(
        self, request: Request, body: PaymentBody, idempotency_key: IdempotencyKey, prefer: Prefer = None
    ) -> Response:
        """Starts a payment, or meets the one that the key already stands for.

        202 while it runs, 200 once it is over. A key needs the scope of the kind: `pay` for sale, authorization and
        capture, `refund` for refund and void, `settle` for a reconciliation.
        """
        grant = granted(request)
        grant.require(OF_KIND[body.kind])
        payment = await self._engine.start(request_of(body, grant.caller, idempotency_key))
        return await self._answer(payment, prefer)

    async def one(self, payment_id: str, prefer: Prefer = None) -> Response:
        """The payment as it stands. 202 while it runs, 200 once it is over (in doubt is over, too)."""
        return await self._answer(await self._engine.inquire(id_of(payment_id)), prefer)

    async def by_key(self, request: Request, key: _ByKey, prefer: Prefer = None) -> Response:
        """The payment that this Idempotency-Key stands for, of those that were started with the same key of the API.

        For a till that sent a request and does not know whether it arrived: 404 says that it did not.
        """
        return await self._answer(await self._engine.find_key(granted(request).caller, key), prefer)

    async def events(self, payment_id: str) -> Response:
        """The payment's timeline: what happened, when and why, as the journal has it."""
        payment = await self._engine.inquire(id_of(payment_id))
        events = self._engine.events(payment.id)
        return json_answer(EventsResource(events=tuple(map(EventResource.of, events))))


def add_payments(app: FastAPI, engine: Engine) -> None:
    """Adds the routes that start a payment and ask for one."""
    of = _Payments(engine)
    every, one, tag = "/payments", "/payments/{payment_id}", "payments"
    starting = (*WRITING, Code.CURRENCY_UNKNOWN, *TERMINAL_REFUSES)
    finding = (*ONE, Code.FIELD_INVALID)
    shape, timeline = PaymentResource, EventsResource
    for route in (
        Route("POST", every, of.start, "start_payment", "Start a payment", tag, shape, starting, STARTING, RUNNING),
        # Before the path of one payment, which would take "by-key" for an id.
        Route("GET", f"{every}/by-key", of.by_key, "find_payment", "Find by key", tag, shape, finding, more=RUNNING),
        Route("GET", one, of.one, "get_payment", "Ask for a payment", tag, shape, ONE, more=RUNNING),
        Route("GET", f"{one}/events", of.events, "list_events", "See its timeline", tag, timeline, ONE),
    ):
        route.add_to(app)


def id_of(payment_id: str) -> str:
    """A payment's id as it came in a path, no longer than one can be."""
    return payment_id[:LONGEST_ID]
