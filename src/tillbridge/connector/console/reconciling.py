"""Reconciliation: asks a terminal for its totals, and shows them beside ours."""

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.comparing import compare
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.till_form import CALLER, DOOR
from tillbridge.connector.console.views import badge, payment_row, sentence, terminal_card
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.engine.journal.reading import Filter
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

LATEST: Final = 20
"""Reconciliations that are listed: those of some weeks; older ones are among the payments."""


class Reconciling:
    """The pages under `/reconciliation`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._engine = site.engine

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            gate.page("/reconciliation", self.page),
            gate.form("/reconciliation", self.start),
            gate.page("/reconciliation/{payment_id}", self.one),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """Terminals that can be asked, what was not delivered, and the latest reconciliations."""
        return await self._page(request, session)

    async def start(self, request: Request, session: Session) -> Response:
        """Asks a terminal for its totals, once for each form."""
        form = await read_form(request)
        key, terminal = form.get("key", ""), form.get("terminal", "")
        if not key:
            raise BridgeError(Code.BODY_INVALID, "the form carries no key")
        meaning = hashlib.sha256(f"{Kind.RECONCILIATION}\n{terminal}".encode()).hexdigest()
        asked = PaymentRequest(Kind.RECONCILIATION, None, CALLER, DOOR, terminal, key=key, fingerprint=meaning)
        try:
            payment = await self._engine.start(asked)
        except (BridgeError, MoveRefused, StorageUnavailable) as error:
            known = as_bridge_error(error)
            if known is None:
                raise
            return await self._page(request, session, refused=known)
        return see_other(f"/reconciliation/{payment.id}")

    async def one(self, request: Request, session: Session) -> Response:
        """The terminal's totals beside ours."""
        payment = await self._engine.inquire(request.path_params["payment_id"])
        if payment.kind is not Kind.RECONCILIATION:
            return see_other(f"/payments/{payment.id}")
        words = self._site.words(request)
        return self._site.page(
            request,
            "reconciled.html",
            session=session,
            payment=payment,
            at=words.moment(payment.accepted_at),
            badge=badge(payment, words),
            sentence=sentence(payment, words),
            lines=await compare(self._engine, payment, words),
        )

    async def _page(self, request: Request, session: Session, refused: BridgeError | None = None) -> Response:
        words = self._site.words(request)
        terminals = await self._engine.terminals()
        able = [one for one in terminals if Kind.RECONCILIATION in one.capabilities.kinds]
        found = self._engine.payments(None, LATEST, Filter(kind=Kind.RECONCILIATION))
        return self._site.page(
            request,
            "reconciliation.html",
            session=session,
            status=200 if refused is None else refused.entry.status,
            wrong=None if refused is None else refusal_text(refused.code, words.t.language),
            standing=None if refused is None else refused.payment_id,
            able=[(terminal_card(one, words), self._site.runtime.ids.new()) for one in able],
            undelivered=[payment_row(one, words) for one in self._engine.undelivered()],
            rows=[payment_row(one, words) for one in found],
        )
