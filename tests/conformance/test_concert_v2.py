"""The Concert V2 driver against the Concert V2 door over the virtual terminal, on good lines and bad ones.

The virtual terminal's ledger is the judge: whatever the line does, nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_frames import MASKED_PAN, REFERENCE_REQUEST
from tests.support.concert_v2 import (
    TWELVE_FIFTY,
    MemoryLine,
    Shop,
    assert_no_lie,
    driver_settings,
    money_taken,
    shop,
    told_to_till,
)
from tests.support.slow_lines import SLOW_LINES
from tests.support.wires import JOURNAL, TILL
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Progress
from tillbridge.domain.outcome import Approved, Declined, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols.contract import Fault
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility
from tillbridge.virtual.scenarios import Declines, Scenario
from tillbridge.virtual.script import Step

BYTES_TO_TILL = 1 + 1 + 1 + 28 + 1
BYTES_TO_TERMINAL = 1 + 37 + 1 + 1 + 1
LONG_REPLY = 83 - 28
AFTERWARDS = 120.0
"""Seconds of manual time after the operation in which late replies may come and every wait runs out."""

REFUSING = Step(Scenario("refuse", "declined", Declines()))


def test_a_sale_is_approved_and_told_in_order() -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert outcome.amount == TWELVE_FIFTY
            await asyncio.sleep(AFTERWARDS)
            assert line.trace == [
                (JOURNAL, "sending"),
                (TILL, b"\x05"),
                (TILL, REFERENCE_REQUEST),
                (TILL, b"\x04"),
                (TILL, b"\x06"),
                (JOURNAL, "outcome"),
                (TILL, b"\x06"),
            ]
            assert here.journal.outcomes == [outcome]
            assert here.journal.seen == [Progress.CONNECTING, Progress.WAITING_FOR_CARD]
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_a_refusal_is_acknowledged_like_an_acceptance() -> None:
    async def main() -> None:
        async with shop(MemoryLine()) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(wire_reason="7")
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True]
            assert money_taken(here.desk) == 0

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.SALE, Kind.AUTHORIZATION, Kind.REFUND, Kind.VOID])
def test_every_kind_reaches_the_desk_as_itself(kind: Kind) -> None:
    async def main() -> None:
        async with shop(MemoryLine()) as here:
            await here.sell(kind=kind, register="42")
            (row,) = here.desk.ledger.rows
            assert (row.kind, row.register_number, row.asked_minor) == (kind, "42", 1250)
            assert row.caller == "concert-v2:till-1"
            assert (row.key, row.order_id) == (None, None)

    run_manual(main())


@pytest.mark.parametrize("online", [False, True])
def test_forced_online_authorisation_reaches_the_desk(online: bool) -> None:
    async def main() -> None:
        async with shop(MemoryLine()) as here:
            await here.sell(online=online)
            assert [row.online for row in here.desk.ledger.rows] == [online]

    run_manual(main())


def test_a_currency_without_decimals_is_not_multiplied() -> None:
    async def main() -> None:
        line = MemoryLine()
        yen = Money(1250, currency("JPY"))
        async with shop(line) as here:
            outcome = await here.sell(amount=yen)
            assert isinstance(outcome, Approved)
            assert outcome.amount == yen
            assert b"0100001250" in line.from_till
            assert b"392" in line.from_till

    run_manual(main())


def test_the_long_reply_brings_the_masked_card() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), driver=driver_settings(ask_card_report=True)) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert outcome.card is not None
            assert outcome.card.masked_pan == MASKED_PAN

    run_manual(main())


@pytest.mark.parametrize("dialect", ["e", "e+"])
def test_both_dialects_work_one_sale_behind_the_other(dialect: str) -> None:
    async def main() -> None:
        line = MemoryLine()
        async with shop(line, driver=driver_settings(dialect=dialect)) as here:
            for _ in range(3):
                assert isinstance(await here.sell(), Approved)
            assert money_taken(here.desk) == 3 * 1250
            assert asyncio.get_running_loop().time() == 0
            assert line.openings == 1

    run_manual(main())


# ---------------------------------------------------------------- bad lines


@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
@pytest.mark.parametrize("hostility", SLOW_LINES)
@pytest.mark.parametrize("seed", range(5))
def test_slow_lines_change_nothing(hostility: Hostility, refusing: bool, seed: int) -> None:
    async def main() -> None:
        async with shop(MemoryLine(hostility, seed=seed)) as here:
            if refusing:
                here.desk.script.set(REFUSING)
            outcome = await here.sell()
            assert isinstance(outcome, Declined if refusing else Approved)
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


async def _sell_on(hostility: Hostility, *, long_reply: bool, delay: float) -> Shop:
    settings = driver_settings(ask_card_report=long_reply)
    async with shop(MemoryLine(hostility), driver=settings, delay=delay) as here:
        outcome = await here.sell()
        await asyncio.sleep(AFTERWARDS)
        assert_no_lie(here, outcome)
        here.outcome = outcome
        return here


@pytest.mark.parametrize("delay", [0.0, 5.0], ids=["at once", "after five seconds"])
@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
@pytest.mark.parametrize("long_reply", [False, True], ids=["short reply", "long reply"])
class TestTheLineCutAtEveryByte:
    def test_toward_the_terminal(self, heard: bool, long_reply: bool, delay: float) -> None:
        for place in range(BYTES_TO_TERMINAL + 1):
            hostility = Hostility(cut_after_bytes_out=place, heard=heard)
            here = run_manual(_sell_on(hostility, long_reply=long_reply, delay=delay))
            if place == 0 and not heard:
                assert isinstance(here.outcome, NotStarted)
            if 2 <= place < 38:
                assert isinstance(here.outcome, InDoubt), place
                assert money_taken(here.desk) == 0

    def test_toward_the_till(self, heard: bool, long_reply: bool, delay: float) -> None:
        last = BYTES_TO_TILL + (LONG_REPLY if long_reply else 0)
        for place in range(last + 1):
            hostility = Hostility(cut_after_bytes_in=place, heard=heard)
            here = run_manual(_sell_on(hostility, long_reply=long_reply, delay=delay))
            if 2 <= place < last - 1:
                assert isinstance(here.outcome, InDoubt), place
            if place >= last - 1:
                assert isinstance(here.outcome, Approved)


@pytest.mark.parametrize("seed", range(40))
def test_a_line_that_garbles_bytes_brings_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(MemoryLine(Hostility(garble=0.03, split=(1, 9)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome, garbled=True)

    run_manual(main())


# ---------------------------------------------------------------- a simulator's faults

EXPECTED = {
    Fault.DROP_ON_REQUEST: InDoubt,
    Fault.DROP_BEFORE_ANSWER: InDoubt,
    Fault.DROP_IN_ANSWER: InDoubt,
    Fault.DROP_LAST_BYTE: InDoubt,
    Fault.NEVER_ANSWER: InDoubt,
    Fault.WRONG_AMOUNT: InDoubt,
    Fault.WRONG_CURRENCY: InDoubt,
    Fault.WRONG_REGISTER: InDoubt,
    Fault.AMOUNT_ZERO: InDoubt,
    Fault.GARBAGE_BEFORE_ANSWER: Approved,
    Fault.BYTE_BY_BYTE: Approved,
    Fault.BUSY: Approved,
    Fault.SILENT_TO_ENQ: Approved,
    Fault.NAK_ENQ: Approved,
    Fault.NAK_FRAME: Approved,
    Fault.SILENT_AFTER_FRAME: InDoubt,
    Fault.BAD_LRC: Approved,
    Fault.NO_FINAL_EOT: Approved,
    Fault.ENQ_TWICE: Approved,
    Fault.EOT_INSTEAD_OF_ANSWER: InDoubt,
}
"""What one strike of each fault leaves of a sale."""

ALWAYS = {
    Fault.BUSY: NotStartedReason.TERMINAL_SILENT,
    Fault.SILENT_TO_ENQ: NotStartedReason.TERMINAL_SILENT,
    Fault.NAK_ENQ: NotStartedReason.TERMINAL_BUSY,
    Fault.NAK_FRAME: NotStartedReason.TERMINAL_REFUSED_MESSAGE,
    Fault.BAD_LRC: DoubtReason.ANSWER_UNREADABLE,
    Fault.WRONG_AMOUNT: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_CURRENCY: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_REGISTER: DoubtReason.ANSWER_MISMATCH,
    Fault.AMOUNT_ZERO: DoubtReason.ANSWER_MISMATCH,
    Fault.EOT_INSTEAD_OF_ANSWER: DoubtReason.NO_ANSWER,
    Fault.NEVER_ANSWER: DoubtReason.NO_ANSWER,
    Fault.SILENT_AFTER_FRAME: DoubtReason.NO_ANSWER,
    Fault.DROP_BEFORE_ANSWER: DoubtReason.LINE_LOST,
}


@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        async with shop(MemoryLine(), {fault: 1}) as here:
            outcome = await here.sell()
            assert type(outcome) is EXPECTED[fault]
            await asyncio.sleep(AFTERWARDS)
            if fault not in (Fault.AMOUNT_ZERO, Fault.WRONG_AMOUNT, Fault.WRONG_CURRENCY, Fault.WRONG_REGISTER):
                assert_no_lie(here, outcome)
            assert here.journal.outcomes == [outcome]
            assert money_taken(here.desk) == (0 if fault is Fault.DROP_ON_REQUEST else 1250)

    run_manual(main())


def test_a_cancel_without_an_amount_is_a_cancel() -> None:
    async def main() -> None:
        async with shop(MemoryLine(), {Fault.AMOUNT_ZERO: 1}) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(wire_reason="7")
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True]
            assert money_taken(here.desk) == 0

    run_manual(main())


@pytest.mark.parametrize(("fault", "reason"), ALWAYS.items(), ids=str)
def test_a_fault_that_stays_is_named(fault: Fault, reason: NotStartedReason | DoubtReason) -> None:
    async def main() -> None:
        async with shop(MemoryLine(), {fault: 1000}) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted | InDoubt)
            assert outcome.reason is reason
            assert outcome.detail
            if isinstance(outcome, NotStarted):
                assert not here.desk.ledger.rows

    run_manual(main())
