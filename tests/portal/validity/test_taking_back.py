"""Write-offs that are taken back: all of a run, or one voucher's."""

from dataclasses import replace

import pytest

from tests.portal.validity.yearly import Killed, Yearly, killed
from tests.portal.vouchers.floor import PIN
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.model import Occasion
from tillbridge.portal.validity import store
from tillbridge.portal.validity.model import RunState
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.systems_model import Life


async def test_a_whole_run_is_taken_back_to_its_lots(yearly: Yearly) -> None:
    floor = yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(5)]
    for one in numbers:
        await floor.load(one, 500, at=floor.there)
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    run, *_ = await yearly.runs()
    await yearly.validity.take_back(yearly.chief(), run.id, "wrong year")
    await yearly.runner().step()
    # One of them is spent while the rest is still on its way back.
    assert sum([await floor.balance(one) for one in numbers]) == 3_000
    await yearly.finish()
    run, *_ = await yearly.runs()
    assert (run.state, run.reason) == (RunState.REVERSED, "wrong year")
    assert [await floor.lots(one) for one in numbers] == [[("A", 1_000), ("B", 500)]] * 5
    assert not (await floor.row(numbers[0]))["written_off"]
    seen = await yearly.validity.run(yearly.chief(), run.id)
    assert sorted((one.money, one.back) for one in seen.shares) == [(2_500, 2_500), (5_000, 5_000)]
    assert (seen.back.vouchers, seen.back.money) == (5, 7_500)
    await yearly.finish()
    yearly.go_to("2030-12-31T00:00")
    await yearly.finish()
    assert [await floor.balance(one) for one in numbers] == [0] * 5
    await floor.sound()


async def test_taking_back_is_killed_and_goes_on(yearly: Yearly, monkeypatch: pytest.MonkeyPatch) -> None:
    floor = yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(4)]
    await yearly.to_the_date()
    # The first batch alone was written off when somebody took the run back.
    await yearly.runner().step()
    run, *_ = await yearly.runs()
    await yearly.validity.take_back(yearly.chief(), run.id, "not this year")

    kept = store.change_run
    monkeypatch.setattr(store, "change_run", killed)
    with pytest.raises(Killed):
        await yearly.runner().step()
    monkeypatch.setattr(store, "change_run", kept)
    await yearly.finish()
    run, *_ = await yearly.runs()
    assert (run.state, run.vouchers) == (RunState.REVERSED, 2)
    assert [await floor.balance(one) for one in numbers] == [1_000] * 4
    await floor.sound()


async def test_one_voucher_is_taken_back_once_and_survives_the_rest_of_the_run(yearly: Yearly) -> None:
    floor = yearly.floor
    number, other = await floor.voucher(loaded=1_000), await floor.voucher(loaded=700)
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    run, *_ = await yearly.runs()
    voucher_id = await yearly.id_of(number)
    await floor.load(number, 300)
    await yearly.validity.take_one_back(yearly.chief(), run.id, voucher_id, "the guest was abroad")
    assert await floor.balance(number) == 1_300
    with pytest.raises(Exception, match="taken back already"):
        await yearly.validity.take_one_back(yearly.chief(), run.id, voucher_id, "again")
    await yearly.validity.take_back(yearly.chief(), run.id, "all of them")
    await yearly.finish()
    assert (await floor.balance(number), await floor.balance(other)) == (1_300, 700)
    assert [kind for kind, _ in await yearly.entries(number)].count("write_off_reversal") == 1
    await floor.sound()


async def test_what_comes_back_spends_as_before(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    yearly.go_to("2029-12-31T00:00")
    await yearly.finish()
    run, *_ = await yearly.runs()
    refused = await floor.redeem(number, 100, pin=PIN)
    assert refused.status == 409
    await yearly.validity.take_one_back(yearly.chief(), run.id, await yearly.id_of(number), "kindness")
    assert (await floor.redeem(number, 100, at=floor.there)).status < 300
    assert await floor.claims(number) == {("B", "A"): 100}


async def test_a_retired_voucher_counts_again_when_its_credit_comes_back(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    await yearly.to_the_date()
    await yearly.finish()
    await floor.change(number, life="retired")
    run, *_ = await yearly.runs()
    await yearly.validity.take_back(yearly.chief(), run.id, "wrong year")
    await yearly.finish()
    row = await floor.row(number)
    assert (row["balance"], row["life"]) == (1_000, "active")
    await floor.sound()


async def test_credit_comes_back_to_the_voucher_in_its_place(yearly: Yearly) -> None:
    floor, house = yearly.floor, yearly.house
    number, new = await floor.voucher(loaded=1_000), await floor.voucher()
    await yearly.to_the_date()
    await yearly.finish()
    await floor.load(number, 250)
    old_id, new_id = await yearly.id_of(number), await yearly.id_of(new)
    async with house.database.writing() as connection:
        clerk, now = await Clerk.open(connection, {old_id, new_id}), house.runtime.clock.now()
        for posting in book.move(
            clerk.account(old_id), clerk.account(new_id), Occasion(None, "2029-12-31", now), house.runtime.ids.new
        ):
            clerk.post(posting)
        clerk.keep(replace(clerk.vouchers[old_id], life=Life.RETIRED))
        await clerk.write()
    run, *_ = await yearly.runs()
    await yearly.validity.take_one_back(yearly.chief(), run.id, old_id, "the guest was abroad")
    assert (await floor.balance(number), await floor.balance(new)) == (0, 1_250)
    assert await floor.lots(new) == [("A", 1_000), ("A", 250)]
    await floor.sound()
