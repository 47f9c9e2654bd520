"""The voucher desk against a portal on a real port: what it books, what it refuses, and what it never does twice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connector.vouchers.wire import NUMBER, OTHER, PIN, Loss, Portal, key, serving, till, until, wanted
from tillbridge.connector.vouchers.model import Kind, State
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved


def code_of(error: pytest.ExceptionInfo[BridgeError]) -> Code:
    return error.value.code


async def test_a_payment_takes_the_smaller_of_amount_and_balance(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        facts = await here.desk.lookup(NUMBER, "EUR")
        assert facts.balance == 5000
        first = await here.desk.ask(key(1), wanted(2000))
        assert (first.state, first.taken, first.balance, first.money_moved) == (State.DONE, 2000, 3000, MoneyMoved.YES)
        second = await here.desk.ask(key(2), wanted(4000))
        assert (second.taken, second.balance) == (3000, 0)
        third = await here.desk.ask(key(3), wanted(1))
        assert third.refusal is not None
        assert (third.state, third.refusal.code) == (State.REFUSED, Code.VOUCHER_EMPTY)
        assert third.money_moved is MoneyMoved.NO


async def test_all_or_nothing(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        found = await here.desk.ask(key(), wanted(5001, exact=True))
        assert found.refusal is not None
        assert (found.refusal.code, found.refusal.members) == (Code.VOUCHER_FUNDS, {"balance": 5000})
        assert portal.balances[NUMBER] == 5000


async def test_one_key_is_one_action_for_all_who_ask(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(here.desk.ask(key(), wanted())) for _ in range(20)]
        assert {one.result().taken for one in asked} == {2000}
        assert (portal.times("redeem"), portal.balances[NUMBER]) == (1, 3000)
        assert (await here.desk.ask(key(), wanted())).taken == 2000
        assert portal.times("redeem") == 1


@pytest.mark.parametrize(
    "other",
    [{"amount": 2001}, {"exact": True}, {"number": OTHER}, {"pin": "0421"}, {"pin": None}, {"receipt": "A-18"}],
)
async def test_the_same_key_for_something_else_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(), wanted())
        with pytest.raises(BridgeError) as error:
            await here.desk.ask(key(), wanted(**other))
        assert code_of(error) is Code.VOUCHER_KEY_BODY
        assert portal.balances[NUMBER] == 3000


async def test_a_refusal_of_the_voucher_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        for _ in range(2):
            found = await here.desk.ask(key(), wanted(pin="9999"))
            assert found.refusal is not None
            assert (found.refusal.code, found.refusal.members) == (Code.VOUCHER_PIN_WRONG, {"tries_left": 4})
        assert portal.times("redeem") == 1


@pytest.mark.parametrize(
    "refused", [Code.SWITCHED_OFF, Code.MAINTENANCE, Code.PORTAL_REFUSED, Code.OVERLOADED, Code.LINK_SUSPENDED]
)
async def test_where_nothing_was_done_nothing_is_booked_and_the_key_may_come_again(
    tmp_path: Path, refused: Code
) -> None:
    portal = Portal(plan=[BridgeError(refused, retry_after=1)])
    async with serving(portal) as address, till(address, tmp_path) as here:
        found = await here.desk.ask(key(), wanted())
        assert found.refusal is not None
        assert (found.state, found.refusal.code) == (State.REFUSED, refused)
        assert (portal.times("redeem"), portal.balances[NUMBER]) == (1, 5000)
        assert (await here.desk.ask(key(), wanted())).taken == 2000


async def test_a_portal_that_is_away_is_a_plain_refusal_and_nothing_is_taken_offline(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        pass
    async with till(address, tmp_path) as here:
        found = await here.desk.ask(key(), wanted())
        assert found.refusal is not None
        assert (found.state, found.refusal.code) == (State.REFUSED, Code.PORTAL_UNREACHABLE)
        with pytest.raises(BridgeError) as error:
            await here.desk.lookup(NUMBER, "EUR")
        assert code_of(error) is Code.PORTAL_UNREACHABLE
        assert here.desk.standing().open == ()


@pytest.mark.parametrize("loss", [Loss.BEFORE, Loss.AFTER, BridgeError(Code.PORTAL_FAULT)])
@pytest.mark.parametrize("kind", [Kind.REDEEM, Kind.LOAD])
async def test_what_is_not_known_is_asked_again_under_the_same_key(
    tmp_path: Path, loss: Loss | BridgeError, kind: Kind
) -> None:
    portal = Portal(plan=[loss, loss, BridgeError(Code.VOUCHER_RUNNING), BridgeError(Code.OVERLOADED)])
    async with serving(portal) as address, till(address, tmp_path) as here:
        found = await here.desk.ask(key(), wanted(kind=kind))
        assert (found.state, found.taken) == (State.DONE, 2000)
        assert portal.balances[NUMBER] == (3000 if kind is Kind.REDEEM else 7000)
        assert portal.times(kind) == 5
        assert len(portal.bodies[key()]) == 1
        states = [line.state for line in here.desk.history(key())]
        assert states == [State.INTENT, State.SENT, State.UNKNOWN, State.DONE]


async def test_a_refusal_about_the_link_says_nothing_of_what_was_sent_before(tmp_path: Path) -> None:
    portal = Portal(plan=[Loss.AFTER, BridgeError(Code.LINK_SUSPENDED), BridgeError(Code.SWITCHED_OFF)])
    async with serving(portal) as address, till(address, tmp_path) as here:
        assert (await here.desk.ask(key(), wanted())).state is State.DONE


async def test_after_its_patience_the_cashier_may_take_another_payment(tmp_path: Path) -> None:
    portal = Portal(plan=[Loss.SILENCE])
    async with serving(portal) as address, till(address, tmp_path) as here:
        waiting = await here.desk.ask(key(), wanted(), patience=0.05)
        assert (waiting.state, waiting.money_moved) == (State.SENT, MoneyMoved.UNKNOWN)
        with pytest.raises(BridgeError) as error:
            await here.desk.close("A-17")
        assert code_of(error) is Code.VOUCHER_RUNNING
        assert error.value.members == {"keys": [key()]}
        back = await here.desk.put_back(key())
        assert (back.state, back.money_moved) == (State.VOIDED, MoneyMoved.NO)
        portal.release()
        assert key() in portal.answers
        assert portal.balances[NUMBER] == 5000
        assert (await here.desk.close("A-17"))[0].state is State.VOIDED


async def test_a_till_that_hangs_up_stops_nothing(tmp_path: Path) -> None:
    portal = Portal(plan=[Loss.AFTER, Loss.AFTER])
    async with serving(portal) as address, till(address, tmp_path) as here:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(here.desk.ask(key(), wanted()))
            await until(lambda: portal.times("redeem") > 0)
            asked.cancel()
        await until(lambda: here.desk.find(key()).state is State.DONE)
        assert portal.balances[NUMBER] == 3000


async def test_the_pin_is_nowhere_once_it_is_over(tmp_path: Path) -> None:
    portal = Portal(plan=[Loss.SILENCE])
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(), wanted(pin="8642"), patience=0.05)
        assert here.desk.find(key()).has_pin
        assert here.journal.pin(key()) == "8642"
        portal.release()
        await here.desk.put_back(key())
        assert not here.desk.find(key()).has_pin
        assert here.journal.pin(key()) is None
        assert PIN not in repr(wanted())
        assert NUMBER not in repr(here.desk.find(key()))
    content = b"".join(path.read_bytes() for path in tmp_path.glob("vouchers.db*"))  # noqa: ASYNC240  # it is over
    assert b"8642" not in content


async def test_without_a_link_nothing_begins(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.connection.keystore.change(lambda kept: kept.model_copy(update={"link": None}))
        with pytest.raises(BridgeError) as error:
            await here.desk.ask(key(), wanted())
        assert code_of(error) is Code.NOT_PAIRED
        with pytest.raises(BridgeError) as error:
            here.desk.find(key())
        assert code_of(error) is Code.PAYMENT_UNKNOWN
