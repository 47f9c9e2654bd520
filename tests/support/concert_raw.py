"""One end of a Concert line in a test's own hand: bytes written and bytes heard, judged by the wire's facts alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tests.support.concert_v2 import MemoryLine, door_settings, driver_settings
from tests.support.wires import Switches
from tillbridge.protocols.concert.v2.door import ConcertV2Door
from tillbridge.protocols.concert.v2.driver import ConcertV2Terminal
from tillbridge.protocols.concert.v2.settings import DoorSettings, DriverSettings
from tillbridge.protocols.contract import Fault, LateResult, PaymentDesk
from tillbridge.transports.memory import memory_pair

P = TypeVar("P", bound=asyncio.Protocol)

ENQ, ACK, NAK, EOT = b"\x05", b"\x06", b"\x15", b"\x04"

PATIENCE = 600.0
"""Seconds of manual time until a byte that should come counts as missing."""


class RawEnd(asyncio.Protocol):
    """Hears pieces as they arrive, and says whatever it is told to."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost = asyncio.Event()
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        self._news.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost.set()
        self._news.set()

    def says(self, data: bytes) -> None:
        """Writes."""
        assert self._transport is not None
        self._transport.write(data)

    def hangs_up(self) -> None:
        """Breaks the line off."""
        assert self._transport is not None
        self._transport.abort()

    async def hears(self, *expected: bytes) -> None:
        """The next pieces, each written in one go by the other side, are these and nothing else."""
        for one in expected:
            async with asyncio.timeout(PATIENCE):
                while not self.pieces and not self.lost.is_set():
                    self._news.clear()
                    await self._news.wait()
            assert self.pieces, f"the line was lost before {one!r}"
            assert self.pieces.pop(0) == one

    async def hears_nothing(self, seconds: float) -> None:
        """Silence for this long."""
        await asyncio.sleep(seconds)
        assert self.pieces == []

    async def asks(self, frame: bytes) -> None:
        """The till's half of a session, up to the request's acknowledgement."""
        self.says(ENQ)
        await self.hears(ACK)
        self.says(frame)
        await self.hears(ACK)
        self.says(EOT)

    async def takes(self, reply: bytes) -> None:
        """The till's half of the session that brings this reply."""
        await self.hears(ENQ)
        self.says(ACK)
        await self.hears(reply)
        self.says(ACK)
        await self.hears(EOT)

    async def serves(self, request: bytes) -> None:
        """The terminal's half of a session that brings this request."""
        await self.hears(ENQ)
        self.says(ACK)
        await self.hears(request)
        self.says(ACK)
        await self.hears(EOT)

    async def replies(self, reply: bytes) -> None:
        """The terminal's half of the session that carries its reply."""
        self.says(ENQ)
        await self.hears(ACK)
        self.says(reply)
        await self.hears(ACK)
        self.says(EOT)


class OpenDoor:
    """A door that serves, and tills that come to it."""

    def __init__(self, line: MemoryLine) -> None:
        self.line = line

    async def till(self) -> RawEnd:
        """A till of the test's own."""
        _, till = await self.line.open(RawEnd)
        return till


@asynccontextmanager
async def open_door(
    desk: PaymentDesk, faults: dict[Fault, int] | None = None, settings: DoorSettings | None = None
) -> AsyncIterator[OpenDoor]:
    """A door over this desk, on a memory line."""
    line = MemoryLine()
    behaviour = Switches(faults) if faults is not None else None
    door = ConcertV2Door(settings or door_settings(), desk, line.listen, behaviour)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(door.serve(ready.set))
        await ready.wait()
        try:
            yield OpenDoor(line)
        finally:
            serving.cancel()


class RawTerminals:
    """The driver's line: each opening is answered by a terminal of the test's own, the newest is `current`."""

    def __init__(self) -> None:
        self.ends: list[RawEnd] = []

    async def open(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """The driver's `Opener`."""
        near, far = memory_pair()
        self.ends.append(RawEnd())
        far.attach(self.ends[-1])
        protocol = factory()
        return near.attach(protocol), protocol

    @property
    def current(self) -> RawEnd:
        return self.ends[-1]


@dataclass
class OpenDriver:
    """A driver whose line is open, the terminal of the test's own at the other end, and the late results so far."""

    terminal: ConcertV2Terminal
    line: RawTerminals
    late: list[LateResult] = field(default_factory=list)

    @property
    def end(self) -> RawEnd:
        return self.line.current

    async def keep(self) -> None:
        """Keeps late results, as an engine does."""
        async for result in self.terminal.late():
            self.late.append(result)


@asynccontextmanager
async def open_driver(settings: DriverSettings | None = None) -> AsyncIterator[OpenDriver]:
    """A driver whose line is open."""
    line = RawTerminals()
    here = OpenDriver(ConcertV2Terminal(settings or driver_settings(), line.open), line)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(here.keep())
        while not line.ends:
            await asyncio.sleep(0)
        try:
            yield here
        finally:
            await here.terminal.close()
            await listening
