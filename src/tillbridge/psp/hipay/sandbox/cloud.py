"""The Cloud API for tills: an order goes in, and the answer comes when the terminal is done (README.md, section 11)."""

import base64
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined
from tillbridge.psp.hipay.sandbox.credentials import Pair
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.shop_terminal import Asked, Ended, Ending, ShopTerminal, euros

LOGIN_REFUSED: Final = "connector.api.login.unauthorized"
INVALID: Final = "required.openapi.requestValidation"
NOT_PERFORMED: Final = "10"
LONGEST: Final = 255


class Kinds(StrEnum):
    """What an order asks of a terminal."""

    DEBIT = "Debit"
    CREDIT = "Credit"
    CANCEL = "Cancel"


class Protocol(StrEnum):
    """How the cloud speaks to the terminal."""

    V31 = "ConcertV3.1"
    V32 = "ConcertV3.2"
    NEPTING = "AppNepting"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


_Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Price(_Part):
    """Cents."""

    amount: Annotated[StrictInt, Field(ge=0)]
    currency: Literal["EUR"] = "EUR"


class Order(_Part):
    """What is paid."""

    order_id: _Text
    price: Price
    transaction_type: Kinds = Kinds.DEBIT
    basket: list[dict[str, object]] = []
    description: str = "POS payment"
    custom_data: dict[str, object] = {}
    sandbox_code: str | None = None


class Host(_Part):
    """Where a terminal of Concert is."""

    host: _Text
    port: Annotated[int, Field(ge=1, le=65535)] = 8888


class Handheld(_Part):
    """Which terminal with HiPay's application it is."""

    serial_number: _Text
    manufacturer: _Text


class Technical(_Part):
    """How the terminal is reached."""

    notify_url: str | None = None
    host_information: Host | None = None
    device_information: Handheld | None = None


class Contract(_Part):
    """A merchant's contract in the terminal."""

    merchant_contract: Annotated[str, Field(min_length=7, max_length=7)]
    rank: Annotated[str, Field(min_length=3, max_length=3)]
    payment_application: Annotated[str, Field(min_length=3, max_length=3)]


class Display(_Part):
    """How the terminal is spoken to."""

    protocol: Protocol = Protocol.V31
    contract_array: list[Contract] = []
    force_authorization: bool = False


class CloudOrder(_Part):
    """The body of an order. What is not named in the published description is left alone."""

    order: Order
    pos_technical_info: Technical
    terminal_transaction_display: Display
    customer: dict[str, object] = {}
    sandbox_code: str | None = None

    @property
    def central(self) -> bool:
        """Whether a central gateway takes the payment."""
        return self.terminal_transaction_display.protocol is Protocol.NEPTING

    def missing(self) -> str | None:
        """The place of what this protocol needs and this order lacks."""
        technical, display = self.pos_technical_info, self.terminal_transaction_display
        if self.central:
            return None if technical.device_information else "pos_technical_info.device_information"
        if technical.host_information is None:
            return "pos_technical_info.host_information"
        return None if display.contract_array else "terminal_transaction_display.contract_array"


def cloud_routes(provider: Provider, terminal: ShopTerminal) -> list[Route]:
    """The paths of the Cloud API."""

    async def order(request: Request) -> Response:
        if provider.credentials.pair(request.headers.get("authorization")) is not Pair.PRIVATE:
            return cloud_refusal(401, LOGIN_REFUSED, "Unauthorized", "The login has been rejected.", "login")
        body = await request.body()
        try:
            wanted = CloudOrder.model_validate_json(body)
        except ValidationError as error:
            return _invalid(".".join(str(step) for step in error.errors(include_url=False)[0]["loc"]) or "body")
        lacking = wanted.missing()
        if lacking is not None:
            return _invalid(lacking)
        played = wanted.sandbox_code or wanted.order.sandbox_code
        if played is not None:
            return _played(played, wanted)
        if wanted.order.transaction_type is Kinds.CANCEL:
            # A terminal of Concert that was never told to can only say that it does not know the operation.
            return _told(wanted, "Failed", {"reason": "12"}, None)
        return _answer(wanted, await terminal.pay(_asked(wanted)))

    async def health(_: Request) -> Response:
        return PlainTextResponse("up")

    return [
        Route("/v1/connector/order", order, methods=["POST"]),
        Route("/v1/connector/healthcheck", health, methods=["GET"]),
    ]


def cloud_refusal(
    status: int, code: str, message: str, description: str, details: str | Mapping[str, str] | None = None
) -> Response:
    """An answer in the envelope of this interface."""
    error: dict[str, object] = {"status": status, "code": code, "message": message, "description": description}
    return JSONResponse({"error": error | ({} if details is None else {"details": details})}, status)


def _invalid(path: str) -> Response:
    return cloud_refusal(400, INVALID, "Bad Request", f"{path} is missing or not as described", {"path": path})


def _asked(wanted: CloudOrder) -> Asked:
    contracts = wanted.terminal_transaction_display.contract_array
    return Asked(
        wanted.order.order_id,
        euros(wanted.order.price.amount),
        Kind.REFUND if wanted.order.transaction_type is Kinds.CREDIT else Kind.SALE,
        contracts[0].merchant_contract if contracts else "",
        wanted.terminal_transaction_display.force_authorization,
        wanted.central,
        {"notify_url": wanted.pos_technical_info.notify_url, "order": wanted.order.model_dump(mode="json")},
    )


def _answer(wanted: CloudOrder, ended: Ended) -> Response:
    outcome = None if ended.payment is None else ended.payment.outcome
    match ended.ending:
        case Ending.PAID:
            ticket = outcome.ticket if isinstance(outcome, Approved) else None
            return _told(wanted, "Success", {}, ticket or _slip(wanted))
        case Ending.REFUSED | Ending.ABORTED:
            reason = outcome.wire_reason if isinstance(outcome, Declined | Aborted) else None
            return _told(wanted, "Failed", {"reason": reason or ended.ending.value}, None)
        case Ending.BUSY if wanted.central:
            return _told(wanted, "Failed", {"reason": "busy"}, None)
        case Ending.SILENT:
            return cloud_refusal(504, "terminal.timeout", "Gateway Timeout", "The terminal gave no answer.")
        case Ending.BUSY | Ending.OFF | Ending.CUT:
            return cloud_refusal(502, "terminal.unavailable", "Bad Gateway", f"The terminal is {_SAID[ended.ending]}.")


_SAID: Final[Mapping[Ending, str]] = {
    Ending.BUSY: "busy",
    Ending.OFF: "switched off or out of reach",
    Ending.CUT: "gone in the middle of the payment",
}


def _slip(wanted: CloudOrder) -> str:
    """A slip in the place of one that the terminal does not print."""
    price = euros(wanted.order.price.amount)
    return f"SANDBOX\nNO MONEY WAS MOVED\n{wanted.order.order_id}\n{price.major()} {price.currency.code}\n"


def _told(wanted: CloudOrder, status: str, why: Mapping[str, str], ticket: str | None) -> Response:
    failed = {"errorCode": NOT_PERFORMED, "errorDescription": "Operation not performed", "errorData": dict(why)}
    body: dict[str, object] = {
        "paymentStatus": status,
        "receipt": base64.b64encode((ticket or "").encode()).decode(),
        **(failed if status == "Failed" else {"errorCode": "", "errorData": {}}),
        "order": wanted.order.model_dump(mode="json", exclude={"sandbox_code"}),
        "customer": wanted.customer,
        "technical_pos_info": wanted.pos_technical_info.model_dump(mode="json", exclude_none=True),
    }
    return JSONResponse(body, HTTPStatus.OK)


def _played(code: str, wanted: CloudOrder) -> Response:
    """The answers that the published stage gives on request, without a terminal."""
    match code:
        case "00":
            done = _told(wanted, "Success", {}, None)
            done.status_code = HTTPStatus.CREATED
            return done
        case "10":
            return _told(wanted, "Failed", {}, None)
        case "20":
            return cloud_refusal(400, "unavailable.terminal.bad.request", "Bad Request", "The terminal is unavailable.")
        case "50":
            code = "undefined.internal.server.error"
            return cloud_refusal(500, code, "Internal Server Error", "An undefined error.")
        case _:
            return _invalid("sandbox_code")
