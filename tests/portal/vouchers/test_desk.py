"""What the desk does with redemptions, loads and keys."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import Floor, redeem
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import number_of
from tillbridge.link.voucher_messages import Lookup, OperationState, VoucherState
from tillbridge.portal.vouchers.model import Answered


def said(answered: Answered) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answered.body)
    return found


def number_of_error(answered: Answered) -> str:
    return str(said(answered).get("number", ""))


async def test_money_goes_on_and_comes_off(floor: Floor) -> None:
    number = await floor.voucher()
    loaded = await floor.load(number, 10_000)
    assert (loaded.status, loaded.replayed) == (200, False)
    assert (said(loaded)["state"], said(loaded)["taken"], said(loaded)["balance"]) == ("loaded", 10_000, 10_000)
    paid = await floor.redeem(number, 7_000, at=floor.there)
    assert (said(paid)["state"], said(paid)["taken"], said(paid)["balance"]) == ("interim", 7_000, 3_000)
    facts = await floor.desk.lookup(floor.here, Lookup(number=number, currency="EUR"))
    assert (facts.state, facts.balance, facts.country) == (VoucherState.LOADED, 3_000, "276")
    rest = await floor.redeem(number, 9_000)
    assert (said(rest)["taken"], said(rest)["balance"]) == (3_000, 0)
    facts = await floor.desk.lookup(floor.here, Lookup(number=number, currency="EUR"))
    assert facts.state is VoucherState.EMPTIED
    await floor.sound()


async def test_a_load_and_a_look_need_no_pin_but_a_redemption_does(floor: Floor) -> None:
    number = await floor.voucher(loaded=1_000)
    answered = await floor.redeem(number, 500, pin=None)
    assert (answered.status, number_of_error(answered)) == (400, "V105")
    assert await floor.balance(number) == 1_000


async def test_two_tills_never_get_more_than_there_is(floor: Floor) -> None:
    spent = ""
    for exact in (True, False):
        number = await floor.voucher(loaded=100)
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(floor.redeem(number, 60, exact=exact, at=at)) for at in (floor.here, floor.there)]
        answers = sorted((said(one.result()) for one in both), key=lambda one: one.get("taken", 0))
        if exact:
            assert (answers[0]["number"], answers[0]["balance"], answers[0]["money_moved"]) == ("V302", 40, "no")
            assert (answers[1]["taken"], answers[1]["balance"]) == (60, 40)
        else:
            assert [(one["taken"], one["balance"]) for one in answers] == [(40, 0), (60, 40)]
        spent = number
    assert number_of_error(await floor.redeem(spent, 60)) == "V301"
    await floor.sound()


async def test_one_key_books_once_however_many_send_it(floor: Floor) -> None:
    number, key = await floor.voucher(loaded=10_000), floor.key()
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(floor.redeem(number, 100, key=key)) for _ in range(50)]
    answers = [one.result() for one in sent]
    assert {(one.status, one.body) for one in answers} == {(200, answers[0].body)}
    assert sum(not one.replayed for one in answers) == 1
    assert await floor.balance(number) == 9_900
    # Also after the balance has changed, and in another process that knows nothing but the database.
    await floor.redeem(number, 500)
    again = await floor.redeem(number, 100, key=key)
    assert (again.status, again.body, again.replayed) == (200, answers[0].body, True)


async def test_a_key_means_one_thing(floor: Floor) -> None:
    number, key = await floor.voucher(loaded=10_000), floor.key()
    await floor.redeem(number, 100, key=key)
    for other in (
        floor.redeem(number, 101, key=key),
        floor.redeem(number, 100, key=key, pin="9999"),
        floor.redeem(number, 100, key=key, exact=True),
        floor.load(number, 100, key=key),
    ):
        with pytest.raises(BridgeError) as refusal:
            await other
        assert refusal.value.code is Code.VOUCHER_KEY_BODY
    assert await floor.balance(number) == 9_900
    # Keys of two locations have nothing to do with each other.
    assert said(await floor.redeem(number, 101, key=key, at=floor.there))["taken"] == 101


async def test_a_late_request_moves_nothing_after_its_put_back(floor: Floor) -> None:
    number, key = await floor.voucher(loaded=1_000), floor.key()
    assert (await floor.desk.state(floor.here, key)).state is OperationState.NOT_SEEN
    for _ in range(2):
        assert (await floor.desk.put_back(floor.here, key)).state is OperationState.VOIDED
    assert (await floor.desk.state(floor.here, key)).state is OperationState.VOIDED
    for late in (floor.redeem(number, 100, key=key), floor.load(number, 100, key=key)):
        with pytest.raises(BridgeError) as refusal:
            await late
        assert refusal.value.code is Code.VOUCHER_VOIDED
    assert await floor.balance(number) == 1_000


async def test_a_put_back_gives_everything_to_the_lots_that_it_came_from(floor: Floor, clock: HandClock) -> None:
    """Three vouchers, the operator's key is pulled: three put-backs."""
    keys: dict[str, str] = {}
    loaded_at: dict[str, datetime] = {}
    for _ in range(3):
        number = await floor.voucher(loaded=500)
        clock.forward(minutes=1)
        await floor.load(number, 700, at=floor.there)
        loaded_at[number] = clock.now()
        clock.forward(minutes=1)
        keys[number] = floor.key()
        await floor.redeem(number, 900, at=floor.third, key=keys[number])
        assert await floor.lots(number) == [("A", 0), ("B", 300)]
        assert (await floor.row(number))["last_activity"] == clock.now() > loaded_at[number]
    async with asyncio.TaskGroup() as group:
        backs = [group.create_task(floor.desk.put_back(floor.third, key)) for key in keys.values()]
    for number, back in zip(keys, backs, strict=True):
        told = back.result()
        assert (told.state, told.taken, told.balance) == (OperationState.PUT_BACK, 900, 1_200)
        assert await floor.lots(number) == [("A", 500), ("B", 700)]
        assert await floor.desk.put_back(floor.third, keys[number]) == told
        assert await floor.desk.state(floor.third, keys[number]) == told
        # As if it had never been: the last activity is the load.
        assert (await floor.row(number))["last_activity"] == loaded_at[number]
        assert await floor.claims(number) == {}
    await floor.sound()


async def test_nothing_stops_money_going_back(floor: Floor) -> None:
    number, key = await floor.voucher(loaded=1_000), floor.key()
    await floor.redeem(number, 1_000, key=key)
    await floor.load(number, 300_000)
    await floor.change(number, blocked=True, pin_blocked=True)
    await floor.system(balance_max=300_000, cross_country=False)
    told = await floor.desk.put_back(floor.here, key)
    assert (told.state, told.balance) == (OperationState.PUT_BACK, 301_000)
    row = await floor.row(number)
    assert (row["blocked"], row["pin_blocked"], row["balance"]) == (True, True, 301_000)
    await floor.sound()


async def test_a_confirmation_closes_and_one_after_the_put_back_is_a_case(floor: Floor) -> None:
    number, key, other = await floor.voucher(loaded=1_000), floor.key(), floor.key()
    for one in (key, other):
        await floor.redeem(number, 100, key=one)
    confirmed = await floor.desk.confirm(floor.here, key)
    assert (confirmed.state, confirmed.taken, confirmed.balance) == (OperationState.CONFIRMED, 100, 900)
    assert await floor.desk.confirm(floor.here, key) == confirmed
    # A receipt that was closed may still be cancelled later.
    assert (await floor.desk.put_back(floor.here, key)).state is OperationState.PUT_BACK
    for _ in range(2):
        with pytest.raises(BridgeError) as refusal:
            await floor.desk.confirm(floor.here, key)
        assert refusal.value.code is Code.VOUCHER_ORDER
    assert [one.key for one in await floor.contested()] == [key]
    with pytest.raises(BridgeError) as refusal:
        await floor.desk.confirm(floor.here, floor.key())
    assert refusal.value.code is Code.RECORD_UNKNOWN
    assert await floor.balance(number) == 900


async def test_a_location_touches_its_own_keys_alone(floor: Floor) -> None:
    number, key = await floor.voucher(loaded=1_000), floor.key()
    await floor.redeem(number, 100, key=key)
    assert (await floor.desk.put_back(floor.there, key)).state is OperationState.VOIDED
    assert (await floor.desk.state(floor.here, key)).state is OperationState.INTERIM
    assert await floor.balance(number) == 900


async def test_a_load_is_reversed_as_long_as_nothing_of_it_is_used(floor: Floor) -> None:
    number, key = await floor.voucher(), floor.key()
    await floor.load(number, 1_000, key=key)
    paid = floor.key()
    await floor.redeem(number, 300, key=paid)
    with pytest.raises(BridgeError) as refusal:
        await floor.desk.reverse(floor.here, key)
    assert refusal.value.code is Code.VOUCHER_LOAD_SPENT
    assert refusal.value.members == {"spent": 300, "unspent": 700}
    assert await floor.balance(number) == 700
    await floor.desk.put_back(floor.here, paid)
    told = await floor.desk.reverse(floor.here, key)
    assert (told.state, told.taken, told.balance) == (OperationState.REVERSED, 1_000, 0)
    assert await floor.desk.reverse(floor.here, key) == told
    for wrong in (floor.desk.put_back(floor.here, key), floor.desk.reverse(floor.here, paid)):
        with pytest.raises(BridgeError) as refusal:
            await wrong
        assert refusal.value.code is Code.RECORD_CONFLICT
    await floor.sound()


async def test_a_refusal_is_the_answer_to_its_key_for_ever(floor: Floor) -> None:
    number, key = await floor.voucher(), floor.key()
    refused = await floor.redeem(number, 100, key=key)
    assert (refused.status, number_of_error(refused)) == (409, "V301")
    await floor.load(number, 1_000)
    again = await floor.redeem(number, 100, key=key)
    assert (again.body, again.replayed) == (refused.body, True)
    told = await floor.desk.state(floor.here, key)
    assert (told.state, told.code) == (OperationState.REFUSED, Code.VOUCHER_EMPTY.value)
    # A put-back of what was refused has nothing to put back.
    assert (await floor.desk.put_back(floor.here, key)).state is OperationState.REFUSED
    assert await floor.balance(number) == 1_000


FIRST_MISSES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"country": "040"}, "V308"),
    ({"life": "produced"}, "V201"),
    ({"life": "retired"}, "V204"),
    ({"written_off": True}, "V203"),
    ({"blocked": True}, "V202"),
    ({"pin_blocked": True}, "V207"),
    ({}, "V301"),
)
"""In the order in which they are looked at; each voucher has all that comes later as well."""


async def test_the_first_thing_that_is_wrong_is_the_answer(floor: Floor) -> None:
    for place, (values, number) in enumerate(FIRST_MISSES):
        later = {name: value for rest, _ in FIRST_MISSES[place:] for name, value in rest.items() if name != "life"}
        one = await floor.voucher(**(later | values))
        answered = await floor.redeem(one, 100)
        assert number_of_error(answered) == number
        assert number_of_error(await floor.redeem(one, 100, currency="CHF")) == "V307"
        if number == "V308":
            await floor.system(cross_country=True)
            assert number_of_error(await floor.redeem(one, 100)) == "V203"


async def test_another_currency_is_refused_before_anything_else(floor: Floor) -> None:
    number = await floor.voucher(loaded=1_000)
    assert number_of_error(await floor.redeem(number, 100, currency="CHF")) == "V307"
    with pytest.raises(BridgeError) as refusal:
        await floor.desk.lookup(floor.here, Lookup(number=number, currency="CHF"))
    assert refusal.value.code is Code.VOUCHER_CURRENCY


async def test_limits_of_loads(floor: Floor) -> None:
    one = await floor.voucher(loaded=1_000)
    for amount, number in ((99, "V304"), (300_001, "V304"), (299_001, "V303")):
        answered = await floor.load(one, amount)
        assert number_of_error(answered) == number
        assert said(answered)["max"] == 300_000
        assert await floor.balance(one) == 1_000
    assert said(await floor.load(one, 299_000))["balance"] == 300_000


async def test_unknown_numbers_are_counted_and_then_nothing_is_looked_up(floor: Floor, clock: HandClock) -> None:
    known = await floor.voucher(loaded=1_000)
    strange = number_of("276", "9" * 10)
    mistyped = strange[:-1] + str((int(strange[-1]) + 1) % 10)
    assert number_of_error(await floor.redeem(mistyped, 1)) == "V102"
    for _ in range(15):
        assert number_of_error(await floor.redeem(strange, 1)) == "V103"
        with pytest.raises(BridgeError) as refusal:
            await floor.desk.lookup(floor.here, Lookup(number=strange, currency="EUR"))
        assert refusal.value.code is Code.VOUCHER_UNKNOWN
    for asked in (
        floor.desk.lookup(floor.here, Lookup(number=known, currency="EUR")),
        floor.redeem(known, 1),
    ):
        with pytest.raises(BridgeError) as refusal:
            await asked
        assert (refusal.value.code, refusal.value.retry_after) == (Code.VOUCHER_RATE, 3600)
    # Another shop is not concerned, and here it goes on an hour later.
    assert said(await floor.redeem(known, 1, at=floor.there))["taken"] == 1
    clock.forward(hours=1)
    assert said(await floor.redeem(known, 1))["taken"] == 1


async def test_no_body_that_is_stored_tells_a_pin(floor: Floor) -> None:
    number = await floor.voucher(loaded=1_000)
    asked = redeem(number, 10, pin="7391")
    assert "7391" not in repr(asked)
    answered = await floor.desk.redeem(floor.here, floor.key(), asked)
    assert number_of_error(answered) == "V205"
    assert b"7391" not in answered.body
