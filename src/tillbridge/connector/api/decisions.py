"""What a till or a person decides about a payment: stop it, judge its signature, settle it, keep it, take it back."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request, Response

from tillbridge.connector.api.bodies import Body, ReasonBody, ResolveBody, SignatureBody, digest
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey, Prefer
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import ONE, RUNNING, TERMINAL_REFUSES, WRITING, Answering, id_of
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.resources import AbortResource, PaymentResource, PaymentsResource
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.engine.engine import Engine

_ABORTING: Final = (*ONE, Code.FIELD_INVALID, Code.KEY_REQUIRED, Code.KEY_CONFLICT)
_SIGNING: Final = (*WRITING, *ONE, Code.NOTHING_TO_SIGN)
_RESOLVING: Final = (
    *WRITING,
    *ONE,
    Code.STILL_RUNNING,
    Code.ALREADY_CLOSED,
    Code.AMOUNT_INVALID,
    Code.CURRENCY_UNKNOWN,
    Code.OPERATION_UNSUPPORTED,
)
_KEEPING: Final = (*WRITING, *ONE, Code.PARENT_UNFIT)

_NOTHING: Final = Body()
"""The body of a decision that has none."""


class _Decisions:
    """The routes' functions, over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answer = Answering(engine)
        self._repeats = Repeats()

    async def abort(self, request: Request, payment_id: str, idempotency_key: IdempotencyKey) -> Response:
        """Asks the terminal to stop. What becomes of the payment is still read from the terminal."""

        async def act() -> Resource:
            reply = await self._engine.abort(id_of(payment_id))
            payment = await self._engine.inquire(id_of(payment_id))
            return AbortResource(abort=reply, payment=PaymentResource.of(payment))

        return await self._once(request, idempotency_key, _NOTHING, act)

    async def sign(
        self, request: Request, payment_id: str, body: SignatureBody, idempotency_key: IdempotencyKey
    ) -> Response:
        """Says whether the signature on the slip is that of the card, where the terminal leaves that to the cashier.

        A signature that is refused leads to a reversal, and until that is proven the payment is in doubt.
        """

        async def act() -> Resource:
            payment = await self._engine.sign(id_of(payment_id), accepted=body.accepted, by=body.by)
            return PaymentResource.of(payment)

        return await self._once(request, idempotency_key, body, act)

    async def resolve(
        self, request: Request, payment_id: str, body: ResolveBody, idempotency_key: IdempotencyKey
    ) -> Response:
        """A named person settles a payment in doubt, having looked at the terminal."""
        amount = None if body.amount is None else body.amount.money("amount")

        async def act() -> Resource:
            payment = await self._engine.resolve(
                id_of(payment_id), taken=body.taken, by=body.by, reason=body.reason, amount=amount
            )
            return PaymentResource.of(payment)

        return await self._once(request, idempotency_key, body, act)

    async def keep(
        self, request: Request, payment_id: str, body: ReasonBody, idempotency_key: IdempotencyKey
    ) -> Response:
        """A named person says that an approved payment stands, though its till never heard of it; frees that door."""

        async def act() -> Resource:
            payment = await self._engine.inquire(id_of(payment_id))
            if payment.stage is not Stage.APPROVED:
                raise BridgeError(
                    Code.PARENT_UNFIT,
                    f"an approved payment can be kept; this one is {payment.stage}",
                    payment_id=payment.id,
                )
            await self._engine.keep_undelivered(id_of(payment_id), by=body.by, reason=body.reason)
            return PaymentResource.of(payment)

        return await self._once(request, idempotency_key, body, act)

    async def reverse(
        self,
        request: Request,
        payment_id: str,
        body: ReasonBody,
        idempotency_key: IdempotencyKey,
        prefer: Prefer = None,
    ) -> Response:
        """A named person takes an approved payment back: the answer is the void that does it, a payment of its own.

        202 while it runs, 200 once it is over. The key names the void, as that of a new payment does.
        """
        # All voids that people ask for are one caller's; the keys of two programs are apart all the same.
        key = f"{granted(request).caller} {idempotency_key}"
        void = await self._engine.reverse(id_of(payment_id), by=body.by, reason=body.reason, key=key)
        return await self._answer(void, prefer)

    async def undelivered(self) -> Response:
        """Approved payments of which a till without keys has not heard: each holds its door until it is settled."""
        found = tuple(map(PaymentResource.of, self._engine.undelivered()))
        return json_answer(PaymentsResource(payments=found, next=None))

    async def _once(self, request: Request, key: str, body: Body, act: Callable[[], Awaitable[Resource]]) -> Response:
        return await self._repeats.once(granted(request).caller, key, digest(body, request.url.path), act)


def add_decisions(app: FastAPI, engine: Engine) -> None:
    """Adds the routes that decide about a payment."""
    of = _Decisions(engine)
    every, one, tag, shape = "/undelivered", "/payments/{payment_id}", "decisions", PaymentResource
    pay, settle, see = (Scope.PAY,), (Scope.SETTLE,), (Scope.READ, Scope.SETTLE)
    for route in (
        Route("POST", f"{one}/abort", of.abort, "abort_payment", "Ask to stop it", tag, AbortResource, _ABORTING, pay),
        Route("POST", f"{one}/signature", of.sign, "sign_payment", "Judge its signature", tag, shape, _SIGNING, pay),
        Route("POST", f"{one}/resolve", of.resolve, "resolve_payment", "Settle it", tag, shape, _RESOLVING, settle),
        Route("POST", f"{one}/keep", of.keep, "keep_payment", "Let it stand", tag, shape, _KEEPING, settle),
        Route(
            "POST",
            f"{one}/reverse",
            of.reverse,
            "reverse_payment",
            "Take it back",
            tag,
            shape,
            (*WRITING, *TERMINAL_REFUSES),
            settle,
            RUNNING,
        ),
        Route(
            "GET",
            every,
            of.undelivered,
            "list_undelivered",
            "List what no till heard of",
            tag,
            PaymentsResource,
            (),
            see,
        ),
    ):
        route.add_to(app)
