"""The pages of the console and what their forms do. Everything here works without JavaScript."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error, problem_response
from tillbridge.connector.api.stream import PaymentStream
from tillbridge.connector.console.forms import read_form
from tillbridge.connector.console.language import COOKIE, COOKIE_SECONDS
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import ANSWERS, Verdict, blank, read_verdict
from tillbridge.connector.console.site import HOME, SIGN_IN, Site, address, own_path, see_other
from tillbridge.connector.console.timeline import facts, slip, timeline
from tillbridge.connector.console.views import badge, doubt_card, payment_row, sentence, terminal_card
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.protocols.contract import AbortSupport, Payment
from tillbridge.runtime.sqlite import StorageUnavailable

PAGE_ROWS: Final = 50
"""Payments on a page: about two screens, and quick to look up whatever the history."""

NOTICES: Final = frozenset({"settled", "meanwhile", "abort_requested", "abort_cannot", "abort_not_running"})
"""What a page may say about the form that led to it; anything else in the address is ignored."""

CHANGED: Final = b"event: change\ndata: payment\n\n"
BEAT: Final = b"event: beat\ndata: alive\n\n"

Page = Callable[[Request, Session], Awaitable[Response]]


class Pages:
    """The routes' functions, over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self) -> list[Route]:
        """Every page with its path."""
        one = "/payments/{payment_id}"
        return [
            Route(HOME, self._for_person(self.payments), methods=["GET"]),
            Route(one, self._for_person(self.payment), methods=["GET"]),
            Route(f"{one}/settle", self._for_person(self.settle), methods=["GET"]),
            Route(f"{one}/settle", self._for_form(self.settled), methods=["POST"]),
            Route(f"{one}/abort", self._for_form(self.abort), methods=["POST"]),
            Route("/live", self.live, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["GET"]),
            Route(SIGN_IN, self.signed_in, methods=["POST"]),
            Route("/sign-out", self._for_form(self.sign_out), methods=["POST"]),
            Route("/language/{code}", self.language, methods=["GET"]),
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
            rows=[payment_row(payment, words) for payment in found],
            older=found[-1].id if len(found) == PAGE_ROWS else None,
            newest=before is None,
        )

    async def payment(self, request: Request, session: Session) -> Response:
        """One payment: its facts and its timeline."""
        payment = await self._named(request)
        words = self._site.words(request)
        terminals = await self._engine.terminals()
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
            abortable=payment.running
            and any(
                one.name == payment.terminal and one.capabilities.abort is not AbortSupport.NONE for one in terminals
            ),
            facts=facts(payment, words),
            lines=timeline(self._engine.events(payment.id), words),
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
        return see_other(f"/payments/{payment.id}?notice=abort_{reply}")

    async def live(self, request: Request) -> Response:
        """Tells an open page that something has changed; ends when the person is signed out."""
        session_id = request.cookies.get(self._site.cookie)
        if self._site.sessions.find(session_id) is None:
            return problem_response(BridgeError(Code.UNAUTHENTICATED, "nobody is signed in"))

        def while_signed_in(piece: bytes) -> bytes | None:
            return None if self._site.sessions.find(session_id) is None else piece

        # Asked with each piece: in a busy shop a sign of life may never come between two changes.
        return PaymentStream(self._engine.watch, lambda _: while_signed_in(CHANGED), lambda: while_signed_in(BEAT))

    # ------------------------------------------------------------ people

    async def sign_in(self, request: Request) -> Response:
        """The form for the key."""
        if self._site.session(request) is not None:
            return see_other(HOME)
        notice = "sign_in.signed_out" if "signed_out" in request.query_params else None
        return self._sign_in(request, onward=own_path(request.query_params.get("next")), notice=notice)

    async def signed_in(self, request: Request) -> Response:
        """Takes the key."""
        form = await read_form(request)
        onward = own_path(form.get("next"))
        try:
            return self._site.enter(request, form.get("key", ""), onward)
        except BridgeError as error:
            return self._refused(request, error, onward)

    async def sign_out(self, _: Request, session: Session) -> Response:
        """Ends the session."""
        return self._site.leave(session)

    async def language(self, request: Request) -> Response:
        """Switches the language, and goes back to where the switch stood."""
        answer = see_other(own_path(request.query_params.get("back")))
        code = request.path_params["code"]
        if code not in frozenset(Language):
            raise BridgeError(Code.PATH_UNKNOWN)
        answer.set_cookie(COOKIE, code, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", path="/")
        return answer

    # ------------------------------------------------------------ shared

    def _for_person(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Only for who is signed in; a key in the address signs in and leaves the address."""

        async def guarded(request: Request) -> Response:
            key = request.query_params.get("key")
            if key is not None:
                try:
                    return self._site.enter(request, key, request.url.path)
                except BridgeError as error:
                    return self._refused(request, error, request.url.path)
            session = self._site.session(request)
            if session is None:
                here = address(request)
                return see_other(SIGN_IN if here == HOME else f"{SIGN_IN}?next={here}")
            return await page(request, session)

        return guarded

    def _for_form(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Only for a form of a page that was written for this very session."""

        async def guarded(request: Request) -> Response:
            session = self._site.session(request)
            if session is None:
                return see_other(SIGN_IN)
            if not session.owns((await read_form(request)).get("token")):
                raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this session")
            return await page(request, session)

        return guarded

    async def _named(self, request: Request) -> Payment:
        return await self._engine.inquire(request.path_params["payment_id"])

    def _form(self, request: Request, session: Session, payment: Payment, verdict: Verdict) -> Response:
        words = self._site.words(request)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if verdict.wrong else HTTPStatus.OK
        card = doubt_card(payment, (), words)
        return self._site.page(
            request, "settle.html", session=session, status=status, doubt=card, verdict=verdict, wrong=verdict.wrong
        )

    def _refused(self, request: Request, error: BridgeError, onward: str) -> Response:
        notice = "sign_in.wait" if error.code is Code.RATE_LIMITED else "sign_in.wrong"
        return self._sign_in(request, onward=onward, notice=notice, status=error.entry.status)

    def _sign_in(self, request: Request, *, onward: str, notice: str | None, status: int = HTTPStatus.OK) -> Response:
        wrong = status != HTTPStatus.OK
        return self._site.page(
            request, "sign_in.html", session=None, status=status, onward=onward, notice=notice, wrong=wrong
        )
