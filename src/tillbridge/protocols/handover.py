"""Whether a till has read its answer: the question that wires without a word for it leave to the line.

The last proof is the till closing the connection after the answer. What else counts on each wire:
protocols/concert/README-V3.md, section 6, and protocols/mypos_xml/README.md, section 7.
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


class Handover:
    """One answer on its way to a till. Events of the line come in, `reached` waits for what they prove.

    `ended` says that our end of the line follows the answer: on a network that counts like one byte more until the
    till's system has acknowledged it. `hurry_proves` says what a hurry is worth on a system that does not count what
    was acknowledged: whether a till that asks anew on another line must have got over this answer.
    """

    def __init__(self, *, ended: bool, hurry_proves: bool) -> None:
        self._unread_at_most = 1 if ended else 0
        self._hurry_proves = hurry_proves
        self._news = asyncio.Event()
        self._closed = False
        self._broken = False
        self._went_on = False
        self.settled = asyncio.Event()
        """For whoever hands over to say that the desk knows what became of it."""

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

    def till_went_on(self) -> None:
        """The till asks for something else on the same line: it has read what came before."""
        self._went_on = True
        self._news.set()

    def hurry(self) -> None:
        """The till asks for something else on another line: whatever is known by now has to do."""
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
            return self._acknowledged(transport, uncounted=False)
        if self._went_on:
            return True
        if not self._closed:
            return self._acknowledged(transport, uncounted=self._hurry_proves)
        if not self._broken and _unread(transport) is None:
            # A till that had closed before the answer came resets the line now.
            await asyncio.sleep(RESET_SECONDS)
        return self._acknowledged(transport, uncounted=True)

    def _acknowledged(self, transport: asyncio.Transport, *, uncounted: bool) -> bool:
        """Whether the till's system has taken all; `uncounted` is the answer where nobody can say how much it has."""
        if self._broken:
            return False
        unread = _unread(transport)
        taken = uncounted if unread is None else unread <= self._unread_at_most
        return taken and not _was_reset(transport)


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
