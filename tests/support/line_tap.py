"""A cable with somebody at it: forwards every byte by itself, counts them, and tells a watcher before the next one.

The watcher is called in the same step that forwarded the byte, so that what it does (kill a process, pull the plug)
happens exactly there.
"""

import asyncio
import os
import tty
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path


class Toward(StrEnum):
    """The direction of a byte."""

    TERMINAL = "to the terminal"
    TILL = "to the till"


Watch = Callable[[Toward, int], None]


def _look_away(toward: Toward, count: int) -> None:
    """Nobody watches."""


class SerialTap:
    """Sits between a terminal's port and a new port for the till, `till_port`, which exists while the tap is open."""

    def __init__(self, terminal_port: Path, till_port: Path) -> None:
        self.till_port = till_port
        self.counts: Counter[Toward] = Counter()
        self.watch: Watch = _look_away
        self.plugged = True
        self._terminal = os.open(terminal_port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._till, self._slave = os.openpty()
        for descriptor in (self._terminal, self._till, self._slave):
            tty.setraw(descriptor)
        os.set_blocking(self._till, False)
        with suppress(FileNotFoundError):
            till_port.unlink()
        till_port.symlink_to(os.ttyname(self._slave))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._terminal, self._forward, self._terminal, self._till, Toward.TILL)
        self._loop.add_reader(self._till, self._forward, self._till, self._terminal, Toward.TERMINAL)

    def close(self) -> None:
        """Takes the cable away."""
        for descriptor in (self._terminal, self._till):
            self._loop.remove_reader(descriptor)
        for descriptor in (self._terminal, self._till, self._slave):
            os.close(descriptor)
        self.till_port.unlink(missing_ok=True)

    def _forward(self, source: int, target: int, toward: Toward) -> None:
        with suppress(BlockingIOError):
            for byte in os.read(source, 4096):
                if not self.plugged:
                    return
                os.write(target, bytes([byte]))
                self.counts[toward] += 1
                self.watch(toward, self.counts[toward])

    def unwatch(self) -> None:
        """From now on nobody watches; counting starts again and the cable is plugged in."""
        self.plugged = True
        self.watch = _look_away
        self.counts.clear()


class TcpTap:
    """Listens on a free port of the loopback and connects onward to the terminal, byte by byte."""

    def __init__(self, terminal_port: int) -> None:
        self.counts: Counter[Toward] = Counter()
        self.watch: Watch = _look_away
        self.plugged = True
        self.port = 0
        self._terminal_port = terminal_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Starts to listen; `port` is known afterwards."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Takes the cable away."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def unwatch(self) -> None:
        """From now on nobody watches; counting starts again and the cable is plugged in."""
        self.plugged = True
        self.watch = _look_away
        self.counts.clear()

    def cut(self) -> None:
        """Breaks every connection at once, with a reset, and lets none through until `plugged` is set again."""
        self.plugged = False
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.plugged:
            writer.transport.abort()
            return
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._terminal_port)
        ends = (writer, onward_writer)
        self._open.update(ends)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, onward_writer, Toward.TERMINAL))
                group.create_task(self._forward(onward_reader, writer, Toward.TILL))
        finally:
            for end in ends:
                self._open.discard(end)
                end.close()

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, toward: Toward) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(4096):
                for byte in chunk:
                    if not self.plugged:
                        return
                    target.write(bytes([byte]))
                    self.counts[toward] += 1
                    self.watch(toward, self.counts[toward])
                await target.drain()
        target.close()
