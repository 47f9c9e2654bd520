"""While a recovery hears the tills again, the office books as little as they do."""

from collections.abc import Awaitable

import pytest

from tests.portal.browser import Browser
from tests.portal.people import Standing
from tests.portal.validity.yearly import Yearly
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.corrections.model import Kind, Wanted
from tillbridge.portal.corrections.service import Corrections
from tillbridge.portal.feature import Feature
from tillbridge.portal.recovery.model import Cause
from tillbridge.portal.recovery.pages import banners
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.validity.feature import pages
from tillbridge.portal.vouchers.office_service import Office


async def refused(doing: Awaitable[object]) -> None:
    with pytest.raises(BridgeError) as caught:
        await doing
    assert (caught.value.code, caught.value.members["component"]) == (Code.MAINTENANCE, "vouchers")


async def test_nothing_is_booked_until_the_tills_have_told(yearly: Yearly) -> None:
    floor, house = yearly.floor, yearly.house
    numbers = {await floor.voucher(loaded=1_000), await floor.voucher(loaded=700)}
    await yearly.to_the_date()
    await yearly.runner(1).step()
    run, *_ = await yearly.runs()
    (gone,) = await yearly.found(run)
    (left,) = numbers - {gone}
    recoveries, chief = Recoveries(house, floor.desk), yearly.chief()
    await recoveries.begin(Cause.PERSON, PORTAL)
    await yearly.finish()
    assert await floor.balance(left) in {700, 1_000}
    at, office = await yearly.id_of(left), Office(house)
    seq = int((await floor.row(left))["seq"])
    wanted = Wanted(Kind.LESS, "typed twice", seq, amount=100)
    await refused(Corrections(house).request(chief, at, wanted))
    await refused(office.block(chief, at, "stolen"))
    await refused(yearly.validity.take_back(chief, run.id, "wrong year"))
    await refused(yearly.validity.take_one_back(chief, run.id, await yearly.id_of(gone), "abroad"))
    parts = Feature("validity", pages=pages(house), banners=(banners(house),))
    asked, page = Browser(portal_app(house, Standing(chief), [parts])), f"/vouchers/write-offs/{run.id}"
    reply = await asked.post(f"{page}/take-back", page=page, reason="wrong year")
    assert (reply.status, "nothing is booked on vouchers" in reply.text) == (503, True)
    assert "nothing is booked in the office either" in reply.text
    # It is over: what waited goes on by itself, and the rest may be done.
    await recoveries.end((await recoveries.standings())[0].recovery.id, PORTAL, "")
    await office.block(chief, at, "stolen")
    await office.unblock(chief, at, "found again")
    await yearly.finish()
    assert await floor.balance(left) == 0
    await floor.sound()
