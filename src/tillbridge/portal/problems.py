"""Every error of the portal: as problem+json for programs, as a page for people."""

import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.portal.pages.site import Site
from tillbridge.portal.vouchers.holding import is_recovering
from tillbridge.runtime.effects import Runtime
from tillbridge.web.going import address
from tillbridge.web.language import choose
from tillbridge.web.problem import MEDIA_TYPE, problem

SIGN_IN: Final = "/sign-in"
STEP_UP: Final = "/step-up"

ALLOW: Final = "Allow"

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]

log = structlog.get_logger(__name__)


def api_handlers(runtime: Runtime) -> dict[int | type[Exception], Handler]:
    """The exception handlers of the HTTP interface."""

    async def refuse(request: Request, error: Exception) -> Response:
        known = as_bridge_error(error)
        if known is None:
            return problem_response(request, BridgeError(Code.PORTAL_FAULT), fault(runtime, request, error))
        return allowing(problem_response(request, known), error)

    return dict.fromkeys((BridgeError, RequestValidationError, HTTPException, Exception), refuse)


def page_handlers(site: Site) -> dict[int | type[Exception], Handler]:
    """The exception handlers of the pages."""

    async def show(request: Request, error: Exception) -> Response:
        known, trace = as_bridge_error(error), None
        if known is None:
            trace = fault(site.house.runtime, request, error)
            known = BridgeError(Code.PORTAL_FAULT)
        if "text/html" not in request.headers.get("accept", ""):
            return allowing(problem_response(request, known, trace), error)
        if known.code in _ELSEWHERE:
            return _elsewhere(site, request, _ELSEWHERE[known.code])
        try:
            return allowing(await _error_page(site, request, known, trace), error)
        except Exception as again:  # noqa: BLE001  # the page needs much that may be what is broken; this answer does not
            trace = fault(site.house.runtime, request, again)
            return problem_response(request, known, trace)

    return dict.fromkeys((BridgeError, HTTPException, Exception), show)


def problem_response(request: Request, error: BridgeError, trace_id: str | None = None) -> Response:
    """The answer for an error of the catalogue, with the cashier's sentence in the language that was asked for."""
    language = choose(None, None, request.headers.get("accept-language"))
    moved = MoneyMoved.NO if trace_id is None else MoneyMoved.UNKNOWN
    body = problem(error, trace_id, moved) | {
        "cashier_text": refusal_text(error.code, language),
        "final": not error.entry.passing,
        **error.members,
    }
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.entry.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'DPoP algs="Ed25519 EdDSA"'
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, error.entry.status, headers, media_type=MEDIA_TYPE.decode())


def allowing(answer: Response, error: Exception) -> Response:
    """The answer; that to a method which an address does not have names those that it has (RFC 9110, 15.5.6)."""
    if isinstance(error, HTTPException) and error.headers and ALLOW in error.headers:
        answer.headers[ALLOW] = error.headers[ALLOW]
    return answer


def as_bridge_error(error: Exception) -> BridgeError | None:
    """The entry of the catalogue for what the framework may raise; None for a fault of our own."""
    match error:
        case BridgeError():
            return error
        case RequestValidationError():
            first = error.errors()[0]
            source, *path = (str(step) for step in first["loc"])
            return BridgeError(Code.FIELD_INVALID, first["msg"], place=".".join(path) or source)
        case HTTPException():
            return BridgeError(_BY_STATUS.get(error.status_code, Code.BODY_INVALID), str(error.detail))
        case _:
            return None


def fault(runtime: Runtime, request: Request, error: Exception) -> str:
    """Logs a fault of our own; returns the trace number under which support finds it."""
    trace_id = runtime.ids.new()
    log.error("request_fault", trace_id=trace_id, path=request.url.path, exc_info=error)
    return trace_id


def _elsewhere(site: Site, request: Request, path: str) -> Response:
    """To the page that helps, and back afterwards: to where a form stood, if a form was sent."""
    back = address(request) if request.method == "GET" else quote(_page_of(site, request), safe="/")
    return RedirectResponse(f"{path}?next={back}", HTTPStatus.SEE_OTHER)


def _page_of(site: Site, request: Request) -> str:
    """The page of ours that a form was sent from; behind a proxy the request's own scheme is not the browser's."""
    referrer = request.headers.get("referer", "")
    for own in (*site.house.settings.addresses, f"{request.url.scheme}://{request.url.netloc}"):
        if referrer.startswith(f"{own}/"):
            return referrer.removeprefix(own)
    return "/"


async def _error_page(site: Site, request: Request, error: BridgeError, trace: str | None) -> Response:
    try:
        visit = await site.doorkeeper.visit(request)
    except BridgeError:
        visit = None  # the database is away: the page says so to nobody in particular
    language = site.language(request, None if visit is None else visit.person)
    answer = await site.page(
        request,
        "error.html",
        visit=visit,
        status=error.entry.status,
        error=error,
        kind=_KINDS.get(error.entry.status, "refused"),
        own="error.text.recovering" if is_recovering(error) else f"error.text.{error.code}",
        sentence=_sentence(error, language),
        trace=trace,
    )
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _sentence(error: BridgeError, language: Language) -> str:
    """What happened, in the reader's language; the detail is for programs and in English."""
    return refusal_text(error.code, language)


_BY_STATUS: Final[Mapping[int, Code]] = {
    HTTPStatus.NOT_FOUND: Code.PATH_UNKNOWN,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Code.BODY_TOO_LARGE,
}

_ELSEWHERE: Final[Mapping[Code, str]] = {Code.SIGNED_OUT: SIGN_IN, Code.STEP_UP_NEEDED: STEP_UP}

_KINDS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "unknown",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.SERVICE_UNAVAILABLE: "away",
    HTTPStatus.INTERNAL_SERVER_ERROR: "fault",
}
"""Which heading an error page has, by the status; `refused` for the rest."""
