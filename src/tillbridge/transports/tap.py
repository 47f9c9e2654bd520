"""Lets one observer see every byte of the lines that one task, and the tasks that it starts, open.

The observer lies in a context variable, which tasks inherit: so the wire tester sees its own lines and nobody else's.
Where no observer is set a line is connected as it always was; nothing stands between it and its protocol.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from tillbridge.transports.streams import stream

P = TypeVar("P", bound=asyncio.Protocol)


class Direction(StrEnum):
    """Which way bytes went, as the program on this side sees it."""

    SENT = "sent"
    RECEIVED = "received"


Observer = Callable[[Direction, bytes], None]
"""Is told of bytes as they pass, in the form of the wire: card numbers and passwords are whole in them.

It is called in the middle of sending and receiving, so it must neither wait nor raise.
"""

_OBSERVER: Final[ContextVar[Observer | None]] = ContextVar("line_observer", default=None)


def observer() -> Observer | None:
    """Who looks on in this task; None for nobody."""
    return _OBSERVER.get()


@contextmanager
def observed(by: Observer) -> Iterator[None]:
    """Lines that are opened inside this block, and in tasks that are started inside it, are shown to `by`.

    What was opened here stays observed for as long as it is open.
    """
    token = _OBSERVER.set(by)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


async def tapped(
    connect: Callable[[Callable[[], asyncio.Protocol]], Any], protocol_factory: Callable[[], P]
) -> tuple[asyncio.Transport, P]:
    """Connects a protocol by `connect`, with the observer of this task between it and its line, if there is one."""
    looking = _OBSERVER.get()
    if looking is None:
        transport, protocol = await connect(protocol_factory)
        return stream(transport), protocol
    between: _TappedProtocol[P]
    _, between = await connect(lambda: _TappedProtocol(protocol_factory(), looking))
    return between.transport, between.inner


class _TappedProtocol(asyncio.Protocol, Generic[P]):
    """Stands between a line and the protocol `inner`, and tells of what arrives."""

    def __init__(self, inner: P, by: Observer) -> None:
        self.inner = inner
        self._by = by
        self._above: _TappedTransport | None = None

    @property
    def transport(self) -> "_TappedTransport":
        """What the inner protocol writes to; there is one once the line is connected."""
        if self._above is None:
            raise RuntimeError("the line is not connected")
        return self._above

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connects the inner protocol."""
        self._above = _TappedTransport(stream(transport), self._by)
        self.inner.connection_made(self._above)

    def data_received(self, data: bytes) -> None:
        """Shows what arrived, then hands it on."""
        self._by(Direction.RECEIVED, data)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hands it on."""
        return self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands it on."""
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hands it on."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Hands it on."""
        self.inner.resume_writing()


class _TappedTransport(asyncio.Transport):
    """The line as the inner protocol has it: tells of what is written, and leaves everything else to the line."""

    def __init__(self, below: asyncio.Transport, by: Observer) -> None:
        super().__init__()
        self._below = below
        self._by = by

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Shows what leaves, then sends it. What a line that is going down would drop is not shown."""
        if not self._below.is_closing():
            self._by(Direction.SENT, bytes(data))
        self._below.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """What the line says."""
        return self._below.get_extra_info(name, default)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a serial line has parts of its own
        return getattr(self._below, name)

    def close(self) -> None:
        """Closes the line."""
        self._below.close()

    def abort(self) -> None:
        """Ends the line at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether the line is over or ending."""
        return self._below.is_closing()

    def is_reading(self) -> bool:
        """Whether the protocol gets bytes now."""
        return self._below.is_reading()

    def pause_reading(self) -> None:
        """Stops the flow."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Lets it flow again."""
        self._below.resume_reading()

    def can_write_eof(self) -> bool:
        """What the line says."""
        return self._below.can_write_eof()

    def write_eof(self) -> None:
        """Nothing more comes from this end."""
        self._below.write_eof()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to leave."""
        return self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high mark of waiting bytes."""
        return self._below.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets them."""
        self._below.set_write_buffer_limits(high, low)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Changes who hears the line; the new one is not observed."""
        self._below.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who hears the line."""
        return self._below.get_protocol()
