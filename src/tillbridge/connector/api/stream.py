"""Server-sent events about payments: a stream that ends rather than holds up the engine.

The engine's feed never waits for a watcher. One that reads too slowly is cut off by the feed, one that does not read at
all is given up here; both ask anew, and see where things stand by then.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from starlette.responses import Response

from tillbridge.engine.feed import Watcher
from tillbridge.protocols.contract import Payment
from tillbridge.transports.asgi import Receive, Scope, Send

BEAT_SECONDS: Final = 15.0
"""A sign of life this often: proxies and browsers give up a connection on which nothing comes for about a minute."""

SEND_PATIENCE: Final = 30.0
"""Seconds for a client to take what it was sent, when its buffers are full; then it is not reading any more."""

RETRY: Final = b"retry: 2000\n\n"
"""Milliseconds after which a client asks anew when the stream has ended."""

HEARTBEAT: Final = b": alive\n\n"


class PaymentStream(Response):
    """A `text/event-stream` of payments as they change.

    `words` makes the event's bytes of a payment and `beat` those of a sign of life; None from either ends the stream.
    """

    def __init__(
        self,
        watch: Callable[[], AbstractContextManager[Watcher]],
        words: Callable[[Payment], bytes | None],
        beat: Callable[[], bytes | None] = lambda: HEARTBEAT,
    ) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._watch = watch
        self._words = words
        self._beat = beat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as ASGI has it
        """Speaks until the watcher is cut off, the client leaves, or the server stops.

        What was published by then is still said: a connector stops right after its last payment, and whoever waits for
        that payment shall hear how it ended.
        """
        with self._watch() as watcher:
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(self._speak(watcher, send))
                listening = group.create_task(_until_left(receive))
                speaking.add_done_callback(lambda _: listening.cancel())
                listening.add_done_callback(lambda _: watcher.end())

    async def _speak(self, watcher: Watcher, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece: bytes | None = RETRY
        try:
            while piece is not None:
                async with asyncio.timeout(SEND_PATIENCE):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await self._next(watcher)
        except TimeoutError:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, watcher: Watcher) -> bytes | None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                return self._words(await anext(watcher))
        except TimeoutError:
            return self._beat()
        except StopAsyncIteration:
            return None


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
