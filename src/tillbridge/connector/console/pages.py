"""The pages of the console and what their forms do. Everything here works without JavaScript."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error, problem_response
from tillbridge.connector.api.stream import PaymentStream
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.reported import whole_timeline
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import ANSWERS, Verdict, blank, one_line, read_verdict
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.timeline import facts, slip
from tillbridge.connector.console.views import (
    abortable,
    awaits_signature,
    badge,
    doubt_card,
    follow_ups,
    payment_row,
    sentence,
    terminal_card,
)
from tillbridge.connector.console.voucher_views import service_sentence
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import MAX_PERSON_TEXT
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import HOME, see_other

PAGE_ROWS: Final = 50
"""Payments on a page: about two screens, and quick to look up whatever the history."""

NOTICES: Final = frozenset(
    {
        *("settled", "meanwhile", "abort_requested", "abort_cannot", "abort_not_running"),
        *("sign_yes", "sign_no", "sign_late", "kept", "reversing"),
    }
)
"""What a page may say about the form that led to it; anything else in the address is ignored."""

UNNAMED: Final = "console"
"""Who has judged a signature where nobody entered a name: whoever was signed in here."""

CHANGED: Final = b"event: change\ndata: payment\n\n"
BEAT: Final = b"event: beat\ndata: alive\n\n"


class Pages:
    """The routes' functions, over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        one = "/payments/{payment_id}"
        return [
            gate.page(HOME, self.payments),
            gate.page(one, self.payment),
            gate.page(f"{one}/settle", self.settle),
            gate.form(f"{one}/settle", self.settled),
            gate.form(f"{one}/abort", self.abort),
            gate.form(f"{one}/sign", self.sign),
            Route("/live", self.live, methods=["GET"]),
        ]

    # ------------------------------------------------------------ payments

    async def payments(self, request: Request, session: Session) -> Response:
        """Terminals, what is in doubt, and the payments, newest first."""
        words = self._site.words(request)
        before = request.query_params.get("before")
        terminals = await self._engine.terminals()
        found = self._engine.payments(before, PAGE_ROWS)
        return self._site.page(
            request,
            "payments.html",
            session=session,
            doubts=[doubt_card(payment, terminals, words) for payment in self._engine.in_doubt()],
            terminals=[terminal_card(status, words) for status in terminals],
            undelivered=[payment_row(payment, words) for payment in self._engine.undelivered()],
            rows=[payment_row(payment, words) for payment in found],
            older=found[-1].id if len(found) == PAGE_ROWS else None,
            newest=before is None,
            vouchers=service_sentence(self._site.premises.features.vouchers.service, words),
        )

    async def payment(self, request: Request, session: Session) -> Response:
        """One payment: its facts and its timeline."""
        payment = await self._named(request)
        words = self._site.words(request)
        terminals = await self._engine.terminals()
        reports = self._site.premises.features.reports
        notice = request.query_params.get("notice")
        return self._site.page(
            request,
            "payment.html",
            session=session,
            payment=payment,
            title=words.name(payment),
            badge=badge(payment, words),
            sentence=sentence(payment, words),
            doubt=doubt_card(payment, terminals, words) if payment.open and not payment.running else None,
            abortable=abortable(payment, terminals),
            signing=awaits_signature(payment),
            follow_ups=follow_ups(payment, terminals),
            parent=payment.parent,
            facts=facts(payment, words),
            lines=whole_timeline(
                self._engine.events(payment.id), reports.of_payment(payment.id), reports.notices(payment.id), words
            ),
            slip=slip(payment.outcome),
            notice=notice if notice in NOTICES else None,
        )

    async def settle(self, request: Request, session: Session) -> Response:
        """Asks a person to confirm what became of a payment in doubt."""
        payment = await self._named(request)
        if not payment.open or payment.running:
            return see_other(f"/payments/{payment.id}?notice=meanwhile")
        taken = ANSWERS.get(request.query_params.get("taken", ""))
        if taken is None:
            return see_other(f"/payments/{payment.id}")
        return self._form(request, session, payment, blank(payment, self._site.words(request), taken=taken))

    async def settled(self, request: Request, session: Session) -> Response:
        """Writes down what a person says about a payment in doubt."""
        payment = await self._named(request)
        form = await read_form(request)
        taken = ANSWERS.get(form.get("taken", ""))
        if taken is None:
            raise BridgeError(Code.BODY_INVALID, "the form says neither taken nor not taken")
        verdict = read_verdict(payment, form, self._site.words(request), taken=taken)
        if verdict.wrong:
            return self._form(request, session, payment, verdict)
        try:
            await self._engine.resolve(
                payment.id, taken=taken, by=verdict.by, reason=verdict.reason, amount=verdict.money
            )
        except (BridgeError, MoveRefused, StorageUnavailable) as error:
            return self._unsettled(request, session, payment, verdict, error)
        return see_other(f"/payments/{payment.id}?notice=settled")

    def _unsettled(
        self, request: Request, session: Session, payment: Payment, verdict: Verdict, error: Exception
    ) -> Response:
        known = as_bridge_error(error)
        if known is None or known.code not in (Code.ALREADY_CLOSED, Code.JOURNAL_UNAVAILABLE):
            raise error
        if known.code is Code.ALREADY_CLOSED:
            return see_other(f"/payments/{payment.id}?notice=meanwhile")
        # What the person wrote stays in the form, to be sent again once the disk takes it.
        wrong = {"form": self._site.words(request).t("error.storage")}
        return self._form(request, session, payment, replace(verdict, wrong=wrong))

    async def abort(self, request: Request, _: Session) -> Response:
        """Asks the terminal to stop."""
        payment = await self._named(request)
        reply = await self._engine.abort(payment.id)
        return see_other(await _page_of(request, payment, f"abort_{reply}"))

    async def sign(self, request: Request, _: Session) -> Response:
        """A person says whether the signature on the slip is that of the card."""
        payment = await self._named(request)
        form = await read_form(request)
        accepted = ANSWERS.get(form.get("accepted", ""))
        if accepted is None:
            raise BridgeError(Code.BODY_INVALID, "the form says neither accepted nor refused")
        by = one_line(form.get("by", ""))[:MAX_PERSON_TEXT] or UNNAMED
        try:
            await self._engine.sign(payment.id, accepted=accepted, by=by)
        except BridgeError as error:
            if error.code is not Code.NOTHING_TO_SIGN:
                raise
            return see_other(await _page_of(request, payment, "sign_late"))
        return see_other(await _page_of(request, payment, "sign_yes" if accepted else "sign_no"))

    async def live(self, request: Request) -> Response:
        """Tells an open page that something has changed; ends when the person is signed out."""
        session_id = request.cookies.get(self._site.cookie)
        if self._site.sessions.find(session_id) is None:
            return problem_response(BridgeError(Code.UNAUTHENTICATED, "nobody is signed in"))

        def while_signed_in(piece: bytes) -> bytes | None:
            return None if self._site.sessions.find(session_id) is None else piece

        # Asked with each piece: in a busy shop a sign of life may never come between two changes.
        return PaymentStream(self._engine.watch, lambda _: while_signed_in(CHANGED), lambda: while_signed_in(BEAT))

    # ------------------------------------------------------------ shared

    async def _named(self, request: Request) -> Payment:
        return await self._engine.inquire(request.path_params["payment_id"])

    def _form(self, request: Request, session: Session, payment: Payment, verdict: Verdict) -> Response:
        words = self._site.words(request)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if verdict.wrong else HTTPStatus.OK
        card = doubt_card(payment, (), words)
        return self._site.page(
            request, "settle.html", session=session, status=status, doubt=card, verdict=verdict, wrong=verdict.wrong
        )


async def _page_of(request: Request, payment: Payment, notice: str) -> str:
    """Where the form stood, the payment's page or that of the till, with what is to be said there."""
    at_till = (await read_form(request)).get("back") == "till"
    return f"/till/{payment.id}?notice={notice}" if at_till else f"/payments/{payment.id}?notice={notice}"
