"""A portal with a shop on it, connectors that pair with it, and guessers that would like to."""

import base64
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, owner
from tests.portal.shops import merchant, shop
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import encode
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.portal_side import PortalState
from tillbridge.link.pairing.schedule import Schedule
from tillbridge.link.pairing.words import ConnectorDescription, FinishReply, Grant, StartReply, new_session_id
from tillbridge.portal.app import open_house, portal_app
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.links.feature import feature as links_feature
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.model import Location
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.pairing import sessions_store, windows
from tillbridge.portal.pairing.feature import Pairing, feature
from tillbridge.portal.pairing.model import Limit, Pin
from tillbridge.portal.pairing.phases import Phases
from tillbridge.portal.pairing.pins_store import newest
from tillbridge.portal.pairing.sessions_store import Started
from tillbridge.portal.pairing.starting import CONTEXT
from tillbridge.portal.pairing.wanted import Precondition
from tillbridge.portal.rights import Person
from tillbridge.portal.settings import PortalSettings
from tillbridge.runtime.effects import Runtime, TimeOrderedIds

HOST = "127.0.0.1"
SERIAL = 1004711
NUMBER = LocationNumber.of(SERIAL)
DESCRIPTION = ConnectorDescription(connector_id="0123456789abcdef" * 2, name="KASSE-1", version="1.4.0", os="Debian 12")
STAFF = Recipient("staff@portal.example", None)


async def staff(connection: AsyncConnection) -> Sequence[Recipient]:  # noqa: ARG001  # as the promise has it
    return (STAFF,)


@dataclass(slots=True)
class Conditions:
    """Customer data that are as the test says; `before` happens whenever somebody asks for them."""

    now: Precondition = field(default_factory=Precondition)
    accepted_by: list[str] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None

    async def check(self, connection: AsyncConnection, location: Location, now: datetime) -> Precondition:  # noqa: ARG002  # as the promise has it
        if self.before is not None:
            await self.before()
        return self.now

    async def accept(self, connection: AsyncConnection, location: Location, person: Person) -> None:  # noqa: ARG002  # as the promise has it
        self.accepted_by.append(person.id)
        self.now = replace(self.now, functions=())


@dataclass(slots=True)
class Floor:
    """One portal process with one shop, and `person` at its pages."""

    house: House
    pairing: Pairing
    conditions: Conditions
    app: Any
    keeper: Standing
    tenant_id: str
    location_id: str

    @property
    def person(self) -> Person:
        assert self.keeper.person is not None
        return self.keeper.person

    def browser(self, source: str = "192.0.2.1") -> Browser:
        return Browser(self.app, source)

    def step_up(self) -> Person:
        """The person proves anew who it is."""
        self.keeper.person = replace(self.person, stepped_up_at=self.house.runtime.clock.now())
        return self.keeper.person

    async def make_pin(self, location_id: str | None = None, *, replace_link: bool = False) -> str:
        made = await self.pairing.pins.make(
            self.step_up(), location_id or self.location_id, replace=replace_link, accept=False
        )
        return made.digits

    async def pin(self, location_id: str | None = None) -> Pin:
        """The newest PIN, as it is stored."""
        async with self.house.database.reading() as connection:
            return (await newest(connection, location_id or self.location_id, 1))[0]

    async def links(self) -> int:
        async with self.house.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(link))).scalar_one())

    async def events(self) -> list[str]:
        """What the audit log says, in its order."""
        async with self.house.database.reading() as connection:
            rows = await connection.execute(select(audit_entry.c.event).order_by(audit_entry.c.id))
            return list(rows.scalars())

    async def ask_consent_always(self) -> None:
        async with self.house.database.writing() as connection:
            await connection.execute(update(tenant).values(confirm_pairing=True))

    async def failures(self, limit: Limit, subject: str, number: int) -> None:
        """So many wrong finishes that came before."""
        async with self.house.database.writing() as connection:
            for _ in range(number):
                assert await windows.take(connection, limit, subject, self.house.runtime.clock.now()) is None

    async def plant(self, pin: Pin | None) -> str:
        """A session as a start leaves it, without its 15 ms of SPAKE2: for guesses, of which there are many."""
        chance = random.Random(self.house.runtime.ids.new())
        state = PortalState(new_session_id(chance.randbytes), Schedule(chance.randbytes(32), chance.randbytes(32)))
        sealed = self.house.vault.seal(state.dump(), f"{CONTEXT}/{state.session_id}")
        started = Started(
            state.session_id,
            None if pin is None else pin.id,
            None if pin is None else pin.location_id,
            "192.0.2.1",
            base64.b64encode(sealed).decode(),
        )
        async with self.house.database.writing() as connection:
            await sessions_store.add(connection, started, self.house.runtime.clock.now())
        return state.session_id


@dataclass(slots=True)
class Connector:
    """An honest connector at a till: it types what it is told, and keeps what it must."""

    floor: Floor
    source: str = "192.0.2.1"
    seed: int = 1
    host: str = HOST
    kept: KeptExchange | None = None

    async def retrieve(self, pin: str, number: LocationNumber = NUMBER) -> Reply:
        """One press: start, and the finish that follows."""
        reply = await self.begin(pin, number)
        assert reply.status == 201, reply.text
        return await self.finish()

    async def begin(self, pin: str, number: LocationNumber = NUMBER) -> Reply:
        """The start. What comes of it is kept, as on a disk."""
        begun = connector_side.begin(pin, number, self.host, random.Random(self.seed).randbytes)
        reply = await post(self.floor.browser(self.source), "/v1/pairing/start", begun.request.body())
        if reply.status == 201:
            key = KeyPair.make(random.Random(self.seed + 1).randbytes)
            self.kept = begun.answer(StartReply.read(reply.body), DESCRIPTION, key)
        return reply

    async def finish(self) -> Reply:
        """The finish, always the same bytes."""
        assert self.kept is not None
        path = f"/v1/pairing/sessions/{self.kept.session_id}/finish"
        return await post(self.floor.browser(self.source), path, self.kept.finish_body)

    def conclude(self, reply: Reply) -> Grant:
        assert self.kept is not None
        assert reply.status == 200, reply.text
        return self.kept.conclude(FinishReply.read(reply.body))


async def post(browser: Browser, path: str, body: bytes) -> Reply:
    return await browser.ask("POST", path, body, {"content-type": "application/json", "accept": "application/json"})


def guess(seed: int) -> bytes:
    """A finish that knows nothing."""
    chance = random.Random(seed)
    return json.dumps({"confirm_a": encode(chance.randbytes(32)), "sealed_a": encode(chance.randbytes(200))}).encode()


async def try_guess(floor: Floor, pin: Pin | None, seed: int, source: str) -> Reply:
    """One guess at a planted session."""
    session_id = await floor.plant(pin)
    return await post(floor.browser(source), f"/v1/pairing/sessions/{session_id}/finish", guess(seed))


def code_of(reply: Reply) -> str:
    """The short name of a refusal; "" for an answer."""
    return "" if reply.status == 200 else str(json.loads(reply.body)["number"])


async def open_floor(house: House, conditions: Conditions | None = None) -> Floor:
    """A portal with one shop on it."""
    tenant_id = await merchant(house)
    location_id = await shop(house, tenant_id, SERIAL)
    return floor_of(house, tenant_id, location_id, conditions)


def floor_of(house: House, tenant_id: str, location_id: str, conditions: Conditions | None = None) -> Floor:
    """A portal process over a database that has the shop already."""
    links = Links(house, pins=Phases(house))
    chosen = conditions or Conditions()
    pairing = Pairing(house, links, chosen, operators=staff)
    keeper = Standing(owner(tenant_id))
    app = portal_app(house, keeper, [links_feature(links), feature(pairing)])
    return Floor(house, pairing, chosen, app, keeper, tenant_id, location_id)


@asynccontextmanager
async def replica(floor: Floor, settings: PortalSettings, seed: int = 2) -> AsyncIterator[Floor]:
    """Another process of the same portal, or the same one after a restart."""
    clock, chance = floor.house.runtime.clock, random.Random(seed)
    async with open_house(settings, Runtime(clock, TimeOrderedIds(clock, chance), chance)) as house:
        yield floor_of(house, floor.tenant_id, floor.location_id, floor.conditions)
