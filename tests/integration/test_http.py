"""The HTTP server on real connections: what it answers, what it refuses, and that it always stops."""

import asyncio
import logging
import re
import signal
import socket

import pytest

from tests.integration.web import Application, connected, served
from tests.lines import PATIENCE
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.manual import run_manual
from tillbridge.web import serving
from tillbridge.web.guard import MAX_BODY, MAX_HEADERS
from tillbridge.web.listening import bind
from tillbridge.web.serving import (
    KEEP_ALIVE,
    MAX_HEAD,
    REQUEST_PATIENCE,
    BoundAddress,
    Lines,
    LoopbackGuard,
    serve_asgi,
)


async def _pass(seconds: float) -> None:
    """Lets manual time pass in steps, so that what is on real connections is seen in between."""
    for _ in range(int(seconds * 2)):
        await asyncio.sleep(0.5)


def test_a_connection_is_kept_for_many_requests() -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            for size in (0, 1, 100_000):
                reply = await client.ask(body=b"x" * size)
                assert (reply.status, reply.body) == (200, b"%d bytes" % size)
                assert "date" in reply.headers
                assert "server" not in reply.headers
                assert "connection" not in reply.headers

    asyncio.run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_never_wait_for_an_acknowledgement(host: str) -> None:
    async def main() -> None:
        async with served(Application(), host) as (address, _), connected(address) as client:
            for _ in range(3):
                assert (await client.ask("POST /line HTTP/1.1")).body == b"at once"

    asyncio.run(main())


def test_a_head_that_comes_without_its_body_is_acknowledged_at_once() -> None:
    """Else a till that writes them apart, with Nagle's algorithm on, waits 40 ms in each payment on a kept line."""

    async def main() -> None:
        app = Application()
        async with served(app) as (address, _), connected(address) as client:
            for _ in range(5):
                app.waiting.clear()
                client.send(b"POST /head HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n")
                async with asyncio.timeout(PATIENCE):
                    await app.waiting.wait()
                client.send(b"body")
                assert (await client.reply()).body == b"acknowledged at once"

    asyncio.run(main())


def test_an_address_is_written_as_a_person_would_type_it() -> None:
    assert str(BoundAddress("127.0.0.1", 8080)) == "127.0.0.1:8080"
    assert str(BoundAddress("::1", 8080)) == "[::1]:8080"


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        app = Application()
        async with served(Application()) as (address, _):
            with pytest.raises(BridgeError, match=re.escape(f"another program already listens on {address}")) as caught:
                await serve_asgi(app, "127.0.0.1", address.port, lambda _: None)
            assert caught.value.code is Code.PORT_TAKEN
        assert app.lived == []

    asyncio.run(main())


def test_the_application_starts_before_and_stops_after_the_server() -> None:
    async def main() -> None:
        app = Application()
        async with served(app) as (address, stop):
            assert app.lived == ["started"]
            await stop()
            assert app.lived == ["started", "stopped"]
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", address.port)

    asyncio.run(main())


def test_what_keeps_an_application_from_starting_comes_out() -> None:
    async def main() -> None:
        app = Application()
        app.fails_to_start = BridgeError(Code.FOLDER_IN_USE, "mine")
        sockets, address = await bind("127.0.0.1", 0)
        for one in sockets:
            one.close()
        with pytest.raises(BridgeError, match="mine"):
            await serve_asgi(app, "127.0.0.1", address.port)
        for one in (await bind("127.0.0.1", address.port))[0]:
            one.close()

    asyncio.run(main())


def test_idle_connections_end_when_the_server_stops() -> None:
    async def main() -> None:
        async with served(Application()) as (address, stop), connected(address) as used, connected(address) as fresh:
            await used.ask()
            await stop()
            assert await used.rest() == b""
            assert await fresh.rest() == b""

    asyncio.run(main())


def test_a_stream_of_events_ends_at_once_and_in_order(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        app = Application()
        async with served(app, grace=60) as (address, stop), connected(address) as client:
            client.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await client.reply()).status == 200
            await app.waiting.wait()
            await stop()
            assert await client.rest() == b"d\r\ndata: first\n\n\r\n0\r\n\r\n"
        assert app.ended == ["/stream"]

    caplog.set_level(logging.WARNING)
    asyncio.run(main())
    assert caplog.records == []


def test_a_running_request_still_gets_its_answer() -> None:
    async def main() -> None:
        app = Application()
        async with served(app, grace=60) as (address, stop), connected(address) as client, connected(address) as idle:
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(client.ask("POST /wait HTTP/1.1"))
                await app.waiting.wait()
                group.create_task(stop())
                await idle.rest()  # it ends because the server is stopping
                app.go.set()
            assert asked.result().body == b"waited for"
            assert asked.result().headers["connection"] == "close"

    asyncio.run(main())


def test_a_request_that_never_ends_is_dropped_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "END_GRACE", 0.5)

    async def main() -> None:
        app = Application()
        app.fails_to_stop = True
        async with served(app, grace=0) as (address, stop), connected(address) as client:
            client.send(b"POST /wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            await app.waiting.wait()
            await stop()
            assert b"200 OK" not in await client.rest()
        assert app.ended == ["/wait"]
        assert app.lived == ["started", "given up"]

    asyncio.run(main())


def test_a_neighbour_that_fails_stops_the_server_too() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            ready: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
            group.create_task(serve_asgi(app, "127.0.0.1", 0, ready.set_result))
            async with connected(await ready) as client:
                await client.ask()
                raise KeyError("the neighbour")

    app = Application()
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert caught.group_contains(KeyError, match="the neighbour")
    assert app.lived == ["started", "stopped"]


def test_idle_connections_are_kept_for_long_but_not_for_ever() -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            for _ in range(2):
                await client.ask()
                await _pass(KEEP_ALIVE - 5)
            await client.ask()
            await _pass(KEEP_ALIVE + 5)
            assert client.ended

    run_manual(main())


@pytest.mark.parametrize(
    "begun", [b"", b"POST / HTT", b"POST / HTTP/1.1\r\nHost: loc", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n123"]
)
def test_a_client_that_stops_in_the_middle_is_let_go(begun: bytes) -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            client.send(begun)
            await _pass(REQUEST_PATIENCE - 5)
            assert not client.ended
            await _pass(10)
            assert client.ended

    run_manual(main())


def test_a_client_that_sends_a_drop_at_a_time_is_let_go_as_well() -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            client.send(b"GET / HTTP/1.1\r\nX-Slow: ")
            for _ in range(int(REQUEST_PATIENCE) + 5):
                client.send(b"a")
                await _pass(1)
            assert client.ended

    run_manual(main())


def test_a_long_payment_is_not_taken_for_a_client_that_stopped() -> None:
    async def main() -> None:
        app = Application()
        async with served(app) as (address, _), connected(address) as client, asyncio.TaskGroup() as group:
            client.send(b"POST /wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
            await app.waiting.wait()
            await _pass(200)
            app.go.set()
            reply = await group.create_task(client.reply())
            assert reply.body == b"waited for"

    run_manual(main())


@pytest.mark.parametrize("piece", [b"GET /" + b"a" * 5000, b"x-a: " + b"b" * 5000 + b"\r\n", b"c" * 5000])
def test_an_endless_head_is_refused(piece: bytes) -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            client.send(b"" if piece.startswith(b"GET") else b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(MAX_HEAD // len(piece) + 2):
                client.send(piece)
                await client.writer.drain()
            reply = await client.reply()
            assert reply.status == 400
            assert await client.rest() == b""

    asyncio.run(main())


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00\x01", b"\x05\x05\x05\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_not_http_is_refused(raw: bytes) -> None:
    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            client.send(raw)
            assert (await client.reply()).status == 400
            assert await client.rest() == b""

    asyncio.run(main())


def test_a_body_that_is_too_large_gets_an_answer_and_the_connection_stays() -> None:
    async def main() -> None:
        async with served(LoopbackGuard(Application())) as (address, _), connected(address) as client:
            for size, status in ((MAX_BODY, 200), (MAX_BODY + 1, 413), (4 * MAX_BODY, 413), (5, 200)):
                assert (await client.ask(body=b"x" * size)).status == status

    asyncio.run(main())


def test_a_chunked_body_that_is_too_large_gets_an_answer_and_the_connection_stays() -> None:
    async def main() -> None:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        async with served(LoopbackGuard(Application())) as (address, _), connected(address) as client:
            for count, status in ((4, 200), (5, 413), (1, 200)):
                client.send(head + chunk * count + b"0\r\n\r\n")
                assert (await client.reply()).status == status

    asyncio.run(main())


def test_too_many_headers_are_refused_in_words() -> None:
    async def main() -> None:
        async with served(LoopbackGuard(Application())) as (address, _), connected(address) as client:
            reply = await client.ask(headers=["X-Long: " + "a" * MAX_HEADERS])
            assert reply.status == 413
            assert b"headers are limited" in reply.body

    asyncio.run(main())


def test_there_is_a_limit_to_open_connections() -> None:
    async def main() -> None:
        async with served(Application(), lines=Lines(most=2)) as (address, _), connected(address) as one:
            assert (await one.ask()).status == 200
            async with connected(address) as other:
                assert (await other.ask()).status == 503

    asyncio.run(main())


def test_signals_are_left_to_the_program() -> None:
    before = signal.getsignal(signal.SIGINT)
    during = []

    async def main() -> None:
        async with served(Application()) as (address, _), connected(address) as client:
            await client.ask()
            during.append(signal.getsignal(signal.SIGTERM))

    terminate = signal.getsignal(signal.SIGTERM)
    asyncio.run(main())
    assert during == [terminate]
    assert signal.getsignal(signal.SIGINT) == before


def test_every_address_of_a_name_is_served() -> None:
    async def main() -> None:
        async with served(Application(), "localhost") as (address, _):
            families = {
                family for family, *_ in await asyncio.get_running_loop().getaddrinfo("localhost", address.port)
            }
            for family in families & {socket.AF_INET, socket.AF_INET6}:
                host = "127.0.0.1" if family == socket.AF_INET else "::1"
                _, writer = await asyncio.open_connection(host, address.port)
                writer.close()
                await writer.wait_closed()

    asyncio.run(main())
