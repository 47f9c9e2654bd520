"""Law 1 on a bad day: a disk that is full or failing, before and after the terminal has worked."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.engine.failing_disk import Disk
from tests.unit.engine.house import MINUTE, PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import DoubtReason, InDoubt, MoneyMoved, NotStarted, NotStartedReason
from tillbridge.protocols.contract import LateResult
from tillbridge.runtime.manual import run_manual


def test_a_payment_costs_two_flushes(tmp_path: Path) -> None:
    async def main() -> None:
        disk, puppet = Disk(), Puppet()
        async with house(tmp_path, puppet, make_committer=disk.committer) as engine:
            puppet.answers.put_nowait(PAID)
            payment = await engine.wait((await engine.start(ask(order_id="1", key="k"))).id, MINUTE)
            await engine.delivered(payment.id, "till", reached=True)
            assert disk.flushes == 2

    run_manual(main())


def test_nothing_is_sent_while_the_disk_takes_no_intent(tmp_path: Path) -> None:
    async def main() -> None:
        disk, puppet = Disk(), Puppet()
        async with house(tmp_path, puppet, make_committer=disk.committer) as engine:
            disk.broken = True
            payment = await engine.wait((await engine.start(ask(order_id="1"))).id, MINUTE)
            assert isinstance(payment.outcome, NotStarted)
            assert payment.outcome.reason is NotStartedReason.JOURNAL_UNAVAILABLE
            assert (payment.money_moved, puppet.taken) == (MoneyMoved.NO, [])
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask(order_id="1"))
            assert refusal.value.code is Code.JOURNAL_UNAVAILABLE
            disk.broken = False
            puppet.answers.put_nowait(PAID)
            again = await engine.wait((await engine.start(ask(order_id="1"))).id, MINUTE)
            assert again.outcome == PAID
            assert [operation.id for operation in puppet.taken] == [again.id]

    run_manual(main())


def test_an_outcome_that_is_not_on_disk_is_told_to_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        disk, puppet = Disk(), Puppet()
        async with house(tmp_path, puppet, make_committer=disk.committer) as engine:
            payment = await engine.start(ask())
            await asyncio.sleep(1)
            disk.broken = True
            puppet.answers.put_nowait(PAID)
            told = await engine.wait(payment.id, MINUTE)
            assert isinstance(told.outcome, InDoubt)
            assert told.outcome.reason is DoubtReason.JOURNAL_UNAVAILABLE
            assert puppet.acknowledged == []
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask())
            assert refusal.value.code is Code.JOURNAL_UNAVAILABLE
            disk.broken = False
            await asyncio.sleep(5)
            assert (await engine.inquire(payment.id)).outcome == PAID
            assert engine.in_doubt() == []

    run_manual(main())


def test_an_unwritten_outcome_is_in_doubt_after_a_restart_and_the_repeat_of_the_terminal_closes_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        disk, puppet = Disk(), Puppet()
        async with house(tmp_path, puppet, make_committer=disk.committer) as engine:
            payment = await engine.start(ask())
            await asyncio.sleep(1)
            disk.broken = True
            puppet.answers.put_nowait(PAID)
            await engine.wait(payment.id, MINUTE)
        repeating = Puppet()
        async with house(tmp_path, repeating) as engine:
            assert (await engine.inquire(payment.id)).stage is Stage.IN_DOUBT
            repeating.lates.put_nowait(LateResult(PAID, "01", PAID.amount))
            await asyncio.sleep(1)
            assert (await engine.inquire(payment.id)).outcome == PAID

    run_manual(main())


def test_a_late_result_is_not_acknowledged_while_the_disk_fails(tmp_path: Path) -> None:
    async def main() -> None:
        disk, puppet = Disk(), Puppet()
        async with house(tmp_path, puppet, make_committer=disk.committer) as engine:
            payment = await engine.start(ask())
            await asyncio.sleep(1)
            puppet.answers.put_nowait(InDoubt(DoubtReason.LINE_LOST))
            await engine.wait(payment.id, MINUTE)
            puppet.acknowledged.clear()
            disk.broken = True
            puppet.lates.put_nowait(LateResult(PAID, "01", PAID.amount))
            await asyncio.sleep(1)
            assert puppet.acknowledged == []
            disk.broken = False
            puppet.lates.put_nowait(LateResult(PAID, "01", PAID.amount))
            await asyncio.sleep(60)
            assert (await engine.inquire(payment.id)).outcome == PAID
            assert len(puppet.acknowledged) == 1

    run_manual(main())
