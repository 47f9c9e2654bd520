"""Everything that can go wrong in the native interface, as RFC 9457 problem+json from the one catalogue."""

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from tillbridge.connector.api.resources import ProblemResource
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.problem import MEDIA_TYPE, problem

log = structlog.get_logger(__name__)

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]

ABOUT_THE_PAYMENT: Final = frozenset({Code.STILL_RUNNING, Code.ALREADY_CLOSED, Code.NOTHING_TO_SIGN})
"""Errors that say how an earlier payment stands: there `money_moved` is that payment's, not the refused request's."""

ALWAYS: Final = (
    Code.UNAUTHENTICATED,
    Code.RATE_LIMITED,
    Code.HOST_NOT_ALLOWED,
    Code.ORIGIN_NOT_ALLOWED,
    Code.FIELD_INVALID,
    Code.BODY_TOO_LARGE,
    Code.INTERNAL,
)
"""What any request may meet."""

CODES: Final = "x-codes"
"""The extension of OpenAPI under which a response lists the codes that it may carry."""

VOUCHER_AMOUNT: Final = "voucher_amount"
"""The kind of a wrong field by which the amount of a voucher is known from others."""

_IDEMPOTENCY_KEY: Final = "idempotency-key"


def problem_response(
    error: BridgeError, money_moved: MoneyMoved = MoneyMoved.NO, trace_id: str | None = None
) -> Response:
    """The answer for an error of the catalogue."""
    headers = {"Cache-Control": "no-store"}
    if error.entry.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="tillbridge"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    body = json.dumps(problem(error, trace_id, money_moved), ensure_ascii=False)
    return Response(body, error.entry.status, headers, media_type=MEDIA_TYPE.decode())


def fault_response(error: Exception, path: str, runtime: Runtime) -> Response:
    """The answer for a fault of our own, which goes to the log under the trace number that the answer names."""
    trace_id = runtime.ids.new()
    log.error("request_fault", trace_id=trace_id, path=path, exc_info=error)
    return problem_response(BridgeError(Code.INTERNAL), MoneyMoved.UNKNOWN, trace_id)


def as_bridge_error(error: Exception) -> BridgeError | None:
    """The entry of the catalogue for what the engine and the framework may raise; None for a fault of our own."""
    match error:
        case BridgeError():
            return error
        case StorageUnavailable():
            return BridgeError(Code.JOURNAL_UNAVAILABLE, str(error))
        case MoveRefused():
            return BridgeError(Code.ALREADY_CLOSED, str(error))
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case _:
            return None


def handlers(engine: Engine, runtime: Runtime) -> dict[int | type[Exception], Handler]:
    """The exception handlers of the native interface."""

    async def refuse(request: Request, error: Exception) -> Response:
        known = as_bridge_error(error)
        if known is None:
            return fault_response(error, request.url.path, runtime)
        answer = problem_response(known, await _money_moved(engine, known))
        if known.code is Code.METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = ", ".join(_methods(request))
        return answer

    kinds = (BridgeError, StorageUnavailable, MoveRefused, RequestValidationError, HTTPException, Exception)
    return dict.fromkeys(kinds, refuse)


def documented(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI: these errors, by their status; `x-codes` names them."""
    by_status: dict[int, list[Code]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(BridgeError(code).entry.status, []).append(code)
    schema = {"$ref": f"#/components/schemas/{ProblemResource.__name__}"}
    return {
        status: {
            "description": " ".join(BridgeError(code).entry.title for code in those),
            "content": {MEDIA_TYPE.decode(): {"schema": schema}},
            CODES: [code.value for code in those],
        }
        for status, those in by_status.items()
    }


async def _money_moved(engine: Engine, error: BridgeError) -> MoneyMoved:
    if error.code in ABOUT_THE_PAYMENT and error.payment_id is not None:
        return (await engine.inquire(error.payment_id)).money_moved
    return MoneyMoved.NO


def _methods(request: Request) -> list[str]:
    """The methods that this path does take; the framework itself names only those of the first route that fits."""
    fitting = (route for route in request.app.routes if isinstance(route, Route))
    return sorted(
        {
            method
            for route in fitting
            if route.matches(request.scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
    )


def _invalid(error: RequestValidationError) -> BridgeError:
    first = error.errors()[0]
    source, *path = (str(step) for step in first["loc"])
    if source == "header" and path[0].lower() == _IDEMPOTENCY_KEY and first["type"] == "missing":
        return BridgeError(Code.KEY_REQUIRED)
    if source == "body" and not path:
        return BridgeError(Code.BODY_INVALID, "one JSON object with Content-Type: application/json is expected")
    code = Code.VOUCHER_AMOUNT if first["type"] == VOUCHER_AMOUNT else Code.FIELD_INVALID
    return BridgeError(code, first["msg"], place=".".join(path) or source)


def _http(error: HTTPException) -> BridgeError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return BridgeError(Code.PATH_UNKNOWN)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return BridgeError(Code.METHOD_NOT_ALLOWED)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BridgeError(Code.BODY_TOO_LARGE, str(error.detail))
        case _:
            return BridgeError(Code.BODY_INVALID, str(error.detail))
