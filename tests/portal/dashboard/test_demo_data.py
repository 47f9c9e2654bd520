"""The demonstration: filled once, whole, and never into a portal that somebody uses."""

import asyncio

import pytest
from sqlalchemy import func, select

from tests.portal.shops import merchant
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import passwords, store
from tillbridge.portal.accounts.factor_store import factors_of
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.totp import open_secret, step_of
from tillbridge.portal.customers.tables import customer_v1
from tillbridge.portal.demo_access import PASSWORD
from tillbridge.portal.demo_data import demo_code, demo_data, is_filled
from tillbridge.portal.demo_plan import BAKERY_SHOPS, DEMO_NUMBER, OPERATOR, PEOPLE
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.store import licensed
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations.model import CustomerBase, LocationKind, Wish
from tillbridge.portal.locations.store import find_by_number, page_of
from tillbridge.portal.locations.tables import location, tenant
from tillbridge.portal.maintenance.tables import maintenance_window
from tillbridge.portal.rights import Action, Area, Reach, Right


async def test_an_empty_portal_is_filled_once(house: House) -> None:
    assert not await is_filled(house)
    access = await demo_data(house)
    assert await is_filled(house)
    assert access.location_number == DEMO_NUMBER
    assert DEMO_NUMBER.digits == "10047110"
    with pytest.raises(BridgeError, match="the demonstration is here already") as caught:
        await demo_data(house)
    assert caught.value.code is Code.RECORD_CONFLICT
    async with house.database.reading() as connection:
        office = await find_by_number(connection, DEMO_NUMBER)
        assert office is not None
        found = await page_of(connection, office.tenant_id, Reach(everywhere=True), Wish())
        tenants = (await connection.execute(select(func.count()).select_from(tenant))).scalar_one()
        bases = set(await connection.scalars(select(location.c.customer_base)))
        old = (await connection.execute(select(func.count()).select_from(customer_v1))).scalar_one()
        windows = list(await connection.scalars(select(maintenance_window.c.tenant_id)))
        assert await Links(house).state(connection, office.id) is LinkState.NOT_PAIRED
        for product in Product:
            assert await licensed(connection, office.id, product, house.runtime.clock.now())
    assert tenants == 2
    assert bases == set(CustomerBase)
    assert old > 0
    assert sorted(windows, key=str) == sorted([office.tenant_id, None, None, None], key=str)
    assert [one.kind for one in found.locations] == [
        LocationKind.HEAD_OFFICE,
        *[LocationKind.BRANCH] * 3,
        LocationKind.FRANCHISE,
    ]
    assert [one.name for one in found.locations] == [shop.draft.name for shop in BAKERY_SHOPS]


async def test_everybody_can_sign_in_with_the_rights_of_the_role(house: House) -> None:
    access = await demo_data(house)
    assert {one.group for one in PEOPLE} == set(Stock)
    for one in PEOPLE:
        passwords.check_rules(PASSWORD, email=one.email, name=one.name)
    async with house.database.reading() as connection:
        known = [await store.by_email(connection, one.email) for one in access.people]
        accounts = [one for one in known if one is not None]
        assert [one.email for one in accounts] == [*(one.email for one in PEOPLE), OPERATOR[0]]
        reaches = {one.email: await load_reaches(connection, one.id, str(one.tenant_id)) for one in accounts}
        office = await find_by_number(connection, DEMO_NUMBER)
        franchise = (
            await connection.scalars(select(location.c.id).where(location.c.kind == LocationKind.FRANCHISE.value))
        ).one()
    assert (await passwords.compare(accounts[0].password_hash, access.people[0].password)).right
    assert office is not None
    owner = reaches["owner@bakery.example"]
    assert owner[Right(Area.POS_INTERFACE, Action.EDIT)].covers(office.id)
    # The franchisee keeps customers and reports to itself, and nothing else.
    assert not owner[Right(Area.CUSTOMERS, Action.VIEW)].covers(franchise)
    assert not owner[Right(Area.REPORTS, Action.VIEW)].covers(franchise)
    assert owner[Right(Area.VOUCHER_STATE, Action.VIEW)].covers(franchise)
    own = reaches["franchise@bakery.example"]
    assert own[Right(Area.CUSTOMERS, Action.EDIT)].covers(franchise)
    assert not own[Right(Area.CUSTOMERS, Action.EDIT)].covers(office.id)
    assert not reaches[OPERATOR[0]]


async def test_the_code_that_is_printed_is_the_one_that_is_asked_for(house: House) -> None:
    await demo_data(house)
    now = house.runtime.clock.now()
    async with house.database.reading() as connection:
        for email in (OPERATOR[0], *(one.email for one in PEOPLE if one.generator)):
            account = await store.by_email(connection, email)
            assert account is not None
            (generator,) = await factors_of(connection, account.id)
            assert step_of(open_secret(house.vault, generator), demo_code(now), now) is not None


async def test_a_portal_with_merchants_is_left_alone(house: House) -> None:
    await merchant(house)
    with pytest.raises(BridgeError, match="has merchants already") as caught:
        await demo_data(house)
    assert caught.value.code is Code.RECORD_CONFLICT
    async with house.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(location))).scalar_one() == 0


async def test_of_two_who_fill_it_at_once_one_does(house: House) -> None:
    async def attempt() -> bool:
        try:
            await demo_data(house)
        except BridgeError as error:
            return error.code is not Code.RECORD_CONFLICT
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt()) for _ in range(2)]
    assert sorted(task.result() for task in tasks) == [False, True]
    async with house.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(tenant))).scalar_one() == 2
