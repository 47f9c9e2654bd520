"""What stands between the guard and the paths: the login, the number of each request, and what a failure looks like."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from starlette.exceptions import HTTPException

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import http_door
from tillbridge.protocols.hipay.access import WINDOW, Access, Admission
from tillbridge.protocols.hipay.answers import Answer, Answers
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Header, Receive, Scope, Send

TRACE: Final = "tillbridge.trace"
"""Where a request's trace number stands in its scope."""

_LOGIN_WANTED: Final[Header] = (b"www-authenticate", b'Basic realm="tillbridge", charset="UTF-8"')
_WAIT: Final[Header] = (b"retry-after", str(int(WINDOW)).encode())

_log = structlog.get_logger(__name__)


def head(trace_id: str, *more: Header) -> list[Header]:
    """The headers of every answer."""
    return [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-trace-id", trace_id.encode()),
        *more,
    ]


def whole(told: Answer, trace_id: str, *more: Header) -> asgi.Answer:
    """An answer with everything that HTTP wants."""
    return told.status, head(trace_id, *more), told.text.encode()


class Gate:
    """ASGI middleware: lets only this door's caller through, on every path."""

    def __init__(self, app: App, access: Access, answers: Answers, new_trace: Callable[[], str]) -> None:
        self._app = app
        self._access = access
        self._answers = answers
        self._new_trace = new_trace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = scope[TRACE] = self._new_trace()
        address = scope["client"][0] if scope.get("client") else "unknown"
        match await self._access.admits(_authorization(scope), address):
            case Admission.ADMITTED:
                await self._app(scope, receive, send)
            case Admission.REFUSED:
                await self._refuse(send, trace_id, address, Code.UNAUTHENTICATED, _LOGIN_WANTED)
            case Admission.TOO_MANY:
                await self._refuse(send, trace_id, address, Code.RATE_LIMITED, _WAIT)

    async def _refuse(self, send: Send, trace_id: str, address: str, code: Code, header: Header) -> None:
        _log.warning("login refused", address=address, code=code.value, trace_id=trace_id)
        await asgi.answer(send, whole(self._answers.refusal(BridgeError(code), trace_id), trace_id, header))


class Refusing(http_door.Refusing):
    """What this wire says of a failure."""

    def __init__(self, app: App, answers: Answers) -> None:
        super().__init__(app)
        self._answers = answers

    def refusal(self, error: Exception, scope: Scope) -> asgi.Answer:
        """See `http_door.Refusing.refusal`."""
        trace_id: str = scope[TRACE]
        allowed: list[Header] = []
        match error:
            case BridgeError():
                refused = error
            case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers=headers):
                refused = BridgeError(Code.METHOD_NOT_ALLOWED)
                allowed = [(b"allow", value.encode()) for name, value in (headers or {}).items() if name == "Allow"]
            case HTTPException():
                refused = BridgeError(Code.PATH_UNKNOWN)
            case _:
                _log.error("a fault that nobody expected", exc_info=error, trace_id=trace_id)
                refused = BridgeError(Code.INTERNAL)
        return whole(self._answers.refusal(refused, trace_id), trace_id, *allowed)


def _authorization(scope: Scope) -> bytes | None:
    """The one Authorization header; two of them are as good as none."""
    headers: list[Header] = scope["headers"]
    given = [value for name, value in headers if name == b"authorization"]
    return given[0] if len(given) == 1 else None
