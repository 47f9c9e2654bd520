"""A bad line on purpose: wraps any protocol and transport, and splits, delays, garbles and cuts what passes.

Chance comes from a seeded generator, one stream for each direction, and waiting is the loop's: under
`runtime.manual.ManualLoop` a run repeats exactly.

```python
transport, protocol = await through(line.connect, make_protocol, Hostility(cut_after_bytes_in=7), random.Random(1))
```
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tillbridge.transports.streams import end_writing, stream

P = TypeVar("P", bound=asyncio.Protocol)

BYTE_VALUES: Final = 256

_Item = bytes | Callable[[], object]
"""What waits in a direction: bytes, or something to do once all bytes before it have passed."""


@dataclass(frozen=True, slots=True)
class Hostility:
    """What a line does to the bytes on it. "In" is toward the wrapped protocol, "out" is what it writes.

    `split` gives the smallest and the largest size of the pieces that bytes arrive in, `delay` the shortest and the
    longest pause before each piece in seconds, `garble` the probability for each byte to become another one.

    `cut_after_bytes_in` and `cut_after_bytes_out` say after exactly how many bytes of that direction the whole line
    dies; 0 is before the first one. Bytes that had passed by then do arrive. With `heard` both sides are told of the
    cut as TCP would; without it, as on a serial line, there is nothing but silence from then on.
    """

    split: tuple[int, int] | None = None
    delay: tuple[float, float] = (0.0, 0.0)
    garble: float = 0.0
    cut_after_bytes_in: int | None = None
    cut_after_bytes_out: int | None = None
    heard: bool = True

    def __post_init__(self) -> None:
        if self.split is not None and not 1 <= self.split[0] <= self.split[1]:
            raise ValueError("split takes the smallest and the largest size of a piece, at least one byte")
        if not 0.0 <= self.delay[0] <= self.delay[1]:
            raise ValueError("delay takes the shortest and the longest pause in seconds, from 0")
        if not 0.0 <= self.garble <= 1.0:
            raise ValueError("garble is a probability")
        if min(self.cut_after_bytes_in or 0, self.cut_after_bytes_out or 0) < 0:
            raise ValueError("a cut comes after a number of bytes, from 0")

    @property
    def at_once(self) -> bool:
        """Whether bytes pass in the same turn of the loop and in the pieces they came in."""
        return self.split is None and self.delay[1] == 0.0


class _Direction:
    """Bytes on their way in one direction, in order."""

    def __init__(
        self,
        hostility: Hostility,
        cut_after: int | None,
        chance: random.Random,
        forward: Callable[[bytes], None],
        die: Callable[[], object],
    ) -> None:
        self._hostility = hostility
        self._chance = chance
        self._forward = forward
        self._die = die
        self._cut_after = cut_after
        self._waiting: deque[_Item] = deque()
        self._turn: asyncio.Handle | None = None
        self._held = False
        self.dead = False
        self.passed = 0

    @property
    def size(self) -> int:
        return sum(len(item) for item in self._waiting if isinstance(item, bytes))

    def put(self, data: bytes) -> None:
        if self.dead:
            return
        data = self._garbled(data)
        if self._hostility.at_once and not self._waiting and not self._held:
            self._pass(data)
            return
        self._waiting.extend(self._pieces(data))
        self._schedule()

    def then(self, action: Callable[[], object]) -> None:
        """Does something once every byte put in so far has passed."""
        if self.dead:
            return
        if not self._waiting and not self._held:
            action()
            return
        self._waiting.append(action)
        self._schedule()

    def hold(self, held: bool) -> None:
        self._held = held
        self._schedule()

    def kill(self) -> None:
        self.dead = True
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _schedule(self) -> None:
        if self._turn is None and self._waiting and not self._held and not self.dead:
            pause = self._chance.uniform(*self._hostility.delay)
            loop = asyncio.get_running_loop()
            self._turn = loop.call_later(pause, self._next) if pause else loop.call_soon(self._next)

    def _next(self) -> None:
        self._turn = None
        if self._held or not self._waiting:
            return
        item = self._waiting.popleft()
        if isinstance(item, bytes):
            self._pass(item)
        else:
            item()
        self._schedule()

    def _pass(self, data: bytes) -> None:
        if self._cut_after is not None:
            data = data[: self._cut_after - self.passed]
        self.passed += len(data)
        if data:
            self._forward(data)
        if self.passed == self._cut_after:
            self._die()

    def _garbled(self, data: bytes) -> bytes:
        if not self._hostility.garble:
            return data
        return bytes(
            byte ^ self._chance.randrange(1, BYTE_VALUES) if self._chance.random() < self._hostility.garble else byte
            for byte in data
        )

    def _pieces(self, data: bytes) -> list[bytes]:
        if self._hostility.split is None:
            return [data]
        pieces = []
        while data:
            size = self._chance.randint(*self._hostility.split)
            pieces.append(data[:size])
            data = data[size:]
        return pieces


class HostileProtocol(asyncio.Protocol, Generic[P]):
    """Stands between a transport and the protocol `inner`, which sees a `HostileTransport` instead."""

    def __init__(self, inner: P, hostility: Hostility, chance: random.Random) -> None:
        self.inner = inner
        self._hostility = hostility
        inward, outward = random.Random(chance.getrandbits(64)), random.Random(chance.getrandbits(64))  # noqa: S311
        self._inward = _Direction(hostility, hostility.cut_after_bytes_in, inward, self._arrive, self.cut)
        self._outward = _Direction(hostility, hostility.cut_after_bytes_out, outward, self._leave, self.cut)
        self._below: asyncio.Transport | None = None
        self._above: HostileTransport | None = None
        self._lost = False
        self._cut = False

    @property
    def transport(self) -> "HostileTransport":
        """What the inner protocol writes to; there is one once the line is connected."""
        if self._above is None:
            raise RuntimeError("the line is not connected")
        return self._above

    @property
    def passed_in(self) -> int:
        """How many bytes have reached the inner protocol."""
        return self._inward.passed

    @property
    def passed_out(self) -> int:
        """How many bytes have left for the other side."""
        return self._outward.passed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connects the inner protocol."""
        self._below = stream(transport)
        self._above = HostileTransport(self._below, self._inward, self._outward)
        self.inner.connection_made(self._above)
        if 0 in (self._hostility.cut_after_bytes_in, self._hostility.cut_after_bytes_out):
            self.cut()

    def data_received(self, data: bytes) -> None:
        """Lets bytes pass inward, in the line's own way."""
        self._inward.put(data)

    def eof_received(self) -> bool:
        """Tells the inner protocol after the last byte; until then the line stays open."""
        self._inward.then(self._hear_end)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the inner protocol after the last byte; nothing when the line has already died in silence."""
        self._outward.kill()
        closed_here = self.transport.is_closing()
        self.transport.end()
        if closed_here:
            self._lose(exc)
        elif not self._cut:
            self._inward.then(lambda: self._lose(exc))

    def pause_writing(self) -> None:
        """Passed on."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Passed on."""
        self.inner.resume_writing()

    def cut(self) -> None:
        """Kills the line now, as `Hostility.heard` says."""
        if self._cut:
            return
        self._cut = True
        self._inward.kill()
        self._outward.kill()
        if self._hostility.heard and self._below is not None:
            self.transport.end()
            asyncio.get_running_loop().call_soon(self._lose, ConnectionResetError("the line was cut"))
            self._below.close()  # not abort: what has passed does arrive

    def _arrive(self, data: bytes) -> None:
        self.inner.data_received(data)

    def _leave(self, data: bytes) -> None:
        if self._below is not None:
            self._below.write(data)

    def _hear_end(self) -> None:
        if not self.inner.eof_received():
            self.transport.close()

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self.inner.connection_lost(error)


class HostileTransport(asyncio.Transport):
    """The transport as the wrapped protocol sees it."""

    def __init__(self, below: asyncio.Transport, inward: _Direction, outward: _Direction) -> None:
        super().__init__()
        self._below = below
        self._inward, self._outward = inward, outward
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Lets bytes pass outward, in the line's own way."""
        if not self._closing and data:
            self._outward.put(bytes(data))

    def write_eof(self) -> None:
        """Passed on after the last byte."""
        self._outward.then(lambda: end_writing(self._below))

    def can_write_eof(self) -> bool:
        """As the transport below."""
        return self._below.can_write_eof()

    def close(self) -> None:
        """Closes the line once every byte has left. On a line that died in silence that is at once."""
        if self._closing:
            return
        self._closing = True
        self._inward.kill()
        if self._outward.dead:
            self._below.close()
        else:
            self._outward.then(self._below.close)

    def abort(self) -> None:
        """Ends the line at once."""
        self._closing = True
        self._inward.kill()
        self._outward.kill()
        self._below.abort()

    def end(self) -> None:
        """Notes that the line is gone."""
        self._closing = True

    def is_closing(self) -> bool:
        """Whether the line is gone or going."""
        return self._closing

    def is_reading(self) -> bool:
        """As the transport below."""
        return self._below.is_reading()

    def pause_reading(self) -> None:
        """Holds back what arrives."""
        self._inward.hold(True)
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Goes on with what was held back."""
        self._inward.hold(False)
        self._below.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left yet."""
        return self._outward.size + self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """As the transport below."""
        return self._below.get_extra_info(name, default)


def hostile(
    protocol_factory: Callable[[], P], hostility: Hostility, chance: random.Random
) -> Callable[[], HostileProtocol[P]]:
    """A factory for the same protocol behind a bad line: for a listening side, which makes one for each connection."""
    return lambda: HostileProtocol(protocol_factory(), hostility, chance)


async def through(
    connect: Callable[[Callable[[], HostileProtocol[P]]], Awaitable[tuple[asyncio.Transport, HostileProtocol[P]]]],
    protocol_factory: Callable[[], P],
    hostility: Hostility,
    chance: random.Random,
) -> tuple[asyncio.Transport, P]:
    """Connects a protocol through a bad line; `connect` is any of the connecting functions but for the factory."""
    _, between = await connect(hostile(protocol_factory, hostility, chance))
    return between.transport, between.inner
