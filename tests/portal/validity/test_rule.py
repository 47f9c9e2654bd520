"""What a rule does, and whom it tells before."""

import asyncio
from datetime import timedelta

from tests.portal.validity.yearly import Yearly, in_berlin
from tests.portal.vouchers.office import events
from tillbridge.portal.house import House
from tillbridge.portal.validity.dates import Rule


async def test_owners_hear_of_it_twice(yearly: Yearly) -> None:
    floor = yearly.floor
    await floor.voucher(loaded=10_050)
    blocked = await floor.voucher(loaded=1_000)
    await floor.change(blocked, blocked=True)
    for year in (2026, 2027, 2028):
        yearly.go_to(f"{year}-12-31T00:00")
        await yearly.finish()
    assert not await yearly.letters()
    yearly.go_to("2029-10-31T23:59")
    await yearly.finish()
    assert not await yearly.letters()
    for text, letters in (
        ("2029-11-01T00:00", 1),
        ("2029-12-23T23:59", 1),
        ("2029-12-24T00:00", 2),
        ("2029-12-30T12:00", 2),
    ):
        yearly.go_to(text)
        await yearly.finish()
        assert len(await yearly.letters()) == letters, text
    subject, said = (await yearly.letters())[0]
    assert "Gutscheine" in subject
    assert "100.50 EUR" in said
    assert f"/vouchers/systems/{floor.system_id}/validity" in said


async def test_after_a_long_silence_one_letter_is_enough(yearly: Yearly) -> None:
    await yearly.floor.voucher(loaded=1_000)
    yearly.go_to("2029-12-28T09:00")
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(yearly.runner().step())
    assert len(await yearly.letters()) == 1


async def test_nothing_happens_where_nothing_is_set(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    await yearly.validity.switch_off(yearly.chief(), floor.system_id)
    yearly.go_to("2031-01-01T00:00")
    await yearly.finish()
    assert (await yearly.runs(), await yearly.letters(), await floor.balance(number)) == ([], [], 1_000)


async def test_a_rule_never_reaches_back(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    await yearly.validity.switch_off(yearly.chief(), floor.system_id)
    yearly.go_to("2030-12-26T12:00")
    await yearly.validity.change(yearly.chief(), floor.system_id, yearly.rule)
    # Five days before the date there is no time for the last notice: it is the next year's.
    yearly.go_to("2031-12-30T12:00")
    await yearly.finish()
    assert await floor.balance(number) == 1_000
    yearly.go_to("2031-12-31T00:00")
    await yearly.finish()
    assert [run.on for run in await yearly.runs()] == ["2031-12-31"]
    assert await floor.balance(number) == 0


async def test_a_new_rule_leaves_a_date_that_has_come_to_the_old_one(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    yearly.go_to("2029-12-31T00:00")
    await yearly.validity.change(yearly.chief(), floor.system_id, Rule(5, 6, 30))
    await yearly.finish()
    assert await floor.balance(number) == 0
    assert (await yearly.validity.seen(yearly.chief(), floor.system_id)).ahead.due.on.isoformat() == "2030-06-30"  # type: ignore[union-attr]
    told = [event for event, _ in await events(yearly.house) if event.startswith("voucher_validity.")]
    assert told == ["voucher_validity.on", "voucher_validity.changed"]


async def test_clocks_that_change_do_not_move_the_date(house: House, yearly: Yearly) -> None:
    floor = yearly.floor
    await yearly.validity.change(yearly.chief(), floor.system_id, Rule(1, 3, 29))
    number = await floor.voucher(loaded=1_000)
    # The clocks of 2026 change on 29 March at 01:00 UTC, after the day has begun.
    yearly.go_to("2027-03-28T23:59:59")
    await yearly.finish()
    assert await floor.balance(number) == 1_000
    yearly.go_to("2027-03-29T00:00")
    await yearly.finish()
    assert await floor.balance(number) == 0
    run = next(one for one in await yearly.runs() if one.on == "2027-03-29")
    assert run.cut == in_berlin("2026-03-29T00:00")
    assert house.runtime.clock.now() - run.cut == timedelta(days=365) - timedelta(hours=1)
