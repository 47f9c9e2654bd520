"""The terminal's side of a pty: a serial line inside this computer that a till opens like any port.

Linux and macOS only. Both sides are raw before anybody opens the line, and one slave descriptor stays open: otherwise
the master side would read an error between two tills (protocols/concert/README.md, pty).
"""

import asyncio
import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.serial_line import is_pty

if sys.platform != "win32":
    import termios

P = TypeVar("P", bound=asyncio.Protocol)

READ_SIZE: Final = 64 * 1024
"""Bytes taken at a time: more than the kernel keeps for a pty, so that one read empties it."""

MAX_UNSENT: Final = 64 * 1024
"""Bytes kept while nobody reads the line. Beyond that they are lost, as on a real line that leads nowhere."""

_log = logging.getLogger(__name__)


class PtyLine:
    """A pty with this program on its master side. `slave_path` is what a till opens; `link` is a name for it.

    The link is made in one step: an old link to a pty, or one that leads nowhere, is replaced; anything else that has
    this name is left alone and `LineUnavailable` is raised. It is raised too where there are no ptys.
    """

    def __init__(self, link: Path | None = None) -> None:
        self.link = link
        self._transport: PtyTransport | None = None
        self._master, self._slave, self.slave_path = _open_raw()
        if link is not None:
            try:
                _point(link, self.slave_path)
            except BaseException:
                self._close_descriptors()
                raise

    @property
    def port(self) -> str:
        """What to tell a person to open: the link where there is one, else the pty itself."""
        return str(self.link) if self.link is not None else self.slave_path

    async def connect(self, protocol_factory: Callable[[], P]) -> "tuple[PtyTransport, P]":
        """Connects a protocol to the master side. One at a time: RuntimeError while an earlier one is connected.

        Closing the transport leaves the line open for another connection.
        """
        if self._master < 0:
            raise LineUnavailable("this pty is closed")
        if self._transport is not None and not self._transport.is_closing():
            raise RuntimeError("this pty already has a protocol")
        protocol = protocol_factory()
        self._transport = PtyTransport(asyncio.get_running_loop(), self._master, protocol)
        return self._transport, protocol

    def close(self) -> None:
        """Ends the line for both sides and removes the link if it still leads here. May be called twice."""
        if self._master < 0:
            return
        if self._transport is not None:
            self._transport.abort()
        if self.link is not None:
            with suppress(OSError):
                if self.link.readlink() == Path(self.slave_path):
                    self.link.unlink()
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1


class PtyTransport(asyncio.Transport):
    """asyncio's promise of a transport, kept on a pty's master descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._descriptor = descriptor
        self._protocol: asyncio.BaseProtocol = protocol
        self._unsent = bytearray()
        self._low, self._high = MAX_UNSENT // 16, MAX_UNSENT // 4
        self._closing = False
        self._gone = False
        self._reading = True
        self._writer_paused = False
        protocol.connection_made(self)
        if not self._closing:
            loop.add_reader(descriptor, self._read)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends bytes at once, or as soon as the other side has read enough."""
        if self._closing or not data:
            return
        rest = memoryview(data)
        if not self._unsent:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self._lose(error)
                return
            if not rest:
                return
            self._loop.add_writer(self._descriptor, self._write_on)
        self._keep(rest)

    def _keep(self, rest: memoryview) -> None:
        room = MAX_UNSENT - len(self._unsent)
        if len(rest) > room:
            _log.warning("nobody reads the pty: %d bytes are lost", len(rest) - room)
        self._unsent += rest[:room]
        if len(self._unsent) > self._high and not self._writer_paused:
            self._writer_paused = True
            self._protocol.pause_writing()

    def _write_on(self) -> None:
        try:
            del self._unsent[: os.write(self._descriptor, self._unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if not self._unsent:
            self._loop.remove_writer(self._descriptor)
        if self._writer_paused and len(self._unsent) <= self._low:
            self._writer_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._unsent:
            self._lose(None)

    def _read(self) -> None:
        try:
            piece = os.read(self._descriptor, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if not piece:
            self._lose(OSError(errno.EIO, "the pty ended"))
        elif isinstance(self._protocol, asyncio.Protocol):
            self._protocol.data_received(piece)

    def _lose(self, error: Exception | None) -> None:
        if self._gone:
            return
        self._closing = self._gone = True
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._unsent.clear()
        self._loop.call_soon(self._protocol.connection_lost, error)

    def close(self) -> None:
        """Stops reading; the connection is over once what was written has left."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._descriptor)
        if not self._unsent:
            self._lose(None)

    def abort(self) -> None:
        """Ends the connection at once; what has not left is lost."""
        self._lose(None)

    def is_closing(self) -> bool:
        """Whether the connection is over or ending."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether the protocol gets bytes now."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Leaves what arrives in the kernel until `resume_reading`."""
        if self.is_reading():
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Goes on reading."""
        if not self._closing and not self._reading:
            self._reading = True
            self._loop.add_reader(self._descriptor, self._read)

    def can_write_eof(self) -> bool:
        """A serial line has no end of file."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the other side to read."""
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high mark of waiting bytes."""
        return self._low, self._high

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Changes who hears this side."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who hears this side."""
        return self._protocol


def _open_raw() -> tuple[int, int, str]:
    if sys.platform == "win32":
        raise LineUnavailable("Windows has no ptys: use a TCP port, or a pair of virtual COM ports")
    else:  # noqa: RET506 - a type checker for Windows skips this branch, but would object to what follows a raise
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise LineUnavailable(f"this computer gives out no more ptys: {error.strerror}") from error
        characters = termios.tcgetattr(slave)[6]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        plain = termios.CREAD | termios.CLOCAL | termios.CS8
        speed = termios.B9600
        termios.tcsetattr(slave, termios.TCSANOW, [0, 0, plain, 0, speed, speed, characters])
        os.set_blocking(master, False)
        return master, slave, os.ttyname(slave)


def _point(link: Path, target: str) -> None:
    if not _replaceable(link):
        raise LineUnavailable(f"{link} exists and is not a link to a pty: it is left alone, choose another name")
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        beside.symlink_to(target)
        beside.replace(link)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise LineUnavailable(f"the link {link} cannot be made: {error.strerror}") from error


def _replaceable(link: Path) -> bool:
    if link.is_symlink():
        return not link.exists() or is_pty(str(link))
    return not link.exists()
