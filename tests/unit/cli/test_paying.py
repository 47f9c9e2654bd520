"""One payment in front of a person: every end has its exit code, and Ctrl-C never loses the card."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.house import PAID, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.cli.desks import Order, Unreachable
from tillbridge.cli.exits import Exit
from tillbridge.cli.local_desk import LocalDesk
from tillbridge.cli.paying import EVIDENCE_SECONDS, Cashier
from tillbridge.connector.api.bodies import AmountBody, PaymentBody
from tillbridge.connector.api.resources import PaymentResource
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Aborted, Declined, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.contract import LateResult
from tillbridge.runtime.manual import run_manual

ORDER = Order(PaymentBody(amount=AmountBody(minor=1000, currency="EUR")), "key-1")


@dataclass
class Seen:
    """A `Screen` that remembers."""

    stages: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def show(self, payment: PaymentResource) -> None:
        self.stages.append(payment.stage)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@dataclass
class Counter:
    """A cashier at an engine with one terminal."""

    terminal: Puppet
    desk: LocalDesk
    seen: Seen
    cashier: Cashier


def at_the_counter(
    folder: Path, scene: Callable[[Counter], Coroutine[Any, Any, None]], terminal: Puppet | None = None
) -> None:
    async def main() -> None:
        puppet, seen = terminal or Puppet(), Seen()
        async with house(folder, puppet) as engine:
            desk = LocalDesk(engine)
            await scene(Counter(puppet, desk, seen, Cashier(desk, seen)))

    run_manual(main())


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (PAID, Exit.APPROVED),
        (Declined(), Exit.DECLINED),
        (Aborted(), Exit.ABORTED),
        (LOST, Exit.IN_DOUBT),
    ],
)
def test_every_end_has_its_exit_code(tmp_path: Path, outcome: Outcome, code: Exit) -> None:
    async def scene(counter: Counter) -> None:
        counter.terminal.answers.put_nowait(outcome)
        assert await counter.cashier.take(ORDER) is code
        assert counter.seen.stages[0] == Stage.ACCEPTED
        assert counter.seen.stages[-1] == counter.cashier.payment.stage  # type: ignore[union-attr]

    at_the_counter(tmp_path, scene)


def test_what_never_started_says_so(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.terminal.answers.put_nowait(NotStarted(NotStartedReason.TERMINAL_SILENT))
        assert await counter.cashier.take(ORDER) is Exit.NOT_STARTED

    at_the_counter(tmp_path, scene, Puppet(sends=False))


def test_a_refusal_is_none_of_them(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.terminal.answers.put_nowait(LOST)
        await counter.cashier.take(ORDER)
        again = Cashier(counter.desk, counter.seen)
        with pytest.raises(BridgeError) as caught:
            await again.take(Order(ORDER.body, "key-2"))
        assert caught.value.code is Code.TERMINAL_LOCKED
        assert again.payment is None

    at_the_counter(tmp_path, scene)


def test_the_same_key_takes_no_second_payment(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.terminal.answers.put_nowait(PAID)
        await counter.cashier.take(ORDER)
        again = Cashier(counter.desk, counter.seen)
        assert await again.take(ORDER) is Exit.APPROVED
        assert again.payment is not None
        assert again.payment.replayed
        assert len(counter.terminal.taken) == 1

    at_the_counter(tmp_path, scene)


def test_evidence_that_comes_soon_is_waited_for(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.terminal.answers.put_nowait(LOST)
        asyncio.get_running_loop().call_later(
            EVIDENCE_SECONDS / 2, counter.terminal.lates.put_nowait, LateResult(PAID, amount=PAID.amount)
        )
        assert await counter.cashier.take(ORDER) is Exit.APPROVED
        assert "in_doubt" in counter.seen.stages

    at_the_counter(tmp_path, scene)


def test_ctrl_c_asks_the_terminal_and_waits_for_the_end(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(1, press_ctrl_c)
        loop.call_later(20, counter.terminal.answers.put_nowait, PAID)
        assert await counter.cashier.take(ORDER) is Exit.APPROVED, "the card was quicker"
        assert counter.terminal.aborted == [counter.terminal.taken[0].id]
        assert counter.seen.said[0].startswith("The payment goes on at the terminal")
        assert counter.seen.said[1].startswith("The terminal was asked to stop.")

    at_the_counter(tmp_path, scene)


def test_the_second_ctrl_c_leaves_it_in_doubt_and_says_so(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(1, press_ctrl_c)
        loop.call_later(2, press_ctrl_c)
        assert await counter.cashier.take(ORDER) is Exit.IN_DOUBT
        assert counter.seen.said[-1].startswith("Not waiting any longer.")
        assert counter.cashier.payment is not None
        assert counter.cashier.payment.stage is Stage.SENDING

    at_the_counter(tmp_path, scene)


def test_after_the_payment_ctrl_c_means_what_it_always_means(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        before = signal.getsignal(signal.SIGTERM)
        counter.terminal.answers.put_nowait(PAID)
        await counter.cashier.take(ORDER)
        assert signal.getsignal(signal.SIGTERM) is before

    at_the_counter(tmp_path, scene)


class Vanishing(LocalDesk):
    """A connector that is never seen again: before it said anything, or in the middle of the payment."""

    accepted = True

    async def pay(self, order: Order) -> AsyncIterator[PaymentResource]:
        if self.accepted:
            async for payment in super().pay(order):
                yield payment
                break
        raise Unreachable("the connector stopped answering")


@pytest.mark.parametrize("accepted", [True, False])
def test_a_connector_that_vanishes_leaves_the_payment_in_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], accepted: bool
) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet()) as engine:
            desk = Vanishing(engine)
            desk.accepted = accepted
            assert await Cashier(desk, Seen()).take(ORDER) is Exit.IN_DOUBT

    run_manual(main())
    assert capsys.readouterr().err == (
        "tillbridge: the connector stopped answering: nobody here can say what became of the payment\n"
    )
