"""A portal that is restored from yesterday: what it forgot, who hears of it, and that nobody is deceived."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.integration.test_portal_pairing import connector, pair
from tests.portal.browser import Browser
from tests.portal.storage.office import (
    Office,
    Till,
    host_of,
    links,
    over,
    place,
    served,
    settings_file,
    whole,
)
from tests.support.shop import free_port
from tillbridge.connector.portal.checks import Part, Verdict
from tillbridge.connector.portal.faults import Answer
from tillbridge.connector.portal.http import PortalHttp
from tillbridge.connector.portal.settings import PortalSettings as PlaceSettings
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.portal.tokens import TOKEN_PATH
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.audit.verifying import FaultKind, export_anchor, verify
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.demo_plan import DEMO_NUMBER
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.locations.tables import location
from tillbridge.portal.settings import PortalSettings, load_settings
from tillbridge.portal.storage.database import FILE
from tillbridge.portal.vault import FILE as KEYS
from tillbridge.web.asgi import App


def copy_database(source: Path, to: Path) -> None:
    """A copy of a SQLite database that is in use."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)


def restore(source: Path, to: Path) -> None:
    """Puts the copy in the place of a database that nobody uses."""
    for end in ("", "-wal", "-shm"):
        to.with_name(to.name + end).unlink(missing_ok=True)
    shutil.copy(source, to)


async def number_of(house: House, customer_base: CustomerBase) -> LocationNumber:
    """The one location of the demonstration whose customer data are in this state."""
    async with house.database.reading() as connection:
        asked = select(location.c.number).where(location.c.customer_base == customer_base)
        return LocationNumber((await connection.execute(asked)).scalar_one())


@dataclass(slots=True)
class Yesterday:
    """A portal that loses its database of today, with two connectors and one till that know more than the copy."""

    folder: Path
    settings: PortalSettings
    copy: Path
    anchor: Path
    replayed: Till
    branch: LocationNumber = DEMO_NUMBER
    cookies: dict[str, str] = field(default_factory=dict)

    def place(self, number: LocationNumber) -> PlaceSettings:
        return PlaceSettings(address=self.settings.address, location_number=str(number))

    async def live(self, house: House, app: App) -> None:
        """The day: one connector was paired before the copy was made, the other two come after it."""
        office = Office(house, Browser(app))
        await office.sign_in()
        self.cookies = office.browser.cookies
        self.branch, third = await number_of(house, CustomerBase.V1_OFFLINE), await number_of(house, CustomerBase.V2)
        self.replayed.number = third
        pins = [await office.pin(await place(house, number)) for number in (DEMO_NUMBER, self.branch, third)]
        async with connector(self.folder / "old", self.place(DEMO_NUMBER)) as old:
            await pair(old, pins[0])
            copy_database(self.settings.data / FILE, self.copy)
            async with connector(self.folder / "new", self.place(self.branch)) as new:
                assert (await pair(new, pins[1])).state is LinkState.ACTIVE
            await self.replayed.begin(pins[2])
            assert (await self.replayed.finish())[0] == 200
            way = await old.connection()
            await way.tokens.contact(way.http())
        await Sealer(house).catch_up()
        self.anchor.write_text(await export_anchor(house))


@pytest.mark.timeout(60)
async def test_a_database_of_yesterday_knows_nothing_of_today_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://localhost:{port}"
    settings = load_settings(settings_file(tmp_path, {"address": address, "listen": {"port": port}}))
    till = Till(over(address), host_of(address))
    day = Yesterday(tmp_path, settings, tmp_path / "yesterday.db", tmp_path / "anchor.json", till)
    async with served(settings) as (house, app):
        await demo_data(house)
        await day.live(house, app)
        assert await links(house) == 3
    restore(day.copy, settings.data / FILE)

    async with whole(settings) as (house, _):
        verdict = await verify(house, [day.anchor])
        assert {fault.kind for fault in verdict.faults} == {FaultKind.CUT}
    async with served(settings) as (house, app):
        assert await links(house) == 1
        await known_and_unknown(day)
        # Whoever recorded the finish of a PIN that is open again has nothing of it, and it costs no try.
        status, body = await till.finish()
        assert (status, json.loads(body)["code"]) == (410, "pairing_over")
        await pair_again(day, house, app)
        assert await links(house) == 2


async def known_and_unknown(day: Yesterday) -> None:
    """The connector from before goes on as if nothing had been; the other one hears that it has to pair again."""
    async with connector(day.folder / "old", day.place(DEMO_NUMBER)) as old:
        way = await old.connection()
        await way.tokens.contact(way.http())
        assert old.standing().state is LinkState.ACTIVE
    async with connector(day.folder / "new", day.place(day.branch)) as new:
        way = await new.connection()
        with pytest.raises(BridgeError) as refusal:
            await way.tokens.contact(way.http())
        assert refusal.value.code is Code.NOT_PAIRED
        assert new.standing().state is LinkState.REVOKED
        advice = {check.part: check.remedy for check in await new.examine() if check.verdict is Verdict.WRONG}
        assert advice[Part.RIGHT] == "Connect it first: Settings, Portal."


async def pair_again(day: Yesterday, house: House, app: App) -> None:
    """A new PIN, and all is well; who was signed in before the copy was made still is."""
    office = Office(house, Browser(app, cookies=day.cookies))
    pin = await office.pin(await place(house, day.branch))
    async with connector(day.folder / "new", day.place(day.branch)) as new:
        assert (await pair(new, pin)).state is LinkState.ACTIVE


@dataclass(frozen=True, slots=True)
class Deaf:
    """A way to the portal on which no token comes back."""

    way: PortalHttp

    def url(self, path: str) -> str:
        return self.way.url(path)

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        if path == TOKEN_PATH:
            raise BridgeError(Code.PORTAL_UNREACHABLE)
        return await self.way.send(method, path, body, headers)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("used", [False, True])
async def test_a_credential_that_was_exchanged_since_yesterday(tmp_path: Path, *, used: bool) -> None:
    """Until the new one was used, the connector still has the one that the restored database knows."""
    port = free_port()
    address = f"http://localhost:{port}"
    settings = load_settings(settings_file(tmp_path, {"address": address, "listen": {"port": port}}))
    database, copy = settings.data / FILE, tmp_path / "yesterday.db"
    till, given = tmp_path / "till", PlaceSettings(address=address, location_number=str(DEMO_NUMBER))
    async with served(settings) as (house, app):
        await demo_data(house)
        office = Office(house, Browser(app))
        await office.sign_in()
        async with connector(till, given) as desk:
            await pair(desk, await office.pin(await place(house)))
            copy_database(database, copy)
            connection = await desk.connection()
            if used:
                await connection.rotation.rotate(connection.http())
            else:
                with pytest.raises(BridgeError):
                    await connection.rotation.rotate(Deaf(connection.http()))
            assert (connection.keystore.link.previous is None) is used
    restore(copy, database)
    async with served(settings), connector(till, given) as desk:
        connection = await desk.connection()
        if used:
            with pytest.raises(BridgeError) as refusal:
                await connection.tokens.contact(connection.http())
            assert refusal.value.code is Code.NOT_PAIRED
        else:
            await connection.tokens.contact(connection.http())
        assert desk.standing().state is (LinkState.REVOKED if used else LinkState.ACTIVE)


def test_a_database_is_not_served_with_other_keys_than_its_own(tmp_path: Path) -> None:
    settings = load_settings(settings_file(tmp_path, {}))

    async def open_it() -> None:
        async with whole(settings):
            pass

    asyncio.run(open_it())
    kept_keys = (settings.data / KEYS).read_bytes()
    (settings.data / KEYS).unlink()
    for _ in range(2):
        with pytest.raises(BridgeError, match="other keys") as refusal:
            asyncio.run(open_it())
        assert refusal.value.code is Code.FOLDER_UNUSABLE
    (settings.data / KEYS).write_bytes(kept_keys)
    asyncio.run(open_it())
