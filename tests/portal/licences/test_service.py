"""Who may allot and withdraw licences, and when they count."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft
from tests.portal.locations.persons import owner, somebody, staff
from tests.portal.locations.test_service import founded
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.licences import store
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations.model import Wish
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.store import within
from tillbridge.portal.rights import Person, Reach

TODAY = date(2026, 3, 14)


async def counts(house: House, location_id: str, product: Product, now: datetime | None = None) -> bool:
    async with house.database.reading() as connection:
        return await store.licensed(connection, location_id, product, now or house.runtime.clock.now())


async def test_a_licence_counts_from_its_first_moment_up_to_its_last(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    await Licences(house).allot(person, head, Product.REPORTS, date(2026, 4, 1), date(2026, 4, 30))
    start, end = datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    said = [await counts(house, head, Product.REPORTS, at) for at in (start - tick, start, end - tick, end)]
    assert said == [False, True, True, False]
    assert not await counts(house, head, Product.WEB_VOUCHERS, start)


async def test_two_at_a_time_are_one_and_withdrawing_one_leaves_the_other(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    licences = Licences(house)
    for last in (None, date(2026, 12, 31)):
        await licences.allot(person, head, Product.REPORTS, TODAY, last)
    _, (first, second) = await licences.of_location(person, head)
    await licences.withdraw(person, head, first.id, "doppelt")
    assert await counts(house, head, Product.REPORTS)
    await licences.withdraw(person, head, second.id, "")
    assert not await counts(house, head, Product.REPORTS)
    with pytest.raises(BridgeError) as caught:
        await licences.withdraw(person, head, second.id, "")
    assert caught.value.code is Code.RECORD_CONFLICT
    async with house.database.reading() as connection:
        logs = select(audit_entry.c.event).where(audit_entry.c.event.like("licence.%")).order_by(audit_entry.c.id)
        assert list(await connection.scalars(logs)) == ["licence.allotted"] * 2 + ["licence.withdrawn"] * 2


async def test_a_new_location_can_start_with_everything(house: House) -> None:
    tenant_id, _ = await founded(house)
    made = await Locations(house, opened=[Licences(house).allot_everything]).create(owner(tenant_id), None, draft())
    now = house.runtime.clock.now()
    async with house.database.reading() as connection:
        assert await store.licensed_products(connection, made.id, now) == set(Product)
        assert await store.licensed_products(connection, made.id, now + timedelta(days=36500)) == set(Product)


async def refused(house: House, person: Person, location_id: str) -> Code:
    with pytest.raises(BridgeError) as caught:
        await Licences(house).allot(person, location_id, Product.REPORTS, TODAY, None)
    return caught.value.code


async def test_who_may_allot(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    _, foreign = await founded(house, "Café")
    branch = await Locations(house).create(owner(tenant_id), None, draft())
    now = clock.now()
    narrow = somebody(tenant_id, "licences.edit", locations=frozenset({branch.id}), stepped_up_at=now)
    reader = somebody(tenant_id, "licences.view", "locations.edit", stepped_up_at=now)
    assert await refused(house, owner(tenant_id), head) is Code.STEP_UP_NEEDED
    assert await refused(house, owner(tenant_id, stepped_up_at=now), foreign) is Code.RECORD_UNKNOWN
    assert await refused(house, narrow, head) is Code.RECORD_UNKNOWN
    assert await refused(house, reader, head) is Code.RIGHT_MISSING
    assert await refused(house, staff(), head) is Code.STEP_UP_NEEDED
    assert not await counts(house, head, Product.REPORTS)
    for person, location_id in ((narrow, branch.id), (staff(stepped_up_at=now), foreign)):
        await Licences(house).allot(person, location_id, Product.REPORTS, TODAY, None)
        assert await counts(house, location_id, Product.REPORTS)


async def test_a_span_that_never_counts_is_refused(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    for first, last in ((date(2026, 4, 2), date(2026, 4, 1)), (date(2026, 1, 1), date(2026, 3, 13))):
        with pytest.raises(BridgeError) as caught:
            await Licences(house).allot(person, head, Product.REPORTS, first, last)
        assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "last")


async def test_the_matrix_shows_what_is_reached(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    other, _ = await founded(house, "Café")
    branch = await Locations(house).create(owner(tenant_id), None, draft())
    person = owner(tenant_id, stepped_up_at=clock.now())
    for location_id in (head, branch.id):
        await Licences(house).allot(person, location_id, Product.REPORTS, TODAY, None)
    narrow = somebody(tenant_id, "licences.view", locations=frozenset({branch.id}))
    found = await Licences(house).matrix(narrow, None, Wish())
    assert [one.id for one in found.found.locations] == [branch.id]
    assert set(found.licences) == {branch.id}
    with pytest.raises(BridgeError) as caught:
        await Licences(house).matrix(narrow, other, Wish())
    assert caught.value.code is Code.RECORD_UNKNOWN
    assert (await Licences(house).matrix(staff(), tenant_id, Wish())).found.total == 2


async def test_what_ends_soon_is_told_unless_it_goes_on(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    licences = Licences(house)

    async def allot(product: Product, first: date, last: date | None) -> None:
        await licences.allot(person, head, product, first, last)

    await allot(Product.REPORTS, TODAY, date(2026, 3, 20))
    await allot(Product.WEB_VOUCHERS, TODAY, date(2026, 3, 20))
    await allot(Product.WEB_VOUCHERS, date(2026, 3, 21), date(2026, 6, 30))  # goes on from there
    await allot(Product.VOUCHER_SHOP, TODAY, date(2026, 3, 20))
    await allot(Product.VOUCHER_SHOP, date(2026, 3, 22), None)  # a day is missing between
    await allot(Product.ONLINE_ORDERS, TODAY, date(2026, 3, 20))
    await allot(Product.ONLINE_ORDERS, TODAY, date(2026, 3, 20))  # twice the same is told once
    await allot(Product.DIGITAL_RECEIPTS, TODAY, date(2026, 6, 30))  # far away
    await allot(Product.POS_INTERFACE, TODAY, None)
    async with house.database.reading() as connection:
        where = within(tenant_id, Reach(everywhere=True))
        ending = await store.ending_soon(connection, where, clock.now(), 10)
    told = sorted(one.licence.product for one in ending)
    assert told == [Product.ONLINE_ORDERS, Product.REPORTS, Product.VOUCHER_SHOP]
    assert {one.location_name for one in ending} == {"Zentrale"}
