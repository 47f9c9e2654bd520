"""What each correction books, to the last lot; on both databases."""

import json

import pytest

from tests.portal.clock import HandClock
from tests.portal.corrections.office import Office
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.corrections.model import Kind, State


async def test_more_and_less_are_booked_where_the_credit_is(office: Office) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    more = await office.correct(number, Kind.MORE, 250, location_id=floor.there.location_id)
    assert (more.state, more.entry_id) == (State.BOOKED, (await office.entry(number, 2))["id"])
    assert await floor.lots(number) == [("A", 1_000), ("B", 250)]
    await office.correct(number, Kind.LESS, 1_100)
    assert await floor.lots(number) == [("A", 0), ("B", 150)]
    assert await office.entries(number) == [("load", 1_000), ("adjust", 250), ("adjust", -1_100)]
    last = await office.entry(number, 3)
    assert (last["location_id"], last["reason"]) == (None, "a slip at the till")
    assert await floor.claims(number) == {}
    await floor.sound()


async def test_what_cannot_be_booked_cannot_be_asked_for(office: Office) -> None:
    floor = office.floor
    number, empty, made = await floor.voucher(loaded=1_000), await floor.voucher(), await floor.voucher(life="produced")
    gone = await floor.voucher(life="retired")
    assert await office.refusal(number, Kind.LESS, 1_001) == "funds"
    assert await office.refusal(empty, Kind.LESS, 1) == "funds"
    assert await office.refusal(number, Kind.MORE, 299_001) == "cap"
    assert await office.refusal(number, Kind.MORE, 0) == "amount"
    assert await office.refusal(number, Kind.LESS, -5) == "amount"
    assert await office.refusal(made, Kind.MORE, 100) == "not_activated"
    assert await office.refusal(gone, Kind.MORE, 100) == "retired"
    assert await office.refusal(number, Kind.RETIRE) == "credit"
    assert await office.refusal(gone, Kind.RETIRE) == "retired"
    assert await office.refusal(empty, Kind.REISSUE, target=made) == "empty"
    assert await office.refusal(number, Kind.REISSUE, target=number) == "target"
    assert await office.refusal(number, Kind.REISSUE, target=gone) == "target"
    used = await floor.voucher(loaded=100)
    await office.correct(used, Kind.LESS, 100)
    assert await office.refusal(number, Kind.REISSUE, target=used) == "target"
    abroad = await floor.voucher(country="040")
    assert await office.refusal(number, Kind.REISSUE, target=abroad) == "country"
    for kind, wrong, place in (
        (Kind.MORE, {"location_id": "0" * 32}, "location"),
        (Kind.REVERSE, {"original_id": "0" * 32}, "original"),
        (Kind.PUT_BACK, {"entry": 1}, "original"),
        (Kind.REISSUE, {"target": "27612345678904"}, "target"),
        (Kind.REISSUE, {"target": "12"}, "target"),
        (Kind.LESS, {"reason": "  "}, "reason"),
    ):
        with pytest.raises(BridgeError) as refusal:
            await office.ask(number, kind, 10, **wrong)
        assert (refusal.value.code, refusal.value.place) == (Code.FIELD_INVALID, place)
    assert set(await office.told()) == {"requested", "booked"}
    await floor.sound()


async def test_the_unspent_part_of_a_load_goes_back_off_its_own_lot(office: Office) -> None:
    floor, key = office.floor, office.floor.key()
    number = await floor.voucher()
    await floor.load(number, 1_000, key=key)
    await floor.load(number, 500, at=floor.there)
    await floor.redeem(number, 300, at=floor.there)
    assert await office.refusal(number, Kind.REVERSE, 701, entry=1) == "spent"
    assert await office.refusal(number, Kind.REVERSE, 1_001, entry=1) == "taken_back"
    await office.correct(number, Kind.REVERSE, 700, entry=1)
    assert await floor.lots(number) == [("A", 0), ("B", 500)]
    assert (await office.entry(number, 4))["location_id"] == floor.here.location_id
    assert await office.refusal(number, Kind.REVERSE, 1, entry=1) == "spent"
    # The till that loaded it hears that something of it is spent, and nothing else moves.
    with pytest.raises(BridgeError) as refusal:
        await floor.desk.reverse(floor.here, key)
    assert refusal.value.code is Code.VOUCHER_LOAD_SPENT
    await office.correct(number, Kind.REVERSE, 500, entry=2)
    assert await floor.balance(number) == 0
    await floor.sound()


async def test_a_redemption_goes_back_in_parts_and_its_till_is_told(office: Office) -> None:
    floor, key = office.floor, office.floor.key()
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 600, at=floor.there, key=key)
    await floor.desk.confirm(floor.there, key)
    await office.correct(number, Kind.PUT_BACK, 200, entry=2)
    assert await floor.claims(number) == {("B", "A"): 400}
    assert (await floor.desk.state(floor.there, key)).state is OperationState.CONFIRMED
    assert await office.refusal(number, Kind.PUT_BACK, 401, entry=2) == "taken_back"
    await office.correct(number, Kind.PUT_BACK, 400, entry=2)
    assert (await floor.claims(number), await floor.balance(number)) == ({}, 1_000)
    # Its till finds it put back: it puts nothing back a second time, and a confirmation is looked at by a person.
    assert (await floor.desk.put_back(floor.there, key)).state is OperationState.PUT_BACK
    with pytest.raises(BridgeError) as refusal:
        await floor.desk.confirm(floor.there, key)
    assert refusal.value.code is Code.VOUCHER_ORDER
    assert (await floor.balance(number), len(await floor.contested())) == (1_000, 1)
    await floor.sound()


async def test_after_a_part_from_the_office_a_till_puts_back_the_rest(office: Office) -> None:
    floor, key = office.floor, office.floor.key()
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 600, key=key)
    await office.correct(number, Kind.PUT_BACK, 250, entry=2)
    await floor.desk.put_back(floor.here, key)
    assert await floor.balance(number) == 1_000
    assert await office.entries(number) == [("load", 1_000), ("redeem", -600), ("put_back", 250), ("put_back", 350)]
    await floor.sound()


@pytest.mark.parametrize("life", ["produced", "active"])
async def test_a_new_voucher_takes_the_place_of_the_old(office: Office, clock: HandClock, life: str) -> None:
    floor = office.floor
    old, new = await floor.voucher(loaded=1_000), await floor.voucher(life=life)
    clock.forward(days=1)
    await floor.load(old, 500, at=floor.there)
    used = clock.now()
    await floor.redeem(old, 300, at=floor.third)
    clock.forward(days=30)
    await office.fresh()
    one = await office.correct(old, Kind.REISSUE, target=new)
    assert (one.amount, one.state) == (1_200, State.BOOKED)
    assert (await floor.balance(old), await floor.balance(new)) == (0, 1_200)
    assert (await floor.row(old))["life"] == "retired"
    taken_over = await floor.row(new)
    assert (taken_over["life"], taken_over["loaded_once"], taken_over["last_activity"]) == ("active", True, used)
    assert await floor.lots(new) == [("A", 700), ("B", 500)]
    paid = await floor.redeem(new, 900, at=floor.third)
    assert json.loads(paid.body)["taken"] == 900
    assert await floor.claims(new) == {("C", "A"): 700, ("C", "B"): 200}
    assert json.loads((await floor.redeem(old, 1)).body)["number"] == "V204"
    await floor.sound()


async def test_what_comes_back_to_a_replaced_voucher_goes_to_the_new_one(office: Office, clock: HandClock) -> None:
    floor, keys = office.floor, [office.floor.key() for _ in range(3)]
    first, second, third = await floor.vouchers(3)
    loaded = clock.now()
    await floor.load(first, 1_000)
    clock.forward(days=1)
    for key in keys:
        await floor.redeem(first, 200, at=floor.there, key=key)
    await office.fresh()
    await office.correct(first, Kind.REISSUE, target=second)
    await office.correct(second, Kind.REISSUE, target=third)
    used = clock.now()
    clock.forward(days=1)
    # From the till, twice, and from the office: over both steps, to the shop's own credit.
    for key in (keys[0], keys[0]):
        assert (await floor.desk.put_back(floor.there, key)).state is OperationState.PUT_BACK
    await office.fresh()
    await office.correct(first, Kind.PUT_BACK, 150, entry=3)
    assert [await floor.balance(one) for one in (first, second, third)] == [0, 0, 750]
    assert await floor.claims(first) == {("B", "A"): 250}
    assert {place for place, _ in await floor.lots(third)} == {"A"}
    assert (await floor.row(third))["last_activity"] == used
    for key in keys[1:]:
        await floor.desk.put_back(floor.there, key)
    assert [await floor.balance(one) for one in (first, second, third)] == [0, 0, 1_000]
    # Nothing was ever spent: what counts is the load.
    assert (await floor.row(third))["last_activity"] == loaded
    assert await floor.claims(first) == {}
    await floor.sound()


async def test_what_comes_back_to_a_retired_voucher_makes_it_count_again(office: Office) -> None:
    floor, key, part = office.floor, office.floor.key(), office.floor.key()
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 600, key=key)
    await floor.redeem(number, 400, key=part)
    await office.correct(number, Kind.RETIRE)
    assert ((await floor.row(number))["life"], await office.told()) == ("retired", ["requested", "booked"])
    await floor.desk.put_back(floor.here, key)
    assert ((await floor.row(number))["life"], await floor.balance(number)) == ("active", 600)
    await floor.redeem(number, 600)
    await office.correct(number, Kind.RETIRE)
    await office.correct(number, Kind.PUT_BACK, 100, entry=3)
    assert ((await floor.row(number))["life"], await floor.balance(number)) == ("active", 100)
    await floor.sound()
