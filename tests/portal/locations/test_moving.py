"""A location changes hands when both merchants have confirmed it, and not before."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft
from tests.portal.locations.persons import owner, somebody
from tests.portal.locations.test_service import founded
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Actor
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import move_store, store
from tillbridge.portal.locations.model import Location, LocationKind
from tillbridge.portal.locations.moving import Moves
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.rights import Area, Person


class Two:
    """A merchant that gives a branch, and one that takes it."""

    def __init__(self, giver: Person, taker: Person, branch: Location, number: str) -> None:
        self.giver, self.taker, self.branch, self.number = giver, taker, branch, number


async def two(house: House) -> Two:
    giving, _ = await founded(house)
    taking, head = await founded(house, "Café Winter")
    now = house.runtime.clock.now()
    giver = owner(giving, stepped_up_at=now)
    new = draft(independent=True, restricted=frozenset({Area.REPORTS}))
    branch = await Locations(house).create(giver, None, new)
    async with house.database.reading() as connection:
        office = await store.find(connection, head)
    assert office is not None
    return Two(giver, owner(taking, stepped_up_at=now), branch, office.number.digits)


async def test_it_changes_hands_when_both_have_confirmed(house: House, clock: HandClock) -> None:
    both, told = await two(house), []

    async def hook(connection: AsyncConnection, location_id: str, actor: Actor) -> None:  # noqa: ARG001
        found = await store.find(connection, location_id)
        assert found is not None
        told.append(found.tenant_id)

    moves = Moves(house, moved=[hook])
    offer = await moves.offer(both.giver, both.branch.id, both.number)
    assert told == []
    assert [move.id for move in await moves.offered_to(both.taker)] == [offer.id]
    clock.forward(minutes=1)
    taken = await moves.accept(both.taker, offer.id)
    assert told == [both.taker.tenant_id]
    assert (taken.tenant_id, taken.client_number, taken.kind) == (both.taker.tenant_id, 2, LocationKind.BRANCH)
    assert (taken.number, taken.restricted) == (both.branch.number, frozenset())
    async with house.database.reading() as connection:
        owners = await store.ownerships(connection, taken.id)
        logs = select(audit_entry.c.tenant_id).where(audit_entry.c.event == "location.moved")
        tenants = set(await connection.scalars(logs))
    assert [(one.tenant_id, one.until) for one in owners] == [
        (both.giver.tenant_id, clock.now()),
        (both.taker.tenant_id, None),
    ]
    assert tenants == {both.giver.tenant_id, both.taker.tenant_id}


async def test_what_hung_below_stays_with_the_giver(house: House) -> None:
    both = await two(house)
    below = await Locations(house).create(both.giver, both.branch.id, draft("Kiosk"))
    with pytest.raises(BridgeError, match="below it first"):
        await Moves(house).offer(both.giver, both.branch.id, both.number)
    await Locations(house).close(both.giver, below.id, "")
    offer = await Moves(house).offer(both.giver, both.branch.id, both.number)
    await Moves(house).accept(both.taker, offer.id)
    async with house.database.reading() as connection:
        left = await store.find(connection, below.id)
    assert left is not None
    assert left.parent_id == both.branch.parent_id


@pytest.mark.parametrize("end", ["withdraw", "decline", "close"])
async def test_an_offer_that_is_over_cannot_be_accepted(house: House, end: str) -> None:
    both, moves = await two(house), Moves(house)
    offer = await moves.offer(both.giver, both.branch.id, both.number)
    match end:
        case "withdraw":
            await moves.withdraw(both.giver, both.branch.id)
        case "decline":
            await moves.decline(both.taker, offer.id)
        case _:
            await Locations(house).close(both.giver, both.branch.id, "")
    with pytest.raises(BridgeError) as caught:
        await moves.accept(both.taker, offer.id)
    assert caught.value.code is Code.RECORD_CONFLICT
    async with house.database.reading() as connection:
        found = await store.find(connection, both.branch.id)
        assert await move_store.open_of(connection, both.branch.id) is None
    assert found is not None
    assert found.tenant_id == both.giver.tenant_id


async def test_of_two_who_decide_at_once_one_wins(house: House) -> None:
    both, moves = await two(house), Moves(house)
    offer = await moves.offer(both.giver, both.branch.id, both.number)

    async def accept() -> Code | None:
        try:
            await moves.accept(both.taker, offer.id)
        except BridgeError as error:
            return error.code
        return None

    async def withdraw() -> Code | None:
        try:
            await moves.withdraw(both.giver, both.branch.id)
        except BridgeError as error:
            return error.code
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(accept()), group.create_task(withdraw())]
    accepted, withdrawn = (task.result() for task in tasks)
    # The giver who is too late does not even see the location any more.
    assert (accepted, withdrawn) in {(None, Code.RECORD_UNKNOWN), (Code.RECORD_CONFLICT, None)}


async def test_both_need_a_fresh_proof(house: House, clock: HandClock) -> None:
    both, moves = await two(house), Moves(house)
    offer = await moves.offer(both.giver, both.branch.id, both.number)
    clock.forward(minutes=6)
    for act in (moves.offer(both.giver, both.branch.id, both.number), moves.accept(both.taker, offer.id)):
        with pytest.raises(BridgeError) as caught:
            await act
        assert caught.value.code is Code.STEP_UP_NEEDED


async def test_only_the_two_of_them_know_of_an_offer(house: House, clock: HandClock) -> None:
    both, moves = await two(house), Moves(house)
    offer = await moves.offer(both.giver, both.branch.id, both.number)
    third, _ = await founded(house, "Kiosk")
    stranger = owner(third, stepped_up_at=clock.now())
    for act in (
        moves.accept(stranger, offer.id),
        moves.decline(stranger, offer.id),
        moves.accept(both.giver, offer.id),
    ):
        with pytest.raises(BridgeError) as caught:
            await act
        assert caught.value.code is Code.RECORD_UNKNOWN
    assert await moves.offered_to(stranger) == ()
    reader = somebody(str(both.taker.tenant_id), "locations.view")
    assert await moves.offered_to(reader) == ()
    with pytest.raises(BridgeError) as caught:
        await moves.accept(reader, offer.id)
    assert caught.value.code is Code.RIGHT_MISSING


async def test_a_number_that_leads_nowhere_is_refused_with_one_answer(house: House) -> None:
    both, moves = await two(house), Moves(house)
    async with house.database.reading() as connection:
        own = await store.find_head_office(connection, str(both.giver.tenant_id))
    assert own is not None
    said = set()
    for number in ("10047110", own.number.digits, both.branch.number.digits):
        with pytest.raises(BridgeError) as caught:
            await moves.offer(both.giver, both.branch.id, number)
        assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "head_office")
        said.add(caught.value.detail)
    assert len(said) == 1
    with pytest.raises(BridgeError) as caught:
        await moves.offer(both.giver, both.branch.id, "10047111")
    assert caught.value.place == "head_office"


async def test_a_head_office_does_not_move_and_nothing_is_offered_twice(house: House) -> None:
    both, moves = await two(house), Moves(house)
    with pytest.raises(BridgeError, match="head office stays"):
        await moves.offer(both.giver, str(both.branch.parent_id), both.number)
    await moves.offer(both.giver, both.branch.id, both.number)
    with pytest.raises(BridgeError, match="offered already"):
        await moves.offer(both.giver, both.branch.id, both.number)
