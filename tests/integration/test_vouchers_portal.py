"""A connector's voucher desk with a real portal behind it, and a network between that loses what it is told to lose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.integration.portal_house import NUMBER as LOCATION
from tests.integration.portal_house import Portal, real_portal
from tests.integration.vouchers_counter import Counter, opened, paired_counter
from tests.support.shop import free_port
from tests.unit.connector.vouchers.wire import until
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.vouchers.model import ENDED, Action, Kind, State, Wanted
from tillbridge.domain.codes import Code
from tillbridge.domain.voucher_code import number_of
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.ledger.verifying import verify
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations import store as locations
from tillbridge.portal.services import store as services
from tillbridge.portal.vouchers.numbers import seal_pin
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system

PIN = "0420"
NUMBERS = [number_of("276", f"{one:010d}") for one in range(3)]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with shorter pauses."""
    monkeypatch.setattr("tillbridge.connector.vouchers.worker.PAUSES", (0.02, 0.05, 0.1))


@dataclass(slots=True)
class Road:
    """The network to the portal. `lost` are paths whose answers are lost, one for each time it stands there."""

    port: int
    to: int
    lost: list[bytes]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        doomed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            ways = {
                group.create_task(self._forward(reader, onward, doomed, up=True)),
                group.create_task(self._forward(onward_reader, writer, doomed, up=False)),
            }
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        writer.transport.abort()
        onward.transport.abort()

    async def _forward(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, doomed: asyncio.Event, *, up: bool
    ) -> None:
        with suppress(OSError):
            while chunk := await source.read(65536):
                if up and (path := next((one for one in self.lost if one in chunk), None)):
                    self.lost.remove(path)
                    doomed.set()
                elif doomed.is_set() and not up:
                    return
                target.write(chunk)
                await target.drain()


@dataclass(slots=True)
class Scene:
    portal: Portal
    road: Road
    settings: PortalSettings
    folder: Path

    async def balance(self, number: str) -> int:
        async with self.portal.house.database.reading() as connection:
            found = await connection.execute(select(voucher.c.balance).where(voucher.c.number == number))
            return int(found.scalar_one())

    async def kinds(self) -> list[str]:
        async with self.portal.house.database.reading() as connection:
            return [str(kind) for (kind,) in await connection.execute(select(entry.c.kind).order_by(entry.c.booked_at))]

    async def change(self, **values: Any) -> None:
        async with self.portal.house.database.writing() as connection:
            await connection.execute(update(voucher).values(**values))

    async def sound(self) -> None:
        verdict = await verify(self.portal.house)
        assert verdict.sound, verdict.faults


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """A portal with three vouchers of 50.00 each, and a folder of a connector that is paired with it."""
    port = free_port()
    async with real_portal(folder / "portal", reached_at=port) as portal:
        road = Road(port, portal.port, [])
        server = await asyncio.start_server(road.serve, "127.0.0.1", port)
        await open_for_vouchers(portal)
        settings = PortalSettings(address=portal.address, location_number=str(LOCATION))
        made = Scene(portal, road, settings, folder / "till")
        async with paired_counter(made.folder, settings) as here:
            await here.features.portal.start_pairing(await portal.pin())
            await until(lambda: here.features.portal.standing().state is LinkState.ACTIVE)
            await opened(here)
            for one, number in enumerate(NUMBERS):
                loaded = await book(here, f"load-of-voucher-{one}", Kind.LOAD, number, 5000)
                assert loaded.state is State.DONE, loaded.refusal
        yield made
        server.close()


async def open_for_vouchers(portal: Portal) -> None:
    house, now, system_id = portal.house, portal.house.runtime.clock.now(), portal.house.runtime.ids.new()
    limits = {"load_min": 100, "load_max": 300_000, "balance_max": 300_000, "codes_a_month": 6000}
    system = {"id": system_id, "tenant_id": portal.tenant_id, "name": "Gutscheine", "currency": "EUR"}
    rest = {"time_zone": "Europe/Berlin", "cross_country": False, "created_at": now}
    async with house.database.writing() as connection:
        await connection.execute(insert(voucher_system).values(**system, **limits, **rest))
        joined = {"location_id": portal.location_id, "system_id": system_id, "joined_at": now}
        await connection.execute(insert(voucher_location).values(**joined))
        for number in NUMBERS:
            made = house.runtime.ids.new()
            common = {"system_id": system_id, "country": "276", "scheme": "own", "life": "active", "made_at": now}
            sealed = seal_pin(house.vault, made, PIN)
            await connection.execute(insert(voucher).values(id=made, number=number, pin_sealed=sealed, **common))
        await services.switch(connection, portal.location_id, Service.WEB_VOUCHERS, on=True, at=now, by="test")
        place = await locations.find(connection, portal.location_id)
        assert place is not None
        span = Span(now - timedelta(days=1), None)
        await Licences(house).allot_in(connection, place, (Product.WEB_VOUCHERS,), span, PORTAL)


@asynccontextmanager
async def at_work(made: Scene) -> AsyncIterator[Counter]:
    async with paired_counter(made.folder, made.settings) as here:
        await opened(here)
        yield here


async def book(here: Counter, key: str, kind: Kind, number: str, minor: int, receipt: str = "A-17") -> Action:
    pin = PIN if kind is Kind.REDEEM else None
    wanted = Wanted(kind, number, pin, minor, "EUR", receipt)
    return await (await here.features.vouchers.desk()).ask(key, wanted)


async def test_sold_looked_up_spent_and_put_back_with_a_real_portal(tmp_path: Path) -> None:
    async with scene(tmp_path) as made, at_work(made) as here:
        desk = await here.features.vouchers.desk()
        assert (await desk.lookup(NUMBERS[0], "EUR")).balance == 5000
        paid = await book(here, "redeem-number-0001", Kind.REDEEM, NUMBERS[0], 2000)
        assert (paid.state, paid.taken, paid.balance) == (State.DONE, 2000, 3000)
        wrong = await desk.ask("redeem-number-0002", Wanted(Kind.REDEEM, NUMBERS[0], "9999", 100, "EUR", "A-17"))
        assert wrong.refusal is not None
        assert (wrong.refusal.code, "tries_left" in wrong.refusal.members) == (Code.VOUCHER_PIN_WRONG, True)
        assert (await desk.put_back("redeem-number-0001")).state is State.PUTBACK_DONE
        assert (await desk.reverse("load-of-voucher-1")).state is State.REVERSED
        kept = await book(here, "redeem-number-0003", Kind.REDEEM, NUMBERS[2], 9000, "A-18")
        assert kept.taken == 5000
        assert [one.state for one in await desk.close("A-18")] == [State.CONFIRMED]
        assert [await made.balance(number) for number in NUMBERS] == [5000, 0, 0]
        await made.sound()


async def test_an_answer_that_is_lost_after_the_commit_is_one_debit(tmp_path: Path) -> None:
    async with scene(tmp_path) as made, at_work(made) as here:
        made.road.lost += [b"/v1/vouchers/redeem", b"/v1/vouchers/redeem"]
        paid = await book(here, "redeem-number-0001", Kind.REDEEM, NUMBERS[0], 2000)
        assert (paid.state, paid.taken) == (State.DONE, 2000)
        assert made.road.lost == []
        assert (await made.balance(NUMBERS[0]), (await made.kinds()).count("redeem")) == (3000, 1)


async def test_the_operator_key_is_pulled_with_three_vouchers(tmp_path: Path) -> None:
    async with scene(tmp_path) as made, at_work(made) as here:
        for one, number in enumerate(NUMBERS):
            await book(here, f"redeem-number-000{one}", Kind.REDEEM, number, 1000 * (one + 1), "A-20")
        # The loads stand on another receipt and stay.
        found = await (await here.features.vouchers.desk()).cancel("A-20")
        assert [one.state for one in found] == [State.PUTBACK_DONE] * 3
        assert [await made.balance(number) for number in NUMBERS] == [5000] * 3
        await made.sound()


async def test_a_put_back_outlives_a_dead_portal_a_restart_a_block_and_a_new_pairing(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        async with at_work(made) as here:
            await book(here, "redeem-number-0001", Kind.REDEEM, NUMBERS[0], 2000)
            await made.portal.go()
            queued = await (await here.features.vouchers.desk()).put_back("redeem-number-0001", patience=0.1)
            assert queued.state is State.PUTBACK_QUEUED
            await here.features.portal.unpair("Ada: a new computer")
        await made.portal.come()
        await made.change(blocked=True)
        async with paired_counter(made.folder, made.settings) as here:
            await opened(here)
            desk = await here.features.vouchers.desk()
            assert [one.key for one in desk.standing().waiting] == ["redeem-number-0001"]
            await here.features.portal.start_pairing(await made.portal.pin(replace=True))
            await until(lambda: desk.find("redeem-number-0001").state in ENDED)
            assert desk.find("redeem-number-0001").state is State.PUTBACK_DONE
        assert (await made.balance(NUMBERS[0]), (await made.kinds()).count("put_back")) == (5000, 1)
        await made.sound()


async def test_a_paused_connection_takes_nothing_and_still_gives_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as made, at_work(made) as here:
        desk = await here.features.vouchers.desk()
        await book(here, "redeem-number-0001", Kind.REDEEM, NUMBERS[0], 2000)
        await made.portal.suspend()
        refused = await book(here, "redeem-number-0002", Kind.REDEEM, NUMBERS[1], 2000)
        assert refused.refusal is not None
        assert refused.refusal.code is Code.LINK_SUSPENDED
        assert (await desk.put_back("redeem-number-0001")).state is State.PUTBACK_DONE
        assert [await made.balance(number) for number in NUMBERS] == [5000] * 3
        await made.sound()
