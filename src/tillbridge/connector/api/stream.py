"""Server-sent events about payments: a stream that ends rather than holds up the engine.

Nothing ever waits for a reader. One that reads too slowly is cut off by its source, one that does not read at all is
given up here; both ask anew, and go on where they stopped or see where things stand by then.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from starlette.responses import Response

from tillbridge.engine.feed import Watcher
from tillbridge.protocols.contract import Payment
from tillbridge.web.asgi import Receive, Scope, Send, line_of

BEAT_SECONDS: Final = 15.0
"""A sign of life this often: proxies and browsers give up a connection on which nothing comes for about a minute."""

SEND_PATIENCE: Final = 30.0
"""Seconds for a client to take what it was sent, when its buffers are full; then it is not reading any more."""

RETRY: Final = b"retry: 2000\n\n"
"""Milliseconds after which a client asks anew when the stream has ended."""

HEARTBEAT: Final = b": alive\n\n"


class Source(Protocol):
    """What one reader is told."""

    async def next(self) -> bytes | None:
        """The next piece; None once there is nothing more to tell. Can be cancelled without losing one."""
        ...

    def end(self) -> None:
        """Lets `next` come to its end after what is there."""
        ...


class EventStream(Response, ABC):
    """A `text/event-stream`."""

    def __init__(self) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]

    @abstractmethod
    def open(self) -> AbstractContextManager[Source]:
        """What is told here, for the time of the `with` block."""

    def first(self, source: Source) -> bytes:  # noqa: ARG002  # for those that have more to say
        """What is said at once."""
        return RETRY

    @abstractmethod
    def beat(self) -> bytes | None:
        """A sign of life; None ends the stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speaks until the source ends, the client leaves, or the server stops.

        What was published by then is still said: a connector stops right after its last payment, and whoever waits for
        that payment shall hear how it ended.
        """
        with self.open() as source:
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(self._speak(source, send, line_of(scope)))
                listening = group.create_task(_until_left(receive))
                speaking.add_done_callback(lambda _: listening.cancel())
                listening.add_done_callback(lambda _: source.end())

    async def _speak(self, source: Source, send: Send, line: asyncio.Transport | None) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece: bytes | None = self.first(source)
        try:
            while piece is not None:
                await _sent(send, piece, more=True)
                piece = await self._next(source)
            await _sent(send, b"", more=False)
        except TimeoutError:
            # Closing would wait for the client to read what is buffered, which is what it does not do.
            if line is not None:
                line.abort()

    async def _next(self, source: Source) -> bytes | None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                return await source.next()
        except TimeoutError:
            return self.beat()


class PaymentStream(EventStream):
    """Payments as they change, from a watcher of its own.

    `words` makes the event's bytes of a payment and `beat` those of a sign of life; None from either ends the stream.
    """

    def __init__(
        self,
        watch: Callable[[], AbstractContextManager[Watcher]],
        words: Callable[[Payment], bytes | None],
        beat: Callable[[], bytes | None] = lambda: HEARTBEAT,
    ) -> None:
        super().__init__()
        self._watch = watch
        self._words = words
        self._beat = beat

    @contextmanager
    def open(self) -> Iterator[Source]:
        """See `EventStream.open`."""
        with self._watch() as watcher:
            yield _Watched(watcher, self._words)

    def beat(self) -> bytes | None:
        """See `EventStream.beat`."""
        return self._beat()


class _Watched:
    def __init__(self, watcher: Watcher, words: Callable[[Payment], bytes | None]) -> None:
        self._watcher = watcher
        self._words = words

    async def next(self) -> bytes | None:
        try:
            return self._words(await anext(self._watcher))
        except StopAsyncIteration:
            return None

    def end(self) -> None:
        self._watcher.end()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _sent(send: Send, piece: bytes, *, more: bool) -> None:
    async with asyncio.timeout(SEND_PATIENCE):
        await send({"type": "http.response.body", "body": piece, "more_body": more})
