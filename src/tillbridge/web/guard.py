"""What stands before every HTTP interface of this computer: who is addressed, who sends, and how much.

A web page in a browser on the same computer can send requests to a local port. Two rules keep it away from money: the
`Host` header must be a name that is served here (else a foreign name was bent to this address, "DNS rebinding"), and a
request that changes something must not come from a page of another site.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.web.asgi import Answer, App, Header, Message, Receive, Scope, Send, answer
from tillbridge.web.problem import problem_json

MAX_BODY: Final = 256 * 1024
"""Bytes of a request's body. A payment with a cart of a hundred lines needs 30 KB; this leaves room for large ones."""

MAX_HEADERS: Final = 16 * 1024
"""Bytes of all headers together, the customary limit of web servers; a till sends less than one KB."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

Render = Callable[[BridgeError], Answer]


class LoopbackGuard:
    """ASGI middleware: refuses what is not meant for `app`, in the shape that `render` gives to an error.

    `hosts` are further names (without a port) under which this computer is addressed; `origins` are sites whose pages
    may send requests ("https://till.example"). `state_changing_paths` are paths that change something although a
    safe method reaches them. `max_body` is in bytes, one for all or by the path; more is refused with 413. A body whose
    length is not announced is collected before anybody asks who sends it, so it never gets more than `MAX_BODY`.
    `websockets` lets programs open one, never a page in a browser. A refused request never
    reaches the application.
    """

    def __init__(
        self,
        app: App,
        *,
        render: Render = problem_json,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        state_changing_paths: Iterable[str] = (),
        max_body: int | Callable[[str], int] = MAX_BODY,
        websockets: bool = False,
    ) -> None:
        self._app = app
        self._render = render
        self._hosts = LOCAL_NAMES | {_as_in_a_header(host) for host in hosts}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._state_changing = frozenset(state_changing_paths)
        self._max_body = max_body if callable(max_body) else lambda _: max_body
        self._websockets = websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        match scope["type"]:
            case "lifespan":
                await self._app(scope, receive, send)
            case "http":
                await self._serve(scope, receive, send)
            case "websocket" if self._websockets and self._no_page_asks(scope):
                await self._app(scope, receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            most = self._max_body(scope["path"])
            unannounced = self._check(scope, most)
            heard = await _whole_body(receive, min(most, MAX_BODY)) if unannounced else receive
        except BridgeError as error:
            await answer(send, self._render(error))
            return
        if heard is not None:
            await self._app(scope, heard, send)

    def _no_page_asks(self, scope: Scope) -> bool:
        """Whether a program of ours opens this WebSocket: a browser names its page, and no page of anybody may."""
        try:
            self._check_host(scope["headers"])
        except BridgeError:
            return False
        return not _all(scope["headers"], b"origin")

    def _check(self, scope: Scope, most: int) -> bool:
        """Refuses by raising; returns whether a body follows whose length is not announced."""
        headers: list[Header] = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS:
            raise BridgeError(Code.BODY_TOO_LARGE, f"the headers are limited to {MAX_HEADERS} bytes in all")
        host = self._check_host(headers)
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            raise BridgeError(Code.BODY_INVALID, "an address holds no zero bytes", place="path")
        if scope["method"] not in SAFE_METHODS or scope["path"] in self._state_changing:
            self._check_origin(scope["scheme"], host, headers)
        return _check_length(headers, most)

    def _check_host(self, headers: list[Header]) -> str:
        given = _all(headers, b"host")
        found = _HOST.fullmatch(given[0].decode("latin-1").lower()) if len(given) == 1 else None
        if found is None or found["name"] not in self._hosts:
            named = ", ".join(repr(one.decode("latin-1")[:100]) for one in given[:2]) or "nothing"
            raise BridgeError(Code.HOST_NOT_ALLOWED, f"the Host header says {named}", place="Host")
        return found[0]

    def _check_origin(self, scheme: str, host: str, headers: list[Header]) -> None:
        given = [one.decode("latin-1").lower() for one in _all(headers, b"origin")]
        for origin in given:
            if not (origin in self._origins or _same(origin, scheme, host)):
                raise BridgeError(Code.ORIGIN_NOT_ALLOWED, f"the Origin header says {origin[:100]!r}", place="Origin")
        if not given and b"cross-site" in _all(headers, b"sec-fetch-site"):
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the browser says that it is cross-site", place="Sec-Fetch-Site")


def _check_length(headers: list[Header], most: int) -> bool:
    lengths = _all(headers, b"content-length")
    if not lengths:
        return bool(_all(headers, b"transfer-encoding"))
    if _LENGTH.fullmatch(lengths[0]) is None:
        raise BridgeError(Code.BODY_INVALID, "the Content-Length header is not a number", place="Content-Length")
    if int(lengths[0]) > most:
        raise _too_large(most)
    return False


async def _whole_body(receive: Receive, most: int) -> Receive | None:
    """Reads a body of unknown length up to the limit; None when the client went away in the middle."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _too_large(most)
    return _replayed(bytes(body), receive)


def _too_large(most: int) -> BridgeError:
    return BridgeError(Code.BODY_TOO_LARGE, f"the body is limited to {most} bytes")


def _replayed(body: bytes, receive: Receive) -> Receive:
    first = True

    async def hear() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return hear


def _all(headers: list[Header], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _as_in_a_header(host: str) -> str:
    host = host.lower()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _same(origin: str, scheme: str, host: str) -> bool:
    """Whether an origin is the very address that the request went to; a default port may be left out on either side."""
    default = _DEFAULT_PORTS.get(scheme, "")
    return _with_port(origin.removeprefix(f"{scheme}://"), default) == _with_port(host, default) and origin.startswith(
        f"{scheme}://"
    )


def _with_port(host: str, default: str) -> str:
    return host if re.search(r":[0-9]+$", host) else f"{host}:{default}"
