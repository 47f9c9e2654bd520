"""A web client of a few lines that shows every byte, and an application to ask."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from tests.lines import PATIENCE
from tillbridge.web.asgi import App, Receive, Scope, Send, answer, line_of
from tillbridge.web.serving import LOCAL_LINES, BoundAddress, Lines, serve_asgi


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection. Whatever it waits for comes within `PATIENCE` seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @property
    def ended(self) -> bool:
        """Whether the server has ended or broken off the connection."""
        return self.reader.at_eof() or self.reader.exception() is not None

    async def ask(self, head: str = "POST / HTTP/1.1", body: bytes = b"", headers: Iterable[str] = ()) -> Reply:
        length = [] if not body and head.startswith("GET") else [f"Content-Length: {len(body)}"]
        lines = [head, "Host: localhost", *length, *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)
        return await self.reply()

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            size = int(headers.get("content-length", "0"))
            return Reply(int(head[0].split()[1]), headers, await self.reader.readexactly(size))

    async def rest(self) -> bytes:
        """Everything until the server ends the connection; nothing more where it breaks it off."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


Stop = Callable[[], Coroutine[None, None, None]]


@asynccontextmanager
async def connected(address: BoundAddress) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", address.port))
    try:
        yield client
    finally:
        await client.close()


class Application:
    """`/` says how long the body was, `/line` how its socket is set and `/head` how it is before the body has come;
    `/wait` answers and `/stream` ends after `go`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = asyncio.Event()
        self.lived: list[str] = []
        self.ended: list[str] = []
        self.fails_to_start: Exception | None = None
        self.fails_to_stop = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        paths: dict[str, App] = {"/stream": self._stream, "/wait": self._wait, "/line": self._line, "/head": self._head}
        try:
            await paths.get(scope["path"], self._size)(scope, receive, send)
        finally:
            self.ended.append(scope["path"])

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if self.fails_to_start is not None:
            raise self.fails_to_start
        self.lived.append("started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.fails_to_stop:
            try:
                await asyncio.Event().wait()
            finally:
                self.lived.append("given up")
        self.lived.append("stopped")
        await send({"type": "lifespan.shutdown.complete"})

    async def _size(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await answer(send, (200, [], b"%d bytes" % size))

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def events() -> AsyncIterator[bytes]:
            yield b"data: first\n\n"
            self.waiting.set()
            await self.go.wait()
            yield b"data: second\n\n"

        await StreamingResponse(events(), media_type="text/event-stream")(scope, receive, send)

    async def _wait(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        self.waiting.set()
        await self.go.wait()
        await answer(send, (200, [], b"waited for"))

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = line_of(scope)
        assert line is not None
        quick = line.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        self.waiting.set()
        await receive()
        await answer(send, (200, [], b"acknowledged at once" if quick else b"acknowledged when it is convenient"))

    async def _line(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        line = line_of(scope)
        assert line is not None
        at_once = line.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await answer(send, (200, [], b"at once" if at_once else b"late"))


@asynccontextmanager
async def served(
    app: App, host: str = "127.0.0.1", grace: int = 1, lines: Lines = LOCAL_LINES
) -> AsyncIterator[tuple[BoundAddress, Stop]]:
    """The address of a running server, and a function that stops it and returns once it has."""
    ready: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        with suppress(asyncio.CancelledError):
            await serve_asgi(app, host, 0, ready.set_result, grace=grace, lines=lines)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve())

        async def stop() -> None:
            task.cancel()
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({task})

        yield await ready, stop
        await stop()
