"""A merchant always keeps an owner who can sign in."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.portal.rights.crew import Crew, at, crew, places
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.founding import add_invited
from tillbridge.portal.accounts.groups_service import Groups
from tillbridge.portal.accounts.people_model import Invitee
from tillbridge.portal.accounts.people_service import People
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person
from tillbridge.portal.storage.schema import metadata

Leaving = Callable[[Crew, Person, Person], Awaitable[None]]


async def _removed(team: Crew, by: Person, who: Person) -> None:
    await People(team.house).remove(by, who.id)


async def _disabled(team: Crew, by: Person, who: Person) -> None:
    await People(team.house).disable(by, who.id)


async def _demoted(team: Crew, by: Person, who: Person) -> None:
    await People(team.house).take(by, who.id, (await team.memberships(who))["owner"])


LEAVING = (_removed, _disabled, _demoted)


@pytest.mark.parametrize("leave", LEAVING)
async def test_the_last_owner_stays(house: House, leave: Leaving) -> None:
    """Another owner may go; neither an owner of one shop, nor an invited one, nor a disabled one takes the place."""
    team = await crew(house)
    shops = await places(house, team.tenant_id)
    olga, otto, oda = [await team.join(name) for name in ("Olga", "Otto", "Oda")]
    await team.join("Single", Stock.OWNER, at(shops.north))
    async with house.database.writing() as connection:
        invitee = Invitee("late@shop.example", "Late", Language.EN)
        await add_invited(house, connection, invitee, team.groups[Stock.OWNER])
    await _disabled(team, olga, oda)
    await leave(team, olga, otto)
    with pytest.raises(BridgeError) as caught:
        await leave(team, await team.now(olga), olga)
    assert caught.value.code is Code.RECORD_CONFLICT
    assert "owner" in await team.memberships(olga)
    olga = await team.now(olga)
    assert len(olga.reaches) > 30


async def test_the_owners_group_cannot_be_emptied_of_its_rights(house: House) -> None:
    team = await crew(house)
    olga = await team.join("Olga")
    owners = team.groups[Stock.OWNER].id
    for doing in (Groups(house).change(olga, owners, "", frozenset()), Groups(house).remove(olga, owners)):
        with pytest.raises(BridgeError) as caught:
            await doing
        assert caught.value.code is Code.RECORD_CONFLICT


@pytest.mark.parametrize("leave", LEAVING)
async def test_of_two_owners_who_push_each_other_out_at_the_same_moment_one_stays(house: House, leave: Leaving) -> None:
    team = await crew(house)
    olga, otto = await team.join("Olga"), await team.join("Otto")
    ended: list[str] = []

    async def push(by: Person, who: Person) -> None:
        try:
            await leave(team, by, who)
            ended.append("gone")
        except BridgeError as error:
            # The slower one has lost the right, or would push out the last.
            assert error.code in {Code.RIGHT_MISSING, Code.RECORD_CONFLICT}  # noqa: PT017  # one of the two is refused
            ended.append("refused")

    async with asyncio.TaskGroup() as group:
        group.create_task(push(olga, otto))
        group.create_task(push(otto, olga))
    assert sorted(ended) == ["gone", "refused"]
    async with house.database.reading() as connection:
        assert len(await people_store.owners(connection, team.tenant_id)) == 1


async def test_of_two_owners_who_step_back_at_the_same_moment_one_stays(house: House) -> None:
    team = await crew(house)
    olga, otto = await team.join("Olga"), await team.join("Otto")
    ids = [(one.id, (await team.memberships(one))["owner"]) for one in (olga, otto)]
    ended: list[Code | None] = []

    async def demote(by: Person, who: str, membership: str) -> None:
        try:
            await People(house).take(by, who, membership)
            ended.append(None)
        except BridgeError as error:
            ended.append(error.code)

    async with asyncio.TaskGroup() as group:
        group.create_task(demote(olga, *ids[0]))
        group.create_task(demote(otto, *ids[1]))
    assert sorted(ended, key=str) == sorted([None, Code.RECORD_CONFLICT], key=str)


def test_removing_somebody_knows_of_all_that_hangs_on_a_person() -> None:
    """A table that refers to people and is not emptied by `people_store.remove` would make the removal fail."""
    referring = {
        table.name
        for table in metadata.sorted_tables
        if any(key.column.table.name == "person" for key in table.foreign_keys)
    }
    assert referring == {"session", "factor", "recovery_code", "password_link", "invitation", "membership"}
