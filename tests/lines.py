"""What the tests of lines share: protocols that write down what they hear, or send it back."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

PATIENCE: Final = 30.0
"""Real seconds until a test of a real line counts as failed; everything in them takes milliseconds."""


class Recorder(asyncio.Protocol):
    """Writes down everything in order: "made", bytes, "eof", "paused", "resumed", and the error it was lost with."""

    def __init__(self, *, stays_half_open: bool = False) -> None:
        self.heard: list[object] = []
        self.stays_half_open = stays_half_open
        self._changed = asyncio.Event()

    @property
    def received(self) -> bytes:
        return b"".join(piece for piece in self.heard if isinstance(piece, bytes))

    @property
    def lost(self) -> bool:
        return "lost" in self.heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self._note(data)

    def eof_received(self) -> bool:
        self._note("eof")
        return self.stays_half_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._note("lost")

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")

    async def until(self, wanted: Callable[["Recorder"], bool]) -> None:
        """Waits for what is heard to fulfil a condition."""
        async with asyncio.timeout(PATIENCE):
            while not wanted(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_received(self, size: int) -> None:
        await self.until(lambda me: len(me.received) >= size)

    async def until_lost(self) -> None:
        await self.until(lambda me: me.lost)

    def _note(self, what: object) -> None:
        self.heard.append(what)
        self._changed.set()


class Echo(asyncio.Protocol):
    """Sends back what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
