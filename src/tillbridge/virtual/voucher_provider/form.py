"""The documented form over HTTP, with whatever the switches make of it."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge.virtual.voucher_provider.books import Books, Refused
from tillbridge.virtual.voucher_provider.faults import BEFORE, Asked, Fault, Faults, Switch
from tillbridge.web.asgi import line_of

PATH: Final = "/vouchers/{code}"
HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"

_REFUSALS: Final[Mapping[Fault, HTTPStatus]] = {
    Fault.UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    Fault.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Fault.CONFLICT: HTTPStatus.CONFLICT,
    Fault.ERROR_BEFORE: HTTPStatus.INTERNAL_SERVER_ERROR,
    Fault.ERROR_AFTER: HTTPStatus.INTERNAL_SERVER_ERROR,
}


@dataclass(slots=True)
class Form:
    """The routes' functions over the books. `key` is the branch's; `heard` counts what was asked."""

    books: Books
    faults: Faults
    key: str
    heard: dict[Asked, int]

    def routes(self) -> list[Route]:
        """The three paths."""
        return [
            Route(f"{PATH}/balance", self.balance, methods=["GET"]),
            Route(f"{PATH}/redeem", self.redeem, methods=["POST"]),
            Route(f"{PATH}/cancel", self.cancel, methods=["POST"]),
        ]

    async def balance(self, request: Request) -> Response:
        """What is on a card."""
        return await self._served(request, Asked.BALANCE)

    async def redeem(self, request: Request) -> Response:
        """Takes an amount."""
        return await self._served(request, Asked.REDEEM)

    async def cancel(self, request: Request) -> Response:
        """Gives an amount back."""
        return await self._served(request, Asked.CANCEL)

    async def _served(self, request: Request, asked: Asked) -> Response:
        self.heard[asked] = self.heard.get(asked, 0) + 1
        if not self._knows(request):
            return _refused(HTTPStatus.UNAUTHORIZED, "The key is not known.")
        switch = self.faults.take(asked)
        if switch is not None and switch.fault in BEFORE:
            return await _instead(request, switch.fault)
        try:
            answer = self._carried_out(request.path_params["code"], asked, await _body(request, asked), switch)
        except Refused as refusal:
            return _refused(refusal.status, refusal.message)
        return JSONResponse(answer) if switch is None else await _spoiled(request, answer, switch)

    def _knows(self, request: Request) -> bool:
        given = request.headers.get("x-api-key") or request.query_params.get("apikey", "")
        return hmac.compare_digest(given.encode(), self.key.encode())

    def _carried_out(
        self, code: str, asked: Asked, body: Mapping[str, object], switch: Switch | None
    ) -> dict[str, object]:
        more = 1 if switch is not None and switch.fault is Fault.OTHER_AMOUNT else 0
        match asked:
            case Asked.BALANCE:
                return self.books.balance(code)
            case Asked.REDEEM:
                return self.books.redeem(code, body, more)
            case Asked.CANCEL:
                return self.books.cancel(code, body)


async def _body(request: Request, asked: Asked) -> Mapping[str, object]:
    if asked is Asked.BALANCE:
        return {}
    try:
        found = json.loads(await request.body())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The body is no JSON object.")
    return found


def _refused(status: HTTPStatus, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)


async def _instead(request: Request, fault: Fault) -> Response:
    if fault is Fault.CUT_BEFORE:
        return await _cut(request)
    return _refused(_REFUSALS[fault], f"The switch {fault} is on.")


async def _spoiled(request: Request, answer: dict[str, object], switch: Switch) -> Response:
    """What was carried out, answered as the switch has it."""
    balance = answer["balance_in_cents"]
    match switch.fault:
        case Fault.LATE:
            await asyncio.sleep(switch.seconds)
        case Fault.CUT_AFTER:
            return await _cut(request)
        case Fault.ERROR_AFTER:
            return _refused(_REFUSALS[switch.fault], "The switch error-after is on.")
        case Fault.BROKEN_JSON:
            return Response(json.dumps(answer)[:-9], media_type="application/json")
        case Fault.OTHER_BALANCE if isinstance(balance, int):
            return JSONResponse({**answer, "balance_in_cents": balance + 700})
        case Fault.OTHER_CODE:
            return JSONResponse({**answer, "code": "0" * 14})
        case Fault.WITH_MESSAGE:
            return JSONResponse({**answer, "message": "Please call us."})
        case Fault.TWICE:
            line = line_of(request.scope)
            body = json.dumps(answer).encode()
            if line is not None:
                line.write((HEAD % len(body)) + body)
        case _:
            pass
    return JSONResponse(answer)


async def _cut(request: Request) -> Response:
    """Breaks the connection off; what is returned reaches nobody."""
    line = line_of(request.scope)
    if line is not None:
        line.abort()
    return Response(status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
