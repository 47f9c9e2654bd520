"""Who claims what from whom: the documented example with its ends, random histories, and the day it counts on."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.settlement.seen import booked, claimed
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import Account, EntryKind, Occasion, Original, Posting
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.settlement.claims import balances_of, claims_of, net_of
from tillbridge.portal.settlement.model import Sum
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.model import Counter

SHOPS: Final = ("A", "B", "C")
A_AND_B: Final = {("B", "A"): 7_000}
ALL: Final = A_AND_B | {("C", "A"): 3_000, ("C", "B"): 1_000}


async def _example(floor: Floor, clock: HandClock) -> tuple[str, str, str]:
    """Loaded at A, spent at B, loaded at B, spent at C, a day apart; the number and the keys of both redemptions."""
    number, at_b, at_c = await floor.voucher(loaded=10_000), floor.key(), floor.key()
    clock.forward(days=1)
    await floor.redeem(number, 7_000, at=floor.there, key=at_b)
    clock.forward(days=1)
    await floor.load(number, 2_000, at=floor.there)
    clock.forward(days=1)
    await floor.redeem(number, 4_000, at=floor.third, key=at_c)
    clock.forward(days=1)
    return number, at_b, at_c


async def test_the_redeeming_shop_claims_from_the_loading_one(floor: Floor, clock: HandClock) -> None:
    number, _, _ = await _example(floor, clock)
    assert await claimed(floor) == ALL
    assert await floor.balance(number) == 1_000
    # Each claim counts on its own day.
    assert await claimed(floor, "2026-03-15", "2026-03-15") == A_AND_B
    assert await claimed(floor, "2026-03-17", "2026-03-17") == {("C", "A"): 3_000, ("C", "B"): 1_000}
    assert await claimed(floor, "2026-03-18") == {}


async def test_what_is_put_back_is_claimed_no_more_and_on_its_own_day(floor: Floor, clock: HandClock) -> None:
    number, at_b, at_c = await _example(floor, clock)
    await floor.desk.put_back(floor.third, at_c)
    assert await claimed(floor) == A_AND_B
    assert await claimed(floor, "2026-03-18") == {("C", "A"): -3_000, ("C", "B"): -1_000}
    assert await claimed(floor, "2026-03-14", "2026-03-17") == ALL
    await floor.desk.put_back(floor.there, at_b)
    assert await claimed(floor) == {}
    assert await floor.balance(number) == 12_000


async def test_credit_that_came_back_is_the_oldest_again(floor: Floor, clock: HandClock) -> None:
    number, at_b, _ = await _example(floor, clock)
    await floor.desk.put_back(floor.there, at_b)
    await floor.redeem(number, 1_000, at=floor.there)
    assert await claimed(floor) == {("B", "A"): 1_000, ("C", "A"): 3_000, ("C", "B"): 1_000}


async def test_of_a_part_the_newest_credit_goes_back_first(floor: Floor, clock: HandClock) -> None:
    _, _, at_c = await _example(floor, clock)
    await _take_back(floor, floor.third, at_c, 1_500)
    assert await claimed(floor) == A_AND_B | {("C", "A"): 2_500}


async def test_a_write_off_is_booked_where_the_credit_was_loaded(floor: Floor, clock: HandClock) -> None:
    number, _, at_c = await _example(floor, clock)
    await floor.desk.put_back(floor.third, at_c)
    await _write_off(floor, number)
    written = {one.owner_id: one.amount for one in await booked(floor) if one.kind is EntryKind.WRITE_OFF}
    assert written == {floor.here.location_id: -3_000, floor.there.location_id: -2_000}
    assert await claimed(floor) == A_AND_B
    assert await floor.balance(number) == 0


async def test_own_credit_makes_no_claim(floor: Floor) -> None:
    number = await floor.voucher(loaded=5_000)
    await floor.redeem(number, 5_000)
    assert await claimed(floor) == {}


NIGHTS: Final = (
    ("2026-03-28T23:59:59", "2026-03-28"),
    ("2026-03-29T00:00:00", "2026-03-29"),
    # The hour that is skipped, and the one that comes twice.
    ("2026-03-29T01:59:59", "2026-03-29"),
    ("2026-03-29T03:00:00", "2026-03-29"),
    ("2026-03-29T23:59:59", "2026-03-29"),
    ("2026-03-30T00:00:00", "2026-03-30"),
    ("2026-10-24T23:59:59", "2026-10-24"),
    ("2026-10-25T00:00:00", "2026-10-25"),
    ("2026-10-25T02:30:00", "2026-10-25"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25"),
    ("2026-10-25T23:59:59", "2026-10-25"),
    ("2026-10-26T00:00:00", "2026-10-26"),
)


async def test_a_booking_counts_on_the_day_of_the_systems_zone(floor: Floor, clock: HandClock) -> None:
    number = await floor.voucher(loaded=9_000)
    for place, (local, _) in enumerate(NIGHTS):
        at = datetime.fromisoformat(local)
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo("Europe/Berlin"))
        clock.forward(seconds=at.timestamp() - clock.now().timestamp())
        assert (await floor.redeem(number, 1 << place, at=floor.there)).status == 200
    for day in {day for _, day in NIGHTS}:
        expected = sum(1 << place for place, (_, on) in enumerate(NIGHTS) if on == day)
        assert await claimed(floor, day, day) == {("B", "A"): expected}


# ------------------------------------------------------------ random histories

Step = tuple[str, int, int]


class _Naive:
    """Keeps each cent by itself: who loaded it, and who spent it."""

    def __init__(self) -> None:
        self.coins: list[str] = []
        self.spent: dict[int, list[tuple[str, str]]] = {}

    def claims(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for pairs in self.spent.values():
            for pair in pairs:
                if pair[0] != pair[1]:
                    found[pair] = found.get(pair, 0) + 1
        return found


BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEPS: Final = st.lists(st.tuples(st.sampled_from(["load", "redeem", "back"]), st.integers(0, 2), st.integers(1, 9)))


class _History:
    """One voucher through random steps, in the books and cent by cent. A lot's cents keep their place in its line."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.naive, self.sums = _Naive(), list[Sum]()
        self._steps = steps
        self._account = Account("v", 0, 0, ())
        self._originals: dict[int, Original] = {}
        self._owner_of: dict[str, str] = {}
        self._held: dict[int, list[tuple[int, str]]] = {}
        self._queue: list[tuple[int, str]] = []
        for number, (kind, shop, amount) in enumerate(steps):
            at = Occasion(SHOPS[shop], "2026-01-01", BEGIN + timedelta(number))
            match kind:
                case "load":
                    self._load(number, amount, at)
                case "redeem":
                    self._redeem(number, amount, at)
                case _:
                    self._give_back(number, amount, at)

    def _load(self, number: int, amount: int, at: Occasion) -> None:
        shop = str(at.location_id)
        self._owner_of[f"l{number}"] = shop
        self._queue += [(number, shop)] * amount
        self._book(book.put_on(self._account, EntryKind.LOAD, amount, at, (f"e{number}", f"l{number}")), shop)

    def _redeem(self, number: int, amount: int, at: Occasion) -> None:
        if amount > self._account.balance:
            return
        posting, shop = book.take(self._account, EntryKind.REDEEM, amount, at, f"e{number}"), str(at.location_id)
        self._originals[number] = book.original_of(posting)
        self._queue.sort()
        self._held[number], self._queue = self._queue[:amount], self._queue[amount:]
        self._book(posting, shop)
        self._note(number, shop)

    def _give_back(self, number: int, amount: int, at: Occasion) -> None:
        spent = next((one for one in sorted(self._held) if self._held[one]), None)
        if spent is None:
            return
        given_back, original = min(amount, len(self._held[spent])), self._originals[spent]
        posting = book.take_back(self._account, original, given_back, at, f"e{number}")
        left = dict(original.net)
        for one in posting.allocations:
            left[one.lot_id] += one.amount
        self._originals[spent] = Original(original.entry, left)
        self._queue += self._held[spent][-given_back:]
        self._held[spent] = self._held[spent][:-given_back]
        # What is put back counts where it had been redeemed.
        shop = SHOPS[self._steps[spent][1]]
        self._book(posting, shop)
        self._note(spent, shop)

    def _note(self, redemption: int, shop: str) -> None:
        self.naive.spent[redemption] = [(shop, owner) for _, owner in self._held[redemption]]

    def _book(self, posting: Posting, shop: str) -> None:
        self._account = posting.account
        self.sums += [
            Sum("2026-01-01", shop, self._owner_of[one.lot_id], posting.entry.kind, -one.amount)
            for one in posting.allocations
        ]


@given(STEPS)
def test_random_histories_claim_as_single_cents_do(steps: Sequence[Step]) -> None:
    history = _History(steps)
    claims = claims_of(history.sums)
    assert claims == history.naive.claims()
    assert sum(balances_of(claims).values()) == 0
    net = balances_of(net_of(claims))
    assert {place: amount for place, amount in balances_of(claims).items() if amount} == {
        place: amount for place, amount in net.items() if amount
    }


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 20))])
async def test_random_days_settle_as_the_desk_booked_them(floor: Floor, clock: HandClock, seed: int) -> None:
    chance = random.Random(seed)
    counters = (floor.here, floor.there, floor.third)
    numbers = await floor.vouchers(3)
    keys: list[tuple[Counter, str]] = []
    for _ in range(40):
        clock.forward(hours=chance.randrange(1, 9))
        counter, number = chance.choice(counters), chance.choice(numbers)
        match chance.randrange(4):
            case 0:
                await floor.load(number, chance.randrange(100, 900), at=counter)
            case 1 if keys:
                whose, key = keys.pop(chance.randrange(len(keys)))
                await floor.desk.put_back(whose, key)
            case _:
                key = floor.key()
                if (await floor.redeem(number, chance.randrange(1, 700), at=counter, key=key)).status == 200:
                    keys.append((counter, key))
    expected: dict[tuple[str, str], int] = {}
    for number in numbers:
        for pair, amount in (await floor.claims(number)).items():
            expected[pair] = expected.get(pair, 0) + amount
    assert await claimed(floor) == expected
    sums = await booked(floor)
    assert sum(balances_of(claims_of(sums)).values()) == 0
    for counter, key in keys:
        await floor.desk.put_back(counter, key)
    assert await claimed(floor) == {}


async def _take_back(floor: Floor, counter: Counter, key: str, amount: int) -> None:
    """Puts a part back, as the office does."""
    house = floor.house
    async with house.database.reading() as connection:
        operation_id = (await _operation(floor, counter, key))["id"]
        original = (await ledger.originals(connection, [operation_id]))[operation_id]
    now = house.runtime.clock.now()
    at = Occasion(counter.location_id, business_day(now, "Europe/Berlin"), now)
    async with house.database.writing() as connection:
        clerk = await Clerk.open(connection, [original.entry.voucher_id], [original])
        account = clerk.account(original.entry.voucher_id)
        clerk.post(book.take_back(account, original, amount, at, house.runtime.ids.new()))
        await clerk.write()


async def _operation(floor: Floor, counter: Counter, key: str) -> dict[str, str]:
    async with floor.house.database.reading() as connection:
        statement = select(operation.c.id).where(operation.c.location_id == counter.location_id, operation.c.key == key)
        return dict((await connection.execute(statement)).mappings().one())


async def _write_off(floor: Floor, number: str) -> None:
    house = floor.house
    voucher_id, now = (await floor.row(number))["id"], house.runtime.clock.now()
    at = Occasion(None, business_day(now, "Europe/Berlin"), now)
    async with house.database.writing() as connection:
        clerk = await Clerk.open(connection, [voucher_id])
        account = clerk.account(voucher_id)
        clerk.post(book.take(account, EntryKind.WRITE_OFF, account.balance, at, house.runtime.ids.new()))
        await clerk.write()
