"""Concert V3 when the answer is late, the journal fails, or the terminal is not there: what is kept of it."""

import asyncio

import pytest

from tests.support.concert_v3 import (
    AFTERWARDS,
    REFERENCE,
    TWELVE_FIFTY,
    Network,
    assert_no_lie,
    money_taken,
    operation,
    shop,
    told_to_till,
)
from tests.support.wires import CONNECT, JOURNAL, Journal
from tillbridge.domain.outcome import (
    Approved,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
)
from tillbridge.protocols.contract import Fault, HealthState, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility


def test_the_status_of_a_running_payment_is_that_it_runs() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, delay=500) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert len(network.ends) == 1
            network.ends[0].cut()
            assert isinstance(await selling, InDoubt)
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert here.terminal.capabilities.recovery is Recovery.BY_ID
            await asyncio.sleep(500)
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_customer_slower_than_the_till_ends_in_a_late_answer() -> None:
    async def main() -> None:
        async with shop(Network(), delay=300) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert asyncio.get_running_loop().time() == 180
            assert (await here.terminal.health()).state is HealthState.BUSY
            await asyncio.sleep(180)
            (late,) = here.late
            assert isinstance(late.outcome, Approved)
            assert (late.register, late.amount, late.wire_reference) == ("01", TWELVE_FIFTY, REFERENCE)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_whoever_stops_waiting_still_hears_the_answer() -> None:
    async def main() -> None:
        async with shop(Network(), delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            selling.cancel()
            await asyncio.wait({selling})
            assert selling.cancelled()
            assert here.journal.outcomes == []
            await asyncio.sleep(60)
            assert [type(late.outcome) for late in here.late] == [Approved]
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_a_new_operation_ends_the_wait_for_an_old_answer() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.NEVER_ANSWER: 1}) as here:
            assert isinstance(await here.sell(), InDoubt)
            again = await here.sell(id="op-2", wire_reference="f" * 32)
            assert isinstance(again, Approved)
            assert money_taken(here.desk) == 2 * 1250

    run_manual(main())


def test_nothing_is_sent_when_the_intent_cannot_be_kept() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="sending"))
            await asyncio.sleep(AFTERWARDS)
            assert network.trace == []
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_an_outcome_that_cannot_be_kept_is_not_returned() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="outcome"))
            await asyncio.sleep(AFTERWARDS)
            assert money_taken(here.desk) == 1250

    run_manual(main())


def test_a_refused_connection_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            network.answering = None
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
            assert "refused the connection" in outcome.detail
            assert network.trace == [(JOURNAL, "sending"), (CONNECT, None), (JOURNAL, "outcome")]
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE

    run_manual(main())


def test_a_line_that_is_gone_before_the_first_byte_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        async with shop(Network(Hostility(cut_after_bytes_out=0))) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome)

    run_manual(main())


def test_closing_the_driver_leaves_a_running_payment_in_doubt() -> None:
    async def main() -> None:
        async with shop(Network(), delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            await here.terminal.close()
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.CONNECTOR_STOPPED
            closed = await here.sell(id="op-2")
            assert isinstance(closed, NotStarted)
            assert closed.reason is NotStartedReason.CONNECTOR_STOPPED

    run_manual(main())
