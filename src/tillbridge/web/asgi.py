"""The words of ASGI, the interface between an HTTP server and an application."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Answer = tuple[int, list[Header], bytes]
"""A whole answer: status, headers, body."""

LINE: Final = "tillbridge.line"
"""The extension of ASGI under which the server hands out the connection that a request came over."""


def line_of(scope: Scope) -> asyncio.Transport | None:
    """The connection that a request came over: whether its client is still there, and a way to drop it.

    None under a server that does not hand it out.
    """
    line: asyncio.Transport | None = scope.get("extensions", {}).get(LINE, {}).get("transport")
    return line


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request, whose size a guard has bounded; None when the client went away in the middle."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return bytes(message.get("body", b""))
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    return None


async def answer(send: Send, whole: Answer) -> None:
    """Sends a whole answer."""
    status, headers, body = whole
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
