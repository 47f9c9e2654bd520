"""The Terminal API: a payment is taken at once, and its result comes as a signed callback (README.md, section 11)."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge import __version__
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment
from tillbridge.psp.hipay.sandbox.calling_back import Callbacks, Letter
from tillbridge.psp.hipay.sandbox.credentials import Pair
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.settings import REACHABLE
from tillbridge.psp.hipay.sandbox.shop_terminal import Asked, Ended, Ending, ShopTerminal, euros
from tillbridge.web.webhooks.addresses import AddressRefused, check_url

TOO_EARLY: Final = timedelta(seconds=10)
"""For so long the very same body is taken for a repeat: the published text says seconds."""

_Text = Annotated[str, Field(min_length=1, max_length=255)]


class Operation(StrEnum):
    """What a terminal is asked for."""

    DEBIT = "Debit"
    CREDIT = "Credit"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Order(_Part):
    """What is paid."""

    reference: Annotated[str, Field(min_length=3, max_length=32)]
    basket: list[dict[str, object]] = []
    customer: dict[str, object] = {}
    customData: dict[str, object] = {}  # noqa: N815  # the wire's own name


class Handheld(_Part):
    """The terminal."""

    id: _Text
    model: str = ""
    serial: str = ""


class Notifications(_Part):
    """Where the result goes, and where the gateway's notifications go."""

    emitter: _Text
    serverToServer: str | None = None  # noqa: N815  # the wire's own name


class Communication(_Part):
    """How the two sides speak."""

    terminal: Handheld
    mode: Literal["Async"]
    notifications: Notifications
    emitter: str = ""


class Wanted(_Part):
    """The body of a payment."""

    amount: Annotated[StrictInt, Field(ge=1)]
    order: Order
    communication: Communication
    operation: Operation = Operation.DEBIT
    currency: Literal["EUR"] = "EUR"
    forceAuthorization: bool = False  # noqa: N815  # the wire's own name


_MESSAGES: Final[Mapping[Ending, tuple[str, str]]] = {
    Ending.PAID: ("Success", "The payment was made"),
    Ending.REFUSED: ("Refused", "The payment was refused"),
    Ending.ABORTED: ("Aborted", "The payment was stopped"),
    Ending.BUSY: ("Busy", "The terminal is busy"),
    Ending.OFF: ("Error", "The terminal cannot be reached"),
    Ending.CUT: ("Unknown", "It is not known what became of the payment"),
    Ending.SILENT: ("Unknown", "It is not known what became of the payment"),
}


class TerminalApi:
    """What has just been asked for, and the payments under way."""

    def __init__(self, provider: Provider, terminal: ShopTerminal, callbacks: Callbacks) -> None:
        self._provider = provider
        self._terminal = terminal
        self._callbacks = callbacks
        self._recent: dict[bytes, datetime] = {}

    def routes(self) -> list[Route]:
        """Its paths."""
        return [
            Route("/v1/connector/transaction", self._take, methods=["POST"]),
            Route("/v1/connector/status/healthcheck", self._up, methods=["GET"]),
            Route("/v1/connector/status/version", self._version, methods=["GET"]),
        ]

    async def _up(self, _: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def _version(self, _: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def _take(self, request: Request) -> Response:
        if self._provider.credentials.pair(request.headers.get("authorization")) is not Pair.PRIVATE:
            return flat_refusal(401, "api-rules.unauthorized.error", "Unauthorized", "the token was not accepted")
        body = await request.body()
        try:
            wanted = Wanted.model_validate_json(body)
            check_url(wanted.communication.notifications.emitter, REACHABLE)
        except ValidationError as error:
            path = ".".join(str(step) for step in error.errors(include_url=False)[0]["loc"]) or "body"
            return flat_refusal(400, "api.bad_request.error", "Bad Request", f"{path} is not as described", path)
        except AddressRefused as refusal:
            path = "communication.notifications.emitter"
            return flat_refusal(400, "api.bad_request.error", "Bad Request", str(refusal), path)
        if self._just_asked(body):
            return flat_refusal(425, "api.too-early.error", "Too Early", "the same was asked for seconds ago")
        number = self._provider.runtime.ids.new()
        self._callbacks.begin(lambda: self._played(number, wanted))
        return JSONResponse({"id": number}, 202)

    def _just_asked(self, body: bytes) -> bool:
        now = self._provider.runtime.clock.now()
        self._recent = {seen: at for seen, at in self._recent.items() if timedelta() <= now - at < TOO_EARLY}
        print_ = hashlib.sha256(body).digest()
        again = print_ in self._recent
        self._recent.setdefault(print_, now)
        return again

    async def _played(self, number: str, wanted: Wanted) -> Letter:
        """The payment, and the letter that tells of it."""
        told = {"notify_url": wanted.communication.notifications.serverToServer, "order": wanted.order.model_dump()}
        kind = Kind.REFUND if wanted.operation is Operation.CREDIT else Kind.SALE
        asked = Asked(
            wanted.order.reference, euros(wanted.amount), kind, "", wanted.forceAuthorization, central=True, body=told
        )
        ended = await self._terminal.pay(asked)
        body = json.dumps(_result(number, wanted, ended, self._provider.runtime.clock.now()), ensure_ascii=False)
        return Letter(wanted.communication.notifications.emitter, body.encode())


def flat_refusal(status: int, code: str, message: str, description: str, path: str | None = None) -> Response:
    """An answer in the shape of this interface."""
    details = {} if path is None else {"path": path}
    body = {"status": status, "code": code, "message": message, "description": description, "details": details}
    return JSONResponse(body, status)


def _result(number: str, wanted: Wanted, ended: Ended, now: datetime) -> dict[str, object]:
    status, message = _MESSAGES[ended.ending]
    outcome = None if ended.payment is None else ended.payment.outcome
    paid = outcome if isinstance(outcome, Approved) else None
    result = {
        "status": status,
        "message": message,
        "amount": wanted.amount if paid is None else paid.amount.minor,
        "currency": wanted.currency,
        "timestamp": int(now.timestamp() * 1000),
        "receipt": (paid.ticket if paid is not None else None) or "",
    }
    body: dict[str, object] = {"id": number, "references": _references(wanted, ended.payment), "result": result}
    if paid is None:
        return body
    card = paid.card
    pan = (card.masked_pan if card is not None else None) or ""
    scheme = (card.application if card is not None else None) or ""
    return body | {
        "card": {"pan": pan.replace("#", ".").replace("*", "."), "expiration": ""},
        "authorization": {"number": paid.authorization_code or "", "code": "00"},
        "processing": {"mode": "ICC", "aid": (card.aid if card is not None else None) or "", "scheme": scheme},
    }


def _references(wanted: Wanted, payment: Payment | None) -> dict[str, str]:
    """The order's own, and the acquirer's: field 37 of a payment's message, whose digits are made of its id."""
    acquirer = "" if payment is None else str(int(payment.id, 16) % 10**12).zfill(12)
    return {"order": wanted.order.reference, "acquirer": acquirer}
