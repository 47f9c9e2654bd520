"""The till of the console: asks a terminal for a payment, and stands by until it is over."""

from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console import till_form
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.pages import NOTICES
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.till_form import AT_TILL, GOES_BACK, TillForm
from tillbridge.connector.console.views import (
    GOES_ON_WITH,
    abortable,
    awaits_signature,
    badge,
    doubt_card,
    follow_ups,
    payment_row,
    sentence,
)
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.engine.journal.reading import Filter
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

TO_CHOOSE: Final = 10
"""Earlier payments that are offered to go back to: those of the last minutes; older ones are searched for."""


class Till:
    """The pages under `/till`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            gate.page("/till", self.form),
            gate.form("/till", self.start),
            gate.page("/till/{payment_id}", self.payment),
        ]

    async def form(self, request: Request, session: Session) -> Response:
        """The form; or for what goes back to an earlier payment and names none, those that there are."""
        kind = till_form.kind_of(request.query_params.get("kind"))
        parent = await self._parent(request.query_params.get("parent"))
        if parent is None and (kind in GOES_BACK or "choose" in request.query_params):
            return self._to_choose(request, session, kind)
        words = self._site.words(request)
        blank = till_form.blank(kind, self._site.runtime.ids.new(), parent, self._usual_unit(), words)
        return await self._form(request, session, replace(blank, terminal=self._wished(request, blank)))

    async def start(self, request: Request, session: Session) -> Response:
        """Asks for the payment, once for each form, however often that form is sent."""
        words = self._site.words(request)
        sent = await read_form(request)
        form, money = till_form.read(sent, await self._parent(sent.get("parent")), words)
        if form.wrong:
            return await self._form(request, session, form)
        try:
            payment = await self._engine.start(till_form.request_of(form, money))
        except (BridgeError, MoveRefused, StorageUnavailable) as error:
            return await self._refused(request, session, form, error)
        return see_other(f"/till/{payment.id}")

    async def payment(self, request: Request, session: Session) -> Response:
        """The payment while it runs and how it ended, in large letters."""
        payment = await self._engine.inquire(request.path_params["payment_id"])
        words = self._site.words(request)
        terminals = await self._engine.terminals()
        notice = request.query_params.get("notice")
        return self._site.page(
            request,
            "till_payment.html",
            session=session,
            payment=payment,
            title=words.name(payment),
            amount=words.amount(till_form.approved_money(payment)),
            kind=words.kind(payment.kind),
            badge=badge(payment, words),
            sentence=sentence(payment, words),
            doubt=doubt_card(payment, terminals, words) if payment.open and not payment.running else None,
            abortable=abortable(payment, terminals),
            signing=awaits_signature(payment),
            follow_ups=follow_ups(payment, terminals),
            notice=notice if notice in NOTICES else None,
        )

    # ------------------------------------------------------------ shared

    async def _form(self, request: Request, session: Session, form: TillForm) -> Response:
        words = self._site.words(request)
        terminals = await self._engine.terminals()
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.wrong else HTTPStatus.OK
        return self._site.page(
            request,
            "till.html",
            session=session,
            status=status,
            form=form,
            wrong=form.wrong,
            tabs=AT_TILL,
            parent=None if form.parent is None else payment_row(form.parent, words),
            choices=till_form.choices(form, terminals, words),
            units=till_form.units(terminals) if form.parent is None else [form.unit],
        )

    async def _refused(self, request: Request, session: Session, form: TillForm, error: Exception) -> Response:
        known = as_bridge_error(error)
        if known is None:
            raise error
        words = self._site.words(request)
        said = refusal_text(known.code, words.t.language)
        if known.code is Code.KEY_CONFLICT:
            # The form was sent before with something else in it, and that payment has begun. This one has not.
            form, said = replace(form, key=self._site.runtime.ids.new()), words.t("till.used")
        return await self._form(request, session, replace(form, wrong={"form": said}, standing=known.payment_id))

    def _to_choose(self, request: Request, session: Session, kind: Kind) -> Response:
        words = self._site.words(request)
        text = request.query_params.get("q", "").strip()
        found = self._fitting(kind, text)
        return self._site.page(
            request,
            "till_choose.html",
            session=session,
            kind=kind,
            tabs=AT_TILL,
            text=text,
            rows=[payment_row(payment, words) for payment in found],
        )

    def _fitting(self, kind: Kind, text: str) -> list[Payment]:
        """Approved payments that this kind can go back to, newest first."""
        sources = [source for source in Kind if kind in GOES_ON_WITH[source]]
        wanted = [Filter(kind=source, stage=Stage.APPROVED, text=text or None) for source in sources]
        found = chain.from_iterable(self._engine.payments(None, TO_CHOOSE, where=where) for where in wanted)
        return sorted(found, key=lambda payment: payment.accepted_at, reverse=True)[:TO_CHOOSE]

    def _usual_unit(self) -> str:
        latest = self._engine.payments(None, 1)
        money = latest[0].amount if latest else None
        return EUR.code if money is None else money.currency.code

    def _wished(self, request: Request, form: TillForm) -> str:
        return form.terminal or request.query_params.get("terminal", "")

    async def _parent(self, payment_id: str | None) -> Payment | None:
        return await self._engine.inquire(payment_id) if payment_id else None
