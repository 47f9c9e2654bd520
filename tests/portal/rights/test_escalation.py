"""Nobody grants rights or places that he does not have himself, whatever he tries (rights read anew in the change)."""

import random
from collections.abc import Mapping

import pytest

from tests.portal.rights.crew import Places, at, below, crew, places
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.grants import EVERYTHING, Grant
from tillbridge.portal.accounts.groups_service import Groups
from tillbridge.portal.accounts.people_model import Group, Invitee
from tillbridge.portal.accounts.people_service import People
from tillbridge.portal.accounts.people_store import Search
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.house import House
from tillbridge.portal.rights import EVERY_RIGHT, Action, Area, Person, Reach, Right

EDIT_PEOPLE = Right(Area.PEOPLE, Action.EDIT)
SERVICES = Right(Area.SERVICES, Action.EDIT)


async def refused(doing: object, code: Code) -> None:
    with pytest.raises(BridgeError) as caught:
        await doing  # type: ignore[misc]
    assert caught.value.code is code


async def test_somebody_without_the_right_changes_nobody(house: House) -> None:
    team = await crew(house)
    mara = await team.join("Mara", Stock.MANAGER)
    sam = await team.join("Sam", Stock.AUDITOR)
    for who in (mara, sam):
        invitee = Invitee("new@shop.example", "Nina", Language.EN)
        invite = People(house).invite(who, invitee, team.groups[Stock.AUDITOR].id, EVERYTHING)
        await refused(invite, Code.RIGHT_MISSING)
        await refused(People(house).put(who, sam.id, team.groups[Stock.OWNER].id, EVERYTHING), Code.RIGHT_MISSING)
        await refused(Groups(house).make(who, "Own", frozenset()), Code.RIGHT_MISSING)
    assert set(await team.memberships(sam)) == {"auditor"}


async def test_an_administrator_cannot_make_himself_an_owner(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    admins = await Groups(house).make(olga, "Personnel", frozenset({EDIT_PEOPLE, SERVICES}))
    ada = await team.join("Ada", admins)
    people, groups = People(house), Groups(house)
    await refused(people.put(ada, ada.id, team.groups[Stock.OWNER].id, EVERYTHING), Code.RIGHT_MISSING)
    await refused(people.put(ada, ada.id, team.groups[Stock.MANAGER].id, EVERYTHING), Code.RIGHT_MISSING)
    await refused(groups.make(ada, "Mine", frozenset(EVERY_RIGHT)), Code.RIGHT_MISSING)
    await refused(groups.change(ada, admins.id, "Personnel", frozenset(EVERY_RIGHT)), Code.RIGHT_MISSING)
    technicians = team.groups[Stock.TECHNICIAN]
    await refused(groups.change(ada, technicians.id, "", frozenset()), Code.RIGHT_MISSING)
    memberships = await team.memberships(olga)
    await refused(people.take(ada, olga.id, memberships["owner"]), Code.RIGHT_MISSING)
    await refused(people.disable(ada, olga.id), Code.RIGHT_MISSING)
    await refused(people.remove(ada, olga.id), Code.RIGHT_MISSING)
    tim = await team.join("Tim", technicians)
    await people.disable(ada, tim.id)
    await refused(people.enable(ada, tim.id), Code.RIGHT_MISSING)
    await people.put(ada, tim.id, admins.id, EVERYTHING)
    assert set((await team.now(ada)).reaches) == {EDIT_PEOPLE, SERVICES}


async def test_an_administrator_of_one_place_is_none_of_another(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    olga = await team.join("Olga")
    admins = await Groups(house).make(olga, "Personnel", frozenset({EDIT_PEOPLE, SERVICES}))
    ada = await team.join("Ada", admins, below(shops.south))
    tim = await team.join("Tim", admins, at(shops.corner))
    ned = await team.join("Ned", admins, at(shops.north))
    people = People(house)
    await people.put(ada, tim.id, admins.id, at(shops.south))
    await people.put(ada, tim.id, admins.id, below(shops.corner))
    for grant, code in (
        (EVERYTHING, Code.RIGHT_MISSING),
        (at(shops.north), Code.RECORD_UNKNOWN),
        (below(shops.head), Code.RECORD_UNKNOWN),
        (at("f" * 32), Code.RECORD_UNKNOWN),
    ):
        await refused(people.put(ada, tim.id, admins.id, grant), code)
    for doing in (people.put(ada, ned.id, admins.id, at(shops.corner)), people.disable(ada, ned.id)):
        await refused(doing, Code.RECORD_UNKNOWN)
    await refused(Groups(house).change(ada, admins.id, "Personnel", frozenset({EDIT_PEOPLE})), Code.RIGHT_MISSING)
    found, _ = await people.page(ada, Search())
    assert {row.one.name for row in found} == {"Ada", "Tim"}


async def test_one_location_is_not_handed_on_as_a_subtree(house: House) -> None:
    """A branch that is opened below it later would be reached by the one and not by the other."""
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    olga = await team.join("Olga")
    admins = await Groups(house).make(olga, "Personnel", frozenset({EDIT_PEOPLE}))
    ada = await team.join("Ada", admins, at(shops.north))
    await refused(People(house).put(ada, ada.id, admins.id, below(shops.north)), Code.RIGHT_MISSING)


async def test_a_franchisor_gets_at_what_is_kept_by_no_way_round(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("reports",))
    olga = await team.join("Olga")
    reports = Right(Area.REPORTS, Action.VIEW)
    readers = await Groups(house).make(olga, "Readers", frozenset({reports}))
    helpers = await Groups(house).make(olga, "Helpers", frozenset({SERVICES}))
    people = People(house)
    for place in (at(shops.franchise), below(shops.franchise), at(shops.kiosk), below(shops.kiosk)):
        for group in (readers, team.groups[Stock.OWNER], team.groups[Stock.AUDITOR]):
            await refused(people.put(olga, olga.id, group.id, place), Code.RIGHT_MISSING)
    await people.put(olga, olga.id, helpers.id, at(shops.franchise))
    change = Groups(house).change(olga, helpers.id, "Helpers", frozenset({SERVICES, reports}))
    await refused(change, Code.RIGHT_MISSING)
    assert (await team.now(olga)).reach(Area.REPORTS, Action.VIEW) == Reach(locations=shops.own)


async def test_whom_a_franchisee_keeps_to_itself_the_franchisor_does_not_find(house: House) -> None:
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("people",))
    olga = await team.join("Olga")
    fritz = await team.join("Fritz", Stock.OWNER, below(shops.franchise))
    mara = await team.join("Mara", Stock.MANAGER, at(shops.north))
    people = People(house)
    found, _ = await people.page(olga, Search())
    assert {row.one.name for row in found} == {"Olga", "Mara"}
    await refused(people.show(olga, fritz.id), Code.RECORD_UNKNOWN)
    await refused(people.disable(olga, fritz.id), Code.RECORD_UNKNOWN)
    await refused(people.put(olga, mara.id, team.groups[Stock.MANAGER].id, at(shops.kiosk)), Code.RECORD_UNKNOWN)
    found, _ = await people.page(fritz, Search())
    assert {row.one.name for row in found} == {"Fritz"}
    await Groups(house).make(olga, "Still hers", frozenset({SERVICES}))


async def test_another_merchants_people_and_groups_are_not_there(house: House) -> None:
    ours, theirs = await crew(house), await crew(house, "Café Winter", 2)
    olga, wilma = await ours.join("Olga"), await theirs.join("Wilma")
    far = await places(house, theirs.tenant_id)
    group, own = theirs.groups[Stock.AUDITOR], ours.groups[Stock.AUDITOR]
    people, groups = People(house), Groups(house)
    membership = (await theirs.memberships(wilma))["owner"]
    for doing in [
        people.show(olga, wilma.id),
        people.disable(olga, wilma.id),
        people.remove(olga, wilma.id),
        people.invite_again(olga, wilma.id),
        people.put(olga, wilma.id, own.id, EVERYTHING),
        people.put(olga, olga.id, group.id, EVERYTHING),
        people.put(olga, olga.id, own.id, at(far.north)),
        people.take(olga, wilma.id, membership),
        people.take(olga, olga.id, membership),
        groups.show(olga, group.id),
        groups.change(olga, group.id, "", frozenset()),
        groups.remove(olga, group.id),
    ]:
        await refused(doing, Code.RECORD_UNKNOWN)
    assert set(await theirs.memberships(wilma)) == {"owner"}


async def test_changes_ask_for_a_fresh_proof(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    sam = await team.join("Sam", Stock.AUDITOR)
    house.runtime.clock.forward(minutes=6)  # type: ignore[attr-defined]
    auditors = team.groups[Stock.AUDITOR].id
    for doing in (
        People(house).invite(olga, Invitee("x@shop.example", "X", Language.EN), auditors, EVERYTHING),
        People(house).disable(olga, sam.id),
        People(house).remove(olga, sam.id),
        Groups(house).make(olga, "Own", frozenset()),
    ):
        await refused(doing, Code.STEP_UP_NEEDED)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_an_administrator_does_nobody_gets_more_than_the_administrator_has(
    house: House, seed: int
) -> None:
    """Random attempts of people with random rights; what anybody gains, the one who did it had."""
    chance = random.Random(seed)
    team = await crew(house)
    shops = await places(house, team.tenant_id, keeps=("reports", "customers"))
    olga = await team.join("Olga")
    own = [await _some_group(house, olga, chance, most) for most in (0, 1, 3)]
    groups = [*own, team.groups[Stock.TECHNICIAN], team.groups[Stock.OWNER]]
    crowd = [await team.join(f"P{number}", chance.choice(own), _somewhere(chance, shops)) for number in range(3)]
    crowd.append(await team.join("Fritz", Stock.OWNER, below(shops.franchise)))
    done = 0
    for _ in range(25):
        doer = await team.now(chance.choice([*crowd, olga]))
        before = {one.id: (await team.now(one)).reaches for one in crowd}
        done += await _attempt(house, doer, chance, crowd, groups, shops)
        for one in crowd:
            for right, reach in (await team.now(one)).reaches.items():
                _check_gain(before[one.id], doer, right, reach)
    assert done, "some attempts are allowed, or this proves nothing"


def _check_gain(before: Mapping[Right, Reach], doer: Person, right: Right, after: Reach) -> None:
    had, mine = before.get(right, Reach()), doer.reach(right.area, right.action)
    if after.everywhere:
        assert had.everywhere or mine.everywhere, right
    elif not had.everywhere and not mine.everywhere:
        assert after.locations <= had.locations | mine.locations, right


async def _attempt(
    house: House, doer: Person, chance: random.Random, crowd: list[Person], groups: list[Group], shops: Places
) -> bool:
    rights = frozenset(chance.sample(EVERY_RIGHT, 4)) | frozenset(chance.sample(sorted(doer.reaches), 1))
    group, target = chance.choice(groups), chance.choice(crowd)
    try:
        if chance.random() < 0.6:
            await People(house).put(doer, target.id, group.id, _somewhere(chance, shops))
        else:
            await Groups(house).change(doer, group.id, f"Group {chance.random()}", rights)
    except BridgeError as error:
        assert error.code in {Code.RIGHT_MISSING, Code.RECORD_UNKNOWN, Code.RECORD_CONFLICT}  # noqa: PT017  # refusals go on
        return False
    return True


async def _some_group(house: House, olga: Person, chance: random.Random, most: int) -> Group:
    rights = frozenset({EDIT_PEOPLE, *chance.sample(EVERY_RIGHT, most)})
    return await Groups(house).make(olga, f"Some {chance.random()}", rights)


def _somewhere(chance: random.Random, shops: Places) -> Grant:
    place = chance.choice(sorted(shops.every))
    return chance.choice([EVERYTHING, at(place), below(place)])
