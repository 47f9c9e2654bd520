"""Vouchers taken without a connection: within the limits, written down first, and told to the portal exactly once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from tests.support.shop import free_port
from tests.unit.connector.vouchers.wire import NUMBER, OTHER, PIN, Loss, Portal, Till, key, till, until, wanted
from tillbridge.connector.vouchers.model import Action, Case, Kind, Offline, State
from tillbridge.connector.vouchers.slips import slip_of_action
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.voucher_code import number_of
from tillbridge.domain.voucher_slip import SlipKind, build_slip
from tillbridge.link.offline_messages import OfflineTerms

LIMITS = {"per_voucher": 2000, "per_day": 5000, "open_total": 6000}


class Shop:
    """A portal that can be away, and the folder of a till that knows its terms."""

    def __init__(self, folder: Path, portal: Portal) -> None:
        self.folder = folder
        self.portal = portal
        self.port = free_port()
        self._server: TestServer | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    async def open(self) -> None:
        self._server = TestServer(self.portal.app(), port=self.port)
        await self._server.start_server()

    async def close(self) -> None:
        if self._server is not None:
            self.portal.release()
            await self._server.close()
        self._server = None

    @asynccontextmanager
    async def till(self) -> AsyncIterator[Till]:
        async with till(self.address, self.folder) as here:
            yield here


@asynccontextmanager
async def shop(folder: Path, **terms: Any) -> AsyncIterator[Shop]:
    """A shop whose portal has just gone away."""
    made = Shop(folder / "till", Portal(terms=LIMITS | terms))
    await made.open()
    async with made.till() as here:
        await here.desk.keep_terms(await here.desk._way.terms())
    await made.close()
    try:
        yield made
    finally:
        await made.close()


async def take(here: Till, name: int = 1, amount: int = 2000, **more: Any) -> Action:
    return await here.desk.ask(key(name), wanted(amount, **({"offline": True} | more)))


def refusal(action: Action) -> Code | None:
    return None if action.refusal is None else action.refusal.code


async def test_up_to_the_limit_and_not_a_cent_more(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        over = await take(here, 1, 2001)
        assert (over.state, refusal(over)) == (State.REFUSED, Code.VOUCHER_OFFLINE_LIMIT)
        paid = await take(here, 2)
        assert (paid.state, paid.taken, paid.balance, paid.offline) == (State.DONE, 2000, None, Offline.OPEN)
        assert paid.money_moved is MoneyMoved.YES
        assert refusal(await take(here, 3, 1)) is Code.VOUCHER_OFFLINE_LIMIT, "one acceptance for each number"
        assert (await take(here, 2)).taken == 2000, "the same key is the same payment"
        assert [one.key for one in here.desk.standing().waiting] == [key(2)]
        assert here.connection.board.standing().unsent.count == 1
        assert made.portal.heard == []


async def test_the_limits_of_a_till_and_of_all(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        numbers = [number_of("276", f"{one:010d}") for one in range(5)]
        for one in range(2):
            assert (await take(here, one, 2000, number=numbers[one], station="till-1")).taken == 2000
        assert refusal(await take(here, 2, 1001, number=numbers[2], station="till-1")) is Code.VOUCHER_OFFLINE_LIMIT
        assert (await take(here, 3, 1000, number=numbers[2], station="till-1")).taken == 1000
        assert refusal(await take(here, 4, 1001, number=numbers[3], station="till-2")) is Code.VOUCHER_OFFLINE_LIMIT
        async with asyncio.TaskGroup() as group:
            both = [
                group.create_task(take(here, 5 + one, 600, number=numbers[3 + one], station="till-2"))
                for one in range(2)
            ]
        assert sorted(one.result().state for one in both) == [State.DONE, State.REFUSED], "both had room for one"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"offline": False}, Code.PORTAL_UNREACHABLE),
        ({"number": OTHER, "pin": "0007"}, Code.VOUCHER_OFFLINE_LIMIT),
        ({"currency": "CHF"}, Code.VOUCHER_OFFLINE_LIMIT),
        ({"pin": None}, Code.VOUCHER_PIN_NEEDED),
        ({"kind": Kind.LOAD, "pin": None, "offline": False}, Code.PORTAL_UNREACHABLE),
    ],
)
async def test_what_is_never_taken_without_a_connection(tmp_path: Path, asked: dict[str, Any], code: Code) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        found = await take(here, **asked)
        assert (found.state, refusal(found), found.taken) == (State.REFUSED, code, None)


async def test_without_limits_it_is_as_ever(tmp_path: Path) -> None:
    async with shop(tmp_path, per_day=0) as made, made.till() as here:
        assert here.desk.offline_limit is None
        assert refusal(await take(here)) is Code.PORTAL_UNREACHABLE


@pytest.mark.parametrize(
    ("answer", "ticked", "taken"),
    [
        (Code.MAINTENANCE, True, True),
        (Code.MAINTENANCE, False, False),
        (Code.SWITCHED_OFF, True, False),
        (Code.PORTAL_REFUSED, True, False),
        (Code.LINK_SUSPENDED, True, False),
    ],
)
async def test_only_where_the_merchant_ticked_it_during_maintenance(
    tmp_path: Path, answer: Code, ticked: bool, taken: bool
) -> None:
    async with shop(tmp_path, in_maintenance=ticked) as made:
        await made.open()
        made.portal.always = BridgeError(answer)
        async with made.till() as here:
            found = await take(here)
            assert (found.offline is Offline.OPEN, found.taken) == (taken, 2000 if taken else None)
            assert taken or refusal(found) is answer


@pytest.mark.parametrize("loss", [Loss.BEFORE, Code.PORTAL_FAULT])
async def test_what_may_have_been_booked_is_never_taken_besides(tmp_path: Path, loss: Loss | Code) -> None:
    async with shop(tmp_path) as made:
        await made.open()
        made.portal.always = loss if isinstance(loss, Loss) else BridgeError(loss)
        async with made.till() as here:
            found = await here.desk.ask(key(), wanted(2000, offline=True), patience=0.2)
            assert (found.state, found.offline) == (State.UNKNOWN, Offline.WANTED)
            await made.close()
            await asyncio.sleep(0.1)
            assert here.desk.find(key()).state is State.UNKNOWN
        async with made.till() as here:
            assert (await here.desk.ask(key(), wanted(2000, offline=True), patience=0.2)).state is State.UNKNOWN
        made.portal.always = None
        await made.open()
        async with made.till() as here:
            await until(lambda: here.desk.find(key()).state is State.DONE)
        assert (made.portal.balances[NUMBER], made.portal.times("take")) == (3000, 0)


async def test_when_the_portal_is_back_it_is_told_once_and_confirmed(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        async with made.till() as here:
            await take(here)
            assert [one.state for one in await here.desk.close("A-17", 0.05)] == [State.CONFIRM_QUEUED]
        made.portal.plan = [Loss.AFTER, Loss.AFTER]
        await made.open()
        async with made.till() as here:
            await until(lambda: here.desk.find(key()).state is State.CONFIRMED)
            found = here.desk.find(key())
        assert (found.offline, found.taken, found.loss, found.balance) == (Offline.TOLD, 2000, 0, 3000)
        assert (made.portal.balances[NUMBER], made.portal.times("take")) == (3000, 3)
        assert len(made.portal.bodies[key()]) == 1, "byte for byte the same"
        assert PIN not in str(made.portal.bodies)


@pytest.mark.parametrize(("pin", "balance", "loss"), [(PIN, 1500, 500), ("9999", 5000, 2000)])
async def test_what_is_missing_is_the_location_s_loss(tmp_path: Path, pin: str, balance: int, loss: int) -> None:
    async with shop(tmp_path) as made:
        made.portal.balances[NUMBER] = balance
        async with made.till() as here:
            await take(here, pin=pin)
            await here.desk.close("A-17", 0.05)
            await made.open()
            await until(lambda: here.desk.find(key()).state is State.CONFIRMED)
            assert (here.desk.find(key()).loss, here.desk.find(key()).taken) == (loss, 2000)
        assert made.portal.balances[NUMBER] == balance - 2000 + loss
        assert made.portal.times("confirm") == (1 if loss < 2000 else 0)


@pytest.mark.parametrize(("pin", "told"), [(PIN, False), (PIN, True), ("9999", True)])
async def test_a_cancelled_receipt_leaves_nothing_and_no_loss(tmp_path: Path, pin: str, told: bool) -> None:
    async with shop(tmp_path) as made:
        made.portal.balances[NUMBER] = 1500
        async with made.till() as here:
            await take(here, pin=pin)
            if told:
                await made.open()
                await until(lambda: here.desk.find(key()).offline is Offline.TOLD)
            cancelled = await here.desk.cancel("A-17", 0.05 if not told else 2.0)
            assert [one.kind for one in cancelled] == [Kind.REDEEM]
            if not told:
                await made.open()
            await until(lambda: here.desk.find(key()).state in {State.VOIDED, State.PUTBACK_DONE})
            assert here.desk.case(here.desk.find(key())) is None
        assert (made.portal.balances[NUMBER], sum(made.portal.losses.values())) == (1500, 0)


@pytest.mark.parametrize("paid", [False, True])
@pytest.mark.parametrize("step", ["accepted", "told", "closed"])
async def test_a_kill_at_each_step_ends_the_same(tmp_path: Path, step: str, paid: bool) -> None:
    """Leaving a till is a kill: nothing is said to anybody, and the next one has what is on the disk."""
    async with shop(tmp_path) as made:
        async with made.till() as here:
            await take(here)
        if step == "told":
            made.portal.plan = [Loss.AFTER]
            await made.open()
            async with made.till() as here:
                await until(lambda: made.portal.times("take") > 0)
            await made.close()
        if step == "closed":
            async with made.till() as here:
                await (here.desk.close if paid else here.desk.cancel)("A-17", 0.02)
        await made.open()
        async with made.till() as here:
            if step != "closed":
                await (here.desk.close if paid else here.desk.cancel)("A-17", 0.02)
            over = {State.CONFIRMED} if paid else {State.VOIDED, State.PUTBACK_DONE}
            await until(lambda: here.desk.find(key()).state in over)
        assert made.portal.balances[NUMBER] == (3000 if paid else 5000)
        assert made.portal.operations[key()][0] in ({"confirmed"} if paid else {"put_back", "voided"})


async def test_the_pin_can_be_opened_by_nobody_here(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        await take(here)
        sealed = here.journal.offline_pin(key())
        assert sealed is not None
        assert (here.journal.pin(key()), PIN in sealed.pin) == (None, False)
        await made.open()
        await until(lambda: here.desk.find(key()).offline is Offline.TOLD)
        assert here.journal.offline_pin(key()) is None


async def test_the_slip_says_that_nothing_was_checked(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        action = await take(here)
        slip = slip_of_action(action, here.desk.history(key()), "Shop")
        assert (slip.kind, slip.balance, slip.amount) == (SlipKind.UNCHECKED, None, Money(2000, EUR))
        words = " ".join(str(line) for line in build_slip(slip, Language.EN).lines)
        assert "not checked" in words
        assert NUMBER not in words


async def test_terms_that_are_withdrawn_count_at_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        limits = [here.desk.offline_limit]
        await here.desk.keep_terms(None)
        assert [*limits, here.desk.offline_limit] == [(2000, "EUR"), None]
        assert refusal(await take(here)) is Code.PORTAL_UNREACHABLE
        some = OfflineTerms.model_validate(
            LIMITS
            | {"in_maintenance": False, "currency": "EUR", "country": "276", "time_zone": "Europe/Berlin"}
            | {"key_id": "e" * 32, "public_key": "short"}
        )
        await here.desk.keep_terms(some)
        assert refusal(await take(here, 2)) is Code.PORTAL_UNREACHABLE, "a key that is none seals nothing"


async def test_a_portal_that_had_it_put_back_is_a_case_for_a_person(tmp_path: Path) -> None:
    async with shop(tmp_path) as made, made.till() as here:
        await take(here)
        made.portal.operations[key()] = ("voided", "", 0)
        await made.open()
        await until(lambda: here.desk.case(here.desk.find(key())) is Case.NOT_BOOKED)
