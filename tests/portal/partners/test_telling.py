"""What happened to vouchers becomes messages: all of it, once, and in its order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.portal.clock import HandClock
from tests.portal.partners.hearing import URL, Hearing
from tests.portal.shops import merchant
from tests.portal.vouchers.conftest import floor
from tests.portal.vouchers.floor import PIN, Floor
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.partners import telling, telling_store
from tillbridge.portal.partners.hooks_model import CHOOSABLE, Topic, topic_of
from tillbridge.portal.partners.tables import webhook_cursor, webhook_delivery, webhook_told
from tillbridge.portal.partners.telling import Telling
from tillbridge.portal.vouchers.office_service import Office

__all__ = ["floor"]


@pytest.fixture
def hearing(floor: Floor) -> Hearing:
    return Hearing(floor)


async def messages(hearing: Hearing) -> list[tuple[str, str, int]]:
    """Event, voucher and place of every message, in the order in which they were made."""
    rows = select(webhook_delivery.c.event, webhook_delivery.c.voucher_id, webhook_delivery.c.place)
    async with hearing.house.database.reading() as connection:
        return [tuple(row) for row in await connection.execute(rows.order_by(webhook_delivery.c.id))]


def test_every_kind_of_entry_is_told_as_something_of_its_own() -> None:
    told = {topic_of(kind) for kind in EntryKind}
    assert len(told) == len(EntryKind)
    assert set(CHOOSABLE) == told | {Topic.BLOCKED, Topic.UNBLOCKED}


async def test_a_voucher_is_told_from_its_first_load_to_its_block(hearing: Hearing) -> None:
    house, desk = hearing.house, hearing.floor
    await hearing.add()
    number, key = await desk.voucher(), desk.key()
    await desk.load(number, 5_000)
    await desk.redeem(number, 1_200, key=key, station="K1", operator="Eva")
    await desk.desk.put_back(desk.here, key)
    (voucher_id,) = desk.made
    office = Office(house, (Telling(house).blocked,))
    # The job has told nothing yet: the block comes behind what had happened all the same.
    await office.block(hearing.person, voucher_id, "reported as lost")
    await office.unblock(hearing.person, voucher_id, "found again")
    await hearing.tell()
    await hearing.carry()
    await hearing.carry()
    assert hearing.town.types() == [
        "voucher.loaded",
        "voucher.redeemed",
        "voucher.put_back",
        "voucher.blocked",
        "voucher.unblocked",
    ]
    _tells_all_of_the_redemption(hearing, voucher_id, number)
    everything = b"".join(said.body for said in hearing.town.heard).decode()
    assert number not in everything
    assert f'"{PIN}"' not in everything
    assert "lost" not in everything


def _tells_all_of_the_redemption(hearing: Hearing, voucher_id: str, number: str) -> None:
    redeemed: dict[str, Any] = hearing.town.heard[1].json
    assert redeemed["timestamp"] == "2026-03-14T12:00:00Z"
    assert redeemed["data"] == {
        "voucher": {
            "id": voucher_id,
            "number": f"{number[:3]}…{number[-4:]}",
            "system": "Gutscheine",
            "currency": "EUR",
        },
        "entry": 2,
        "reverses": None,
        "amount": -1_200,
        "balance": 3_800,
        "location": {"number": redeemed["data"]["location"]["number"], "name": "Am Markt"},
        "station": "K1",
        "operator": "Eva",
        "transaction_ref": "receipt-1",
        "business_day": "2026-03-14",
    }
    assert hearing.town.heard[2].json["data"]["reverses"] == 2


async def test_each_merchant_hears_of_the_own_and_of_what_was_chosen_since_then(
    hearing: Hearing, clock: HandClock
) -> None:
    number = await hearing.floor.voucher(loaded=5_000)
    clock.forward(minutes=1)
    other = Hearing(hearing.floor)
    stranger = await merchant(hearing.house, "Nachbar")
    loads = await hearing.add(topics=(Topic.LOADED,))
    await hearing.tell()
    await hearing.floor.redeem(number, 100)
    await hearing.floor.load(number, 700)
    clock.forward(minutes=1)
    later = await other.add(URL + "/2")
    await hearing.floor.redeem(number, 200)
    await hearing.tell()
    assert [(one.topic, one.body["amount"]) for one in await hearing.log(loads)] == [(Topic.LOADED, 700)]
    assert [(one.topic, one.body["amount"]) for one in await hearing.log(later)] == [(Topic.REDEEMED, -200)]
    assert await hearing.hooks.all(hearing.person.__class__(**_as(hearing, stranger))) == []


def _as(hearing: Hearing, tenant_id: str) -> dict[str, Any]:
    person = hearing.person
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "language": None,
        "tenant_id": tenant_id,
        "reaches": person.reaches,
    }


async def test_nothing_is_told_twice_however_many_look(hearing: Hearing) -> None:
    await hearing.add()
    for _ in range(5):
        await hearing.floor.voucher(loaded=1_000)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(Telling(hearing.house).look())
    await hearing.tell()
    found = await messages(hearing)
    assert len(found) == len(set(found)) == 5


async def test_what_was_committed_late_is_found_by_the_count(hearing: Hearing, clock: HandClock) -> None:
    """As if the transaction had ended long after others whose ids are larger."""
    await hearing.add()
    number = await hearing.floor.voucher(loaded=1_000)
    clock.forward(hours=2)
    async with hearing.house.database.writing() as connection:
        await connection.execute(delete(webhook_cursor))
    # So begins a process that has looked at all that came before this hour.
    await hearing.floor.voucher(loaded=2_000)
    house = hearing.house
    async with house.database.reading() as connection:
        late = await telling_store.moved_since(connection, telling._first_id(clock.now()), 10)
    assert len(late) == 1
    await hearing.tell()
    assert [event for event, _, _ in await messages(hearing)] == ["voucher.loaded", "voucher.loaded"]
    await hearing.floor.redeem(number, 100)
    await hearing.tell()
    assert (await messages(hearing))[-1][2] == 2


async def test_all_vouchers_are_counted_window_by_window(
    hearing: Hearing, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "COUNTED", 2)
    await hearing.add()
    for _ in range(5):
        await hearing.floor.voucher(loaded=1_000)
    clock.forward(hours=2)
    async with hearing.house.database.writing() as connection:
        # A cursor that stands behind all of them: time finds none any more.
        await connection.execute(delete(webhook_told))
    await _stand_at_now(hearing)
    found = []
    for _ in range(4):
        await hearing.tell()
        found.append(len(await messages(hearing)))
    assert found == [2, 4, 5, 5]


async def _stand_at_now(hearing: Hearing) -> None:
    async with hearing.house.database.writing() as connection:
        now = hearing.house.runtime.clock.now()
        cursor = await telling_store.take_turn(connection, now, now)
        assert cursor is not None


async def test_a_long_history_is_told_in_parts(hearing: Hearing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    await hearing.add()
    number = await hearing.floor.voucher(loaded=1_000)
    for _ in range(4):
        await hearing.floor.redeem(number, 10)
    await hearing.tell()
    assert [place for _, _, place in await messages(hearing)] == [1, 2, 3, 4, 5]


async def test_a_process_that_died_while_looking_is_followed_by_another(hearing: Hearing, clock: HandClock) -> None:
    await hearing.add()
    await hearing.floor.voucher(loaded=1_000)
    await hearing.tell()
    async with hearing.house.database.writing() as connection:
        until = clock.now() + timedelta(minutes=2)
        await connection.execute(update(webhook_cursor).values(taken_until=until))
    await hearing.floor.voucher(loaded=1_000)
    await hearing.tell()
    assert len(await messages(hearing)) == 1
    clock.forward(minutes=2)
    await hearing.tell()
    assert len(await messages(hearing)) == 2
