"""A counter whose native interface really listens, and a line to it that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.console.counter import NOTHING, Around, Counter, counter
from tests.support.shop import free_port
from tillbridge.runtime.effects import Runtime
from tillbridge.web.serving import BoundAddress, serve_asgi

SOON = 10.0
"""Seconds in which a loaded computer gets anything done that takes a moment."""


@dataclass
class Server:
    """`inside` goes on when the server is closed: what the connector does does not hang on who asks."""

    inside: Counter
    group: asyncio.TaskGroup
    port: int = field(default_factory=free_port)
    serving: "asyncio.Task[None] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        ready: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
        self.serving = self.group.create_task(
            serve_asgi(self.inside.app, "127.0.0.1", self.port, ready.set_result, grace=1)
        )
        await ready

    async def close(self) -> None:
        assert self.serving is not None
        self.serving.cancel()
        async with asyncio.timeout(SOON):
            await asyncio.wait({self.serving})


@asynccontextmanager
async def server(folder: Path, *names: str, around: Around = NOTHING) -> AsyncIterator[Server]:
    """A server that listens."""
    async with counter(folder, *names, runtime=Runtime(), around=around) as inside, asyncio.TaskGroup() as group:
        found = Server(inside, group)
        await found.open()
        try:
            yield found
        finally:
            await found.close()


@dataclass
class Cut:
    """A line that hands every request on, and loses the answers of as many connections as it is told."""

    target: int
    port: int = 0
    loses: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_pump(reader, back))
            await self._answer(there, writer)
            sending.cancel()
        for one in (writer, back):
            one.close()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await there.read(65536):
            if self.loses:
                self.loses -= 1
                return
            writer.write(piece)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)


@asynccontextmanager
async def cut(target: int) -> AsyncIterator[Cut]:
    """A line to this port."""
    line = Cut(target)
    listening = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    async with listening:
        line.port = listening.sockets[0].getsockname()[1]
        yield line
