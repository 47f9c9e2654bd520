"""The touch-screen wire over real HTTP on the loopback: what left, what came back, and what is never followed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from tests.support.shop import free_port
from tests.support.touchscreen import Journal, Network, driver_settings, operation, profile, taken, void_of
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols import registry
from tillbridge.protocols.contract import HealthState, Terminal
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.link import MAX_ANSWER, Address, Ended, Heard, HttpLink, Question
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

SOON: Final = 20.0
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def simulator(terminal: VirtualTerminal) -> AsyncIterator[int]:
    """The door over a virtual terminal on a port of its own, opened as a program would."""
    maker, ready, port = registry.door("touchscreen"), asyncio.Event(), free_port()
    settings = maker.settings.model_validate({"port": port})
    door = maker.open(settings, terminal, Runtime(), behaviour=ScriptedBehaviour(terminal))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(door.serve(ready.set))
        async with asyncio.timeout(SOON):
            await ready.wait()
        assert door.address == f"http://127.0.0.1:{port}"
        try:
            yield port
        finally:
            serving.cancel()


@asynccontextmanager
async def till(port: int) -> AsyncIterator[Terminal]:
    driver = registry.driver("touchscreen")
    terminal = driver.connect(driver.settings.model_validate({"host": "127.0.0.1", "port": port}), Runtime())
    try:
        yield terminal
    finally:
        await terminal.close()


async def test_a_sale_a_void_and_a_closing() -> None:
    terminal = VirtualTerminal(delay=0.1)
    async with simulator(terminal) as port, till(port) as driver:
        assert (await driver.health()).state is HealthState.READY
        assert isinstance(await driver.perform(operation(), Journal()), Approved)
        assert isinstance(await driver.perform(void_of(), Journal()), Approved)
        assert isinstance(await driver.inquire(operation()), Approved)
        assert terminal.ledger.balance("EUR") == 0
        assert [remembered.told for remembered in terminal._memory] == [True, True]


@pytest.mark.parametrize(
    "name",
    ["approve_then_drop", "drop_in_answer", "drop_last_byte", "drop_start_answer", "drop_confirm_answer", "garbage"],
)
async def test_a_line_that_drops_in_the_middle(name: str) -> None:
    terminal = VirtualTerminal(delay=0.2)
    async with simulator(terminal) as port, till(port) as driver:
        await driver.health()
        terminal.script.set(Step(SCENARIOS[name]))
        async with asyncio.timeout(60):
            facts = profile(timing={"silence": 2.0})
            quick = TouchScreenTerminal(driver_settings(host="127.0.0.1", port=port), facts, HttpLink())
            outcome = await quick.perform(operation(), Journal())
            await quick.close()
        assert taken(terminal) == 1250
        if name == "garbage":
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.ANSWER_UNREADABLE
        else:
            assert isinstance(outcome, Approved)


async def test_nobody_listens() -> None:
    async with till(free_port()) as driver:
        outcome = await driver.perform(operation(), Journal())
        assert isinstance(outcome, NotStarted)
        assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
        assert (await driver.health()).state is HealthState.UNREACHABLE


# ---------------------------------------------------------------- the link by itself


@asynccontextmanager
async def listening(serve: Server) -> AsyncIterator[int]:
    """A raw server; its conversations end with it."""
    open_now: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = open_now[writer] = asyncio.Event()
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            over.set()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer, over in open_now.items():
            writer.transport.abort()
            async with asyncio.timeout(SOON):
                await over.wait()
        await asyncio.sleep(0)


async def ask(port: int, *, read: float = 0.5, host: str = "127.0.0.1") -> Ended:
    link = HttpLink()
    try:
        return await link.ask(Question(Address(host, port), "/paya/status", 1.0, read, b"{}"))
    finally:
        await link.close()


def answering(raw: bytes, *, then_close: bool = True, heard: list[bytes] | None = None) -> Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"{}")
        if heard is not None:
            heard.append(request)
        writer.write(raw)
        if not then_close:
            await reader.read()

    return serve


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    size = str(len(body) if length is None else length).encode()
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: " + size, *headers, b"", body])


async def test_json_under_any_content_type() -> None:
    for kind in (b"text/html", b"application/octet-stream", b"application/json; charset=windows-1250"):
        async with listening(answering(http(b'{"a":1}', b"Content-Type: " + kind))) as port:
            assert await ask(port) == Heard(200, b'{"a":1}')


async def test_a_redirect_is_not_followed() -> None:
    redirect = http(b"", b"Location: http://127.0.0.1:1/elsewhere", status=b"307 Temporary Redirect")
    async with listening(answering(redirect)) as port:
        assert await ask(port) == Heard(307, b"")


async def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    heard: list[bytes] = []
    async with listening(answering(http(b"{}"), heard=heard)) as port:
        assert await ask(port) == Heard(200, b"{}")
    assert heard[0].startswith(b"POST /paya/status HTTP/1.1\r\n")
    assert b"cookie" not in heard[0].lower()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", DoubtReason.LINE_LOST),
        (b"HTTP/1.1 200", DoubtReason.LINE_LOST),
        (b"nonsense\r\n\r\n", DoubtReason.LINE_LOST),
        (http(b'{"a"', length=100), DoubtReason.LINE_LOST),
        (http(b"x" * (MAX_ANSWER + 1)), DoubtReason.ANSWER_UNREADABLE),
        (http(b"x", length=10_000_000), DoubtReason.LINE_LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", DoubtReason.LINE_LOST),
    ],
    ids=["nothing", "half-head", "no-http", "half-body", "too-long", "cut", "half-chunk"],
)
async def test_half_an_answer_is_none(raw: bytes, reason: DoubtReason) -> None:
    async with listening(answering(raw)) as port:
        ended = await ask(port)
        assert isinstance(ended, Lost)
        assert ended.reason is reason


async def test_ten_megabytes_are_not_kept() -> None:
    async with listening(answering(http(b"x" * 10_000_000))) as port:
        assert isinstance(await ask(port, read=5.0), Lost)


async def test_a_compressed_answer_is_not_blown_up() -> None:
    async with listening(answering(http(b"\x1f\x8b" + b"\0" * 50, b"Content-Encoding: gzip"))) as port:
        ended = await ask(port)
        assert isinstance(ended, Heard)
        assert len(ended.body) == 52


async def test_silence_after_the_request_is_a_doubt() -> None:
    async with listening(answering(b"", then_close=False)) as port:
        ended = await ask(port)
        assert isinstance(ended, Lost)
        assert ended.reason is DoubtReason.NO_ANSWER


async def test_an_answer_that_drips_for_ever_ends() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(http(b"", length=1000))
        for _ in range(200):
            if writer.is_closing() or reader.at_eof():
                break
            writer.write(b"x")
            await asyncio.sleep(0.05)

    async with listening(drip) as port:
        assert isinstance(await ask(port, read=0.5), Lost)


async def test_what_could_not_be_connected_was_never_sent() -> None:
    refused = await ask(free_port())
    assert isinstance(refused, NotSent)
    assert refused.reason is NotStartedReason.NETWORK_UNAVAILABLE
    unknown = await ask(80, host="no-such-host.invalid")
    assert isinstance(unknown, NotSent)


async def test_a_connection_that_is_not_taken_was_never_sent() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        first, second = socket.socket(), socket.socket()
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        ended = await ask(port)
        first.close()
        second.close()
    # Linux drops what does not fit its queue, so that the connect runs out of time.
    assert isinstance(ended, NotSent)
    assert ended.reason is NotStartedReason.TERMINAL_SILENT


async def test_a_closed_link_sends_nothing() -> None:
    link = HttpLink()
    await link.close()
    assert isinstance(await link.ask(Question(Address("127.0.0.1", 1), "/", 1.0, 1.0)), NotSent)


def test_the_link_of_the_tests_is_closed_like_the_real_one() -> None:
    async def main() -> None:
        network = Network()
        await network.close()
        assert isinstance(await network.ask(Question(Address("terminal", 1), "/", 1.0, 1.0)), NotSent)

    asyncio.run(main())
