"""How answers over HTTP go wrong. Only a door over a virtual terminal has any of this."""

import asyncio
from collections.abc import Callable
from typing import Final

from tillbridge.protocols.faults import Fault
from tillbridge.web.asgi import Answer, Receive, Scope, Send, answer, line_of

HELD: Final = 600.0
"""Seconds for which a simulator that never answers holds the connection: longer than any till waits."""

NOISE: Final = b"\x00\x15\xff{"
"""What stands before the answer on a noisy line; no JSON begins like that."""

Strikes = Callable[[Fault], bool]
"""Whether a fault happens now, to the payment that the answer is about."""


def noisy(body: bytes, strikes: Strikes) -> bytes:
    """The body behind noise, where that is due."""
    return NOISE + body if strikes(Fault.GARBAGE_BEFORE_ANSWER) else body


async def send_damaged(scope: Scope, receive: Receive, send: Send, whole: Answer, strikes: Strikes) -> bool:
    """Sends an answer, cut or in pieces where that is due; returns whether it went out whole."""
    status, headers, body = whole
    kept = len(body)
    if strikes(Fault.DROP_IN_ANSWER):
        kept //= 2
    elif strikes(Fault.DROP_LAST_BYTE):
        kept -= 1
    if kept == len(body) and not strikes(Fault.BYTE_BY_BYTE):
        await answer(send, whole)
        return True
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    for byte in body[:kept]:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await asyncio.sleep(0)
    if kept == len(body):
        await send({"type": "http.response.body", "body": b""})
        return True
    await drop(scope, receive, flush=True)
    return False


async def drop(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Ends the connection: at once, or after what was written has left."""
    line = line_of(scope)
    if line is not None:
        if flush:
            line.close()
        else:
            line.abort()
        await gone(receive)


async def gone(receive: Receive) -> None:
    """Returns once the client is gone, or after `HELD` seconds."""
    try:
        async with asyncio.timeout(HELD):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
