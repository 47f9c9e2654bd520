"""What the portal tells over the lasting connection, and what the till shows of it."""

import asyncio
import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.unit.connector.portal.linked import ID, Portal, Talk, hear_out, in_a_hurry, note, says, till, welcome
from tillbridge.connector.portal.states import LinkState
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.effects import Runtime

__all__ = ["in_a_hurry"]


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (
            says(json.dumps({"type": "bye", "code": "link_outdated", "text": "Update the shop.", "retry_after": 0})),
            "Update the shop.",
        ),
        (says(welcome(protocol=9, oldest=5)), "update this connector"),
    ],
)
async def test_whichever_side_is_too_old_is_named_at_the_till(tmp_path: Path, talk: Talk, said: str) -> None:
    portal = Portal([talk])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: len(portal.hellos) > 1)
        assert said in here.standing().notice


async def test_a_revocation_is_asked_for_where_it_can_be_proven(tmp_path: Path) -> None:
    portal = Portal()

    async def revoked(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        portal.refusal = BridgeError(Code.LINK_REVOKED)
        await socket.send_str(welcome())
        await socket.send_str(json.dumps({"type": "bye", "code": "P202", "text": "over"}))

    portal.talks = [revoked]
    async with till(portal, tmp_path) as here:
        await here.until(lambda: here.standing().state is LinkState.REVOKED)
        assert len(portal.hellos) == 1


async def test_a_pause_is_shown_and_the_portal_says_when_to_come_back(tmp_path: Path) -> None:
    portal = Portal(state="suspended")
    bye = json.dumps({"type": "bye", "code": "P203", "text": "paused", "retry_after": 3600})
    portal.talks = [says(bye)]
    async with till(portal, tmp_path) as here:
        await here.until(lambda: here.standing().state is LinkState.SUSPENDED)
        await asyncio.sleep(0.1)
        assert len(portal.hellos) == 1


async def test_what_is_planned_is_shown_within_the_hour_and_what_is_on_until_it_ends(tmp_path: Path) -> None:
    now = Runtime().clock.now()
    far, near = now + timedelta(minutes=90), now + timedelta(minutes=50)
    windows = [
        {
            "component": "portal",
            "start": at.isoformat(),
            "end": (at + timedelta(hours=1)).isoformat(),
            "effect": "unavailable",
        }
        for at in (far, near)
    ]
    changed = asyncio.Event()

    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        until = (now + timedelta(hours=1)).isoformat()
        await socket.send_str(welcome(windows=windows, maintenance={"until": until, "reason": "update"}))
        await changed.wait()
        await socket.send_str(welcome(windows=[]))
        await hear_out(socket)

    async with till(Portal([talk]), tmp_path) as here:
        await here.until(lambda: here.standing().state is LinkState.MAINTENANCE)
        assert [one.start for one in here.standing().planned] == [near]
        assert here.standing().until is not None
        changed.set()
        await here.until(lambda: here.standing().state is LinkState.ACTIVE)
        assert here.standing().planned == ()


async def test_a_connector_that_comes_back_names_what_it_has_in_hand(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    async def first(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        body = {"amount_minor": 1250, "currency": "EUR", "terminal": "front"}
        command = {"type": "command", "id": ID, "kind": "payment", "body": body, "expires_in": 60}
        await socket.send_str(json.dumps(command))
        transport = socket._req.transport if socket._req is not None else None  # the test's own server
        assert transport is not None
        while not (tmp_path / "portal-commands.json").exists():
            await asyncio.sleep(0.005)
        transport.abort()

    async def second(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        await socket.send_str(welcome())
        await socket.send_str(json.dumps({"type": "command", "id": ID, "kind": "ask", "body": {}, "expires_in": 0}))
        async for message in socket:
            note(heard, message)

    portal = Portal([first, second])
    async with till(portal, tmp_path) as here:
        await here.until(lambda: any(one.get("state") == "done" for one in heard))
        assert portal.hellos[1]["resume"] in ([ID], [])
        told = next(one for one in heard if one.get("state") == "done")
        assert told["result"]["outcome"] == "approved"


async def test_pauses_grow_and_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that comes back is not met by all of its connectors at one moment."""
    monkeypatch.setattr("tillbridge.connector.portal.link.FIRST_PAUSE", 0.05)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def talk(_: web.WebSocketResponse, __: dict[str, Any]) -> None:
        times.append(loop.time())

    async with till(Portal([talk]), tmp_path) as here:
        await here.until(lambda: len(times) == 5)
    pauses = [after - before for before, after in pairwise(times)]
    assert all(pause >= 0.05 * 2**number * 0.5 for number, pause in enumerate(pauses, start=1))
