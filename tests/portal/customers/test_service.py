"""Customers of 2.0: found, merged, erased."""

import asyncio

import pytest
from sqlalchemy import select, text

from tests.portal.customers import bases
from tests.portal.people import owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.customers import store
from tillbridge.portal.customers.model import CustomerState, Fields
from tillbridge.portal.customers.service import Customers
from tillbridge.portal.house import House

JANA = Fields(
    name="Jana Dvořáková",
    contact="Łucja",
    email="Jana@Example.cz",
    phone="+420 777 123 456",
    legacy={"Größe": "Übergröße"},
)


@pytest.fixture
async def tenant(house: House) -> str:
    return await merchant(house)


@pytest.fixture
async def place(house: House, tenant: str) -> str:
    return await shop(house, tenant, 1, customer_base="v2")


async def test_somebody_is_found_by_everything_but_a_wrong_letter(house: House, tenant: str, place: str) -> None:
    customers = Customers(house)
    made = await customers.create(owner(tenant), place, JANA)
    await customers.create(owner(tenant), place, Fields(name="Jan Dvorský"))
    found = ("jana", "DVORAK", "dvořákov", "jana dvo", "lucja", "jana@example.CZ", "0777 123456", "ubergrosse")
    for typed in (*found, made.number, made.number[:5]):
        assert made.id in {one.id for one in await customers.search(owner(tenant), typed)}, typed
    for typed in ("jane", "dvorakovy", "x@example.cz", "777 123 457", "ubergros", "9999999", "%", "_"):
        assert made.id not in {one.id for one in await customers.search(owner(tenant), typed)}, typed


async def test_only_customers_within_reach_are_found(house: House, tenant: str, place: str) -> None:
    customers = Customers(house)
    await customers.create(owner(tenant), place, JANA)
    elsewhere = somebody(tenant, "customers.view", locations=frozenset({"e" * 32}))
    assert await customers.search(elsewhere, "jana") == []
    assert await customers.search(owner(await merchant(house, "Other")), "jana") == []
    with pytest.raises(BridgeError) as caught:
        await customers.search(somebody(tenant, "reports.view"), "jana")
    assert caught.value.code is Code.RIGHT_MISSING


async def test_nothing_personal_stands_readable_in_the_database_or_the_log(
    house: House, tenant: str, place: str
) -> None:
    customers = Customers(house)
    made = await customers.create(owner(tenant), place, JANA)
    made = await customers.change(owner(tenant), made.id, made.revision, JANA)
    await customers.erase(owner(tenant), made.id, made.number, "asked for it")
    async with house.database.reading() as connection:
        for table in ("customer", "customer_key", "customer_alias", "customer_token", "customer_movement"):
            rows = (await connection.execute(text(f"select * from {table}"))).all()  # noqa: S608  # our own names
            assert "vořák" not in repr(rows)
        entries = repr((await connection.execute(select(audit_entry))).all())
    assert "vořák" not in entries
    assert "asked for it" in entries


async def test_an_erasure_destroys_the_key_and_keeps_number_and_history(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 7, customer_base="v1_online")
    await bases.v1(house, place, [bases.row(2, name="Ada"), bases.row(3, number="12", name="Eve")])
    await bases.converted(house, bases.chief(house, tenant), place)
    customers, person = Customers(house), owner(tenant)
    (eve,) = await customers.search(person, "12")
    with pytest.raises(BridgeError) as caught:
        await customers.erase(person, eve.id, "12", "asked for it")
    assert caught.value.code is Code.FIELD_INVALID
    await customers.erase(person, eve.id, eve.number, "asked for it")
    gone = await customers.one(person, eve.id)
    assert (gone.state, gone.fields, gone.aliases) == (CustomerState.ERASED, Fields(), ())
    assert (gone.number, gone.balance_minor) == (eve.number, eve.balance_minor)
    assert len(await customers.history(person, eve.id)) == 1
    assert await customers.search(person, "12") == []
    assert await customers.search(person, "eve") == []
    async with house.database.reading() as connection:
        left = (await connection.execute(text("select name from customer_v1"))).scalars().all()
        assert left == ["Ada"]
        assert eve.number in await store.taken(connection, tenant)
    with pytest.raises(BridgeError):
        await customers.erase(person, eve.id, eve.number, "again")


async def test_a_merge_adds_up_and_loses_nothing(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 7, customer_base="v1_online")
    rows = [
        bases.row(2, name="Ada", phone="", legacy={"size": "S"}, balance_minor=-5, points=2),
        bases.row(3, number="12", name="Ada L.", note="regular", legacy={"size": "M"}, balance_minor=700, points=3),
    ]
    await bases.v1(house, place, rows)
    await bases.converted(house, bases.chief(house, tenant), place)
    customers, person = Customers(house), owner(tenant)
    one, other = [await customers.find_number(person, number) for number in ("2000002", "12")]
    merged = await customers.merge(person, one.id, other.id)
    assert (merged.balance_minor, merged.points) == (695, 5)
    assert set(merged.aliases) == {"12", other.number}
    assert merged.fields.phone == rows[1].phone
    assert {"Ada L.", rows[1].email, "S", "M"} <= set(merged.fields.legacy.values())
    assert merged.fields.note == "regular"
    assert sum(step.balance_minor for step in await customers.history(person, one.id)) == 695
    assert sum(step.balance_minor for step in await customers.history(person, other.id)) == 0
    assert (await customers.find_number(person, other.number)).id == one.id
    with pytest.raises(BridgeError):
        await customers.merge(person, one.id, other.id)


async def test_of_two_merges_of_a_pair_one_happens(house: House, tenant: str, place: str) -> None:
    customers, person = Customers(house), owner(tenant)
    one, other = [await customers.create(person, place, Fields(name=name)) for name in ("Ada", "Eve")]

    async def merge(winner: str, loser: str) -> Code | None:
        try:
            await customers.merge(person, winner, loser)
        except BridgeError as error:
            return error.code
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(merge(*pair)) for pair in ((one.id, other.id), (other.id, one.id))]
    assert {task.result() for task in tasks} == {None, Code.RECORD_CONFLICT}
    assert len(await bases.everybody(house, tenant)) == 1


async def test_numbers_are_never_given_twice(house: House, tenant: str, place: str) -> None:
    other = await shop(house, tenant, 2, client_number=2, kind="branch", customer_base="v1_online")
    await bases.v1(house, other, [bases.row(2, number="1000003")])
    customers, person = Customers(house), owner(tenant)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(customers.create(person, place, Fields(name="A"))) for _ in range(4)]
    numbers = sorted(task.result().number for task in tasks)
    assert numbers == ["1000001", "1000002", "1000004", "1000005"]


async def test_a_customer_needs_a_base_of_2_0(house: House, tenant: str) -> None:
    online = await shop(house, tenant, 3, customer_base="v1_online", client_number=3)
    with pytest.raises(BridgeError) as caught:
        await Customers(house).create(owner(tenant), online, JANA)
    assert caught.value.code is Code.CONVERSION_REQUIRED
