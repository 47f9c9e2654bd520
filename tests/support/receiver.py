"""A receiver of webhooks on a real port of this computer, which answers whatever a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.webhooks import Said
from tillbridge.runtime.manual import ManualLoop
from tillbridge.web.webhooks.courier import Courier, Reply

TOOK_IT = b"HTTP/1.1 204 No Content\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """`answer` is what it says to every request, or a function that says it."""

    answer: bytes | Answer = TOOK_IT
    heard: list[Said] = field(default_factory=list)
    connections: int = 0
    scheme: str = "http"
    port: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/told"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._take(reader)
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(writer)
        writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers["content-length"]))
        self.heard.append(Said(asyncio.get_running_loop().time(), head[0].split()[1], headers, body))


@asynccontextmanager
async def receiving(
    answer: bytes | Answer = TOOK_IT, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver that listens for as long as the block lasts."""
    receiver = Receiver(answer, scheme="http" if tls is None else "https")
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class InRealTime:
    """Sends over real connections although the loop's time is manual: that stands still meanwhile."""

    courier: Courier

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        with loop.standing_still():
            return await self.courier.carry(url, headers, body)
