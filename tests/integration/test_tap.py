"""The tap on a line: it sees every byte of the lines of its own task, changes none, and is not there for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.lines import PATIENCE
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tap import Direction, observed, observer
from tillbridge.transports.tcp import bound_port, connect_tcp, listen_tcp
from tillbridge.transports.traced_http import traced_session

Seen = list[tuple[Direction, bytes]]


class Echo(asyncio.Protocol):
    """Says back what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())


class Hearing(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.put_nowait(data)


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    server = await listen_tcp("127.0.0.1", 0, Echo)
    try:
        yield bound_port(server)
    finally:
        server.close()


async def ask(port: int, said: bytes) -> bytes:
    transport, protocol = await connect_tcp("127.0.0.1", port, Hearing)
    try:
        assert protocol.transport is transport
        transport.write(said)
        async with asyncio.timeout(PATIENCE):
            return await protocol.heard.get()
    finally:
        transport.close()


async def test_both_directions_are_seen_and_nothing_is_changed() -> None:
    seen: Seen = []
    async with echoing() as port:
        with observed(lambda direction, data: seen.append((direction, data))):
            assert await ask(port, b"abc") == b"ABC"
    assert seen == [(Direction.SENT, b"abc"), (Direction.RECEIVED, b"ABC")]


async def test_lines_of_other_tasks_are_not_seen() -> None:
    seen: Seen = []
    async with echoing() as port, asyncio.TaskGroup() as group:
        other = group.create_task(ask(port, b"other"))
        with observed(lambda direction, data: seen.append((direction, data))):
            started = group.create_task(ask(port, b"mine"))
        assert observer() is None
        await asyncio.wait({other, started})
    assert [data for _, data in seen] == [b"mine", b"MINE"]


async def test_without_an_observer_nothing_stands_between_a_line_and_its_protocol() -> None:
    async with echoing() as port:
        transport, protocol = await connect_tcp("127.0.0.1", port, Hearing)
        assert transport.get_protocol() is protocol
        transport.close()


async def test_a_serial_line_is_seen_too() -> None:
    seen: Seen = []
    line = PtyLine()
    far, _ = await line.connect(Echo)
    try:
        with observed(lambda direction, data: seen.append((direction, data))):
            transport, protocol = await connect_serial(SerialSettings(port=line.slave_path), Hearing)
            transport.write(b"\x05")
            async with asyncio.timeout(PATIENCE):
                assert await protocol.heard.get() == b"\x05"
            transport.close()
    finally:
        far.close()
        line.close()
    assert seen == [(Direction.SENT, b"\x05"), (Direction.RECEIVED, b"\x05")]


async def test_the_bodies_of_a_traced_session_are_seen() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"heard": await request.json()}, status=201)

    app = web.Application()
    app.router.add_post("/pay", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    seen: Seen = []
    with observed(lambda direction, data: seen.append((direction, data))):
        async with traced_session() as session, session.post(f"http://127.0.0.1:{port}/pay", json={"amount": 1}) as got:
            assert await got.json() == {"heard": {"amount": 1}}
    await runner.cleanup()
    sent = b"".join(data for direction, data in seen if direction is Direction.SENT)
    received = b"".join(data for direction, data in seen if direction is Direction.RECEIVED)
    assert sent == f'POST http://127.0.0.1:{port}/pay\n{{"amount": 1}}\n'.encode()
    assert received.startswith(b"HTTP 201 Created\n")
    assert b'{"heard": {"amount": 1}}' in received
    async with traced_session() as unseen:
        assert unseen.trace_configs == []
