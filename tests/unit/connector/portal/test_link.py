"""The lasting connection: whatever the other end or the line does, it comes back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.unit.connector.portal.linked import Portal, Talk, good, hear_out, in_a_hurry, note, says, till, welcome
from tillbridge.connector.portal.states import LinkState

__all__ = ["in_a_hurry"]


async def test_it_says_who_it_is_and_how_it_is(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome(heartbeat_seconds=5))
        async for message in socket:
            note(heard, message)

    portal = Portal([talk])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: bool(heard))
        assert here.standing().state is LinkState.ACTIVE
        hello, beat = portal.hellos[0], heard[0]
        assert (hello["protocol"], hello["version"], hello["resume"]) == (1, "1.4.0", [])
        assert (beat["type"], beat["unsent_count"], beat["stations"][0]["name"]) == ("heartbeat", 0, "front")


@pytest.mark.parametrize(
    "wrong",
    [
        says("{"),
        says("[]", "x"),
        says(welcome(), "{"),
        says(welcome(), json.dumps({"type": "command", "id": "x"})),
        says(welcome(), json.dumps({"type": "bye"})),
        says(json.dumps({"type": "notice", "code": "early"})),
        says(welcome(heartbeat_seconds=0)),
        says(welcome(), "x" * 300_000),
        says(),
        says(welcome()),
    ],
)
async def test_whatever_a_portal_says_wrong_the_next_connection_is_tried(tmp_path: Path, wrong: Talk) -> None:
    portal = Portal([wrong, wrong, good])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) == 3 and here.standing().state is LinkState.ACTIVE)


async def test_bytes_are_no_message(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        await socket.send_bytes(b"{}")
        await hear_out(socket)

    portal = Portal([talk, good])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) == 2)


async def test_a_reset_in_the_middle_of_a_heartbeat_is_a_new_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.link.JITTER_SECONDS", 0.0)

    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        await socket.receive()
        transport = socket._req.transport if socket._req is not None else None  # the test's own server
        assert transport is not None
        transport.abort()

    portal = Portal([talk, talk, talk, good])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) == 4)


async def test_what_cannot_be_sent_breaks_the_connection_and_not_its_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A send that fails beside the listener: both have to end as one lost connection."""
    real = aiohttp.ClientWebSocketResponse.send_str
    failures = 3

    async def failing(self: aiohttp.ClientWebSocketResponse, data: str, *more: Any) -> None:
        nonlocal failures
        if failures and '"heartbeat"' in data:
            failures -= 1
            raise aiohttp.ClientConnectionResetError("the test has cut the line")
        await real(self, data, *more)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "send_str", failing)
    portal = Portal([good])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) == 4)


async def test_a_line_that_is_dead_without_saying_so_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.link.PING_SECONDS", 0.1)
    woken = asyncio.Event()

    async def silent(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        await woken.wait()  # reads nothing, and so answers no ping

    portal = Portal([silent, good])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) == 2)
        woken.set()


async def test_contact_is_what_the_portal_says_not_what_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.link.PING_SECONDS", 0.1)
    answering = asyncio.Event()

    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        async for message in socket:
            if message.type is web.WSMsgType.PING:
                await socket.pong(message.data)
                answering.set()

    portal = Portal([talk])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: here.standing().last_contact_at is not None)
        first = here.standing().last_contact_at
        assert first is not None
        await answering.wait()
        await here.until(lambda: (here.standing().last_contact_at or first) > first)
        assert len(portal.hellos) == 1
