"""The Concert V3 driver against a simulator's faults: each ends in the truth or in doubt, and the status settles it."""

import asyncio

import pytest

from tests.support.concert_v3 import (
    AFTERWARDS,
    REFUSING,
    Network,
    assert_no_lie,
    money_taken,
    operation,
    shop,
    told_to_till,
)
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
)
from tillbridge.protocols.contract import Fault, Recovery
from tillbridge.runtime.manual import run_manual

EXPECTED = {
    Fault.DROP_ON_REQUEST: DoubtReason.LINE_LOST,
    Fault.DROP_BEFORE_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_IN_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_LAST_BYTE: DoubtReason.LINE_LOST,
    Fault.NEVER_ANSWER: DoubtReason.NO_ANSWER,
    Fault.WRONG_AMOUNT: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_CURRENCY: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_REGISTER: DoubtReason.ANSWER_MISMATCH,
    Fault.GARBAGE_BEFORE_ANSWER: DoubtReason.ANSWER_UNREADABLE,
    Fault.BYTE_BY_BYTE: None,
    Fault.HOLD_OPEN: None,
    Fault.SPLIT_BETWEEN_TAGS: None,
    Fault.TRAILING_CRLF: None,
    Fault.UNKNOWN_TAG: None,
    Fault.DUPLICATE_TAG: None,
    Fault.AMOUNT_ABSENT: DoubtReason.ANSWER_UNREADABLE,
    Fault.AMOUNT_ZERO: DoubtReason.ANSWER_MISMATCH,
    Fault.AMOUNT_PADDED: None,
}
"""What one strike of each fault leaves of an approved sale: a doubt, or (None) the approval."""

UNTOLD = {
    Fault.DROP_ON_REQUEST,
    Fault.DROP_BEFORE_ANSWER,
    Fault.DROP_IN_ANSWER,
    Fault.DROP_LAST_BYTE,
    Fault.NEVER_ANSWER,
    Fault.GARBAGE_BEFORE_ANSWER,
}


@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            outcome = await here.sell()
            reason = EXPECTED[fault]
            if reason is None:
                assert isinstance(outcome, Approved)
            else:
                assert isinstance(outcome, InDoubt)
                assert outcome.reason is reason
                assert outcome.detail
            assert here.journal.outcomes == [outcome]
            await asyncio.sleep(2 * AFTERWARDS)
            assert_no_lie(here, outcome)
            assert money_taken(here.desk) == (0 if fault is Fault.DROP_ON_REQUEST else 1250)
            if fault is not Fault.DROP_ON_REQUEST:
                assert told_to_till(here.desk) == [fault not in UNTOLD]

    run_manual(main())


@pytest.mark.parametrize("fault", [Fault.AMOUNT_ABSENT, Fault.AMOUNT_ZERO, Fault.WRONG_AMOUNT, Fault.AMOUNT_PADDED])
def test_a_refusal_with_any_amount_is_a_refusal(fault: Fault) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(DeclineReason.REFUSED, "04")

    run_manual(main())


def test_busy_is_told_and_nothing_is_taken() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.BUSY: 1}) as here:
            assert await here.sell() == Declined(DeclineReason.FAILED, "07")
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_terminal_that_keeps_the_line_costs_one_quiet_time() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.HOLD_OPEN: 1}) as here:
            assert isinstance(await here.sell(), Approved)
            assert asyncio.get_running_loop().time() == pytest.approx(0.6)

    run_manual(main())


DOUBTFUL = [fault for fault, reason in EXPECTED.items() if reason is not None and fault is not Fault.DROP_ON_REQUEST]


@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
@pytest.mark.parametrize("fault", DOUBTFUL, ids=str)
def test_the_status_settles_a_doubt(fault: Fault, refusing: bool) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            if refusing:
                here.desk.script.set(REFUSING)
            outcome = await here.sell()
            said = await here.terminal.inquire(operation())
            assert isinstance(said, Declined if refusing else Approved)
            assert here.terminal.capabilities.recovery is Recovery.BY_ID
            assert_no_lie(here, outcome)
            assert_no_lie(here, said)

    run_manual(main())
