"""A line inside one process: two ends, every write arrives at the other end in order, one loop turn later.

For tests and simulations: it behaves as asyncio's own transports do (connection_made before any byte, connection_lost
last and once, half-closed ends, flow control), and it can be cut.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HIGH_WATER: Final = 64 * 1024
"""Unread bytes above which the writer is asked to pause; the same figure as asyncio's own transports."""

LOW_WATER: Final = HIGH_WATER // 4
"""Unread bytes at which a paused writer goes on."""

_Piece = bytes | ConnectionResetError | None
"""What travels: bytes, the orderly end of them (None), or the news that the other end broke off."""


class _Way:
    """One direction of the line. `arrived` wakes the end that reads it, `eased` the end that writes it."""

    def __init__(self) -> None:
        self.pieces: deque[_Piece] = deque()
        self.unread = 0
        self.dead = False
        self.arrived: Callable[[], None] = _nobody
        self.eased: Callable[[], None] = _nobody

    def put(self, piece: _Piece) -> None:
        if self.dead:
            return
        if isinstance(piece, bytes):
            self.unread += len(piece)
        else:
            self.dead = True
        self.pieces.append(piece)
        self.arrived()

    def take(self) -> _Piece:
        piece = self.pieces.popleft()
        if isinstance(piece, bytes):
            self.unread -= len(piece)
            self.eased()
        return piece

    def break_off(self, news: ConnectionResetError | None = None) -> None:
        self.pieces.clear()
        self.unread = 0
        self.dead = True
        if news is not None:
            self.pieces.append(news)
            self.arrived()


def _nobody() -> None:
    """Nobody is there yet."""


class MemoryEnd:
    """One end of the line. `attach` connects a protocol to it, once; bytes that come before that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inward: _Way, outward: _Way) -> None:
        self._loop = loop
        self._inward = inward
        self._outward = outward
        self._transport: MemoryTransport | None = None
        self._was_cut = False

    def attach(self, protocol: asyncio.Protocol) -> "MemoryTransport":
        """Connects a protocol: its `connection_made` has been called when this returns.

        Raises RuntimeError when this end already has one.
        """
        if self._transport is not None:
            raise RuntimeError("this end already has a protocol")
        self._transport = MemoryTransport(self._loop, self._inward, self._outward, protocol)
        if self._was_cut:
            self._transport.lose(_cut())
        return self._transport

    def cut(self) -> None:
        """Kills this end: its protocol loses the connection, bytes on their way vanish, the other end hears nothing.

        To cut a line so that the protocol under test hears nothing but silence, cut the other end.
        """
        self._was_cut = True
        self._inward.break_off()
        self._outward.break_off()
        if self._transport is not None:
            self._transport.lose(_cut())


def _cut() -> ConnectionResetError:
    return ConnectionResetError("the line was cut")


class MemoryTransport(asyncio.Transport):
    """What a protocol on a memory line writes to."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, inward: _Way, outward: _Way, protocol: asyncio.Protocol
    ) -> None:
        super().__init__({"memory": True})
        self._loop = loop
        self._inward, self._outward = inward, outward
        self._protocol: asyncio.BaseProtocol = protocol
        self._turn: asyncio.Handle | None = None
        self._closing = False
        self._ended = False
        self._reading = True
        self._writer_paused = False
        protocol.connection_made(self)
        inward.arrived = self._wake
        outward.eased = self._ease
        self._wake()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends bytes; they arrive as one piece. Dropped without a word on a line that is closing."""
        if self._closing or not data:
            return
        if self._ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        self._outward.put(bytes(data))
        if self._outward.unread > HIGH_WATER and not self._writer_paused:
            self._writer_paused = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """Says that no more bytes come from here."""
        if not self._ended and not self._closing:
            self._ended = True
            self._outward.put(None)

    def can_write_eof(self) -> bool:
        """Always true."""
        return True

    def close(self) -> None:
        """Ends the line once what was written has arrived."""
        self.write_eof()
        self.lose(None)

    def abort(self) -> None:
        """Ends the line at once; nothing that is still on its way arrives, and the other end hears of it."""
        if not self._closing:
            self._outward.break_off(ConnectionResetError("the other end broke off"))
            self.lose(None)

    def lose(self, error: Exception | None) -> None:
        """Tells the protocol, once and in a turn of its own, that the line is gone."""
        if not self._closing:
            self._closing = True
            self._inward.break_off()
            self._loop.call_soon(self._protocol.connection_lost, error)

    def _wake(self) -> None:
        if self._turn is None and self._inward.pieces and self.is_reading():
            self._turn = self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._turn = None
        if not self._inward.pieces or not self.is_reading():
            return
        match self._inward.take():
            case None:
                self._hear_end()
            case ConnectionResetError() as error:
                self.lose(error)
            case piece:
                if isinstance(self._protocol, asyncio.Protocol):
                    self._protocol.data_received(piece)
        self._wake()

    def _hear_end(self) -> None:
        if isinstance(self._protocol, asyncio.Protocol) and not self._protocol.eof_received():
            self.close()

    def _ease(self) -> None:
        if self._writer_paused and self._outward.unread <= LOW_WATER:
            self._writer_paused = False
            self._protocol.resume_writing()

    def is_closing(self) -> bool:
        """Whether the line is gone or going."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether the protocol gets bytes now."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Keeps what arrives until `resume_reading`."""
        self._reading = False

    def resume_reading(self) -> None:
        """Delivers what has been kept, and goes on."""
        self._reading = True
        self._wake()

    def get_write_buffer_size(self) -> int:
        """Bytes written that the other end has not read."""
        return self._outward.unread

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high mark of unread bytes."""
        return LOW_WATER, HIGH_WATER

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Changes who hears this end."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who hears this end."""
        return self._protocol


def memory_pair(loop: asyncio.AbstractEventLoop | None = None) -> tuple[MemoryEnd, MemoryEnd]:
    """Two ends of one line on this loop (the running one by default)."""
    loop = loop or asyncio.get_running_loop()
    one, other = _Way(), _Way()
    return MemoryEnd(loop, one, other), MemoryEnd(loop, other, one)
