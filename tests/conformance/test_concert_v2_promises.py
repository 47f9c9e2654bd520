"""What the Concert V2 driver promises besides the sale itself: late replies, a failing journal, signs of life."""

import asyncio

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST
from tests.support.concert_v2 import (
    TWELVE_FIFTY,
    Journal,
    MemoryLine,
    assert_no_lie,
    driver_settings,
    money_taken,
    operation,
    shop,
    told_to_till,
)
from tests.support.wires import TILL
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols.contract import AbortReply, Fault, HealthState, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility

BYTES_TO_TERMINAL = 1 + 37 + 1 + 1 + 1
AFTERWARDS = 120.0
"""Seconds of manual time after the operation in which late replies may come and every wait runs out."""


def test_a_late_reply_settles_what_was_in_doubt() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), {Fault.SILENT_AFTER_FRAME: 1}, delay=30) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert not here.late
            await asyncio.sleep(AFTERWARDS)
            (late,) = here.late
            assert isinstance(late.outcome, Approved)
            assert (late.register, late.amount, late.wire_reference) == ("01", TWELVE_FIFTY, None)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_a_customer_slower_than_the_till_ends_in_a_late_reply() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), delay=300) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert asyncio.get_running_loop().time() == 180
            await asyncio.sleep(180)
            assert [type(late.outcome) for late in here.late] == [Approved]
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_a_late_reply_that_nobody_keeps_is_not_acknowledged() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line, delay=300, listens_late=False) as here:
            assert isinstance(await here.sell(), InDoubt)
            late = here.terminal.late()
            result = await anext(late)
            assert isinstance(result.outcome, Approved)
            await asyncio.sleep(2.0)
            assert line.trace[-1] == (TILL, b"\x06")
            before = len(line.trace)
            await late.aclose()
            await asyncio.sleep(AFTERWARDS)
            assert len(line.trace) == before
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_late_reply_is_acknowledged_once_the_next_one_is_asked_for() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), delay=300, listens_late=False) as here:
            assert isinstance(await here.sell(), InDoubt)
            late = here.terminal.late()
            await anext(late)
            await asyncio.sleep(2.0)
            assert told_to_till(here.desk) == [None]
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(anext(late, None))
                await asyncio.sleep(1.0)
                assert told_to_till(here.desk) == [True]
                await here.terminal.close()
                assert await asking is None

    run_manual(main())


def test_a_lost_line_is_opened_again_and_brings_the_late_reply() -> None:
    async def main() -> None:
        line = MemoryLine(Hostility(cut_after_bytes_in=2))
        async with shop(line, delay=20) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.LINE_LOST
            await asyncio.sleep(AFTERWARDS)
            assert line.openings == 2
            assert [type(late.outcome) for late in here.late] == [Approved]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_a_line_that_was_dead_all_night_costs_no_sale() -> None:
    async def main() -> None:
        line = MemoryLine(Hostility(cut_after_bytes_out=BYTES_TO_TERMINAL + 1))
        async with shop(line, listens_late=False) as here:
            assert isinstance(await here.sell(), Approved)
            await asyncio.sleep(AFTERWARDS)
            # The second sale's ENQ is the byte that finds the line dead.
            assert isinstance(await here.sell(), Approved)
            assert line.openings == 2
            assert money_taken(here.desk) == 2 * 1250

    run_manual(main())


# ---------------------------------------------------------------- the journal fails, the till gives up


def test_nothing_is_sent_when_the_intent_cannot_be_kept() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(line.trace, fails_at="sending"))
            await asyncio.sleep(AFTERWARDS)
            assert line.trace == []
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_nothing_is_acknowledged_when_the_outcome_cannot_be_kept() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(line.trace, fails_at="outcome"))
            await asyncio.sleep(AFTERWARDS)
            assert line.from_till == b"\x05" + REFERENCE_REQUEST + b"\x04\x06"
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_an_outcome_that_is_kept_too_late_is_not_acknowledged_to_a_later_session() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            outcome = await here.terminal.perform(operation(), Journal(line.trace, slow=10.0))
            assert isinstance(outcome, Approved)
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [False]
            assert line.from_till == b"\x05" + REFERENCE_REQUEST + b"\x04\x06"

    run_manual(main())


@pytest.mark.parametrize("after", [0.0, 1.0, 4.0, 29.0])
def test_a_cancelled_operation_is_still_heard(after: float) -> None:
    async def main() -> None:
        async with shop(MemoryLine(), delay=30) as here:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(after):
                    await here.sell()
            await asyncio.sleep(AFTERWARDS)
            assert len(here.late) == len(here.desk.ledger.rows)
            assert all(isinstance(late.outcome, Approved) for late in here.late)
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_a_result_whose_keeping_was_cancelled_comes_again_as_a_late_one() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await here.terminal.perform(operation(), Journal(line.trace, slow=1.0))
            await asyncio.sleep(AFTERWARDS)
            assert [type(late.outcome) for late in here.late] == [Approved]
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_closing_in_the_middle_ends_in_doubt() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), delay=30) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.sell())
            await asyncio.sleep(1)
            await here.terminal.close()
            assert await selling == InDoubt(DoubtReason.CONNECTOR_STOPPED, "the connector stopped before the reply")

    run_manual(main())


def test_no_line_means_not_started_and_nothing_in_the_journal() -> None:
    async def main() -> None:
        line = MemoryLine()
        line.plugged = False
        async with shop(line, listens_late=False) as here:
            assert await here.sell() == NotStarted(NotStartedReason.NETWORK_UNAVAILABLE, "the cable is not plugged in")
            assert line.trace == []
            health = await here.terminal.health()
            assert (health.state, health.detail) == (HealthState.UNREACHABLE, "the cable is not plugged in")

    run_manual(main())


# ---------------------------------------------------------------- the rest of the promises


def test_a_sign_of_life_moves_nothing() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            assert (await here.terminal.health()).state is HealthState.READY
            await asyncio.sleep(1)
            assert line.from_till == b"\x05\x04"
            assert not here.desk.ledger.rows

    run_manual(main())


@pytest.mark.parametrize(
    ("fault", "state"), [(Fault.BUSY, HealthState.SILENT), (Fault.NAK_ENQ, HealthState.BUSY)], ids=str
)
def test_a_terminal_that_gives_no_sign_of_life(fault: Fault, state: HealthState) -> None:
    async def main() -> None:
        async with shop(MemoryLine(), {fault: 1}) as here:
            assert (await here.terminal.health()).state is state
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_a_working_terminal_is_neither_probed_nor_stopped() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line, delay=30) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.sell())
            await asyncio.sleep(1)
            sent = line.from_till
            assert (await here.terminal.health()).state is HealthState.BUSY
            assert await here.terminal.abort("op-1") is AbortReply.CANNOT
            assert await here.terminal.abort("op-2") is AbortReply.NOT_RUNNING
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            refused = await here.terminal.perform(operation(), Journal())
            assert isinstance(refused, NotStarted)
            assert refused.reason is NotStartedReason.TERMINAL_BUSY
            assert line.from_till == sent
            assert isinstance(await selling, Approved)
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            await here.terminal.settle(operation())

    run_manual(main())


@pytest.mark.parametrize(
    "different",
    [
        {"kind": Kind.CAPTURE},
        {"kind": Kind.RECONCILIATION, "amount": None},
        {"amount": Money(0, EUR)},
        {"amount": Money(100_000_000, EUR)},
        {"register": "00"},
        {"register": "7"},
    ],
    ids=str,
)
def test_what_the_wire_cannot_say_is_not_started(different: dict[str, object]) -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            outcome = await here.sell(**different)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert line.trace == []

    run_manual(main())


def test_protocol_e_cannot_force_online() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), driver=driver_settings(dialect="e")) as here:
            assert not here.terminal.capabilities.online_flag
            outcome = await here.sell(online=True)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS

    run_manual(main())
