"""The power fails at every step of a redemption at another maker's provider, and at any of them again: in the end the
journal and the provider say the same, and nothing was ever taken twice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.voucher_provider import CARD, provider, wanted
from tests.unit.connector.vouchers.providers.shop import desk
from tests.unit.connector.vouchers.wire import key, until
from tillbridge.connector.vouchers.desk import VoucherDesk
from tillbridge.connector.vouchers.model import Case, Decision, State
from tillbridge.connector.vouchers.providers.asking import Balance, Fate, NotDone, Redeemed
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.sqlite import Connect, InlineCommitter, Job
from tillbridge.virtual.voucher_provider.books import Books, Card, Refused

STEPS = 200
"""More than a walk has; it ends where nothing is cut any more."""


@dataclass(slots=True)
class Power:
    """Fails at the steps of the plan: what waits then waits for ever, until everything is torn down."""

    plan: list[int]
    step: int = 0
    failed: asyncio.Event = field(default_factory=asyncio.Event)

    def fails(self) -> bool:
        """Whether it fails here; nothing at all happens from then on."""
        if self.failed.is_set():
            return True
        self.step += 1
        if self.plan and self.step == self.plan[0]:
            self.plan.pop(0)
            self.failed.set()
        return self.failed.is_set()

    def back(self) -> None:
        self.step, self.failed = 0, asyncio.Event()


class CutCommitter(InlineCommitter):
    """Writes, or does not, or does and tells nobody."""

    def __init__(self, connect: Connect, power: Power) -> None:
        super().__init__(connect)
        self._power = power

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        if self._power.fails():
            return asyncio.get_running_loop().create_future()
        told = super().submit(job, durable=durable)
        return asyncio.get_running_loop().create_future() if self._power.fails() else told


class CutAdapter:
    """The sandbox's books without a network between."""

    def __init__(self, books: Books, power: Power) -> None:
        self._books = books
        self._power = power
        self.redeemed = 0

    async def _cut(self) -> None:
        if self._power.fails():
            await asyncio.Event().wait()

    async def balance(self, number: str) -> Balance:
        await self._cut()
        said = self._books.balance(number)
        await self._cut()
        return Balance(bool(said["is_redeemable"]), int(str(said["balance_in_cents"])))

    async def redeem(self, number: str, pin: str | None, amount: int, reference: str | None) -> Redeemed:
        del pin
        await self._cut()
        self.redeemed += 1
        try:
            said = self._books.redeem(number, {"amount_in_cents": amount, "reference_number": reference})
        except Refused as refusal:
            raise NotDone(Fate.REFUSED, refusal.message, refusal.message) from None
        await self._cut()
        return Redeemed(int(str(said["balance_in_cents"])), str(said["redeem_token"]))

    async def cancel(self, number: str, token: str, amount: int, reference: str | None) -> int:
        await self._cut()
        asked = {"redeem_token": token, "amount_in_cents": amount, "reference_number": reference}
        try:
            said = self._books.cancel(number, asked)
        except Refused as refusal:
            raise NotDone(Fate.REFUSED, refusal.message, refusal.message) from None
        await self._cut()
        return int(str(said["balance_in_cents"]))

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Town:
    folder: Path
    provider: Provider
    books: Books
    power: Power

    @asynccontextmanager
    async def shop(self) -> AsyncIterator[tuple[VoucherDesk, CutAdapter]]:
        self.power.back()
        adapter = CutAdapter(self.books, self.power)
        async with desk(
            self.folder,
            self.provider,
            make_committer=lambda connect: CutCommitter(connect, self.power),
            opener=lambda _, __: adapter,
        ) as here:
            yield here, adapter

    @property
    def booked(self) -> bool:
        return any(one.back < one.amount for one in self.books.redemptions.values())


def town(folder: Path, plan: list[int], *, reverse: bool, idempotent: bool) -> Town:
    folder.mkdir()
    one = provider("http://localhost:9", reverse=reverse, idempotent_reference=idempotent)
    return Town(folder, one, Books([Card(CARD, 5000)], remembers=idempotent), Power(plan))


async def live(made: Town, *, cancel: bool) -> None:
    """One receipt from its redemption to its end, with as many starts as the plan has failures."""
    while True:
        async with made.shop() as (here, adapter), asyncio.TaskGroup() as group:
            day = group.create_task(one_day(made, here, cancel=cancel))
            dark = group.create_task(made.power.failed.wait())
            await asyncio.wait({day, dark}, return_when=asyncio.FIRST_COMPLETED)
            dark.cancel()
            day.cancel()
        if not day.cancelled():
            assert made.provider.profile.idempotent_reference or adapter.redeemed <= 1
            return


async def one_day(made: Town, here: VoucherDesk, *, cancel: bool) -> None:
    action = await here.ask(key(), wanted())
    if action.with_person and action.state is State.UNKNOWN:
        await until(lambda: (claim := here.find(key()).claim) is not None and claim.looked_at is not None)
        claim = here.find(key()).claim
        assert claim is not None
        # The evidence alone says what happened: nobody else spends from this card.
        assert made.booked is (claim.after != claim.before)
        word = Decision.BOOKED if made.booked else Decision.NOT_BOOKED
        action = await here.resolve(key(), word, "Ada", "both balances")
    elif action.state is State.REFUSED:
        assert not made.booked
    if cancel:
        with suppress(BridgeError):
            await here.cancel("A-17")
            action = here.find(key())
            if action.case is Case.PROVIDER_BACK:
                # The answer to the first put-back was lost, and this provider does not know it again.
                assert action.claim is not None
                assert action.claim.after == 5000
                await here.resolve(key(), Decision.NOTED, "Ada", "it is back: the balance says so")
            return
        assert action.claim is None or not action.claim.reversible
    await here.close("A-17")


def at_rest(made: Town, here: VoucherDesk) -> None:
    """What holds once nothing is under way."""
    assert len(made.books.redemptions) <= 1
    action = here.find(key())
    assert action.state is not State.PUTBACK_QUEUED or action.set_aside or action.with_person
    card = made.books.cards[CARD]
    match action.state:
        case State.CONFIRMED:
            assert (made.booked, card.balance, action.taken) == (True, 3000, 2000)
        case State.PUTBACK_DONE | State.REFUSED | State.VOIDED | State.PUTBACK_QUEUED:
            assert (made.booked, card.balance) == (False, 5000)
        case other:
            raise AssertionError(other)


async def walk(folder: Path, plan: list[int], *, reverse: bool, idempotent: bool, cancel: bool) -> bool:
    """Whether the plan was used up."""
    made = town(folder, plan, reverse=reverse, idempotent=idempotent)
    await live(made, cancel=cancel)
    left = bool(made.power.plan)
    made.power.plan.clear()
    async with made.shop() as (here, _):
        await until(lambda: not (action := here.find(key())).works or action.with_person)
        at_rest(made, here)
    return not left


async def fail_at_every_step(folder: Path, *, reverse: bool, idempotent: bool, cancel: bool) -> None:
    for step in range(1, STEPS):
        if not await walk(folder / str(step), [step], reverse=reverse, idempotent=idempotent, cancel=cancel):
            break
    assert 10 < step < STEPS - 1


@pytest.mark.parametrize("both", [False, True])
async def test_the_power_fails_at_every_step(tmp_path: Path, both: bool) -> None:
    """A receipt is cancelled where it can be, and finished where it cannot."""
    await fail_at_every_step(tmp_path, reverse=both, idempotent=both, cancel=True)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("reverse", "idempotent", "cancel"),
    [(False, False, False), (False, True, True), (False, True, False), (True, False, True), (True, True, False)],
)
async def test_the_power_fails_at_every_step_of_the_others(
    tmp_path: Path, reverse: bool, idempotent: bool, cancel: bool
) -> None:
    await fail_at_every_step(tmp_path, reverse=reverse, idempotent=idempotent, cancel=cancel)


async def fail_again_and_again(folder: Path, rounds: int, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(rounds):
        plan = [draw.randint(1, 14) for _ in range(draw.randint(2, 5))]
        kind = {"reverse": draw.random() < 0.5, "idempotent": draw.random() < 0.5}
        await walk(folder / str(number), plan, **kind, cancel=draw.random() < 0.5)


async def test_the_power_fails_again_while_it_recovers(tmp_path: Path) -> None:
    await fail_again_and_again(tmp_path, 12, seed=7)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_the_power_fails_all_year(tmp_path: Path, seed: int) -> None:
    await fail_again_and_again(tmp_path, 60, seed)


async def test_a_put_back_is_refused_while_the_provider_has_not_answered(tmp_path: Path) -> None:
    made = town(tmp_path / "one", [9], reverse=True, idempotent=True)
    async with made.shop() as (here, _), asyncio.TaskGroup() as group:
        asking = group.create_task(here.ask(key(), wanted()))
        await made.power.failed.wait()
        with pytest.raises(BridgeError) as refused:
            await here.put_back(key())
        assert refused.value.code is Code.VOUCHER_RUNNING
        asking.cancel()
