"""Carries bytes at the pace of a serial line: ten bits a character, both directions at once.

A pty and a TCP connection deliver in microseconds what a line of 9600 baud delivers in milliseconds. This stands
between a till and a simulator's door, so that what tills and drivers do on a slow line can be seen and measured.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from tillbridge.runtime.effects import Clock
from tillbridge.transports.streams import end_writing, stream

BITS_PER_CHARACTER: Final = 10
"""One start bit, eight bits (or seven and parity), one stop bit."""

SLOWEST: Final = 300
FASTEST: Final = 115_200
"""Baud rates of serial lines to terminals, and some room below."""

MOST_WAITING: Final = 64 * 1024
"""Bytes on their way in one direction: a minute of the fastest line. A real line loses what nobody has room for."""

_Item = bytes | Callable[[], None]


class Way:
    """One direction of a line. Bytes that are put in come out one character's time apart.

    `late` is how many seconds after its time the last byte came out: the system wakes us up a little late each time.
    The other direction takes that off the time at which an answer goes in, so that such delays do not add up over a
    dialogue, as they would not on a line of its own.
    """

    def __init__(self, baud_rate: int, clock: Clock, come_out: Callable[[bytes], None]) -> None:
        self._seconds = BITS_PER_CHARACTER / baud_rate
        self._clock = clock
        self._come_out = come_out
        self._waiting: deque[tuple[float, _Item]] = deque()
        self._bytes = 0
        self._free_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self.late = 0.0

    def put(self, piece: bytes, opposite_late: float = 0.0) -> None:
        """Lets these bytes go in now. `opposite_late` is the other direction's `late`."""
        at = max(self._free_at, self._clock.monotonic() - opposite_late)
        room = MOST_WAITING - self._bytes
        for place in range(min(len(piece), room)):
            at += self._seconds
            self._waiting.append((at, piece[place : place + 1]))
            self._bytes += 1
        self._free_at = at
        self._arm()

    def then(self, action: Callable[[], None]) -> None:
        """Does something once every byte that went in before has come out."""
        self._waiting.append((self._free_at, action))
        self._arm()

    def stop(self) -> None:
        """Loses whatever is still on its way."""
        self._waiting.clear()
        self._bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            pause = max(0.0, self._waiting[0][0] - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(pause, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        piece = bytearray()
        while self._waiting and self._waiting[0][0] <= now:
            at, item = self._waiting.popleft()
            if isinstance(item, bytes):
                piece += item
                self.late = now - at
            else:
                self._hand_out(piece)
                piece.clear()
                item()
        self._hand_out(piece)
        self._arm()

    def _hand_out(self, piece: bytearray) -> None:
        if piece:
            self._bytes -= len(piece)
            self._come_out(bytes(piece))


class End(asyncio.Protocol):
    """One end of a paced line. What arrives here goes out at the other end, also that this one sends no more.

    `lost` is set once the connection of this end is gone.
    """

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._silent = False
        self._broken = False
        self._other: End | None = None
        self._way: Way | None = None

    def join(self, other: "End", way: Way) -> None:
        """Says where this end leads; whatever has arrived by now goes in at once."""
        self._other, self._way = other, way
        if self._early:
            way.put(bytes(self._early))
        if self._silent:
            way.then(other.end)
        if self.lost.is_set():
            way.then(partial(other.hang_up, self._broken))

    def itself(self) -> "End":
        """This end: what a connecting function is given for its one connection."""
        return self

    def take_late(self) -> float:
        """How late the last byte came that this end sent on; an answer to it makes up for that once."""
        if self._way is None:
            return 0.0
        late, self._way.late = self._way.late, 0.0
        return late

    def come_out(self, piece: bytes) -> None:
        """Writes what came over the line."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(piece)

    def hang_up(self, broken: bool) -> None:
        """Ends this end's connection, once what was written has left or, as the other one `broken` off, at once."""
        if self._transport is not None and broken:
            self._transport.abort()
        elif self._transport is not None:
            self._transport.close()

    def end(self) -> None:
        """Passes on that the other end sends no more. When neither does, the line is over."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._silent or not self._transport.can_write_eof():
            self._transport.close()
        else:
            end_writing(self._transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._way is not None and self._other is not None:
            self._way.put(data, self._other.take_late())
        else:
            self._early += data[: MOST_WAITING - len(self._early)]

    def eof_received(self) -> bool:
        """See asyncio.Protocol: this end goes on hearing the other one."""
        self._silent = True
        if self._way is not None and self._other is not None:
            self._way.then(self._other.end)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._broken = exc is not None
        self.lost.set()
        if self._way is not None and self._other is not None:
            self._way.then(partial(self._other.hang_up, self._broken))


def join(one: End, other: End, baud_rate: int, clock: Clock) -> None:
    """Makes a line of two ends, which need not be connected yet."""
    there, back = Way(baud_rate, clock, other.come_out), Way(baud_rate, clock, one.come_out)
    one.join(other, there)
    other.join(one, back)
