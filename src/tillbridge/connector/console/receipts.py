"""The receipts of a payment: to look at, to print from the browser, and to hand to the printer of the settings."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.receipts.desk import Form, Wish
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.receipt import Copy
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

CALLER: Final = "console"
"""Whose keys the forms of this page are."""

LONGEST_KEY: Final = 64
"""Characters of a form's key, which has 32: it is kept for ever."""

NOTICES: Final = frozenset({"printed", "printed_copy"})


class ReceiptPages:
    """The pages under `/payments/ID/receipt`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk = site.premises.features.receipts

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        path = "/payments/{payment_id}/receipt"
        return [
            gate.page(path, self.page),
            gate.page(f"{path}/paper", self.paper),
            gate.form(f"{path}/print", self.print),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """The receipt as the printer would have it, with what can be done with it."""
        payment = await self._named(request)
        if payment.running:
            return see_other(f"/payments/{payment.id}")
        key = self._site.runtime.ids.new()
        return await self._page(request, session, payment, self._wish(request.query_params), key)

    async def paper(self, request: Request, _: Session) -> Response:
        """The receipt alone, for the browser's own printing."""
        payment = await self._named(request)
        wish = await self._marked(payment, self._wish(request.query_params))
        return HTMLResponse(await self._desk.receipt(payment.id, wish, Form.HTML))

    async def print(self, request: Request, session: Session) -> Response:
        """Hands it to the printer of the settings, once for each form, however often that form is sent."""
        payment = await self._named(request)
        form = await read_form(request)
        key, wish = form.get("key", ""), self._wish(form)
        if not 0 < len(key) <= LONGEST_KEY:
            raise BridgeError(Code.BODY_INVALID, "the form has no key")
        write = WriteKey(CALLER, key, f"print_receipt {payment.id} {wish.copy} {wish.language}")
        try:
            begun = await self._desk.print(payment.id, wish, write)
        except (BridgeError, StorageUnavailable) as error:
            return await self._refused(request, session, payment, wish, key, error)
        notice = "printed_copy" if begun.duplicate else "printed"
        return see_other(f"{_address(payment, wish)}&notice={notice}")

    # ------------------------------------------------------------ shared

    async def _named(self, request: Request) -> Payment:
        return await self._site.engine.inquire(request.path_params["payment_id"])

    def _wish(self, asked: Mapping[str, str]) -> Wish:
        """What was asked for: the customer's copy in the shop's language, where it says nothing that there is."""
        copy, language = asked.get("copy"), asked.get("language")
        return Wish(
            copy=Copy(copy) if copy in frozenset(Copy) else Copy.CUSTOMER,
            language=Language(language) if language in frozenset(Language) else self._desk.language,
        )

    async def _marked(self, payment: Payment, wish: Wish) -> Wish:
        """What is printed now says COPY where this side was printed before."""
        return replace(wish, duplicate=await self._desk.printed(payment.id, wish.copy))

    async def _refused(
        self, request: Request, session: Session, payment: Payment, wish: Wish, key: str, error: Exception
    ) -> Response:
        known = as_bridge_error(error)
        if known is None:
            raise error
        if known.code is Code.KEY_CONFLICT:
            # The form was sent before for something else, and that lies there. This one has not been printed.
            key = self._site.runtime.ids.new()
        language = self._site.words(request).t.language
        said = refusal_text(known.code, language)
        return await self._page(request, session, payment, wish, key, wrong=said, detail=known.detail)

    async def _page(
        self,
        request: Request,
        session: Session,
        payment: Payment,
        wish: Wish,
        key: str,
        **wrong: str,
    ) -> Response:
        words = self._site.words(request)
        shown = await self._desk.receipt(payment.id, await self._marked(payment, wish), Form.TEXT)
        notice = request.query_params.get("notice")
        return self._site.page(
            request,
            "receipt.html",
            session=session,
            status=HTTPStatus.CONFLICT if wrong else HTTPStatus.OK,
            payment=payment,
            title=words.name(payment),
            receipt=shown.decode(),
            wish=wish,
            copies=list(Copy),
            spoken=wish.language,
            has_printer=self._desk.has_printer,
            key=key,
            problem=wrong,
            notice=notice if notice in NOTICES else None,
        )


def _address(payment: Payment, wish: Wish) -> str:
    return f"/payments/{payment.id}/receipt?copy={wish.copy}&language={wish.language}"
