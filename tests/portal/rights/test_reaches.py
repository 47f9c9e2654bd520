"""Where rights hold: scopes, the tree, what franchisees keep, unknown rights (docs/reference/portal-rights.md)."""

import pytest
from sqlalchemy import event, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.rights.crew import Crew, at, below, crew, keep, places
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.accounts.grants import EVERYTHING, Grant
from tillbridge.portal.accounts.groups_service import Groups
from tillbridge.portal.accounts.people_model import Group
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.rights_tables import group_right
from tillbridge.portal.accounts.stock_groups import STOCK_RIGHTS, Stock
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import EVERY_RIGHT, RESTRICTABLE, Action, Area, Reach, Right

POS_EDIT = Right(Area.POS_INTERFACE, Action.EDIT)


async def test_an_owner_has_every_right_everywhere(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    assert olga.reaches == dict.fromkeys(EVERY_RIGHT, Reach(everywhere=True))


async def test_somebody_in_no_group_has_nothing(house: House) -> None:
    team = await crew(house)
    async with house.database.reading() as connection:
        assert await load_reaches(connection, "f" * 32, team.tenant_id) == {}


async def test_rights_of_one_merchant_are_none_at_another(house: House) -> None:
    ours, theirs = await crew(house), await crew(house, "Café Winter", 2)
    olga = await ours.join("Olga")
    async with house.database.reading() as connection:
        assert await load_reaches(connection, olga.id, theirs.tenant_id) == {}


async def test_each_stock_group_gives_what_the_page_says(house: House) -> None:
    team = await crew(house)
    for stock, rights in STOCK_RIGHTS.items():
        somebody = await team.join(stock.value, stock)
        assert set(somebody.reaches) == rights, stock


async def test_a_manager_manages_the_own_shop_and_no_other(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    mara = await team.join("Mara", Stock.MANAGER, at(shops.north))
    mara.require(Area.POS_INTERFACE, Action.EDIT, shops.north)
    assert not mara.may_somewhere(Area.PEOPLE)
    assert not mara.may_somewhere(Area.LICENCES)
    assert not mara.may_somewhere(Area.SUPPORT)
    assert not mara.may_somewhere(Area.VOUCHER_RISK)
    assert not mara.may_somewhere(Area.VOUCHER_CORRECT)
    with pytest.raises(BridgeError) as caught:
        mara.require(Area.POS_INTERFACE, Action.EDIT, shops.south)
    assert caught.value.code is Code.RECORD_UNKNOWN, "she does not even hear that there is a shop in the south"


async def test_a_subtree_reaches_what_hangs_below(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    tom = await team.join("Tom", Stock.TECHNICIAN, below(shops.south))
    assert tom.reaches[POS_EDIT] == Reach(locations=frozenset({shops.south, shops.corner}))
    await team.put(tom, Stock.TECHNICIAN, at(shops.north))
    tom = await team.now(tom)
    assert tom.reaches[POS_EDIT] == Reach(locations=frozenset({shops.south, shops.corner, shops.north}))


async def test_a_location_that_moved_to_another_merchant_is_out_of_reach(house: House) -> None:
    ours, theirs = await crew(house), await crew(house, "Café Winter", 2)
    shops = await places(house, ours.tenant_id)
    tom = await ours.join("Tom", Stock.TECHNICIAN, at(shops.north))
    async with house.database.writing() as connection:
        await connection.execute(
            update(location).where(location.c.id == shops.north).values(tenant_id=theirs.tenant_id, client_number=9)
        )
    assert (await ours.now(tom)).reaches == {}


@pytest.mark.parametrize("area", sorted(RESTRICTABLE))
async def test_a_franchisor_without_consent_reads_nothing_of_what_the_franchisee_keeps(
    house: House, area: Area
) -> None:
    """Also not through the franchisee's own branches, and not through a right that holds everywhere."""
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=(area.value,))
    olga = await team.join("Olga")
    for action in Action:
        reach = olga.reach(area, action)
        assert reach == Reach(locations=shops.own), "everywhere does not leak"
        assert not olga.may(area, action, shops.franchise)
        assert not olga.may(area, action, shops.kiosk)
    with pytest.raises(BridgeError) as caught:
        olga.require(area, Action.VIEW, shops.franchise)
    assert caught.value.code is Code.RIGHT_MISSING, "the franchise itself is no secret"
    regional = await team.join("Rita", Stock.OWNER, below(shops.head))
    assert regional.reach(area, Action.VIEW) == Reach(locations=shops.own)


async def test_voucher_movements_stay_visible_to_both_sides(house: House) -> None:
    """What concerns the other side's money cannot be kept back, whatever stands in the list."""
    team = await crew(house)
    await places(house, team.tenant_id, keeps=("reports", "vouchers.settlement", "interfaces.pos"))
    olga = await team.join("Olga")
    assert olga.reach(Area.VOUCHER_SETTLEMENT, Action.VIEW) == Reach(everywhere=True)
    assert olga.reach(Area.POS_INTERFACE, Action.EDIT) == Reach(everywhere=True)


async def test_the_franchisee_keeps_what_is_its_own(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("reports", "people"))
    fritz = await team.join("Fritz", Stock.OWNER, below(shops.franchise))
    kim = await team.join("Kim", Stock.ACCOUNTING, at(shops.kiosk))
    assert fritz.reach(Area.REPORTS, Action.VIEW) == Reach(locations=frozenset({shops.franchise, shops.kiosk}))
    assert kim.reach(Area.REPORTS, Action.VIEW) == Reach(locations=frozenset({shops.kiosk}))


async def test_only_a_franchise_keeps_anything(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    await keep(house, shops.north, "reports")
    olga = await team.join("Olga")
    assert olga.reach(Area.REPORTS, Action.VIEW) == Reach(everywhere=True)


async def test_a_right_that_nobody_knows_means_no(house: House) -> None:
    team = await crew(house)
    group = await _group(team, "locations.view")
    names = ("locations.destroy", "everything.edit", "audit.edit", "", "locations")
    async with house.database.writing() as connection:
        await connection.execute(insert(group_right), [{"group_id": group.id, "name": name} for name in names])
    sam = await team.join("Sam", group)
    assert set(sam.reaches) == {Right(Area.LOCATIONS, Action.VIEW)}
    assert not sam.may_somewhere(Area.LOCATIONS, Action.EDIT)


async def test_a_right_taken_from_a_group_is_gone_with_the_next_request(house: House) -> None:
    team = await crew(house)
    olga, group = await team.join("Olga"), await _group(team, "interfaces.pos.edit", "services.edit")
    tom = await team.join("Tom", group)
    tom.require(Area.POS_INTERFACE, Action.EDIT)
    await Groups(house).change(olga, group.id, "Field", frozenset({Right(Area.SERVICES, Action.EDIT)}))
    tom = await team.now(tom)
    with pytest.raises(BridgeError) as caught:
        tom.require(Area.POS_INTERFACE, Action.EDIT)
    assert caught.value.code is Code.RIGHT_MISSING
    assert caught.value.entry.number == "P301"
    tom.require(Area.SERVICES, Action.EDIT)


@pytest.mark.parametrize("grant", [EVERYTHING, None])
async def test_a_thousand_locations_cost_two_statements(house: House, grant: Grant | None) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("reports",))
    async with house.database.writing() as connection:
        await _thousand(connection, house, team.tenant_id, shops.head)
    rita = await team.join("Rita", Stock.OWNER, grant or below(shops.head))
    async with house.database.reading() as connection:
        asked: list[str] = []

        def count(*told: object) -> None:
            asked.append(str(told[2]))

        engine = connection.engine.sync_engine
        event.listen(engine, "before_cursor_execute", count)
        try:
            reaches = await load_reaches(connection, rita.id, team.tenant_id)
        finally:
            event.remove(engine, "before_cursor_execute", count)
    assert len([one for one in asked if "select" in one.lower()]) == 2
    assert len(reaches[Right(Area.REPORTS, Action.VIEW)].locations) == 1004


async def _thousand(connection: AsyncConnection, house: House, tenant_id: str, head: str) -> None:
    await connection.execute(
        insert(location),
        [
            {
                "id": house.runtime.ids.new(),
                "tenant_id": tenant_id,
                "number": LocationNumber.of(5000 + number).digits,
                "client_number": 100 + number,
                "parent_id": head,
                "kind": "branch",
                "name": f"Branch {number}",
                "country": "DE",
                "currency": "EUR",
                "time_zone": "Europe/Berlin",
                "restricted": [],
                "created_at": house.runtime.clock.now(),
            }
            for number in range(1000)
        ],
    )


async def _group(team: Crew, *rights: str) -> Group:
    olga = await team.join("Otto")
    parsed = frozenset(right for name in rights if (right := Right.parse(name)) is not None)
    return await Groups(team.house).make(olga, "Field service", parsed)
