"""The maker's acceptance steps (protocols/touchscreen/README.md, section 8), in their order, against our own door."""

import asyncio

from tests.support.touchscreen import REFERENCE, Shop, operation, shop, void_of
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Parent
from tillbridge.domain.outcome import Approved, BatchTotal, NotStarted, NotStartedReason, Side
from tillbridge.protocols.contract import HealthState, Unanswered
from tillbridge.runtime.manual import run_manual

REFUND = "a" * 32
FIVE = Money(500, EUR)


async def _probe(here: Shop) -> None:
    health = await here.terminal.health()
    assert health.state is HealthState.READY
    assert "version v2" in health.detail
    assert here.network.asked == ["info"] * 4 + ["terminal"]


async def _pay(here: Shop) -> None:
    async with asyncio.TaskGroup() as group:
        paying = group.create_task(here.sell())
        await asyncio.sleep(1.0)
        assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
        assert isinstance(await paying, Approved)
    assert isinstance(await here.terminal.inquire(operation()), Approved)


async def _reverse(here: Shop) -> None:
    assert isinstance(await here.perform(void_of(REFERENCE)), Approved)
    assert isinstance(await here.terminal.inquire(void_of(REFERENCE)), Approved)
    assert here.desk.ledger.balance("EUR") == 0


async def _refund(here: Shop) -> None:
    refund = operation(FIVE, Kind.REFUND, id="op-r", wire_reference=REFUND)
    assert isinstance(await here.perform(refund), Approved)
    assert isinstance(await here.terminal.inquire(refund), Approved)
    undone = operation(FIVE, Kind.VOID, id="op-u", wire_reference="b" * 32, parent=Parent(REFUND, Kind.REFUND, FIVE))
    refused = await here.perform(undone)
    assert isinstance(refused, NotStarted)
    assert refused.reason is NotStartedReason.CANNOT_EXPRESS


async def _close(here: Shop) -> None:
    closing = operation(None, Kind.RECONCILIATION, id="op-c", wire_reference="c" * 32)
    closed = await here.perform(closing)
    assert isinstance(closed, Approved)
    assert closed.totals == (
        BatchTotal(Side.DEBITS, 1, Money(1250, EUR)),
        BatchTotal(Side.CREDITS, 1, FIVE),
        BatchTotal(Side.ADJUSTMENTS, 1, Money(1250, EUR)),
    )
    assert here.desk.ledger.balance("EUR") == 1250 - 500 - 1250


def test_the_makers_acceptance_steps() -> None:
    async def main() -> None:
        async with shop(door={"versions": ["v2", "paya"]}, delay=4.0) as here:
            for step in (_probe, _pay, _reverse, _refund, _close):
                await step(here)
            assert here.network.asked.count("info") == 4, "the version was looked for once"
            assert here.network.asked.count("confirm") == 4, "every operation was confirmed once"

    run_manual(main())
