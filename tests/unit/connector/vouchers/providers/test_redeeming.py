"""Redeeming at another maker's provider: what is taken, what is refused, and what nobody knows."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.voucher_provider import CARD, OTHER, PIN, provider, sandbox, serving, wanted
from tests.unit.connector.vouchers.providers.shop import desk
from tests.unit.connector.vouchers.wire import key, until
from tillbridge.connector.vouchers.model import Case, Decision, Kind, State
from tillbridge.connector.vouchers.providers.asking import Balance
from tillbridge.connector.vouchers.providers.rest_form import RestForm
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.virtual.voucher_provider.faults import Asked, Fault, Switch


def fault(name: Fault, asked: Asked = Asked.REDEEM, times: int | None = 1, seconds: float = 30.0) -> Switch:
    return Switch(name, asked, times, seconds)


async def test_it_takes_what_is_there_and_names_what_is_left(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        seen = await here.lookup_at("55", CARD, "EUR")
        assert (seen.redeemable, seen.balance) == (True, 5000)
        action = await here.ask(key(), wanted(6000))
        assert (action.state, action.taken, action.balance) == (State.DONE, 5000, 0)
        assert action.claim is not None
        assert (action.claim.asked, action.claim.before, action.claim.after) == (5000, 5000, 0)
        assert await here.ask(key(), wanted(6000)) == action
        assert one.heard == {Asked.BALANCE: 2, Asked.REDEEM: 1}
        assert [one.state for one in await here.close("A-17")] == [State.CONFIRMED]
        assert one.heard[Asked.REDEEM] == 1
        assert CARD not in repr(action)
        assert action.masked == "…1234"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"amount": 6000, "exact": True}, Code.VOUCHER_FUNDS),
        ({"number": OTHER, "pin": "9999"}, Code.PROVIDER_REFUSED),
        ({"number": OTHER}, Code.PROVIDER_REFUSED),
        ({"number": "5500000000000000"}, Code.PROVIDER_REFUSED),
    ],
)
async def test_what_is_refused_moves_nothing(tmp_path: Path, asked: dict[str, object], code: Code) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        action = await here.ask(key(), wanted(**{"amount": 100, **asked}))  # type: ignore[arg-type]
        assert action.state is State.REFUSED
        assert action.refusal is not None
        assert action.refusal.code is code
        assert [card.balance for card in one.books.cards.values()] == [5000, 3000]


async def test_a_provider_that_is_redeemed_as_a_whole(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address, partial=False)) as here:
        part = await here.ask(key(1), wanted(4999))
        assert part.refusal is not None
        assert (part.refusal.code, part.refusal.members["min"]) == (Code.VOUCHER_AMOUNT, 5000)
        assert (await here.ask(key(2), wanted(5001))).taken == 5000


async def test_what_is_not_reached_may_be_asked_for_again_under_the_same_key(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address:
        gone = address
    async with desk(tmp_path, provider(gone)) as here:
        action = await here.ask(key(), wanted())
        assert action.refusal is not None
        assert action.refusal.code is Code.PROVIDER_DOWN
        with pytest.raises(BridgeError) as refused:
            await here.lookup_at("55", CARD, "EUR")
        assert refused.value.code is Code.PROVIDER_DOWN
    async with serving(one) as address, desk(tmp_path / "anew", provider(address)) as here:
        one.faults.set(fault(Fault.ERROR_BEFORE, Asked.BALANCE, times=2))
        assert (await here.ask(key(), wanted())).state is State.REFUSED
        assert one.heard[Asked.BALANCE] == 2
        assert (await here.ask(key(), wanted())).taken == 2000


@pytest.mark.parametrize(
    "name",
    [
        *(Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.BROKEN_JSON),
        *(Fault.OTHER_BALANCE, Fault.OTHER_AMOUNT, Fault.OTHER_CODE, Fault.WITH_MESSAGE, Fault.LATE),
    ],
)
async def test_what_nobody_can_tell_is_sent_once_and_waits_for_a_person(tmp_path: Path, name: Fault) -> None:
    one = sandbox()
    one.faults.set(fault(name, seconds=1.0))
    async with serving(one) as address, desk(tmp_path, provider(address, answer=0.2)) as here:
        action = await here.ask(key(), wanted())
        assert (action.state, action.case) == (State.UNKNOWN, Case.PROVIDER_UNKNOWN)
        await until(lambda: (claim := here.find(key()).claim) is not None and claim.looked_at is not None)
        claim = here.find(key()).claim
        assert claim is not None
        assert (claim.asked, claim.before) == (2000, 5000)
        assert claim.said
        for end in (here.close, here.cancel):
            with pytest.raises(BridgeError) as refused:
                await end("A-17")
            assert refused.value.code is Code.PROVIDER_UNKNOWN
        with pytest.raises(BridgeError) as refused:
            await here.put_back(key())
        assert refused.value.code is Code.PROVIDER_UNKNOWN
        with pytest.raises(BridgeError):
            await here.resolve(key(), Decision.NOTED, "Ada", "I do not know")
        booked = one.books.cards[CARD].balance < 5000
        if name not in {Fault.OTHER_BALANCE, Fault.LATE}:
            assert claim.after == one.books.cards[CARD].balance
        word = Decision.BOOKED if booked else Decision.NOT_BOOKED
        settled = await here.resolve(key(), word, "Ada", "the provider's list")
        assert (settled.state, settled.taken) == ((State.DONE, 2000) if booked else (State.REFUSED, None))
        assert [one.words["by"] for one in here.history(key()) if "by" in one.words] == ["Ada"]
        assert one.heard[Asked.REDEEM] == 1
        assert [one.state for one in await here.close("A-17")] == [settled.state if not booked else State.CONFIRMED]


@pytest.mark.parametrize("name", [Fault.UNAUTHORISED, Fault.NOT_FOUND, Fault.CONFLICT])
async def test_a_provider_that_says_no_has_booked_nothing(tmp_path: Path, name: Fault) -> None:
    one = sandbox()
    one.faults.set(fault(name))
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        action = await here.ask(key(), wanted())
        assert action.refusal is not None
        assert action.refusal.code is Code.PROVIDER_REFUSED
        assert action.refusal.members == {"provider": "Provider", "message": f"The switch {name} is on."}
        assert (await here.ask(key(2), wanted())).taken == 2000


async def test_an_answer_that_comes_twice_is_one_answer(tmp_path: Path) -> None:
    one = sandbox()
    one.faults.set(fault(Fault.TWICE, times=None))
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        for number in (1, 2):
            action = await here.ask(key(number), wanted(1000))
            assert (action.state, action.balance) == (State.DONE, 5000 - number * 1000)


@pytest.mark.parametrize("name", [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.BROKEN_JSON])
async def test_a_provider_that_knows_a_reference_again_is_asked_until_it_says(tmp_path: Path, name: Fault) -> None:
    one = sandbox()
    one.faults.set(fault(name, times=3))
    async with serving(one) as address, desk(tmp_path, provider(address, idempotent_reference=True)) as here:
        action = await here.ask(key(), wanted())
        assert (action.state, action.taken, one.books.cards[CARD].balance) == (State.DONE, 2000, 3000)
        assert one.heard[Asked.REDEEM] == 4


async def test_where_nothing_can_go_back_the_receipt_has_to_be_finished(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        await here.ask(key(), wanted())
        for act in (here.cancel("A-17"), here.put_back(key())):
            with pytest.raises(BridgeError) as refused:
                await act
            assert refused.value.code is Code.PROVIDER_MUST_FINISH
        assert here.find(key()).receipt_open
        assert [one.state for one in await here.close("A-17")] == [State.CONFIRMED]
        assert Asked.CANCEL not in one.heard


@pytest.mark.parametrize("name", [None, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.ERROR_AFTER])
async def test_where_it_can_go_back_it_does_whatever_the_network_does(tmp_path: Path, name: Fault | None) -> None:
    one = sandbox()
    both: dict[str, Any] = {"reverse": True, "idempotent_reference": True}
    async with serving(one) as address, desk(tmp_path, provider(address, **both)) as here:
        await here.ask(key(1), wanted())
        await here.ask(key(2), wanted(500, number=OTHER, pin=PIN))
        if name is not None:
            one.faults.set(fault(name, Asked.CANCEL, times=2))
        found = await here.cancel("A-17")
        assert [action.state for action in found] == [State.PUTBACK_DONE] * 2
        assert [card.balance for card in one.books.cards.values()] == [5000, 3000]


async def test_a_provider_that_breaks_its_promise_to_give_back_is_a_case(tmp_path: Path) -> None:
    one = sandbox(takes_back=False)
    async with serving(one) as address, desk(tmp_path, provider(address, reverse=True)) as here:
        await here.ask(key(), wanted())
        await here.put_back(key())
        await until(lambda: here.find(key()).case is Case.PROVIDER_BACK)
        assert one.heard[Asked.CANCEL] == 1
        settled = await here.resolve(key(), Decision.NOTED, "Ada", "paid out by the provider")
        assert settled.set_aside


async def test_vouchers_of_others_are_not_loaded_and_not_changed_into_another_currency(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address)) as here:
        for asked, code in (
            ({"kind": Kind.LOAD}, Code.PROVIDER_REFUSED),
            ({"currency": "CZK"}, Code.VOUCHER_CURRENCY),
            ({"provider": "77"}, Code.PROVIDER_PREFIX),
            ({"provider": ""}, Code.NOT_PAIRED),
        ):
            with pytest.raises(BridgeError) as refused:
                await here.ask(key(), wanted(**asked))
            assert refused.value.code is code
        assert one.heard == {}


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (Balance(False, 500, "It has expired."), Code.PROVIDER_REFUSED),
        (Balance(False, 0, "It is empty."), Code.VOUCHER_EMPTY),
    ],
)
async def test_what_its_balance_says_already_is_not_asked_for(tmp_path: Path, seen: Balance, code: Code) -> None:
    class Says(RestForm):
        async def balance(self, number: str) -> Balance:
            del number
            return seen

    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address), opener=Says) as here:
        action = await here.ask(key(), wanted())
        assert action.refusal is not None
        assert action.refusal.code is code
        assert one.heard == {}


async def test_a_wrong_key_is_no_doubt(tmp_path: Path) -> None:
    one = sandbox()
    async with serving(one) as address, desk(tmp_path, provider(address, "another")) as here:
        action = await here.ask(key(), wanted())
        assert action.refusal is not None
        assert (action.refusal.code, action.refusal.members["message"]) == (
            Code.PROVIDER_REFUSED,
            "The key is not known.",
        )
