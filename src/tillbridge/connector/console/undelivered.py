"""Payments that were approved and whose till never heard of it: a named person keeps them or has them taken back."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.persons import Signed, read_signed
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.views import follow_ups, payment_row
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

ANSWERS: Final = frozenset({"keep", "reverse"})


class Undelivered:
    """The question and its answer, under `/payments/ID/undelivered`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        path = "/payments/{payment_id}/undelivered"
        return [gate.page(path, self.ask), gate.form(path, self.decided)]

    async def ask(self, request: Request, session: Session) -> Response:
        """Asks a person for name and reason."""
        payment = await self._waiting(request)
        answer = request.query_params.get("answer", "")
        if payment is None or answer not in ANSWERS:
            return see_other(f"/payments/{request.path_params['payment_id']}")
        key = self._site.runtime.ids.new()
        return await self._form(request, session, payment, answer, key, Signed())

    async def decided(self, request: Request, session: Session) -> Response:
        """Keeps the payment, or asks its terminal to take it back. Sent twice it is still done once."""
        form = await read_form(request)
        answer, key = form.get("answer", ""), form.get("key", "")
        if answer not in ANSWERS or not key:
            raise BridgeError(Code.BODY_INVALID, "the form says neither keep nor reverse")
        payment = await self._waiting(request)
        if payment is None:
            return see_other(f"/payments/{request.path_params['payment_id']}?notice=meanwhile")
        signed = read_signed(form, self._site.words(request))
        if signed.wrong:
            return await self._form(request, session, payment, answer, key, signed)
        try:
            return await self._decide(payment, answer, key, signed)
        except (BridgeError, MoveRefused, StorageUnavailable) as error:
            known = as_bridge_error(error)
            if known is None:
                raise
            said = {"form": refusal_text(known.code, self._site.words(request).t.language)}
            return await self._form(request, session, payment, answer, key, replace(signed, wrong=said))

    async def _decide(self, payment: Payment, answer: str, key: str, signed: Signed) -> Response:
        if answer == "keep":
            await self._engine.keep_undelivered(payment.id, by=signed.by, reason=signed.reason)
            return see_other(f"/payments/{payment.id}?notice=kept")
        void = await self._engine.reverse(payment.id, by=signed.by, reason=signed.reason, key=key)
        return see_other(f"/payments/{void.id}?notice=reversing")

    async def _waiting(self, request: Request) -> Payment | None:
        payment = await self._engine.inquire(request.path_params["payment_id"])
        return next((one for one in self._engine.undelivered() if one.id == payment.id), None)

    async def _form(
        self, request: Request, session: Session, payment: Payment, answer: str, key: str, signed: Signed
    ) -> Response:
        words = self._site.words(request)
        return self._site.page(
            request,
            "undelivered.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if signed.wrong else HTTPStatus.OK,
            row=payment_row(payment, words),
            title=words.name(payment),
            answer=answer,
            key=key,
            signed=signed,
            reversible=Kind.VOID in follow_ups(payment, await self._engine.terminals()),
        )
