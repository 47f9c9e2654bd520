"""What stands elsewhere is on the page of exceptions too: at connectors, in the account of risk, after a restore."""

import re
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, update

from tests.portal.browser import Browser
from tests.portal.people import Standing, somebody
from tests.portal.recovery.telling import Journal, changed, load, spend, tell
from tests.portal.recovery.test_recovery import linked
from tests.portal.services.given import GivenLinks
from tests.portal.validity.test_cases import operation_id
from tests.portal.validity.test_pages import shown
from tests.portal.validity.yearly import Yearly
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.dashboard.feature import feature as dashboard
from tillbridge.portal.feature import Feature
from tillbridge.portal.links.tables import link
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.recovery.model import Cause
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.rights import Person
from tillbridge.portal.risk.tables import voucher_offline
from tillbridge.portal.validity.cases_service import Cases
from tillbridge.portal.validity.feature import pages

KEY = "receipt-key-00001"


def browser(yearly: Yearly, person: Person | None = None) -> Browser:
    features = [Feature("validity", pages=pages(yearly.house)), dashboard(GivenLinks(), Maintenance(yearly.house))]
    return Browser(portal_app(yearly.house, Standing(person or yearly.chief()), features))


async def waits(yearly: Yearly, seconds: int | None, put_backs: int, at: str) -> None:
    """A connector has just said so."""
    told = {"oldest_unsent_seconds": seconds, "unsent_count": put_backs + 1, "open_put_backs": put_backs}
    async with yearly.house.database.writing() as connection:
        changed_link = update(link).where(link.c.location_id == at)
        await connection.execute(changed_link.values(last_contact_at=yearly.clock.now(), **told))


async def test_what_waits_at_a_connector_is_there_until_it_is_told(yearly: Yearly) -> None:
    floor, asked = yearly.floor, browser(yearly)
    page = f"/vouchers/systems/{floor.system_id}/exceptions"
    await linked(floor, floor.here, floor.there)
    await waits(yearly, 240, 2, floor.here.location_id)
    await waits(yearly, None, 0, floor.there.location_id)
    assert "Nothing to look at" in await shown(asked, page)
    # It grows older although nobody reports any more.
    yearly.clock.forward(seconds=60)
    text = await shown(asked, page)
    assert "To be put back: 2" in text
    assert len(re.findall(r"/interfaces/links/[0-9a-f]{32}", text)) == 1
    assert "(1)</a>" in await shown(asked, "/")
    narrow = somebody(floor.here.tenant_id, "vouchers.settlement.view", locations=frozenset({floor.there.location_id}))
    assert "Nothing to look at" in await shown(browser(yearly, narrow), page)
    reader = somebody(floor.here.tenant_id, "vouchers.settlement.view")
    assert "/interfaces/links/" not in await shown(browser(yearly, reader), page)
    stranger = browser(yearly, somebody(floor.here.tenant_id, "reports.view"))
    assert "/exceptions" not in await shown(stranger, "/")
    await waits(yearly, None, 0, floor.here.location_id)
    assert "Nothing to look at" in await shown(asked, page)


async def test_a_receipt_is_shown_after_six_hours_and_a_loss_for_ninety_days(yearly: Yearly) -> None:
    floor, asked = yearly.floor, browser(yearly)
    page = f"/vouchers/systems/{floor.system_id}/exceptions"
    await floor.redeem(await floor.voucher(loaded=1_000), 400, key=KEY)
    lost = {"asked": 900, "taken": 400, "loss": 500, "reason": "voucher_funds", "transaction_ref": "R-17"}
    at = dict.fromkeys(("accepted_at", "booked_at"), yearly.clock.now())
    whose = {"location_id": floor.here.location_id, "system_id": floor.system_id, "currency": "EUR"}
    row = {"id": "a" * 32, "operation_id": await operation_id(yearly), "kind": "taken", **whose, **lost, **at}
    async with yearly.house.database.writing() as connection:
        await connection.execute(insert(voucher_offline).values(**row))
    text = await shown(asked, page)
    assert "R-17" in text
    assert "There was less credit." in text
    assert "5.00" in text
    assert "open for more than six hours" not in text
    yearly.clock.forward(hours=6)
    assert "open for more than six hours" in await shown(asked, page)
    assert "/vouchers/cases/" not in await shown(asked, page)
    # From the next morning on it is decided, and stands once.
    yearly.go_to("2026-03-15T06:00")
    text = await shown(asked, page)
    assert ("open for more than six hours" in text, text.count("/vouchers/cases/")) == (False, 1)
    async with yearly.house.database.writing() as connection:
        back = {**row, "id": "b" * 32, "kind": "given_back", "loss": -500}
        await connection.execute(insert(voucher_offline).values(**back))
    assert "R-17" not in await shown(asked, page)


async def test_what_a_recovery_left_behind(yearly: Yearly) -> None:
    floor = yearly.floor
    # The audit log takes a link's own id.
    floor.here, floor.there = (replace(one, link_id=floor.house.runtime.ids.new()) for one in (floor.here, floor.there))
    await linked(floor, floor.here, floor.there)
    mine, number = Journal(floor.here), await floor.voucher()
    await load(floor, mine, number, 5_000)
    spent = await spend(floor, mine, number, 1_000)
    recoveries = Recoveries(floor.house, floor.desk)
    yearly.clock.forward(minutes=10)
    await recoveries.begin(Cause.PERSON, PORTAL)
    # The till's computer was replaced: it knows its load, nothing of the redemption, and a number that nobody has.
    strange = changed(mine.actions[1], key="strange-key-00001", number="27612345678904")
    mine.actions = [mine.actions[0], strange]
    await tell(recoveries, mine)
    seen = (await Cases(floor.house).seen(yearly.chief(), floor.system_id)).found.restored
    assert seen is not None
    assert ([one.key for one in seen.missing], len(seen.silent), seen.cases) == ([spent], 1, 0)
    await recoveries.end((await recoveries.standings())[0].recovery.id, PORTAL, "")
    asked, page = browser(yearly), f"/vouchers/systems/{floor.system_id}/exceptions"
    text = await shown(asked, page)
    assert "has not told what was booked there" in text
    assert "Open cases: 1" in text
    assert f"/vouchers/systems/{floor.system_id}/recovery" in text
    assert "Not told again after the restore" in text
    await tell(recoveries, Journal(floor.there))
    assert "has not told what" not in await shown(asked, page)
    yearly.clock.forward(seconds=timedelta(days=91).total_seconds())
    assert "after the restore" not in (await shown(asked, page)).lower()
