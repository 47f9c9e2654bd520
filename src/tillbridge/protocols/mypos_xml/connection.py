"""One connection to the terminal: a request, the answer to it, and what comes unasked.

Facts and choices: protocols/mypos_xml/README.md, section 6.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.framing import BLANKS, MAX_MESSAGE, Frame, FrameReader
from tillbridge.transports.streams import end_writing, stream

GATHER_SECONDS: Final = 0.2
"""For the rest of what came unasked: a message that a terminal wrote in one go has long arrived by then."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The terminal sent what is no message; `raw` is what came, capped."""

    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class LineEnded:
    """The line was over before the answer was all there; `begun` says whether any of it had come."""

    begun: bool


Event = Frame | Unreadable | LineEnded


class TillConnection(asyncio.Protocol):
    """One connection to the terminal. `unasked` gets what came outside of a request, once it is all there.

    `gone` is set when the connection is over; whoever came with something unasked ends it by that.
    """

    def __init__(self, unasked: Callable[[bytes], None]) -> None:
        self._unasked = unasked
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader: FrameReader | None = None
        self._stray = bytearray()
        self._gathering: asyncio.TimerHandle | None = None
        self._ended = False
        self.gone = asyncio.Event()
        self.over: asyncio.Future[Event] = self._loop.create_future()

    @property
    def usable(self) -> bool:
        """Whether a request can still leave on it."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._ended and not self._stray

    @property
    def spoke_unasked(self) -> bool:
        """Whether something came that nobody had asked for."""
        return bool(self._stray)

    def send(self, request: bytes, *, half_close: bool) -> bool:
        """Sends a request in one write. False if the line is already gone, and then nothing has left."""
        transport = self._transport
        if transport is None or not self.usable:
            return False
        self._reader = FrameReader()
        self.over = self._loop.create_future()
        transport.write(request)
        if half_close and transport.can_write_eof():
            end_writing(transport)
        return True

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        reader = self._reader
        if reader is None:
            self._gather(data)
            return
        try:
            frame = reader.feed(data)
        except ProtocolError as error:
            self._end(Unreadable(str(error), reader.raw))
        else:
            if frame is not None:
                self._end(frame)

    def eof_received(self) -> bool:
        """The terminal sends no more. Our end stays open until the answer is kept."""
        self._line_ended()
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._line_ended()
        self._told_unasked()
        self.gone.set()

    def _line_ended(self) -> None:
        self._ended = True
        if self._reader is not None:
            self._end(LineEnded(self._reader.begun))

    def _end(self, event: Event) -> None:
        self._reader = None
        self.over.set_result(event)

    def _gather(self, data: bytes) -> None:
        if not self._stray:
            data = data.lstrip(BLANKS)
        self._stray += data[: MAX_MESSAGE - len(self._stray)]
        if self._stray and self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._told_unasked()
        self.close()

    def _told_unasked(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
            self._unasked(bytes(self._stray))
