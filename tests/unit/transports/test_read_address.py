"""How the address of a terminal is written, and what is none."""

import asyncio

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.moving import LONGEST_ADDRESS, read_address
from tillbridge.protocols.network import Whereabouts
from tillbridge.transports.errors import LineUnavailable


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.1.20:8888", "192.168.1.20", 8888),
        ("terminal-2.shop.local:33350", "terminal-2.shop.local", 33350),
        ("till_terminal:1", "till_terminal", 1),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    there = read_address(text)
    assert (there.host, there.port, str(there)) == (host, port, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "192.168.1.20", "192.168.1.20:", ":8888", "192.168.1.20:0", "192.168.1.20:65536", "192.168.1.20:٨"),
        *("http://192.168.1.20:8888", "192.168.1.20:8888/", "user@terminal:1", "a b:1", " 192.168.1.20:8888", "-a:1"),
        *("300.1.1.1:1", "1.2.3:1", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "[::]:1", "[ff02::1]:1"),
        *("fe80::1:8888", "[fe80:::1]:8888", "[192.168.1.20:1", "terminal:1\n", f"{'a' * (LONGEST_ADDRESS - 1)}:1"),
    ],
)
def test_what_is_no_address_of_a_terminal_is_refused(text: str) -> None:
    with pytest.raises(BridgeError) as refused:
        read_address(text)
    assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, "address")


def test_a_connection_that_comes_about_at_the_old_place_is_not_used() -> None:
    async def main() -> None:
        lost = asyncio.Event()

        class Till(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002 - see asyncio.Protocol
                # The person's word comes in just when the old place has answered.
                where.at = read_address("127.0.0.2:9")

            def connection_lost(self, _exc: Exception | None) -> None:
                lost.set()

        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        where = Whereabouts("127.0.0.1", server.sockets[0].getsockname()[1])
        async with server, asyncio.timeout(10):
            with pytest.raises(LineUnavailable, match=r"127\.0\.0\.2:9"):
                await where.connect(Till)
            await lost.wait()

    asyncio.run(main())
