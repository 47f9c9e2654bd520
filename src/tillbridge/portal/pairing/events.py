"""Tells an open page that the state of a location has changed (server-sent events). The page works without it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.web.asgi import Receive, Scope, Send, line_of

LOOK_SECONDS: Final = 1.0
"""Any replica may have changed the state, so it is looked at: a few quick queries a second for each page that waits."""

LOOKS_A_BEAT: Final = 15
"""A sign of life so often, since proxies give up a silent connection."""

MOST_LOOKS: Final = 1800
"""Half an hour: a page that somebody still reads asks again by itself."""

SEND_PATIENCE: Final = 30.0
"""Seconds for a browser to take what it was sent."""

MOST_STREAMS: Final = 200
"""Pages that one process tells at a time; the others still have their button."""

RETRY_SECONDS: Final = 30

RETRY: Final = b"retry: 2000\n\n"
BEAT: Final = b": alive\n\n"

Look = Callable[[], Awaitable[str]]
"""The state as one line of JSON. It asks for the reader's right each time; a `BridgeError` ends the stream."""


@dataclass(slots=True)
class Streams:
    """The open streams of this process."""

    open: int = field(default=0)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one of them."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    def require_place(self) -> None:
        """`BridgeError(OVERLOADED)` if there is none left."""
        if self.open >= MOST_STREAMS:
            raise BridgeError(Code.OVERLOADED, "too many open pages", retry_after=RETRY_SECONDS)


class StateStream(Response):
    """Says the state at once, and again whenever it has changed, until the reader leaves or has lost the right to.

    It looks every so many seconds.
    """

    def __init__(self, streams: Streams, look: Look, every: float = LOOK_SECONDS) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._streams = streams
        self._look = look
        self._every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speaks until there is nothing more to say."""
        left = asyncio.Event()
        async with self._streams.place(), asyncio.TaskGroup() as group:
            listening = group.create_task(_until_left(receive, left))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._speak(send, left)
            except TimeoutError:
                # Closing would wait for the browser to read what is buffered, which is what it does not do.
                if (line := line_of(scope)) is not None:
                    line.abort()
            finally:
                listening.cancel()

    async def _speak(self, send: Send, left: asyncio.Event) -> None:
        said = ""
        await _sent(send, RETRY)
        for turn in range(1, MOST_LOOKS + 1):
            try:
                state = await self._look()
            except BridgeError:
                break  # the browser asks again, and hears whether the database is away or the right is
            if state != said:
                said = state
                await _sent(send, f"event: state\ndata: {state}\n\n".encode())
            elif turn % LOOKS_A_BEAT == 0:
                await _sent(send, BEAT)
            if await _waited(left, self._every):
                return
        await _sent(send, b"", more=False)


async def _waited(left: asyncio.Event, seconds: float) -> bool:
    """Whether the reader left before it is time to look again."""
    try:
        async with asyncio.timeout(seconds):
            await left.wait()
    except TimeoutError:
        return False
    return True


async def _until_left(receive: Receive, left: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()


async def _sent(send: Send, piece: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(SEND_PATIENCE):
        await send({"type": "http.response.body", "body": piece, "more_body": more})
