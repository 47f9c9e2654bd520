"""People at the pages of a whole portal with the demonstration in it, and a till that pairs with it.

Everything goes through what a browser and a connector would send, so that the portal may be in this process or in
another one.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import yaml
from sqlalchemy import func, select

from tests.portal.browser import Browser, Reply
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.words import ConnectorDescription, FinishReply, Grant, StartReply
from tillbridge.portal.app import open_house, portal_app, serve_portal
from tillbridge.portal.demo_access import OWNER, PASSWORD
from tillbridge.portal.demo_data import demo_code
from tillbridge.portal.demo_plan import DEMO_NUMBER
from tillbridge.portal.features import assemble
from tillbridge.portal.house import House
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations import store as locations
from tillbridge.portal.settings import PortalSettings, load_settings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime
from tillbridge.web.asgi import App

PATIENCE: Final = 20.0
"""Seconds for another process to have done something that takes it less than two."""

DESCRIPTION: Final = ConnectorDescription(connector_id="fedcba98" * 4, name="KASSE-1", version="1.4.0", os="Debian 12")

Send = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Posts JSON to a path of a portal; its status and body."""

_DIGITS: Final = re.compile(r'<p class="pin" role="img" aria-label="([0-9, ]+)">')


@dataclass(slots=True)
class Office:
    """Somebody of the demonstration in front of a browser."""

    house: House
    browser: Browser

    async def sign_in(self, email: str = OWNER) -> None:
        """With the password, and with the code that the generator shows."""
        asked = await self.browser.post("/sign-in", page="/sign-in", email=email, password=PASSWORD)
        assert asked.location.startswith("/sign-in/factor"), asked.location
        code = demo_code(self.house.runtime.clock.now())
        done = await self.browser.post("/sign-in/factor", page="/sign-in/factor", code=code)
        assert done.status == 303, done.text

    async def pin(self, location_id: str, **more: str) -> str:
        """The digits of a new PIN, from the page that shows them once."""
        shown = await self.browser.post(f"/interfaces/{location_id}/pin", page=f"/interfaces/{location_id}", **more)
        assert shown.status == 200, (shown.status, shown.headers)
        return digits_on(shown)


def digits_on(shown: Reply) -> str:
    """The PIN on a page."""
    found = _DIGITS.search(shown.text)
    assert found is not None, shown.text
    return found[1].replace(", ", "")


@dataclass(slots=True)
class Till:
    """A connector that has no more than it must have to pair: `send` reaches the portal under the name `host`."""

    send: Send
    host: str = "127.0.0.1"
    seed: int = 1
    number: LocationNumber = DEMO_NUMBER
    kept: KeptExchange | None = field(default=None)

    async def begin(self, pin: str) -> None:
        """The start; what the finish needs is kept, as on a disk."""
        begun = connector_side.begin(pin, self.number, self.host, random.Random(self.seed).randbytes)
        status, body = await self.send("/v1/pairing/start", begun.request.body())
        assert status == 201, body
        key = KeyPair.make(random.Random(self.seed + 1).randbytes)
        self.kept = begun.answer(StartReply.read(body), DESCRIPTION, key)

    async def finish(self) -> tuple[int, bytes]:
        """The finish, always with the same bytes."""
        assert self.kept is not None
        return await self.send(f"/v1/pairing/sessions/{self.kept.session_id}/finish", self.kept.finish_body)

    def conclude(self, body: bytes) -> Grant:
        """What the portal granted, after its proof was checked."""
        assert self.kept is not None
        return self.kept.conclude(FinishReply.read(body))


def within(app: App) -> Send:
    """Reaches a portal of this process."""

    async def send(path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", "accept": "application/json"}
        reply = await Browser(app).ask("POST", path, body, headers)
        return reply.status, reply.body

    return send


def over(address: str) -> Send:
    """Reaches a portal of another process. `aiohttp.ClientError` where it is gone."""

    async def send(path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", "accept": "application/json"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as session,
            session.post(address + path, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    return send


def host_of(address: str) -> str:
    """The name of a portal in its address."""
    return urlsplit(address).hostname or ""


@asynccontextmanager
async def whole(settings: PortalSettings) -> AsyncIterator[tuple[House, App]]:
    """One process of a portal as it is served, which listens nowhere and does nothing in the background."""
    async with open_house(settings, Runtime()) as house:
        doorkeeper, features = assemble(house)
        yield house, portal_app(house, doorkeeper, features)


@asynccontextmanager
async def served(settings: PortalSettings) -> AsyncIterator[tuple[House, App]]:
    """The same, listening and at work in the background for as long as the block lasts."""
    async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
        doorkeeper, features = assemble(house)
        app, ready = portal_app(house, doorkeeper, features), asyncio.Event()

        async def serve() -> None:
            with suppress(asyncio.CancelledError):
                await serve_portal(app, house, features, lambda _: ready.set())

        serving = group.create_task(serve())
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        try:
            yield house, app
        finally:
            serving.cancel()


async def place(house: House, number: LocationNumber = DEMO_NUMBER) -> str:
    """The id of the location with this number."""
    async with house.database.reading() as connection:
        found = await locations.find_by_number(connection, number)
    assert found is not None
    return found.id


async def links(house: House) -> int:
    """How many links there are, of whatever state."""
    async with house.database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(link))).scalar_one())


def settings_file(folder: Path, written: Mapping[str, Any]) -> Path:
    """The settings of a portal with a migrated database."""
    folder.mkdir(exist_ok=True)
    path = folder / "portal.yml"
    path.write_text(yaml.safe_dump({"data": "data", **written}))
    migrate(load_settings(path))
    return path
