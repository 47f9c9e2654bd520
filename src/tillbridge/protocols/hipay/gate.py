"""What stands between the guard and the paths: the login, and the number by which support finds a request."""

from collections.abc import Callable
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.hipay.access import WINDOW, Access, Admission
from tillbridge.protocols.hipay.answers import Answer, Answers
from tillbridge.protocols.hipay.strict_json import write
from tillbridge.transports import asgi
from tillbridge.transports.asgi import App, Header, Receive, Scope, Send

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
    return told.status, head(trace_id, *more), write(told.body).encode()


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


def _authorization(scope: Scope) -> bytes | None:
    """The one Authorization header; two of them are as good as none."""
    headers: list[Header] = scope["headers"]
    given = [value for name, value in headers if name == b"authorization"]
    return given[0] if len(given) == 1 else None
