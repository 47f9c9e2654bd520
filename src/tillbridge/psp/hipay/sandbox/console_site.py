"""The provider's small console as routes, and what it shows where something is not there or goes wrong."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.console import Pages
from tillbridge.psp.hipay.sandbox.console_forms import Forms
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.showing import show, words_of
from tillbridge.web.going import own_path, see_other
from tillbridge.web.language import COOKIE, COOKIE_SECONDS
from tillbridge.web.problem import problem_json

log = structlog.get_logger(__name__)

_KINDS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "unknown",
    HTTPStatus.SERVICE_UNAVAILABLE: "disk",
    HTTPStatus.INTERNAL_SERVER_ERROR: "fault",
}


def console_routes(provider: Provider) -> list[Route]:
    """Every page and form."""
    pages = Pages(provider)
    forms = Forms(provider, pages)
    one = "/transactions/{reference}"
    return [
        Route("/", pages.transactions, methods=["GET"]),
        Route(one, pages.transaction, methods=["GET"]),
        Route("/notifications", pages.notices, methods=["GET"]),
        Route("/messages", pages.messages, methods=["GET"]),
        Route("/faults", pages.faults, methods=["GET"]),
        Route("/language/{code}", _language, methods=["GET"]),
        Route("/collect", forms.collect_all, methods=["POST"]),
        Route(one + "/{action}", forms.on_transaction, methods=["POST"]),
        Route("/notifications/{seq:int}/again", forms.again, methods=["POST"]),
        Route("/messages/acquired", forms.acquired, methods=["POST"]),
        Route("/faults", forms.fault, methods=["POST"]),
    ]


def console_errors(provider: Provider) -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """Errors as a page for people, and as a problem for programs that ask for something else."""

    async def shown(request: Request, error: Exception) -> Response:
        known = _known(error)
        if known.code is Code.INTERNAL:
            log.error("sandbox_fault", path=request.url.path, exc_info=error)
        if "text/html" not in request.headers.get("accept", ""):
            status, headers, body = problem_json(known)
            return Response(body, status, {name.decode(): value.decode() for name, value in headers})
        kind = _KINDS.get(known.entry.status, "refused")
        return show(
            request, words_of(request, provider), "error.html", known.entry.status, kind=kind, said=known.detail
        )

    return dict.fromkeys((BridgeError, GatewayRefusal, HTTPException, Exception), shown)


def _known(error: Exception) -> BridgeError:
    match error:
        case BridgeError():
            return error
        case GatewayRefusal():
            code = Code.PATH_UNKNOWN if error.http_status == HTTPStatus.NOT_FOUND else Code.FIELD_INVALID
            return BridgeError(code, error.description)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            return BridgeError(Code.METHOD_NOT_ALLOWED)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return BridgeError(Code.PATH_UNKNOWN)
        case HTTPException():
            return BridgeError(Code.BODY_INVALID)
        case _:
            return BridgeError(Code.INTERNAL)


async def _language(request: Request) -> Response:
    """Switches the language, and goes back to where the switch stood."""
    code = request.path_params["code"]
    if code not in frozenset(Language):
        raise BridgeError(Code.PATH_UNKNOWN)
    answer = see_other(own_path(request.query_params.get("back")))
    answer.set_cookie(COOKIE, code, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", path="/")
    return answer
