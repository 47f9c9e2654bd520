"""Whether a till on TCP has read its answer: the question that the wire itself leaves open.

The last proof is the till closing the connection after the answer. README-V3.md, section 6, says what else counts.
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
"""For the network to say that nobody was there any more, on systems that do not count what was acknowledged."""

OUR_END: Final = 1
"""Our own end of the line counts like one byte until the till's system has acknowledged it."""


class Handover:
    """One answer on its way to a till. Events of the line come in, `reached` waits for what they prove."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._closed = False
        self._broken = False
        self.settled = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether the till sends no more."""
        return self._closed

    def till_closed(self) -> None:
        """The till's end of the line has come."""
        self._closed = True
        self._news.set()

    def line_broke(self) -> None:
        """The line was reset, or died."""
        self._broken = True
        self.till_closed()

    def hurry(self) -> None:
        """The same register asks for something new: whatever is known by now has to do."""
        self._news.set()

    async def wait_for_close(self, seconds: float) -> None:
        """Returns once the till has closed, at the latest after these seconds."""
        while not self._closed:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return
            if not self._closed:
                self._news.clear()

    async def reached(self, transport: asyncio.Transport) -> bool:
        """Whether the till has the answer that was written to this transport while it had not closed yet."""
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._news.wait()
        except TimeoutError:
            # A till that keeps its connection has the answer if its system says so; a till without a cable does not.
            unread = _unread(transport)
            return unread is not None and unread <= OUR_END and not _was_reset(transport)
        unread = _unread(transport)
        if unread is None and self._closed and not self._broken:
            # A till that had closed before the answer came resets the line now.
            await asyncio.sleep(RESET_SECONDS)
        return not self._broken and (unread or 0) <= OUR_END and not _was_reset(transport)


def _unread(transport: asyncio.Transport) -> int | None:
    """How many bytes the till's system has not acknowledged, None where nobody can say."""
    waiting = transport.get_write_buffer_size()
    if waiting:
        return waiting + OUR_END
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
