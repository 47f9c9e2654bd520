"""A few lines of a portal on a real port that say what a test wants, and a paired connector that keeps a line to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.keystore import Credential, Kept, KeptLink
from tillbridge.connector.portal.link_running import Keeper
from tillbridge.connector.portal.places import Places
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import Standing
from tillbridge.domain.errors import BridgeError
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.link import master_token
from tillbridge.link.keys import KeyPair
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.problem import problem

ID = "1" * 32
Talk = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]


def welcome(**more: Any) -> str:
    usual = {
        "type": "welcome",
        "protocol": 1,
        "oldest": 1,
        "version": "9.0.0",
        "server_time": Runtime().clock.now().isoformat(),
        "heartbeat_seconds": 60,
        "location": {"number": "10047110", "name": "Am Markt"},
    }
    return json.dumps(usual | more)


async def hear_out(socket: web.WebSocketResponse) -> None:
    """Listens to the end."""
    async for _ in socket:
        pass


def note(heard: list[dict[str, Any]], message: aiohttp.WSMessage) -> None:
    """Writes down what a connector said."""
    heard.append(json.loads(message.data))


@dataclass(slots=True)
class Portal:
    """`talks` are the conversations to have, one for each connection; the last one is repeated."""

    talks: list[Talk] = field(default_factory=list)
    hellos: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    state: str = "active"
    refusal: BridgeError | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/token", self.token)
        app.router.add_get("/v1/link", self.link)
        return app

    async def token(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.refusal is not None:
            return web.json_response(problem(self.refusal), status=self.refusal.entry.status)
        body = {"access_token": "a.b.c", "token_type": "DPoP", "expires_in": 600, "link_state": self.state}
        return web.json_response(body, headers={"DPoP-Nonce": "n"})

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        assert request.headers["Authorization"] == "DPoP a.b.c"
        assert request.headers["DPoP"].count(".") == 2
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.hellos.append(json.loads((await socket.receive()).data))
        talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
        await talk(socket, self.hellos[-1])
        await socket.close()
        return socket


@dataclass(slots=True)
class Till:
    connection: Connection
    engine: Engine
    running: asyncio.Task[None]

    def standing(self) -> Standing:
        return self.connection.board.standing()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                # A connection that broke must never end the one who keeps it.
                assert not self.running.done()
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.link.FIRST_PAUSE", 0.02)


@asynccontextmanager
async def till(portal: Portal, folder: Path) -> AsyncIterator[Till]:
    """A paired connector that keeps its connection with this portal."""
    runtime = Runtime()
    terminal = VirtualTerminal("front")
    setups = [TerminalSetup("front", "virtual", DirectTerminal(terminal, ScriptedBehaviour(terminal)))]
    async with (
        TestServer(portal.app()) as server,
        open_engine(folder, setups, EngineSettings(time_zone="UTC", probe_seconds=0), runtime) as engine,
        asyncio.TaskGroup() as group,
    ):
        address = f"http://localhost:{server.port}"
        given = PortalSettings(address=address, location_number="10047110", accept_payments=True)
        connection = Connection(Places(given, folder), folder, runtime, "1.4.0")
        await connection.keystore.change(lambda kept: linked(kept, address, runtime))
        keeper = Keeper(engine, given, folder)
        running = group.create_task(keeper.keep(connection))
        yield Till(connection, engine, running)
        running.cancel()
        await asyncio.wait({running})
        await connection.close()


def linked(kept: Kept, address: str, runtime: Runtime) -> Kept:
    now = runtime.clock.now()
    key = KeyPair.make(runtime.chance.randbytes)
    link = KeptLink(
        link_id="f" * 32,
        address=address,
        location_number="10047110",
        location_name="Am Markt",
        tenant="Sommer",
        credential=Credential(key=key.dump(), master_token=master_token.new(runtime.chance.randbytes)),
        portal_jwks_thumbprint="t" * 43,
        paired_at=now,
        rotated_at=now,
        acknowledged=True,
    )
    return kept.model_copy(update={"link": link})


async def good(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
    await socket.send_str(welcome())
    await hear_out(socket)


def says(*texts: str) -> Talk:
    """Welcomes, says this, and ends the connection."""

    async def talk(socket: web.WebSocketResponse, _: dict[str, Any]) -> None:
        for text in texts:
            await socket.send_str(text)

    return talk
