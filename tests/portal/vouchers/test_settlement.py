"""Whose credit pays what: the oldest first, and back to where it came from."""

import random
from collections.abc import Awaitable

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Operation


async def _three_shops(floor: Floor, clock: HandClock) -> tuple[str, str, str]:
    """Loaded at A, spent at B, loaded at B, spent at C; returns the number and the keys of both redemptions."""
    number, at_b, at_c = await floor.voucher(loaded=10_000), floor.key(), floor.key()
    clock.forward(days=1)
    await floor.redeem(number, 7_000, at=floor.there, key=at_b)
    clock.forward(days=1)
    await floor.load(number, 2_000, at=floor.there)
    clock.forward(days=1)
    assert await floor.balance(number) == 5_000
    await floor.redeem(number, 4_000, at=floor.third, key=at_c)
    return number, at_b, at_c


async def test_the_oldest_credit_pays_first(floor: Floor, clock: HandClock) -> None:
    number, _, at_c = await _three_shops(floor, clock)
    assert await floor.claims(number) == {("B", "A"): 7_000, ("C", "A"): 3_000, ("C", "B"): 1_000}
    assert await floor.lots(number) == [("A", 0), ("B", 1_000)]
    await floor.desk.put_back(floor.third, at_c)
    assert await floor.lots(number) == [("A", 3_000), ("B", 2_000)]
    assert await floor.claims(number) == {("B", "A"): 7_000}
    assert await floor.balance(number) == 5_000
    await floor.sound()


async def test_what_goes_back_later_goes_back_to_its_own_lot(floor: Floor, clock: HandClock) -> None:
    number, at_b, _ = await _three_shops(floor, clock)
    await floor.desk.put_back(floor.there, at_b)
    assert await floor.lots(number) == [("A", 7_000), ("B", 1_000)]
    await floor.redeem(number, 1_000, at=floor.there)
    assert await floor.lots(number) == [("A", 6_000), ("B", 1_000)]
    assert await floor.claims(number) == {("B", "A"): 1_000, ("C", "A"): 3_000, ("C", "B"): 1_000}
    await floor.sound()


async def test_random_histories_add_up(floor: Floor, clock: HandClock) -> None:
    """Loads, redemptions and what takes them back, in any order, at three shops."""
    chance = random.Random(20261122)
    numbers, done = await floor.vouchers(4), []
    refused: list[Code | None] = []
    for _ in range(60):
        number, at, key = chance.choice(numbers), chance.choice([floor.here, floor.there, floor.third]), floor.key()
        clock.forward(seconds=chance.choice([0, 1]))
        match chance.randrange(4):
            case 0:
                await floor.load(number, chance.randint(100, 2_000), at=at, key=key)
                done.append((at, key, floor.desk.reverse))
            case 1 | 2:
                await floor.redeem(number, chance.randint(1, 1_500), at=at, key=key)
                done.append((at, key, floor.desk.put_back))
            case _ if done:
                where, which, undo = chance.choice(done)
                refused.append(await _refused(undo(where, which)))
    assert set(refused) <= {None, Code.VOUCHER_LOAD_SPENT}
    await floor.sound()
    # Everything taken back: redemptions first, then loads. Nobody owes anybody anything.
    for undo in (floor.desk.put_back, floor.desk.reverse):
        for where, which, how in done:
            if how == undo:
                await undo(where, which)
    for number in numbers:
        assert await floor.balance(number) == 0
        assert await floor.claims(number) == {}
    await floor.sound()


async def _refused(asking: Awaitable[Operation]) -> Code | None:
    try:
        await asking
    except BridgeError as error:
        return error.code
    return None
