"""Serves an ASGI application over HTTP inside the running loop, until it is cancelled.

uvicorn does the HTTP. Around it: the port is taken first, so that a taken one is named; signals stay with the program;
everything that a client sends is bounded in size and time; and stopping is bounded too.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tillbridge.web.asgi import LINE, App, Message, Receive, Scope, Send
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.listening import BACKLOG, BoundAddress, bind

__all__ = ["BoundAddress", "LoopbackGuard", "serve_asgi"]

KEEP_ALIVE: Final = 600
"""Seconds that an idle connection stays open: longer than clients keep theirs, so that the client closes it and no
payment is ever sent into a connection that the server is just closing."""

MAX_CONNECTIONS: Final = 512
"""Open connections above which requests get 503: half of the file descriptors that a process usually has."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's first line and headers that are taken in at all; the guard's limit is lower."""

REQUEST_PATIENCE: Final = 30.0
"""Seconds for a client to send a whole request, so that one that stops in the middle does not stay for ever."""

GRACE: Final = 3
"""Seconds for running requests to end when the server stops; whatever must not be interrupted is waited for before."""

END_GRACE: Final = 5.0
"""Seconds for the application to put its own things away after that."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a server takes on.

    `most` open connections, above which requests get 503, and WebSocket messages of up to `longest_message` bytes;
    None: no WebSocket at all. `certificate` and `key` are files in PEM for TLS of its own.
    """

    most: int = MAX_CONNECTIONS
    longest_message: int | None = None
    certificate: Path | None = None
    key: Path | None = None


LOCAL_LINES: Final = Lines()


async def serve_asgi(
    app: App,
    host: str,
    port: int,
    on_ready: Callable[[BoundAddress], None] = lambda _: None,
    *,
    grace: int = GRACE,
    lines: Lines = LOCAL_LINES,
) -> None:
    """Serves until cancelled; `on_ready` is told the address once requests are answered. Port 0: the system chooses.

    Raises `BridgeError(PORT_TAKEN)` naming host:port, or whatever the application's own start raised. When cancelled
    it takes no new connection, ends event streams, lets other running requests end for `grace` seconds, lets the
    application put its things away, and then drops what is left.
    """
    sockets, address = await bind(host, port)
    stoppable = _Stoppable(app)
    server = uvicorn.Server(_config(stoppable, grace, lines))
    try:
        await _start(server, stoppable, sockets)
        on_ready(address)
        await server.main_loop()
    finally:
        stoppable.stop()
        await _stop(server, stoppable, sockets, grace)


def _config(app: App, grace: int, lines: Lines) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_BoundedProtocol,
        ws="none" if lines.longest_message is None else "websockets-sansio",
        ws_max_size=lines.longest_message or 0,
        ws_per_message_deflate=False,
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=lines.most,
        timeout_keep_alive=KEEP_ALIVE,
        ssl_certfile=lines.certificate,
        ssl_keyfile=lines.key,
        timeout_graceful_shutdown=grace,
    )
    config.load()
    return config


async def _start(server: uvicorn.Server, stoppable: "_Stoppable", sockets: list[socket.socket]) -> None:
    server.lifespan = server.config.lifespan_class(server.config)
    try:
        await server.startup(sockets)
    except SystemExit as refused:
        # uvicorn would end the whole program; the reason is what the application raised while it started.
        raise stoppable.failure or RuntimeError("the application refused to start") from refused


async def _stop(server: uvicorn.Server, stoppable: "_Stoppable", sockets: list[socket.socket], grace: int) -> None:
    try:
        if server.started:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace + END_GRACE):
                    await server.shutdown(sockets)
    finally:
        for listener in getattr(server, "servers", ()):
            listener.close()
        for one in sockets:
            one.close()
        for connection in list(server.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await _give_up({*server.server_state.tasks, *stoppable.lifespan})


async def _give_up(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancels what is left over and waits for its end, so that nothing of the server outlives it."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_GRACE)


class _Stoppable:
    """The application, told of the server's end: a stream of events hears that its client went away."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stopping = asyncio.Event()
        self.lifespan: set[asyncio.Task[Any]] = set()
        self.failure: BaseException | None = None

    def stop(self) -> None:
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await _Exchange(self._app, self._stopping, receive, send).run(scope)
            case "lifespan":
                await self._live(scope, receive, send)
            case _:
                # A WebSocket: the server tells it of the end by closing it.
                await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        self.lifespan = {task} if task is not None else set()
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.failure = error
            raise


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: App, stopping: asyncio.Event, receive: Receive, send: Send) -> None:
        self._app = app
        self._stopping = stopping
        self._receive = receive
        self._send = send
        self._heard_all = False
        self._streaming = False

    async def run(self, scope: Scope) -> None:
        await self._app(scope, self._hear, self._say)
        if self._streaming and self._stopping.is_set():
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _hear(self) -> Message:
        if self._heard_all:
            return await self._next_or_stop()
        message = await self._receive()
        self._heard_all = not message.get("more_body", False)
        return message

    async def _say(self, message: Message) -> None:
        self._streaming = message["type"] == "http.response.start" or message.get("more_body", False)
        await self._send(message)

    async def _next_or_stop(self) -> Message:
        # Only a stream asks again after the whole request: it wants to know when its client goes away. A request that
        # has not begun to answer is not told: its client is still there and shall have its answer.
        async with asyncio.TaskGroup() as group:
            message = group.create_task(_await(self._receive))
            stopped = group.create_task(self._stopping.wait())
            await asyncio.wait({message, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not message.done() and self._streaming:
                message.cancel()
        return {"type": "http.disconnect"} if message.cancelled() else message.result()


async def _await(receive: Receive) -> Message:
    return await receive()


class _BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP with an end to what it takes in: the size of a request's head, and the time for all of it."""

    _head = 0
    _in_head = True
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._patience is not None:
            _acknowledge(self.transport)
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response(f"The head of a request is limited to {MAX_HEAD} bytes.")

    def on_message_begin(self) -> None:
        self._head, self._in_head = 0, True
        self._wait()
        super().on_message_begin()
        self.scope["extensions"] = {LINE: {"transport": self.transport}}

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(REQUEST_PATIENCE, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _acknowledge(transport: asyncio.Transport) -> None:
    """Acknowledges what has come of a request at once, where the system can be asked to.

    Many tills send head and body apart with Nagle's algorithm on: the body then waits for this acknowledgement, which
    the system delays by 40 ms. The option holds only until the next bytes come, so that it is set again each time.
    """
    connection = transport.get_extra_info("socket")
    if sys.platform == "linux" and connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
