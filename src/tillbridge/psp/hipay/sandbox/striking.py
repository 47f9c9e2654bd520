"""Stands before the gateway and does what the switches say: refuses, waits, cuts, and spoils answers."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from tillbridge.psp.hipay.sandbox.faults import REFUSALS, Fault, Faults
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal, refused
from tillbridge.web.asgi import App, Message, Receive, Scope, Send, answer, line_of

HELD: Final = 600.0
"""Seconds for which a request whose connection was cut is kept, until the server tells that its client is gone."""

CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FAULT_STATUS: Final = 500

_BEFORE: Final = (*REFUSALS, Fault.ERROR_BEFORE, Fault.CUT_BEFORE)
_AFTER: Final = (
    *(Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.ANSWER_TWICE),
    *(Fault.BROKEN_JSON, Fault.TRUNCATED, Fault.WRONG_TYPE, Fault.UNQUOTED),
)
_READS_SPARED: Final = frozenset({Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.ERROR_BEFORE, Fault.ERROR_AFTER})
"""Those that are about what a request changes: a read that follows is answered, so that a client can look."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)


Refuse = Callable[[Scope, GatewayRefusal], Response]
"""Writes a refusal in the shape of the interface that was asked."""


def _as_the_gateway(_: Scope, refusal: GatewayRefusal) -> Response:
    return refused(refusal)


class Striking:
    """ASGI middleware around the gateway's paths."""

    def __init__(self, app: App, faults: Faults, refuse: Refuse = _as_the_gateway) -> None:
        self._app = app
        self._faults = faults
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        spared = frozenset() if scope["method"] in CHANGING else _READS_SPARED
        slow = self._faults.take(Fault.SLOW)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        before = self._faults.take(*(fault for fault in _BEFORE if fault not in spared))
        if before is not None:
            await _instead(before.fault, self._refuse, scope, receive, send)
            return
        after = self._faults.take(*(fault for fault in _AFTER if fault not in spared))
        if after is None:
            await self._app(scope, receive, send)
            return
        kept = _Kept()
        await self._app(scope, receive, kept.send)
        await _spoiled(after.fault, kept, scope, receive, send)


class _Kept:
    """An answer that is not sent yet."""

    def __init__(self) -> None:
        self.status = FAULT_STATUS
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
        else:
            self.body += message.get("body", b"")

    def typed(self, media_type: bytes) -> list[tuple[bytes, bytes]]:
        others = [(name, value) for name, value in self.headers if name != b"content-type"]
        return [*others, (b"content-type", media_type)]


async def _instead(fault: Fault, refuse: Refuse, scope: Scope, receive: Receive, send: Send) -> None:
    code = REFUSALS.get(fault)
    if code is not None:
        await refuse(scope, GatewayRefusal(code, f"the switch {fault} is on"))(scope, receive, send)
    elif fault is Fault.CUT_BEFORE:
        await _cut(scope, receive)
    else:
        await _broken_down(send)


async def _spoiled(fault: Fault, kept: _Kept, scope: Scope, receive: Receive, send: Send) -> None:
    match fault:
        case Fault.CUT_AFTER:
            await _cut(scope, receive)
        case Fault.ERROR_AFTER:
            await _broken_down(send)
        case Fault.ANSWER_TWICE:
            await answer(send, (kept.status, kept.headers, kept.body))
            _say_again(scope, kept)
        case Fault.BROKEN_JSON:
            await answer(send, (kept.status, kept.headers, kept.body[: len(kept.body) // 2]))
        case Fault.TRUNCATED:
            await _half(kept, scope, send)
        case Fault.WRONG_TYPE:
            await answer(send, (kept.status, kept.typed(b"text/html; charset=utf-8"), kept.body))
        case _:
            await answer(send, (kept.status, kept.headers, unquoted(kept.body)))


async def _broken_down(send: Send) -> None:
    body = b"<html><body><h1>500 Internal Server Error</h1></body></html>"
    await answer(send, (FAULT_STATUS, [(b"content-type", b"text/html")], body))


async def _cut(scope: Scope, receive: Receive) -> None:
    """Breaks the connection off. Where the server does not hand it out, the client waits until it has had enough."""
    line = line_of(scope)
    if line is not None:
        line.abort()
    try:
        async with asyncio.timeout(HELD):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _half(kept: _Kept, scope: Scope, send: Send) -> None:
    """The head promises a whole answer, and the connection breaks off after half of it."""
    length = (b"content-length", str(len(kept.body)).encode())
    await send({"type": "http.response.start", "status": kept.status, "headers": [*kept.headers, length]})
    await send({"type": "http.response.body", "body": kept.body[: len(kept.body) // 2], "more_body": True})
    line = line_of(scope)
    if line is None:
        return
    # Closed and not aborted: what was written is still sent, and the client sees an end that came too soon.
    line.close()


def _say_again(scope: Scope, kept: _Kept) -> None:
    """The whole answer once more, on a connection over which nobody has asked for it."""
    line = line_of(scope)
    if line is None or line.is_closing():
        return
    headers = b"".join(b"%s: %s\r\n" % pair for pair in kept.headers)
    head = b"HTTP/1.1 %d \r\n%scontent-length: %d\r\n\r\n" % (kept.status, headers, len(kept.body))
    line.write(head + kept.body)


def unquoted(body: bytes) -> bytes:
    """The same JSON with every number that stands as a text as a number."""
    try:
        value: object = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_bare(value)).encode()


def _bare(value: object) -> object:
    match value:
        case Mapping():
            return {name: _bare(member) for name, member in value.items()}
        case list():
            return [_bare(member) for member in value]
        case str() if _NUMBER.fullmatch(value):
            # A float is right here: this is how an answer looks whose writer did not care.
            return float(value) if "." in value else int(value)
        case _:
            return value
