"""Making, changing and closing locations."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft
from tests.portal.locations.persons import owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.audit.log import PORTAL, Actor
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import store
from tillbridge.portal.locations.model import LocationKind, Wish
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.rights import Area


async def founded(house: House, name: str = "Bäckerei Sommer") -> tuple[str, str]:
    """A merchant with its head office: both ids."""
    tenant_id = await merchant(house, name)
    async with house.database.writing() as connection:
        head = await Locations(house).found(connection, tenant_id, draft("Zentrale"), PORTAL)
    return tenant_id, head.id


async def events(house: House) -> list[str]:
    async with house.database.reading() as connection:
        return list(await connection.scalars(select(audit_entry.c.event).order_by(audit_entry.c.id)))


async def test_a_branch_gets_the_next_numbers(house: House) -> None:
    tenant_id, head = await founded(house)
    locations = Locations(house)
    made = [await locations.create(owner(tenant_id), None, draft(f"Filiale {n}")) for n in (1, 2)]
    assert [one.client_number for one in made] == [2, 3]
    assert [one.kind for one in made] == [LocationKind.BRANCH] * 2
    assert {one.parent_id for one in made} == {head}
    assert made[1].number.serial == made[0].number.serial + 1
    assert await events(house) == ["location.created"] * 3


async def test_a_number_that_was_chosen_by_hand_is_passed_over(house: House) -> None:
    tenant_id, _ = await founded(house)
    first = await Locations(house).create(owner(tenant_id), None, draft())
    await shop(house, await merchant(house, "Café"), first.number.serial + 1)
    second = await Locations(house).create(owner(tenant_id), None, draft())
    assert second.number.serial == first.number.serial + 2


async def test_two_who_make_a_location_at_once_never_draw_the_same(house: House) -> None:
    tenants = [(await founded(house, f"Firma {n}"))[0] for n in range(2)]
    locations = Locations(house)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(locations.create(owner(tenants[n % 2]), None, draft())) for n in range(8)]
    made = [task.result() for task in tasks]
    assert len({one.number for one in made}) == 8
    assert len({(one.tenant_id, one.client_number) for one in made}) == 8
    assert {one.client_number for one in made} == {2, 3, 4, 5}


async def test_a_merchant_has_one_head_office(house: House) -> None:
    tenant_id, _ = await founded(house)
    with pytest.raises(BridgeError) as caught:
        async with house.database.writing() as connection:
            await Locations(house).found(connection, tenant_id, draft(), PORTAL)
    assert caught.value.code is Code.RECORD_CONFLICT


async def test_a_taken_number_is_not_given_again(house: House) -> None:
    number = LocationNumber.of(1_004_711)
    await shop(house, await merchant(house, "Café"), number.serial)
    tenant_id = await merchant(house)
    with pytest.raises(BridgeError) as caught:
        async with house.database.writing() as connection:
            await Locations(house).found(connection, tenant_id, draft(), PORTAL, number)
    assert caught.value.code is Code.RECORD_CONFLICT


async def test_a_change_says_before_and_after(house: House) -> None:
    tenant_id, _ = await founded(house)
    locations, person = Locations(house), owner(tenant_id)
    made = await locations.create(person, None, draft())
    new = draft("Am See", independent=True, restricted=frozenset({Area.REPORTS}))
    changed = await locations.change(person, made.id, new)
    assert changed.kind is LocationKind.FRANCHISE
    assert changed.restricted == {"reports"}
    async with house.database.reading() as connection:
        assert await store.find(connection, made.id) == changed
        newest = select(audit_entry.c.before, audit_entry.c.after).order_by(audit_entry.c.id.desc()).limit(1)
        before, after = (await connection.execute(newest)).one()
    assert before == {"name": "Am Bach", "kind": "branch", "restricted": []}
    assert after == {"name": "Am See", "kind": "franchise", "restricted": ["reports"]}


async def test_a_change_of_nothing_leaves_no_trace(house: House) -> None:
    tenant_id, _ = await founded(house)
    made = await Locations(house).create(owner(tenant_id), None, draft())
    before = await events(house)
    await Locations(house).change(owner(tenant_id), made.id, draft())
    assert await events(house) == before


async def test_a_head_office_stays_one(house: House) -> None:
    tenant_id, head = await founded(house)
    new = draft("Zentrale", independent=True, restricted=frozenset({Area.REPORTS}))
    changed = await Locations(house).change(owner(tenant_id), head, new)
    assert (changed.kind, changed.restricted) == (LocationKind.HEAD_OFFICE, frozenset())


async def test_closing_needs_a_fresh_proof(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    for at in (None, clock.now()):
        clock.forward(minutes=6)
        with pytest.raises(BridgeError) as caught:
            await Locations(house).close(owner(tenant_id, stepped_up_at=at), head, "")
        assert caught.value.code is Code.STEP_UP_NEEDED
    async with house.database.reading() as connection:
        found = await store.find(connection, head)
    assert found is not None
    assert found.open


async def test_closing_tells_the_others_in_the_same_transaction(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    told: list[tuple[str, bool]] = []

    async def hook(connection: AsyncConnection, location_id: str, actor: Actor) -> None:  # noqa: ARG001
        found = await store.find(connection, location_id)
        told.append((location_id, found is not None and found.open))

    person = owner(tenant_id, stepped_up_at=clock.now())
    made = await Locations(house).create(person, head, draft())
    with pytest.raises(BridgeError, match="below it first"):
        await Locations(house, closed=[hook]).close(person, head, "")
    assert told == []
    await Locations(house, closed=[hook]).close(person, made.id, "Mietvertrag endet")
    assert told == [(made.id, False)]
    for again in (
        Locations(house).close(person, made.id, ""),
        Locations(house).change(person, made.id, draft("Neu")),
        Locations(house).create(person, made.id, draft()),
    ):
        with pytest.raises(BridgeError, match="closed"):
            await again


async def test_what_fails_in_a_hook_is_not_half_done(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)

    async def fails(connection: AsyncConnection, location_id: str, actor: Actor) -> None:  # noqa: ARG001
        raise BridgeError(Code.RECORD_CONFLICT)

    before = await events(house)
    with pytest.raises(BridgeError):
        await Locations(house, closed=[fails]).close(owner(tenant_id, stepped_up_at=clock.now()), head, "")
    with pytest.raises(BridgeError):
        await Locations(house, opened=[fails]).create(owner(tenant_id), None, draft())
    assert await events(house) == before
    assert (await Locations(house).page(owner(tenant_id), Wish())).total == 1


async def test_another_merchants_location_does_not_exist(house: House) -> None:
    _, foreign = await founded(house, "Café")
    tenant_id, _ = await founded(house)
    person = owner(tenant_id)
    for act in (Locations(house).change(person, foreign, draft()), Locations(house).create(person, foreign, draft())):
        with pytest.raises(BridgeError) as caught:
            await act
        assert caught.value.code is Code.RECORD_UNKNOWN


async def test_a_reach_is_all_that_somebody_sees(house: House) -> None:
    tenant_id, head = await founded(house)
    made = await Locations(house).create(owner(tenant_id), None, draft())
    person = somebody(tenant_id, "locations.view", "services.view", locations=frozenset({made.id}))
    assert [one.id for one in (await Locations(house).page(person, Wish())).locations] == [made.id]
    with pytest.raises(BridgeError) as caught:
        await Locations(house).change(person, made.id, draft("Neu"))
    assert caught.value.code is Code.RIGHT_MISSING
    with pytest.raises(BridgeError) as caught:
        await Locations(house).change(person, head, draft("Neu"))
    assert caught.value.code is Code.RECORD_UNKNOWN
    with pytest.raises(BridgeError) as caught:
        await Locations(house).page(somebody(tenant_id, "services.view"), Wish())
    assert caught.value.code is Code.RIGHT_MISSING


async def test_a_search_means_what_is_typed(house: House) -> None:
    tenant_id, _ = await founded(house)
    for name in ("Am Bach", "100% Vegan"):
        await Locations(house).create(owner(tenant_id), None, draft(name))
    for text, names in (
        ("bach", ["Am Bach"]),
        ("100%", ["100% Vegan"]),
        ("München", ["Zentrale", "Am Bach", "100% Vegan"]),
        ("_", []),
    ):
        found = await Locations(house).page(owner(tenant_id), Wish(text))
        assert [one.name for one in found.locations] == names
