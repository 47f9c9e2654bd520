"""Whether a till has read its answer: this wire has no word for it, so that the line has to show it.

What counts: protocols/mypos_xml/README.md, section 7.
"""

import asyncio
import socket
import sys
from typing import Final

if sys.platform == "linux":
    import fcntl
    import struct
    import termios

PROOF_SECONDS: Final = 10.0
"""For a till to close after the answer: it may print first, but not for longer than this."""

RESET_SECONDS: Final = 0.2
"""For the network to say that nobody was there any more, where it does not count what was acknowledged."""


class Handover:
    """One answer that has just been written. Events of the line come in, `reached` waits for what they prove.

    `ended` says that our end of the line followed the answer: on a network that counts like one byte more.
    """

    def __init__(self, *, ended: bool) -> None:
        self._unread_at_most = 1 if ended else 0
        self._news = asyncio.Event()
        self._closed = False
        self._broken = False
        self._went_on = False

    def till_closed(self) -> None:
        """The till's end of the line has come."""
        self._closed = True
        self._news.set()

    def line_broke(self) -> None:
        """The line was reset, or died."""
        self._broken = True
        self._news.set()

    def till_went_on(self) -> None:
        """The till asks for something else on the same line: it has read what came before."""
        self._went_on = True
        self._news.set()

    def hurry(self) -> None:
        """The till asks for something else on another line: what is known by now has to do."""
        self._news.set()

    async def reached(self, transport: asyncio.Transport) -> bool:
        """Whether the till has the answer."""
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._news.wait()
        except TimeoutError:
            # A till that keeps its connection has the answer if its system says so; a till without a cable does not.
            return self._acknowledged(transport)
        if self._went_on:
            return True
        if not self._closed and not self._broken:
            return self._acknowledged(transport)
        unread = _unread(transport)
        if unread is None and not self._broken:
            # A till that had closed before the answer came resets the line now.
            await asyncio.sleep(RESET_SECONDS)
        return not self._broken and (unread or 0) <= self._unread_at_most and not _was_reset(transport)

    def _acknowledged(self, transport: asyncio.Transport) -> bool:
        unread = _unread(transport)
        return unread is not None and unread <= self._unread_at_most and not self._broken and not _was_reset(transport)


def _unread(transport: asyncio.Transport) -> int | None:
    """How many bytes the till's system has not acknowledged, None where nobody can say."""
    waiting = transport.get_write_buffer_size()
    if waiting:
        return waiting + 1
    line = transport.get_extra_info("socket")
    return None if line is None else _unacknowledged(line.fileno())


if sys.platform == "linux":

    def _unacknowledged(descriptor: int) -> int | None:
        try:
            counted = fcntl.ioctl(descriptor, termios.TIOCOUTQ, struct.pack("i", 0))
        except (OSError, ValueError):
            return None
        count: int = struct.unpack("i", counted)[0]
        return count

else:

    def _unacknowledged(_descriptor: int) -> int | None:
        return None


def _was_reset(transport: asyncio.Transport) -> bool:
    """Whether the network has reported an error on a line that nobody reads any more."""
    line = transport.get_extra_info("socket")
    if line is None:
        return False
    try:
        return bool(line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except OSError:
        return True
