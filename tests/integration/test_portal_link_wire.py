"""The portal and connectors that are spoken by hand: what no connector of ours would say, and too much of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import update

from tests.integration.portal_house import Portal, real_portal
from tests.integration.portal_till import (
    Till,
    ask_to_pay,
    connected,
    connector,
    in_a_hurry,
    pair,
    reaches,
    settings,
    taken,
)
from tests.lines import PATIENCE
from tillbridge.connector.portal.desk import open_portal
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.portal.commands.model import State
from tillbridge.portal.commands.tables import command
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

__all__ = ["in_a_hurry"]


@dataclass(slots=True)
class Raw:
    """The connector's end, spoken by hand. `said` reads the next message; after the end, None."""

    socket: aiohttp.ClientWebSocketResponse

    async def say(self, *messages: object) -> None:
        for message in messages:
            await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def said(self) -> dict[str, Any] | None:
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.receive()
        return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None

    async def ended(self) -> tuple[str, int | None]:
        """The code of the good-bye, and the status with which the connection was closed."""
        code = ""
        while (message := await self.said()) is not None:
            code = message["code"] if message["type"] == "bye" else code
        return code, self.socket.close_code


DEADLINE = 20.0
"""Seconds for what comes at once on a quiet computer."""

HELLO = {"type": "hello", "protocol": 1, "oldest": 1, "version": "1.4.0", "connector_id": "c" * 32, "stations": []}


@asynccontextmanager
async def raw(till: Till, *, proven: bool = True) -> AsyncIterator[Raw]:
    """A connection with the credential of this till, which itself is not connected."""
    connection = await till.desk.connection()
    http = connection.http()
    url = http.url("/v1/link")
    headers = {}
    if proven:
        token = await connection.tokens.status(http)
        headers = {"Authorization": f"DPoP {token}", "DPoP": connection.tokens.proof("GET", url, token)}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        yield Raw(socket)


@asynccontextmanager
async def paired_only(tmp_path: Path) -> AsyncIterator[tuple[Portal, Till]]:
    """A paired connector that keeps no lasting connection of its own."""
    folder = tmp_path / "till"
    folder.mkdir()
    async with real_portal(tmp_path / "portal") as portal:
        given, runtime = settings(portal), Runtime()
        async with (
            open_engine(folder, [], EngineSettings(time_zone="UTC", probe_seconds=0), runtime) as engine,
            open_portal(given, folder, runtime, "1.4.0") as desk,
            asyncio.TaskGroup() as group,
        ):
            running = group.create_task(desk.run())
            await asyncio.sleep(0)
            till = Till(desk, engine, folder)
            await pair(till, portal)
            yield portal, till
            running.cancel()


async def test_messages_that_are_none_end_the_connection_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deep = "[" * 100_000
    async with paired_only(tmp_path) as (portal, till):
        for wrong, status in (
            ([""], 1007),
            (["{"], 1007),
            ([deep], 1009),
            (["[" * 20_000], 1007),
            (['"hello"'], 1007),
            ([{"type": "heartbeat", "version": "1", "stations": [], "clock": "2026-03-14T12:00:00Z"}], 1007),
            ([{**HELLO, "connector_id": "C"}], 1007),
            ([{**HELLO, "stations": [{"name": "a\n", "health": "ready", "busy": False}]}], 1007),
            ([HELLO, HELLO], 1007),
            ([HELLO, {"type": "heartbeat", "version": "1", "stations": [], "clock": "noon"}], 1007),
            ([HELLO, {"type": "command_answer", "id": "../../x", "state": "done"}], 1007),
            ([HELLO, "x" * 70_000], 1009),
        ):
            async with raw(till) as line:
                await line.say(*wrong)
                assert (await line.ended())[1] == status, wrong
        async with raw(till) as line:
            await line.socket.send_bytes(json.dumps(HELLO).encode())
            assert (await line.ended())[1] == 1007
        async with raw(till) as line:
            # What is merely new is left alone.
            await line.say(HELLO, {"type": "weather", "sun": True}, {**HEARTBEAT, "mood": "good"})
            assert (await line.said() or {})["type"] == "welcome"
            await connected(portal)
    assert not [one for one in caplog.records if one.exc_info]


HEARTBEAT = {"type": "heartbeat", "version": "9.9.9", "stations": [], "clock": "2026-03-14T12:00:00+00:00"}


async def test_somebody_without_the_key_is_told_no(tmp_path: Path) -> None:
    async with paired_only(tmp_path) as (portal, till):
        async with raw(till, proven=False) as line:
            assert await line.ended() == ("P205", 1008)
        await portal.revoke()
        async with raw(till) as line:
            assert await line.ended() == ("P202", 1008)


@pytest.mark.parametrize(
    ("versions", "who"),
    [({"protocol": 3, "oldest": 2}, "the portal must be updated"), ({"protocol": 1, "oldest": 1}, "welcome")],
)
async def test_whoever_is_too_old_is_named(tmp_path: Path, versions: dict[str, int], who: str) -> None:
    async with paired_only(tmp_path) as (_, till), raw(till) as line:
        await line.say(HELLO | versions)
        first = await line.said()
        assert first is not None
        assert who in json.dumps(first)
        assert (first["type"] == "bye") is (who != "welcome")


async def test_a_storm_of_connections_leaves_one(tmp_path: Path) -> None:
    async with paired_only(tmp_path) as (portal, till), AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(raw(till)) for _ in range(20)]

        async def heard(line: Raw) -> str:
            """The first word of a line that decides: its end, or the command."""
            async with asyncio.timeout(DEADLINE):
                await line.say(HELLO)
                while (message := await line.said()) is not None:
                    if message["type"] in {"bye", "command"}:
                        return str(message["type"])
            return ""

        async with asyncio.TaskGroup() as group:
            left = {group.create_task(heard(line)) for line in lines}
            while len(left) > 1:
                ended, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                assert {one.result() for one in ended} == {"bye"}
            # Asked for while they still push each other out, it might go to one whose turn is just over.
            made = await ask_to_pay(portal)
            await reaches(portal, made, State.GIVEN)
        assert left.pop().result() == "command"


async def test_a_command_that_comes_twice_is_one_payment(tmp_path: Path) -> None:
    """The portal gives each once; a line, or somebody on it, may still repeat it."""
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        made = await ask_to_pay(portal)
        await reaches(portal, made, State.DONE)
        async with portal.house.database.writing() as connection:
            await connection.execute(update(command).where(command.c.id == made).values(state=State.QUEUED))
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])
