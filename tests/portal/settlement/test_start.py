"""Vouchers on the start page: drawn from the rows of closed days, for whoever may see all of them."""

import re
from datetime import date, timedelta

from sqlalchemy import event, insert

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.people import Standing, owner, somebody
from tests.portal.services.given import GivenLinks
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.app import portal_app
from tillbridge.portal.dashboard.feature import feature
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.rights import Person
from tillbridge.portal.settlement.tables import settlement_day


def browser(floor: Floor, person: Person) -> Browser:
    return Browser(portal_app(floor.house, Standing(person), [feature(GivenLinks(), Maintenance(floor.house))]))


async def fill(floor: Floor, clock: HandClock, days: int) -> None:
    first = date(2026, 3, 13) - timedelta(days=days - 1)
    rows = [
        {
            "system_id": floor.system_id,
            "day": (first + timedelta(days=number)).isoformat(),
            "entries": 1,
            "loaded": 500,
            "redeemed": -100 * number,
            "other": 0,
            "closing": 100_000 + number,
            "vouchers": 7,
            "blocked": 300,
            "made_at": clock.now(),
        }
        for number in range(days)
    ]
    async with floor.house.database.writing() as connection:
        await connection.execute(insert(settlement_day), rows)


async def test_the_last_days_are_drawn_without_a_look_at_the_ledger(floor: Floor, clock: HandClock) -> None:
    await fill(floor, clock, 60)
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    engine = floor.house.database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    text = (await browser(floor, owner(floor.here.tenant_id)).get("/")).text
    event.remove(engine, "before_cursor_execute", note)
    assert "Vouchers: the last 30 days" in text
    assert text.count("<polyline") == 3
    assert text.count("<rect x=") == 30
    assert "From 2026-02-12 to 2026-03-13" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    # What waits for a person is found by its operation; nothing is searched for in the ledger by time.
    assert not [one for one in asked if "ledger_entry.booked_at >" in one]
    assert len([one for one in asked if "settlement_" in one]) == 1


async def test_nobody_else_sees_them(floor: Floor, clock: HandClock) -> None:
    await fill(floor, clock, 3)
    tenant_id, mine = floor.here.tenant_id, frozenset({floor.here.location_id})
    for person in (
        somebody(tenant_id, "vouchers.settlement.view"),
        somebody(tenant_id, "reports.view"),
        somebody(tenant_id, "vouchers.settlement.view", "reports.view", locations=mine),
    ):
        assert '<svg viewBox="0 0 600' not in (await browser(floor, person).get("/")).text
