"""The network between a connector and a portal: it loses what it is told to lose, of the lasting connection alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.shop import free_port

_UPGRADE = b"GET /v1/link"


@dataclass(slots=True)
class Wire:
    """`up` and `down` are open while bytes pass to the portal, and to the connector; what is held waits or is lost."""

    port: int = field(default_factory=free_port)
    to: int = 0
    up: asyncio.Event = field(default_factory=asyncio.Event)
    down: asyncio.Event = field(default_factory=asyncio.Event)
    _lasting: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=list)

    def open(self) -> None:
        """Everything passes."""
        self.up.set()
        self.down.set()

    def cut(self) -> None:
        """Breaks the lasting connections; what was held of them is lost, and new ones pass."""
        lasting, self._lasting = self._lasting, []
        for ends in lasting:
            for end in ends:
                end.transport.abort()
        self.open()

    @property
    def lasting(self) -> int:
        """How many lasting connections are open."""
        return len(self._lasting)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, onward_writer)
        try:
            async with asyncio.TaskGroup() as group:
                up = group.create_task(self._forward(reader, onward_writer, self.up, ends))
                down = group.create_task(self._forward(onward_reader, writer, self.down, ends))
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()
        finally:
            with suppress(ValueError):
                self._lasting.remove(ends)
            for end in ends:
                end.close()

    async def _forward(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        gate: asyncio.Event,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        with suppress(OSError):
            while chunk := await source.read(65536):
                if _UPGRADE in chunk:
                    self._lasting.append(ends)
                if ends in self._lasting:
                    await gate.wait()
                target.write(chunk)
                await target.drain()


@asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    """A wire that listens; `to` is still to be set to the port of the portal."""
    made = Wire()
    made.open()
    server = await asyncio.start_server(made.serve, "127.0.0.1", made.port)
    try:
        yield made
    finally:
        made.cut()
        server.close()
