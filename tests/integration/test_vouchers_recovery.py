"""Two tills and a portal that is restored from a backup: real connectors, real messages, a line that drops."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.integration.portal_house import NUMBER as LOCATION
from tests.integration.portal_house import Portal, real_portal
from tests.integration.test_vouchers_portal import NUMBERS, Road, book, open_for_vouchers
from tests.integration.vouchers_counter import Counter, opened, paired_counter
from tests.portal.people import owner
from tests.portal.shops import shop
from tests.support.shop import free_port
from tests.unit.connector.vouchers.wire import until
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.vouchers import resubmitting
from tillbridge.connector.vouchers.model import Kind, State
from tillbridge.domain.codes import Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.recovery_messages import RECOVERY_PATH
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.ledger.verifying import verify
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations import store as locations
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.sealing.sealer import LedgerSealer
from tillbridge.portal.services import store as services
from tillbridge.portal.storage.database import FILE
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system

SECOND = LocationNumber.of(1_004_712)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with shorter pauses and smaller messages."""
    monkeypatch.setattr("tillbridge.connector.vouchers.worker.PAUSES", (0.02, 0.05, 0.1))
    monkeypatch.setattr("tillbridge.connector.vouchers.service_watch.ASK_SECONDS", 0.1)
    monkeypatch.setattr("tillbridge.connector.vouchers.service_watch.ASK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("tillbridge.portal.recovery.service.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(resubmitting, "MOST_LINES", 2)


@dataclass(slots=True)
class Town:
    """One portal at one address, whatever its database is, and the road to it."""

    folder: Path
    road: Road
    portal: Portal
    tills: dict[str, PortalSettings] = field(default_factory=dict)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Portal]:
        async with real_portal(self.folder / "portal", reached_at=self.road.port, again=self.portal) as portal:
            self.road.to = portal.port
            self.portal = portal
            yield portal

    @asynccontextmanager
    async def till(self, name: str) -> AsyncIterator[Counter]:
        async with paired_counter(self.folder / name, self.tills[name]) as here:
            await opened(here)
            yield here

    def back_up(self) -> None:
        shutil.copy(self.folder / "portal" / FILE, self.folder / "backup.db")

    def restore(self) -> None:
        for left in (self.folder / "portal").glob(f"{FILE}*"):
            left.unlink()
        shutil.copy(self.folder / "backup.db", self.folder / "portal" / FILE)


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Two paired tills with three vouchers of 50.00 between them; the portal is off when it begins."""
    port = free_port()
    async with AsyncExitStack() as stack:
        async with real_portal(folder / "portal", reached_at=port) as portal:
            road = Road(port, portal.port, [])
            server = await asyncio.start_server(road.serve, "127.0.0.1", port)
            stack.callback(server.close)
            await open_for_vouchers(portal)
            other = await _second_shop(portal)
            made = Town(folder, road, portal)
            for name, number, location_id in (
                ("first", str(LOCATION), portal.location_id),
                ("second", str(SECOND), other),
            ):
                made.tills[name] = PortalSettings(address=portal.address, location_number=number)
                async with paired_counter(folder / name, made.tills[name]) as here:
                    person = owner(portal.tenant_id, stepped_up_at=portal.house.runtime.clock.now())
                    pin = await portal.pairing.pins.make(person, location_id, replace=False, accept=False)
                    await here.features.portal.start_pairing(pin.digits)
                    await until(lambda here=here: here.features.portal.standing().state is LinkState.ACTIVE)  # type: ignore[misc]
                    await opened(here)
                    if name == "first":
                        for one, voucher_number in enumerate(NUMBERS):
                            loaded = await book(here, f"load-of-voucher-{one}", Kind.LOAD, voucher_number, 5000)
                            assert loaded.state is State.DONE, loaded.refusal
            await LedgerSealer(portal.house).catch_up()
        yield made


async def _second_shop(portal: Portal) -> str:
    house, now = portal.house, portal.house.runtime.clock.now()
    made = await shop(house, portal.tenant_id, SECOND.serial, client_number=2)
    async with house.database.writing() as connection:
        system_id = (await connection.execute(select(voucher_system.c.id))).scalar_one()
        joined = {"location_id": made, "system_id": system_id, "joined_at": now}
        await connection.execute(insert(voucher_location).values(**joined))
        await services.switch(connection, made, Service.WEB_VOUCHERS, on=True, at=now, by="test")
        place = await locations.find(connection, made)
        assert place is not None
        span = Span(now - timedelta(days=1), None)
        await Licences(house).allot_in(connection, place, (Product.WEB_VOUCHERS,), span, PORTAL)
    return made


async def balances(portal: Portal) -> list[int]:
    async with portal.house.database.reading() as connection:
        rows = await connection.execute(select(voucher.c.balance).order_by(voucher.c.number))
        return list(rows.scalars())


async def recovered(portal: Portal) -> bool:
    async with portal.house.database.reading() as connection:
        held = await connection.execute(select(voucher_system.c.recovering_since))
        return held.scalar_one() is None


async def until_recovered(portal: Portal) -> None:
    async with asyncio.timeout(20):
        while not await recovered(portal):
            await asyncio.sleep(0.02)


async def spend_after_the_backup(made: Town) -> None:
    async with made.serving() as portal, made.till("first") as here, made.till("second") as there:
        for one in range(5):
            paid = await book(here, f"first-redemption-{one}", Kind.REDEEM, NUMBERS[0], 1000, f"A-{one}")
            assert paid.taken == 1000
        await (await here.features.vouchers.desk()).close("A-0")
        # Loaded at one till and spent at the other, which tells first.
        loaded = await book(there, "second-load-number-0", Kind.LOAD, NUMBERS[1], 3000, "B-1")
        assert loaded.state is State.DONE
        paid = await book(here, "first-redemption-of-both", Kind.REDEEM, NUMBERS[1], 8000, "A-9")
        assert paid.taken == 8000
        back = await book(there, "second-redemption-00", Kind.REDEEM, NUMBERS[2], 4000, "B-2")
        assert back.taken == 4000
        await (await there.features.vouchers.desk()).put_back("second-redemption-00")
        kept = await book(there, "second-redemption-01", Kind.REDEEM, NUMBERS[2], 4500, "B-3")
        assert kept.taken == 4500
        assert await balances(portal) == [0, 0, 500]
        await LedgerSealer(portal.house).catch_up()


async def test_nothing_that_was_spent_after_the_backup_can_be_spent_again(tmp_path: Path) -> None:
    async with town(tmp_path) as made:
        made.back_up()
        await spend_after_the_backup(made)
        made.restore()
        async with made.serving() as portal:
            assert await balances(portal) == [5000, 5000, 5000]
            assert not await recovered(portal)
            # The line drops after the portal has taken what was told, again and again.
            made.road.lost += [RECOVERY_PATH.encode() + b"/"] * 2
            async with made.till("first") as here:
                refused = await book(here, "too-early-for-this-1", Kind.REDEEM, NUMBERS[0], 100, "A-20")
                assert refused.refusal is not None
                assert refused.refusal.code is Code.MAINTENANCE
                async with asyncio.timeout(20):
                    while not await _told(portal, portal.location_id):
                        await asyncio.sleep(0.02)
                assert made.road.lost == []
                assert not await recovered(portal)
                async with made.till("second") as there:
                    await until_recovered(portal)
                    assert await balances(portal) == [0, 0, 500]
                    empty = await book(there, "late-redemption-0001", Kind.REDEEM, NUMBERS[0], 100, "B-30")
                    assert empty.refusal is not None
                    assert empty.refusal.code is Code.VOUCHER_EMPTY
                    paid = await book(there, "late-redemption-0002", Kind.REDEEM, NUMBERS[2], 900, "B-31")
                    assert paid.taken == 500
                desk = await here.features.vouchers.desk()
                assert [one.state for one in await desk.close("A-9")] == [State.CONFIRMED]
                assert desk.standing().cases == ()
            verdict = await verify(portal.house)
            assert verdict.sound, verdict.faults


async def test_a_till_that_was_off_tells_when_it_is_on_again(tmp_path: Path) -> None:
    """It was ended by a person meanwhile; what it had taken is short on no voucher that nobody else used."""
    async with town(tmp_path) as made:
        made.back_up()
        await spend_after_the_backup(made)
        made.restore()
        async with made.serving() as portal:
            async with made.till("first"):
                async with asyncio.timeout(20):
                    while not await _told(portal, portal.location_id):
                        await asyncio.sleep(0.02)
            recoveries = Recoveries.of(portal.house)
            (standing,) = await recoveries.standings()
            await recoveries.end(standing.recovery.id, PORTAL, "the second shop is closed for a week")
            assert await balances(portal) == [0, 0, 5000]
            async with made.till("second"):
                async with asyncio.timeout(20):
                    while await balances(portal) != [0, 0, 500]:
                        await asyncio.sleep(0.02)
            after = await recoveries.standing(standing.recovery.system_id)
            assert after is not None
            assert (after.cases, after.waiting) == ((), ())
            verdict = await verify(portal.house)
            assert verdict.sound, verdict.faults


async def _told(portal: Portal, location_id: str) -> bool:
    found = await Recoveries.of(portal.house).standings()
    return all(one.told_at is not None for each in found for one in each.places if one.location_id == location_id)
