"""The yearly run: on its date, once, whatever happens meanwhile."""

import asyncio

import pytest
from sqlalchemy import update

from tests.portal.validity.yearly import Killed, Yearly, in_berlin, killed, olga
from tests.portal.vouchers.office import events
from tillbridge.portal.ledger.tables import lot
from tillbridge.portal.validity import due_store, store
from tillbridge.portal.validity.model import Outcome, RunState
from tillbridge.portal.validity.running import Runner

GONE, BLOCKED, INTERIM = Outcome.WRITTEN_OFF, Outcome.BLOCKED, Outcome.INTERIM


async def spent(yearly: Yearly, number: str, amount: int, *, key: str) -> None:
    """A redemption whose receipt is closed."""
    await yearly.floor.redeem(number, amount, key=key)
    await yearly.floor.desk.confirm(yearly.floor.here, key)


async def test_the_examples_of_new_years_eve(yearly: Yearly) -> None:
    floor = yearly.floor
    first, second = await floor.voucher(loaded=10_000), await floor.voucher(loaded=5_000)
    yearly.go_to("2026-05-10T12:00")
    await spent(yearly, first, 3_000, key="a-first-receipt-1")
    yearly.go_to("2026-12-31T10:00")
    await spent(yearly, second, 1_000, key="a-second-receipt")
    yearly.go_to("2028-12-31T00:00")
    await yearly.finish()
    yearly.go_to("2029-12-30T23:59:59")
    await yearly.finish()
    assert (await floor.balance(first), await floor.balance(second)) == (7_000, 4_000)
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    assert (await floor.balance(first), await floor.balance(second)) == (0, 4_000)
    assert (await floor.row(first))["written_off"]
    yearly.go_to("2030-12-31T00:00")
    await yearly.finish()
    assert await floor.balance(second) == 0
    newest, before, *others = await yearly.runs()
    assert (newest.on, newest.vouchers, newest.money, newest.state) == ("2030-12-31", 1, 4_000, RunState.DONE)
    assert (before.on, before.vouchers, before.money, before.state) == ("2029-12-31", 1, 7_000, RunState.DONE)
    assert before.cut == in_berlin("2026-12-31T00:00")
    assert [(one.on, one.vouchers) for one in others] == [(f"{year}-12-31", 0) for year in (2028, 2027, 2026)]
    await floor.sound()


async def test_it_is_booked_where_the_credit_was_loaded(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=10_000)
    await spent(yearly, number, 7_000, key="a-receipt-of-all-1")
    await floor.load(number, 2_000, at=floor.there)
    assert await floor.lots(number) == [("A", 3_000), ("B", 2_000)]
    yearly.go_to("2029-12-31T00:00")
    seen = await yearly.validity.seen(yearly.chief(), floor.system_id)
    assert seen.ahead is not None
    await yearly.finish()
    assert await floor.lots(number) == [("A", 0), ("B", 0)]
    run, *_ = await yearly.runs()
    seen_run = await yearly.validity.run(yearly.chief(), run.id)
    assert sorted((one.money, one.back) for one in seen_run.shares) == [(2_000, 0), (3_000, 0)]
    kinds = [(kind, amount) for kind, amount in await yearly.entries(number) if kind == "write_off"]
    assert kinds == [("write_off", -5_000)]
    assert await floor.claims(number) == {}


async def test_a_run_that_is_killed_goes_on_and_books_each_voucher_once(
    yearly: Yearly, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(5)]
    await yearly.to_the_date()
    runner = yearly.runner()
    kept = store.change_run

    # Killed in the last moment of each batch: what it had booked is rolled back with it.
    for done in (0, 2, 4):
        monkeypatch.setattr(store, "change_run", killed)
        with pytest.raises(Killed):
            await runner.step()
        monkeypatch.setattr(store, "change_run", kept)
        assert sum([await floor.balance(one) == 0 for one in numbers]) == done
        # Another process goes on.
        await Runner(yearly.house, olga, 2).step()
    run, *_ = await yearly.runs()
    assert (run.state, run.vouchers, run.money) == (RunState.DONE, 5, 5_000)
    assert [await yearly.entries(one) for one in numbers] == [[("load", 1_000), ("write_off", -1_000)]] * 5
    await floor.sound()


async def test_processes_at_once_book_each_voucher_once(yearly: Yearly) -> None:
    floor = yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(7)]
    yearly.go_to("2029-12-31T00:00")

    async def process() -> None:
        while await yearly.runner().step():
            pass

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(process())
    # Whoever found the run in another's hands looks again later.
    await yearly.finish()
    run, *_ = await yearly.runs()
    assert (run.state, run.vouchers, run.money) == (RunState.DONE, 7, 7_000)
    assert [await yearly.entries(one) for one in numbers] == [[("load", 1_000), ("write_off", -1_000)]] * 7
    told = [event for event, _ in await events(yearly.house)]
    assert (told.count("voucher_write_off.begun"), told.count("voucher_write_off.finished")) == (4, 4)
    await floor.sound()


async def test_running_twice_changes_nothing(yearly: Yearly) -> None:
    number = await yearly.floor.voucher(loaded=1_000)
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    before, entries = await yearly.runs(), await yearly.floor.entries()
    # Loaded anew, on the very day: an expired voucher may be used again, and the date has been.
    await yearly.floor.load(number, 500)
    await yearly.finish()
    yearly.clock.forward(hours=12)
    await yearly.finish()
    assert await yearly.runs() == before
    assert await yearly.floor.entries() == entries + 1
    assert await yearly.floor.balance(number) == 500


async def test_blocked_and_open_receipts_are_left_alone_and_listed(yearly: Yearly) -> None:
    floor = yearly.floor
    free, blocked, open_one = [await floor.voucher(loaded=1_000) for _ in range(3)]
    await floor.change(blocked, blocked=True)
    await floor.redeem(open_one, 400, key="an-open-receipt-1")
    yearly.go_to("2029-12-30T12:00")
    seen = await yearly.validity.seen(yearly.chief(), floor.system_id)
    assert seen.ahead is not None
    assert (seen.ahead.forecast.due.vouchers, seen.ahead.forecast.left_alone.vouchers) == (1, 2)
    assert {one.number: one.outcome for one in seen.ahead.vouchers} == {free: GONE, blocked: BLOCKED, open_one: INTERIM}
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    run, *_ = await yearly.runs()
    assert await yearly.found(run) == {
        free: (GONE, 1_000, False),
        blocked: (BLOCKED, 1_000, False),
        open_one: (INTERIM, 600, False),
    }
    assert (run.vouchers, run.money, run.skipped) == (1, 1_000, 2)
    # What became free meanwhile is due at the next date.
    await floor.change(blocked, blocked=False)
    await floor.desk.put_back(floor.here, "an-open-receipt-1")
    yearly.go_to("2030-12-31T00:00")
    await yearly.finish()
    assert (await floor.balance(blocked), await floor.balance(open_one)) == (0, 0)


async def test_a_put_back_brings_the_former_date_back(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    yearly.go_to("2029-06-01T12:00")
    await spent(yearly, number, 100, key="a-late-receipt-01")
    assert not await due(yearly)
    await floor.desk.put_back(floor.here, "a-late-receipt-01")
    assert await due(yearly) == {number}
    # Looking it up, blocking and unblocking are no use of it.
    await floor.change(number, blocked=True)
    await floor.change(number, blocked=False)
    assert await due(yearly) == {number}


async def due(yearly: Yearly) -> set[str]:
    seen = await yearly.validity.seen(yearly.chief(), yearly.floor.system_id)
    assert seen.ahead is not None
    return {one.number for one in seen.ahead.vouchers}


async def test_missed_dates_are_made_up_for_with_their_own_cuts(yearly: Yearly) -> None:
    floor = yearly.floor
    old, younger = await floor.voucher(loaded=1_000), await floor.voucher()
    yearly.go_to("2027-06-01T12:00")
    await floor.load(younger, 2_000)
    # Nobody was there for two dates.
    yearly.go_to("2031-03-01T09:00")
    await yearly.finish()
    found = {run.on: (run.cut, run.vouchers, run.money) for run in await yearly.runs()}
    assert found["2029-12-31"] == (in_berlin("2026-12-31T00:00"), 1, 1_000)
    assert found["2030-12-31"] == (in_berlin("2027-12-31T00:00"), 1, 2_000)
    assert max(found) == "2030-12-31"
    assert await floor.balance(old) == await floor.balance(younger) == 0


async def test_what_is_used_before_its_batch_survives(yearly: Yearly, monkeypatch: pytest.MonkeyPatch) -> None:
    """A till is faster than the run, in the moment between finding a voucher and locking it."""
    floor = yearly.floor
    number, other = await floor.voucher(loaded=1_000), await floor.voucher(loaded=1_000)
    await yearly.to_the_date()
    ids = {await yearly.id_of(one): one for one in (number, other)}
    cut = in_berlin("2026-12-31T00:00")
    async with yearly.house.database.reading() as connection:
        assert set(await due_store.next_due(connection, floor.system_id, cut, "", 9)) == set(ids)

    async def found_before(*_: object) -> list[str]:
        return sorted(ids)

    await spent(yearly, number, 100, key="faster-than-the-run")
    monkeypatch.setattr(due_store, "next_due", found_before)
    await yearly.runner(batch=9).step()
    run, *_ = await yearly.runs()
    assert await yearly.found(run) == {other: (GONE, 1_000, False)}
    assert await floor.balance(number) == 900


async def test_a_run_races_tills(yearly: Yearly) -> None:
    floor = yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(12)]
    for at, number in enumerate(numbers):
        await spent(yearly, number, 100, key=f"former-receipt-{at:03d}")
    yearly.go_to("2029-12-31T00:00")
    async with asyncio.TaskGroup() as group:
        group.create_task(yearly.finish())
        for at, number in enumerate(numbers):
            if at % 2:
                group.create_task(floor.redeem(number, 300))
            else:
                group.create_task(floor.desk.put_back(floor.here, f"former-receipt-{at:03d}"))
    await yearly.finish()
    run, *_ = await yearly.runs()
    gone = await yearly.found(run)
    for at, number in enumerate(numbers):
        kinds = [kind for kind, _ in await yearly.entries(number)]
        assert kinds.count("write_off") == (number in gone and gone[number][0] is GONE)
        if at % 2:
            # Either spent before or written off before; a till was told so.
            assert ("redeem" in kinds[2:]) is not ("write_off" in kinds)
        else:
            assert kinds.count("put_back") == 1
    await floor.sound()


async def test_books_that_do_not_add_up_stop_nobody_else(yearly: Yearly) -> None:
    floor = yearly.floor
    broken, whole = await floor.voucher(loaded=1_000), await floor.voucher(loaded=1_000)
    voucher_id = await yearly.id_of(broken)
    async with yearly.house.database.writing() as connection:
        await connection.execute(update(lot).where(lot.c.voucher_id == voucher_id).values(remaining=1))
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    run, *_ = await yearly.runs()
    assert await yearly.found(run) == {whole: (GONE, 1_000, False), broken: (Outcome.FAULT, 1_000, False)}
    assert run.state is RunState.DONE
