"""What is owed is proven, or not shown; and how old it is."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.portal.clock import HandClock
from tests.portal.settlement.test_closing import system_of
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.settlement.liability import NotProven, Owed, ageing, owed
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.vouchers.model import Counter

TRIGGERS = ("ledger_entry_keep_update", "ledger_allocation_keep_update", "voucher_balanced", "ledger_entry_follows")


async def read(floor: Floor, first: str, last: str) -> dict[str, Owed]:
    async with floor.house.database.reading() as connection:
        return {one.owner_id: one for one in await owed(connection, floor.system_id, first, last)}


async def a_year(floor: Floor, clock: HandClock, steps: int) -> None:
    chance = random.Random(steps)
    numbers = await floor.vouchers(4)
    keys: list[tuple[Counter, str]] = []
    counters = (floor.here, floor.there, floor.third)
    for _ in range(steps):
        clock.forward(hours=24 * 365 / steps)
        counter, number = chance.choice(counters), chance.choice(numbers)
        key = floor.key()
        match chance.randrange(3):
            case 0:
                await floor.load(number, chance.randrange(100, 900), at=counter)
            case 1 if keys:
                whose, old = keys.pop(chance.randrange(len(keys)))
                await floor.desk.put_back(whose, old)
            case _:
                await floor.redeem(number, chance.randrange(1, 700), at=counter, key=key)
                keys.append((counter, key))


async def test_a_year_of_random_bookings_is_proven_from_any_day_to_any(floor: Floor, clock: HandClock) -> None:
    await a_year(floor, clock, 40)
    whole = await read(floor, "2026-01-01", "2027-12-31")
    assert all(one.opening == 0 and one.after == 0 and one.closing == one.remaining for one in whole.values())
    first, second = await read(floor, "2026-01-01", "2026-08-31"), await read(floor, "2026-09-01", "2027-12-31")
    for place, one in whole.items():
        begins, ends = first.get(place, Owed(place)), second.get(place, Owed(place))
        assert begins.closing == ends.opening
        assert ends.closing == one.remaining
        for kind in EntryKind:
            assert begins.moved.get(kind, 0) + ends.moved.get(kind, 0) == one.moved.get(kind, 0)


FORGED = {
    "an entry": "update ledger_entry set amount = amount + 1",
    "an allocation": "update ledger_allocation set amount = amount + 1",
    "a lot": "update ledger_lot set remaining = remaining - 1 where remaining > 1",
    "a balance": "update voucher set balance = balance + 1",
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_row_is_not_proven(floor: Floor, what: str) -> None:
    number = await floor.voucher(loaded=5_000)
    await floor.redeem(number, 1_000, at=floor.there)
    await read(floor, "2026-01-01", "2026-12-31")
    async with floor.house.database.writing() as connection:
        if floor.house.database.dialect is Dialect.POSTGRESQL:
            await connection.execute(text("set local session_replication_role = replica"))
        else:
            for trigger in TRIGGERS:
                await connection.execute(text(f"drop trigger {trigger}"))
        await connection.execute(text(FORGED[what]))
    with pytest.raises(NotProven):
        await read(floor, "2026-01-01", "2026-12-31")


async def test_blocked_credit_is_in_circulation_but_not_active(floor: Floor) -> None:
    first, second = await floor.voucher(loaded=5_000), await floor.voucher(loaded=700, at=floor.there)
    await floor.load(second, 300)
    await floor.change(second, blocked=True)
    found = await read(floor, "2026-01-01", "2026-12-31")
    here, there = found[floor.here.location_id], found[floor.there.location_id]
    assert (here.remaining, here.blocked, here.active) == (5_300, 300, 5_000)
    assert (there.remaining, there.blocked, there.active) == (700, 700, 0)
    assert await floor.balance(first) == 5_000


async def test_credit_is_as_old_as_its_load(floor: Floor, clock: HandClock) -> None:
    number = await floor.voucher()
    begin = clock.now()
    # Loaded at noon, 40, 30, 13, 4 and 2 months before the day that is asked about, and on it.
    for months, amount in ((40, 100), (30, 200), (13, 400), (4, 800), (2, 1_600), (0, 3_200)):
        clock.forward(seconds=(begin + timedelta(days=30.5 * (40 - months)) - clock.now()).total_seconds())
        await floor.load(number, amount)
    async with floor.house.database.reading() as connection:
        ages = await ageing(connection, await system_of(floor), clock.now())
    assert ages == {floor.here.location_id: (4_800, 800, 400, 200, 100)}
    await floor.redeem(number, 350)
    async with floor.house.database.reading() as connection:
        ages = await ageing(connection, await system_of(floor), clock.now())
    assert ages == {floor.here.location_id: (4_800, 800, 350, 0, 0)}


async def test_the_moment_of_a_cut_is_in_one_column_alone(floor: Floor, clock: HandClock) -> None:
    # 00:00 in Berlin, three months before the day that is asked about.
    clock.forward(seconds=(clock.now().replace(hour=23, minute=0) - clock.now()).total_seconds())
    await floor.voucher(loaded=100)
    clock.forward(days=92)
    async with floor.house.database.reading() as connection:
        (ages,) = (await ageing(connection, await system_of(floor), clock.now())).values()
    assert sum(ages) == 100
    assert ages[0] == 100
