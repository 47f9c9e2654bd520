"""Slips of vouchers in the native interface: to read, to print by oneself, or handed to the printer of the settings."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from tillbridge.connector.api.bodies import digest
from tillbridge.connector.api.describing import NO_STORE, Route
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import ONE, WRITING
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.api.voucher_resources import LookupBody, voucher_problem
from tillbridge.connector.api.vouchers import TAG, UNANSWERED, known_desk
from tillbridge.connector.receipts.desk import MEDIA_TYPES, Form, ReceiptDesk
from tillbridge.connector.receipts.settings import NARROWEST, WIDEST
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.slip_desk import SlipDesk
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES
from tillbridge.domain.voucher_slip import SlipKind, VoucherSlip

_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK: {
        "description": "The slip.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "text/html": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_Columns = Annotated[int | None, Query(ge=NARROWEST, le=WIDEST, description="Characters of a line.")]
_Spoken = Annotated[Language | None, Field(strict=False)]
_PAY: Final = (Scope.PAY, Scope.REFUND)


class SlipBody(LookupBody):
    """A slip of what is on a voucher now: `format` is text, html or escpos; `language` null is that of the receipts."""

    form: Annotated[Form, Field(alias="format", strict=False)] = Form.TEXT
    language: _Spoken = None
    columns: Annotated[int, Field(ge=NARROWEST, le=WIDEST)] | None = None


class PrintSlipBody(LookupBody):
    """The same for the printer of the settings."""

    language: _Spoken = None


class SlipPrintedResource(Resource):
    """A slip that the printer has taken."""

    kind: SlipKind


class _Slips:
    """The routes' functions."""

    def __init__(self, vouchers: Vouchers, slips: SlipDesk) -> None:
        self._vouchers = vouchers
        self._slips = slips
        self._repeats = Repeats()

    async def of_voucher(self, body: SlipBody, idempotency_key: IdempotencyKey) -> Response:
        """A slip of what is on a voucher at this moment, as the portal has just confirmed it. Nothing is moved."""
        del idempotency_key  # it may be asked for as often as anybody likes
        try:
            slip = await self._slips.of_voucher(body.code, body.currency)
        except BridgeError as error:
            return voucher_problem(error, body.currency)
        return await self._written(slip, body.form, body.language, body.columns)

    async def print_voucher(self, request: Request, body: PrintSlipBody, idempotency_key: IdempotencyKey) -> Response:
        """Hands a slip of what is on a voucher to the printer; a repeat under the same key prints nothing."""

        async def act() -> Resource:
            slip = await self._slips.of_voucher(body.code, body.currency)
            await self._slips.print(slip, body.language)
            return SlipPrintedResource(kind=slip.kind)

        fingerprint = digest(body, "print_voucher_slip")
        try:
            return await self._repeats.once(granted(request).caller, idempotency_key, fingerprint, act)
        except BridgeError as error:
            return voucher_problem(error, body.currency)

    async def of_action(
        self,
        key: str,
        *,
        format: Form = Form.TEXT,  # noqa: A002  # the word that the address uses
        language: Language | None = None,
        columns: _Columns = None,
    ) -> Response:
        """The slip of an action as it stands now: what was taken, loaded or goes back, with its reference.

        It names a balance only where the portal has confirmed one; what is not known yet says so.
        """
        desk = await known_desk(self._vouchers, key)
        return await self._written(self._slips.of_action(desk, key), format, language, columns)

    async def print_action(
        self, request: Request, key: str, idempotency_key: IdempotencyKey, language: Language | None = None
    ) -> Response:
        """Hands the slip of an action to the printer; a repeat under the same key prints nothing."""
        desk = await known_desk(self._vouchers, key)

        async def act() -> Resource:
            slip = self._slips.of_action(desk, key)
            await self._slips.print(slip, language)
            return SlipPrintedResource(kind=slip.kind)

        fingerprint = f"print_voucher_slip {key} {language}"
        return await self._repeats.once(granted(request).caller, idempotency_key, fingerprint, act)

    async def _written(self, slip: VoucherSlip, form: Form, language: Language | None, columns: int | None) -> Response:
        content = await self._slips.written(slip, form, language, columns)
        return Response(content, headers=NO_STORE, media_type=MEDIA_TYPES[form])


def add_voucher_slips(app: FastAPI, vouchers: Vouchers, receipts: ReceiptDesk) -> None:
    """Adds the routes of slips."""
    of = _Slips(vouchers, SlipDesk(vouchers, receipts))
    looking = (*WRITING, *UNANSWERED, *VOUCHER_ENTRIES)
    printing, shape, unavailable = (*WRITING, *ONE), SlipPrintedResource, Code.PRINTER_UNAVAILABLE
    stopping = Code.CONNECTOR_STOPPING
    one, voucher = (of.of_action, "get_voucher_slip"), (of.of_voucher, "make_voucher_slip")
    print_one, print_it = (of.print_action, "print_voucher_slip"), (of.print_voucher, "print_balance_slip")
    path, key = "/vouchers/slip", "/vouchers/{key}/slip"
    for route in (
        Route("POST", path, *voucher, "Make a slip", TAG, errors=looking, scopes=_PAY, more=_FORMS),
        Route("POST", f"{path}/print", *print_it, "Print a slip", TAG, shape, (*looking, unavailable), _PAY),
        Route("GET", key, *one, "See its slip", TAG, errors=(*ONE, stopping), more=_FORMS),
        Route(
            "POST", f"{key}/print", *print_one, "Print its slip", TAG, shape, (*printing, unavailable, stopping), _PAY
        ),
    ):
        route.add_to(app)
