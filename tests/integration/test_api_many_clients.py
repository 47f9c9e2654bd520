"""The stream of events over real connections: many clients at once, and one that never reads."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.support.api_server import SOON, server
from tests.support.console.api import pay
from tests.support.console.counter import KEY
from tillbridge.connector.api import stream

CLIENTS = 200
PAYMENTS = 5
HEADERS = {"Authorization": f"Bearer {KEY}"}


async def lines_until(answer: aiohttp.ClientResponse, last: int) -> list[int]:
    """The ids of the events until that one."""
    found: list[int] = []
    async for line in answer.content:
        if line.startswith(b"id: "):
            found.append(int(line.removeprefix(b"id: ")))
            if found[-1] == last:
                return found
    raise AssertionError("the stream has ended")


async def test_two_hundred_clients_hear_everything_in_its_order(tmp_path: Path) -> None:
    async with server(tmp_path, "front") as place:
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        async with aiohttp.ClientSession(place.url, headers=HEADERS, connector=connector) as session:
            answers = [await session.get("/v1/events") for _ in range(CLIENTS)]
            for number in range(PAYMENTS):
                assert (await pay(place.inside, key=f"k{number}")).json["stage"] == "approved"
            engine = place.inside.engine
            wanted = [change.seq for change in engine.changes(0, 1000) if change.type != "progress"]
            async with asyncio.timeout(3 * SOON):
                heard = [await lines_until(answer, wanted[-1]) for answer in answers]
            for answer in answers:
                answer.close()
    assert len(wanted) >= 3 * PAYMENTS
    # Each begins with the line that the journal stood at.
    assert all(one == [0, *wanted] for one in heard)


async def test_a_client_that_never_reads_is_given_up_and_the_others_notice_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_PATIENCE", 0.5)
    async with server(tmp_path, "front") as place:
        watchers = place.inside.engine._books.feed._watchers
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", place.port))
        asked = f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        await loop.sock_sendall(deaf, asked.encode())
        async with asyncio.timeout(SOON):
            while not watchers:
                await asyncio.sleep(0.01)
        number = 0
        async with asyncio.timeout(4 * SOON):
            # Until the buffers of the line are full, and a moment longer.
            while watchers:
                assert (await pay(place.inside, key=f"k{number}")).json["stage"] == "approved"
                number += 1
        deaf.close()
        assert number > 0
