"""Rounds: what happens when many ask at once, when processes race, and when something breaks in the middle."""

import asyncio
import json
import random
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import Floor, open_desk, redeem
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.vouchers import desk as desk_module
from tillbridge.portal.vouchers import guessing_store, operations
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.guessing import Guess
from tillbridge.portal.vouchers.model import Answered
from tillbridge.portal.vouchers.rounds import Round
from tillbridge.portal.vouchers.tables import voucher
from tillbridge.runtime.effects import Runtime


def said(answered: Answered) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answered.body)
    return found


async def test_five_wrong_pins_are_judged_and_no_more(floor: Floor, clock: HandClock) -> None:
    number = await floor.voucher(loaded=1_000)
    keys = [floor.key() for _ in range(200)]

    async def guess(pin: int, key: str) -> str:
        try:
            return str(said(await floor.redeem(number, 1, pin=f"{pin:04d}", key=key))["number"])
        except BridgeError as error:
            return f"{error.entry.number} {error.retry_after} {'until' in error.members}"

    async with asyncio.TaskGroup() as group:
        guesses = [group.create_task(guess(1000 + place, key)) for place, key in enumerate(keys)]
    assert Counter(one.result() for one in guesses) == {"V205": 5, "V206 300 True": 195}
    # The right one is not judged either, and a repeated message is no new try.
    with pytest.raises(BridgeError) as refusal:
        await floor.redeem(number, 1)
    assert refusal.value.code is Code.VOUCHER_PIN_LOCKED
    first = await floor.redeem(number, 1, pin="1000", key=keys[0])
    assert (said(first)["number"], said(first)["tries_left"], first.replayed) == ("V205", 4, True)
    assert (await floor.row(number))["pin_misses"] == 5
    clock.forward(minutes=5)
    assert said(await floor.redeem(number, 1))["taken"] == 1
    assert (await floor.row(number))["pin_misses"] == 0


async def test_after_the_third_round_a_person_has_to_help(floor: Floor, clock: HandClock) -> None:
    number = await floor.voucher(loaded=1_000)
    for minutes in (5, 60, 0):
        left = [said(await floor.redeem(number, 1, pin="9999"))["tries_left"] for _ in range(5)]
        assert left == [4, 3, 2, 1, 0]
        clock.forward(minutes=minutes)
    clock.forward(days=30)
    for pin in ("9999", "0420"):
        answered = await floor.redeem(number, 1, pin=pin)
        assert said(answered)["number"] == "V207"
    # Money still comes on, and is still seen.
    assert said(await floor.load(number, 500))["balance"] == 1_500


async def test_thirty_wrong_pins_over_many_vouchers_pause_the_location(floor: Floor, clock: HandClock) -> None:
    numbers = await floor.vouchers(11)
    await floor.load(numbers[0], 1_000)
    for number in numbers[1:]:
        for _ in range(3):
            assert said(await floor.redeem(number, 1, pin="9999"))["number"] == "V205"
    with pytest.raises(BridgeError) as refusal:
        await floor.redeem(numbers[0], 1)
    assert (refusal.value.code, refusal.value.retry_after) == (Code.VOUCHER_RATE, 3600)
    assert said(await floor.redeem(numbers[0], 1, at=floor.there))["taken"] == 1
    # Loading goes on there; a person may also release it before the hour is over.
    assert said(await floor.load(numbers[0], 500))["state"] == "loaded"
    async with floor.house.database.writing() as connection:
        await guessing_store.release(connection, floor.here.location_id, Guess.PIN)
    assert said(await floor.redeem(numbers[0], 1))["taken"] == 1
    clock.forward(hours=1)
    assert said(await floor.redeem(numbers[0], 1))["taken"] == 1


async def test_what_cannot_be_carried_out_spoils_nothing_beside_it(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await floor.vouchers(2)
    for number in (good, bad):
        await floor.load(number, 1_000)
    real = Round.decide

    def breaks(self: Any, wish: Any) -> Any:  # whatever a round is handed
        if getattr(wish, "asked", None) is not None and wish.asked.number == bad:
            raise ZeroDivisionError
        return real(self, wish)

    monkeypatch.setattr(Round, "decide", breaks)
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(_tried(floor.redeem(number, 10))) for number in (good, bad, good, bad, good)]
    assert [one.result() for one in sent] == [10, ZeroDivisionError, 10, ZeroDivisionError, 10]
    assert (await floor.balance(good), await floor.balance(bad)) == (970, 1_000)
    await floor.sound()


async def test_a_commit_without_an_answer_is_looked_up_by_its_keys(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit went through and its answer was lost: the round is tried again and finds what it did."""
    number = await floor.voucher(loaded=1_000)
    lost = [True]
    real = VoucherDesk._commit  # the one place where an answer of the database can be lost

    async def loses(self: VoucherDesk, wishes: Any) -> Any:  # as it is called
        replies = await real(self, wishes)
        if lost:
            lost.pop()
            raise desk_module.CommitUnknown
        return replies

    monkeypatch.setattr(VoucherDesk, "_commit", loses)
    answered = await floor.redeem(number, 100)
    assert (said(answered)["taken"], answered.replayed) == (100, True)
    assert await floor.balance(number) == 900
    lost.extend([True] * desk_module.ATTEMPTS)
    with pytest.raises(BridgeError) as refusal:
        await floor.redeem(number, 100)
    assert refusal.value.code is Code.PORTAL_FAULT
    assert await floor.balance(number) == 800


async def test_who_leaves_has_asked_all_the_same(floor: Floor) -> None:
    """A caller is cancelled at every step that a redemption has."""
    number = await floor.voucher(loaded=10_000)
    for steps in range(0, 40, 2):
        key = floor.key()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(floor.redeem(number, 10, key=key))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
        again = await floor.redeem(number, 10, key=key)
        assert said(again)["taken"] == 10
    assert await floor.balance(number) == 9_800
    await floor.sound()


async def test_a_desk_that_stops_finishes_what_it_took(house: House, floor: Floor) -> None:
    number = await floor.voucher(loaded=10_000)
    async with open_desk(house) as desk, asyncio.TaskGroup() as group:
        sent = [group.create_task(_tried(desk.redeem(floor.here, floor.key(), redeem(number, 10)))) for _ in range(600)]
        while not desk._running:  # until they have asked
            await asyncio.sleep(0)
        group.create_task(_stop(desk))
    outcomes = Counter(one.result() for one in sent)
    assert set(outcomes) <= {10, Code.OVERLOADED}
    assert await floor.balance(number) == 10_000 - 10 * outcomes[10]
    with pytest.raises(BridgeError) as refusal:
        await desk.redeem(floor.here, floor.key(), redeem(number, 10))
    assert refusal.value.code is Code.OVERLOADED
    await floor.sound()


async def _stop(desk: VoucherDesk) -> None:
    desk._close()  # what being cancelled does first


async def _tried(asking: Any) -> Any:  # what came of it, whatever that is
    try:
        return said(await asking).get("taken")
    except BridgeError as error:
        return error.code
    except ZeroDivisionError as error:
        return type(error)


async def test_a_repeated_key_is_told_that_the_first_still_runs(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    number, key = await floor.voucher(loaded=1_000), floor.key()
    monkeypatch.setattr(desk_module, "REPEAT_SECONDS", 0.02)
    async with asyncio.TaskGroup() as group, floor.house.database.writing() as connection:
        # Somebody else holds the database, or on PostgreSQL this voucher.
        await connection.execute(update(voucher).where(voucher.c.number == number).values(block_reason=""))
        first = group.create_task(floor.redeem(number, 100, key=key))
        while key not in {one for _, one in floor.desk._running}:  # until it has asked
            await asyncio.sleep(0)
        with pytest.raises(BridgeError) as refusal:
            await floor.redeem(number, 100, key=key)
        assert (refusal.value.code, refusal.value.retry_after) == (Code.VOUCHER_RUNNING, 1)
    assert said(first.result())["taken"] == 100
    assert await floor.balance(number) == 900


async def test_a_key_that_another_process_uses_for_long_is_still_running(
    floor: Floor, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only PostgreSQL lets two write at once; what shares the round with that key is carried out."""
    if dialect is Dialect.SQLITE:
        return
    monkeypatch.setattr(operations, "LOCK_SECONDS", "0.05")
    number, other = await floor.vouchers(2)
    for one in (number, other):
        await floor.load(one, 1_000)
    key = floor.key()
    async with floor.house.database.writing() as connection:
        await connection.execute(
            insert(operation).values(
                id=floor.key(),
                location_id=floor.here.location_id,
                key=key,
                kind="unknown",
                state="voided",
                created_at=floor.house.runtime.clock.now(),
            )
        )
        async with asyncio.TaskGroup() as group:
            sent = [
                group.create_task(_tried(floor.redeem(one, 10, key=used)))
                for one, used in ((other, floor.key()), (number, key), (other, floor.key()))
            ]
        assert [one.result() for one in sent] == [10, Code.VOUCHER_RUNNING, 10]
    assert await _tried(floor.redeem(number, 10, key=key)) == Code.VOUCHER_VOIDED
    assert (await floor.balance(number), await floor.balance(other)) == (1_000, 980)


async def test_several_processes_share_one_database(
    floor: Floor, settings: PortalSettings, dialect: Dialect, clock: HandClock
) -> None:
    """Three desks with connections of their own: the same keys, the same vouchers, everything at once."""
    chance = random.Random(7)
    numbers = await floor.vouchers(6)
    for number in numbers:
        await floor.load(number, 2_000)
    async with AsyncExitStack() as stack:
        houses = [await stack.enter_async_context(open_house(settings, Runtime(clock=clock))) for _ in range(3)]
        desks = [await stack.enter_async_context(open_desk(house)) for house in houses]
        keys = [floor.key() for _ in range(40 if dialect is Dialect.SQLITE else 80)]
        plan = [(key, chance.choice(numbers), chance.randint(1, 150)) for key in keys]

        async def pay(desk: VoucherDesk, key: str, number: str, amount: int) -> tuple[int, bytes]:
            answered = await desk.redeem(floor.here, key, redeem(number, amount, exact=True))
            return answered.status, answered.body

        async with asyncio.TaskGroup() as group:
            sent = {
                key: [group.create_task(pay(desk, key, number, amount)) for desk in desks]
                for key, number, amount in plan
            }
            undone = [group.create_task(chance.choice(desks).put_back(floor.here, key)) for key in keys[::5]]
        for key, tasks in sent.items():
            if key not in keys[::5]:
                assert len({one.result() for one in tasks}) == 1, key
        assert {one.result().state for one in undone} <= {OperationState.PUT_BACK, OperationState.REFUSED}
    spent = dict.fromkeys(numbers, 0)
    for key, number, _ in plan:
        told = await floor.desk.state(floor.here, key)
        spent[number] += told.taken if told.state is OperationState.INTERIM else 0
    for number in numbers:
        assert await floor.balance(number) == 2_000 - spent[number] >= 0
    await floor.sound()


async def test_a_redemption_races_whatever_else_happens_to_a_voucher(floor: Floor) -> None:
    """Block, load reversal and redemption at once: one order of them it was, and the books are right."""
    for _ in range(8):
        number, load, paid = await floor.voucher(), floor.key(), floor.key()
        await floor.load(number, 1_000, key=load)
        async with asyncio.TaskGroup() as group:
            paying = group.create_task(_tried(floor.redeem(number, 400, key=paid)))
            reversing = group.create_task(_reversed(floor, load))
            group.create_task(floor.change(number, blocked=True))
        taken, back = paying.result(), reversing.result()
        # Whoever came first has it; a block in between leaves the voucher as it is.
        assert (taken, back) in {(400, Code.VOUCHER_LOAD_SPENT), (None, OperationState.REVERSED)}
        assert await floor.balance(number) == (600 if taken else 0)
    await floor.sound()


async def _reversed(floor: Floor, key: str) -> object:
    try:
        return (await floor.desk.reverse(floor.here, key)).state
    except BridgeError as error:
        return error.code


async def test_statements_of_a_round_do_not_grow_with_its_wishes(floor: Floor) -> None:
    numbers = await floor.vouchers(20)
    for number in numbers:
        await floor.load(number, 1_000)
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(str(arguments[2]))

    engine = floor.house.database._writer.sync_engine  # nothing else sees what is sent
    event.listen(engine, "before_cursor_execute", note)
    async with asyncio.TaskGroup() as group:
        for number in numbers:
            group.create_task(floor.redeem(number, 10))
    event.remove(engine, "before_cursor_execute", note)
    # The first wish may go alone, the others share a round.
    assert len(seen) <= 2 * 14, seen


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_two_tills_ten_thousand_times(floor: Floor) -> None:
    for _ in range(100):
        numbers = await floor.vouchers(100)
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(floor.load(number, 100))
        async with asyncio.TaskGroup() as group:
            sent = {
                number: [group.create_task(floor.redeem(number, 60, at=at)) for at in (floor.here, floor.there)]
                for number in numbers
            }
        for both in sent.values():
            assert sorted(said(one.result())["taken"] for one in both) == [40, 60]
    await floor.sound()
