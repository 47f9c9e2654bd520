"""The payments of the native interface. docs/reference/native-api.md is its manual."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, Query, Response
from pydantic import BaseModel

from tillbridge.connector.api.bodies import LONGEST_KEY, PaymentBody, ResolveBody
from tillbridge.connector.api.problems import ALWAYS, documented
from tillbridge.connector.api.resources import (
    AbortResource,
    EventResource,
    EventsResource,
    PaymentResource,
    PaymentsResource,
)
from tillbridge.domain.errors import Code
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.reading import PAGE_LIMIT
from tillbridge.protocols.contract import Payment, PaymentRequest

CALLER: Final = "native:main"
"""The connector has one key, so there is one caller; order numbers and keys are matched within it."""

DOOR: Final = "native"

LONGEST_WAIT: Final = 180
"""Seconds that an answer can be waited for: the time in which a customer finds the card and remembers the PIN."""

USUAL_PAGE: Final = 50
LONGEST_ID: Final = 64

_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE | re.ASCII)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        pattern="^[!-~]([ -~]*[!-~])?$",
        description="Names the payment for ever: the same key is the same payment. A UUID does well.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description=f"`wait=N` asks to answer when the payment is over, after at most N ≤ {LONGEST_WAIT} seconds.",
    ),
]

_ONE: Final = (*ALWAYS, Code.PAYMENT_UNKNOWN)
_LISTING: Final = (*ALWAYS, Code.FIELD_INVALID)
_WRITE: Final = (*ALWAYS, Code.BODY_INVALID, Code.FIELD_INVALID, Code.JOURNAL_UNAVAILABLE)
_SETTLING: Final = (*_WRITE, Code.AMOUNT_INVALID, Code.PAYMENT_UNKNOWN, Code.STILL_RUNNING, Code.ALREADY_CLOSED)
_STARTING: Final = (
    *_WRITE,
    Code.KEY_REQUIRED,
    Code.CURRENCY_UNKNOWN,
    Code.CURRENCY_UNSUPPORTED,
    Code.AMOUNT_TOO_LARGE,
    Code.OPERATION_UNSUPPORTED,
    Code.TERMINAL_UNKNOWN,
    Code.TERMINAL_BUSY,
    Code.TERMINAL_LOCKED,
    Code.KEY_CONFLICT,
    Code.CONNECTOR_STOPPING,
)
_RUNNING: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.ACCEPTED: {"model": PaymentResource, "description": "It runs; ask again at the Location."}
}


class _Payments:
    """The routes' functions, over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self, body: PaymentBody, idempotency_key: IdempotencyKey, prefer: Prefer = None) -> Response:
        """Starts a payment, or meets the one that the key already stands for.

        202 while it runs, 200 once it is over.
        """
        payment = await self._engine.start(
            PaymentRequest(
                kind=body.kind,
                amount=body.amount.money("amount"),
                caller=CALLER,
                door=DOOR,
                terminal=body.terminal,
                order_id=body.order_id,
                key=idempotency_key,
                fingerprint=body.fingerprint(),
            )
        )
        return await self._answer(payment, prefer)

    async def one(self, payment_id: str, prefer: Prefer = None) -> Response:
        """The payment as it stands. 202 while it runs, 200 once it is over (in doubt is over, too)."""
        return await self._answer(await self._engine.inquire(_id(payment_id)), prefer)

    async def page(
        self,
        before: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="The last id of a page.")] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = USUAL_PAGE,
    ) -> Response:
        """Payments, newest first."""
        found = self._engine.payments(before, limit)
        older = f"/v1/payments?before={found[-1].id}&limit={limit}" if len(found) == limit else None
        return _json(PaymentsResource(payments=tuple(map(PaymentResource.of, found)), next=older))

    async def events(self, payment_id: str) -> Response:
        """The payment's timeline: what happened, when and why, as the journal has it."""
        payment = await self._engine.inquire(_id(payment_id))
        events = self._engine.events(payment.id)
        return _json(EventsResource(events=tuple(map(EventResource.of, events))))

    async def resolve(self, payment_id: str, body: ResolveBody) -> Response:
        """A named person settles a payment in doubt, having looked at the terminal."""
        amount = None if body.amount is None else body.amount.money("amount")
        payment = await self._engine.resolve(
            _id(payment_id), taken=body.taken, by=body.by, reason=body.reason, amount=amount
        )
        return _json(PaymentResource.of(payment))

    async def abort(self, payment_id: str) -> Response:
        """Asks the terminal to stop. What becomes of the payment is still read from the terminal."""
        reply = await self._engine.abort(_id(payment_id))
        payment = await self._engine.inquire(_id(payment_id))
        return _json(AbortResource(abort=reply, payment=PaymentResource.of(payment)))

    async def _answer(self, payment: Payment, prefer: str | None) -> Response:
        patience = _patience(prefer)
        if payment.running and patience is not None:
            waited = await self._engine.wait(payment.id, patience)
            payment = _as_met(waited, payment)
        answer = _json(PaymentResource.of(payment))
        answer.status_code = HTTPStatus.ACCEPTED if payment.running else HTTPStatus.OK
        answer.headers["Location"] = f"/v1/payments/{payment.id}"
        if patience is not None:
            answer.headers["Preference-Applied"] = f"wait={patience}"
        return answer


def add_payments(app: FastAPI, engine: Engine) -> None:
    """Adds the routes under `/payments`."""
    payments = _Payments(engine)
    one = "/{payment_id}"
    for route in (
        _Described("POST", "", payments.start, "start_payment", "Start a payment", PaymentResource, _STARTING),
        _Described("GET", "", payments.page, "list_payments", "List payments", PaymentsResource, _LISTING),
        _Described("GET", one, payments.one, "get_payment", "Ask for a payment", PaymentResource, _ONE),
        _Described("GET", f"{one}/events", payments.events, "list_events", "See its timeline", EventsResource, _ONE),
        _Described(
            "POST", f"{one}/resolve", payments.resolve, "resolve_payment", "Settle it", PaymentResource, _SETTLING
        ),
        _Described("POST", f"{one}/abort", payments.abort, "abort_payment", "Ask to stop it", AbortResource, _ONE),
    ):
        route.add_to(app)


@dataclass(frozen=True, slots=True)
class _Described:
    """A route with what the description of the interface says about it."""

    method: str
    path: str
    answer: Callable[..., Awaitable[Response]]
    operation: str
    summary: str
    model: type[BaseModel]
    errors: tuple[Code, ...]

    def add_to(self, app: FastAPI) -> None:
        running = _RUNNING if self.operation in ("start_payment", "get_payment") else {}
        app.add_api_route(
            f"/payments{self.path}",
            self.answer,
            methods=[self.method],
            tags=["payments"],
            operation_id=self.operation,
            summary=self.summary,
            response_model=self.model,
            responses=running | documented(*self.errors),
        )


def _as_met(payment: Payment, earlier: Payment) -> Payment:
    """The payment as it is now, still marked as met again where this request met it."""
    return replace(payment, replayed=earlier.replayed)


def _id(payment_id: str) -> str:
    return payment_id[:LONGEST_ID]


def _patience(prefer: str | None) -> int | None:
    """The seconds of RFC 7240's `wait`, at most `LONGEST_WAIT`; None where nobody asked to wait."""
    found = _WAIT.search(prefer or "")
    return None if found is None else min(int(found[1]), LONGEST_WAIT)


def _json(resource: BaseModel) -> Response:
    return Response(resource.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})
