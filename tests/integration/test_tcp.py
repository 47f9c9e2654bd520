"""TCP over this computer's own loopback."""

import asyncio
import random
import socket

import pytest

from tests.lines import Echo, Recorder
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.hostile import Hostility, hostile
from tillbridge.transports.tcp import PROBE_AFTER, bound_port, connect_tcp, listen_tcp
from tillbridge.web.listening import bind


async def _close(*clients: Recorder) -> None:
    for client in clients:
        client.transport.close()
        await client.until_lost()


def test_bytes_go_there_and_back() -> None:
    async def main() -> None:
        async with await listen_tcp("127.0.0.1", 0, Echo) as server:
            _, till = await connect_tcp("127.0.0.1", bound_port(server), Recorder, 5)
            till.transport.write(bytes(range(256)))
            await till.until_received(256)
            assert till.received == bytes(range(256))
            await _close(till)

    asyncio.run(main())


def test_small_frames_leave_at_once_on_both_sides() -> None:
    async def main() -> None:
        accepted = Recorder()
        async with await listen_tcp("127.0.0.1", 0, lambda: accepted) as server:
            _, till = await connect_tcp("127.0.0.1", bound_port(server), Recorder, 5)
            await accepted.until(lambda me: "made" in me.heard)
            for side in (till, accepted):
                line = side.transport.get_extra_info("socket")
                assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
                assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
                assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == PROBE_AFTER
            await _close(till)
            await accepted.until_lost()

    asyncio.run(main())


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        async with await listen_tcp("127.0.0.1", 0, Echo) as server:
            port = bound_port(server)
            with pytest.raises(BridgeError, match=f"another program already listens on 127.0.0.1:{port}") as caught:
                await listen_tcp("127.0.0.1", port, Echo)
            assert caught.value.code is Code.PORT_TAKEN

    asyncio.run(main())


def test_a_port_can_be_taken_again_at_once_after_a_restart() -> None:
    async def main() -> None:
        accepted = Recorder()
        async with await listen_tcp("127.0.0.1", 0, lambda: accepted) as server:
            port = bound_port(server)
            _, till = await connect_tcp("127.0.0.1", port, Recorder, 5)
            await accepted.until(lambda me: "made" in me.heard)
            await _close(accepted)  # the side that closes first keeps the port in TIME_WAIT
            await till.until_lost()
        async with await listen_tcp("127.0.0.1", port, Echo) as again:
            assert bound_port(again) == port

    asyncio.run(main())


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("198.51.100.7", 0, "'198.51.100.7' is not an address of this computer"),
        ("no-such-host.invalid", 0, "does not know the name 'no-such-host.invalid'"),
        ("127.0.0.1", 65536, "65536 is not a port"),
        ("127.0.0.1", -1, "-1 is not a port"),
    ],
)
def test_where_nobody_can_listen_the_reason_is_given(host: str, port: int, words: str) -> None:
    async def main() -> None:
        with pytest.raises(BridgeError, match=words) as caught:
            await listen_tcp(host, port, Echo)
        assert caught.value.code is Code.SETTINGS_INVALID

    asyncio.run(main())


def test_a_terminal_that_refuses_is_named() -> None:
    async def main() -> None:
        sockets, address = await bind("127.0.0.1", 0)
        for one in sockets:
            one.close()
        with pytest.raises(LineUnavailable, match=f"{address} refused the connection: nothing listens"):
            await connect_tcp("127.0.0.1", address.port, Recorder, 5)

    asyncio.run(main())


def test_a_name_that_nobody_knows_is_named() -> None:
    async def main() -> None:
        with pytest.raises(LineUnavailable, match=r"the name 'no-such-host\.invalid' is not known"):
            await connect_tcp("no-such-host.invalid", 8888, Recorder, 5)

    asyncio.run(main())


def test_a_terminal_that_does_not_answer_is_given_up_in_time() -> None:
    async def main() -> None:
        # A full queue of a listener that accepts nobody drops what else arrives, as a terminal without power does.
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            port = deaf.getsockname()[1]
            _, first = await connect_tcp("127.0.0.1", port, Recorder, 5)
            with pytest.raises(LineUnavailable, match=rf"127.0.0.1:{port} did not answer within 0.1 seconds"):
                await connect_tcp("127.0.0.1", port, Recorder, 0.1)
            await _close(first)

    asyncio.run(main())


def _resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Lets the system know a name with these addresses, as /etc/hosts would."""

    async def known(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", known)


async def test_a_name_with_several_addresses_is_served_on_all_with_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
    sockets, address = await bind("till", 0)
    assert [one.getsockname() for one in sockets] == [("127.0.0.1", address.port), ("127.0.0.2", address.port)]
    for one in sockets:
        one.close()


async def test_a_line_listens_on_the_first_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
    async with await listen_tcp("till", 0, Echo) as server:
        assert [one.getsockname() for one in server.sockets] == [("127.0.0.1", bound_port(server))]
        with socket.socket() as other:
            other.bind(("127.0.0.2", bound_port(server)))


async def test_an_address_that_this_computer_does_not_have_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, "198.51.100.7", "127.0.0.1")
    async with await listen_tcp("till", 0, Echo) as server:
        assert [one.getsockname() for one in server.sockets] == [("127.0.0.1", bound_port(server))]


async def test_one_taken_address_of_a_name_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async with await listen_tcp("127.0.0.2", 0, Echo) as server:
        _resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
        with pytest.raises(BridgeError, match=f"another program already listens on till:{bound_port(server)}"):
            await bind("till", bound_port(server))
        with socket.socket() as other:
            other.bind(("127.0.0.1", bound_port(server)))


def test_a_line_that_dies_after_each_byte_delivers_exactly_those_before_it() -> None:
    sent = b"\x02frame\x03L"

    async def main() -> None:
        for position in range(len(sent) + 1):
            accepted: list[Recorder] = []

            def make(accepted: list[Recorder] = accepted) -> Recorder:
                accepted.append(Recorder())
                return accepted[-1]

            bad = hostile(make, Hostility(split=(1, 3), cut_after_bytes_in=position), random.Random(position))
            async with await listen_tcp("127.0.0.1", 0, bad) as server:
                _, till = await connect_tcp("127.0.0.1", bound_port(server), Recorder, 5)
                till.transport.write(sent)
                await till.until_lost()
                await accepted[0].until_lost()
                assert accepted[0].received == sent[:position]

    asyncio.run(main())
