"""The receipts of the native interface. docs/how-to/print-receipts.md is the manual."""

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from tillbridge.connector.api.bodies import Body, digest
from tillbridge.connector.api.describing import NO_STORE, Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.payments import ONE, WRITING, id_of
from tillbridge.connector.api.resources import Resource
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.receipts.desk import MEDIA_TYPES, Form, ReceiptDesk, Source, Wish
from tillbridge.connector.receipts.settings import NARROWEST, WIDEST
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import Code
from tillbridge.domain.receipt import Copy
from tillbridge.upstream.write_keys import WriteKey

TAG: Final = "receipts"

_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The receipt.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "text/html": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

_Columns = Annotated[int | None, Query(ge=NARROWEST, le=WIDEST, description="Characters of a line.")]


class PrintBody(Body):
    """Which receipt to print."""

    # A strict model wants members of an enumeration where JSON has only their texts.
    copy_for: Annotated[Copy, Field(alias="copy", strict=False)] = Copy.CUSTOMER
    source: Annotated[Source, Field(strict=False)] = Source.BUILT
    language: Annotated[Language | None, Field(strict=False)] = None


class PrintResource(Resource):
    """A receipt that the printer has taken. `duplicate` says that it is marked as a copy.

    `replayed` says that the request had been answered before, and nothing was printed now.
    """

    payment_id: str
    # pydantic has a method of the name that the wire uses.
    copy_for: Copy = Field(alias="copy")
    duplicate: bool
    replayed: bool


class _Receipts:
    """The routes' functions, over one desk."""

    def __init__(self, desk: ReceiptDesk) -> None:
        self._desk = desk

    async def receipt(
        self,
        payment_id: str,
        *,
        copy: Copy = Copy.CUSTOMER,
        format: Form = Form.TEXT,  # noqa: A002  # the word that the address uses
        source: Source = Source.BUILT,
        language: Language | None = None,
        columns: _Columns = None,
        duplicate: bool = False,
    ) -> Response:
        """The receipt of a payment that is over, built here, or the terminal's own where it sent one.

        What is in doubt gives a note that is no proof of a payment. `duplicate` marks it as a copy.
        """
        wish = Wish(copy, source, language, columns, duplicate)
        content = await self._desk.receipt(id_of(payment_id), wish, format)
        return Response(content, headers=NO_STORE, media_type=MEDIA_TYPES[format])

    async def print(
        self, request: Request, payment_id: str, body: PrintBody, idempotency_key: IdempotencyKey
    ) -> Response:
        """Hands a receipt to the printer of the settings. From the second one on it is marked as a copy."""
        wanted = id_of(payment_id)
        key = WriteKey(granted(request).caller, idempotency_key, digest(body, "print_receipt", wanted))
        wish = Wish(body.copy_for, body.source, body.language)
        begun = await self._desk.print(wanted, wish, key)
        return json_answer(
            PrintResource(payment_id=wanted, copy=body.copy_for, duplicate=begun.duplicate, replayed=begun.replayed)
        )


def add_receipts(app: FastAPI, desk: ReceiptDesk) -> None:
    """Adds the routes of a payment's receipt."""
    of = _Receipts(desk)
    path = "/payments/{payment_id}/receipt"
    reading = (*ONE, Code.FIELD_INVALID, Code.STILL_RUNNING)
    printing = (*WRITING, *ONE, Code.STILL_RUNNING, Code.PRINTER_UNAVAILABLE)
    for route in (
        Route("GET", path, of.receipt, "get_receipt", "See its receipt", TAG, errors=reading, more=_FORMS),
        Route(
            "POST",
            f"{path}/print",
            of.print,
            "print_receipt",
            "Print its receipt",
            TAG,
            PrintResource,
            printing,
            (Scope.PAY, Scope.REFUND),
        ),
    ):
        route.add_to(app)
