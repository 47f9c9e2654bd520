"""The Concert V3 driver against the Concert V3 door on bad lines: slow, garbling, and cut at every byte.

The virtual terminal's ledger is the judge: whatever the line does, nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_v3 import (
    AFTERWARDS,
    ANSWER,
    REFUSAL,
    REFUSING,
    REQUEST,
    Network,
    Shop,
    assert_no_lie,
    operation,
    shop,
    told_to_till,
)
from tests.support.slow_lines import SLOW_LINES
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NotStarted,
)
from tillbridge.protocols.concert.tlv import decode
from tillbridge.protocols.contract import Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility


@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
@pytest.mark.parametrize("hostility", SLOW_LINES)
@pytest.mark.parametrize("seed", range(5))
def test_slow_lines_change_nothing(hostility: Hostility, refusing: bool, seed: int) -> None:
    async def main() -> None:
        async with shop(Network(hostility, seed=seed)) as here:
            if refusing:
                here.desk.script.set(REFUSING)
            outcome = await here.sell()
            assert isinstance(outcome, Declined if refusing else Approved)
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("seed", range(20))
def test_pauses_longer_than_the_quiet_time_bring_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(Network(Hostility(split=(1, 30), delay=(0.2, 1.5)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("seed", range(60))
def test_a_line_that_garbles_bytes_brings_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(Network(Hostility(garble=0.01, split=(1, 9)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            if b"CB0041250CD0010CE003978" in here.network.from_till:
                assert_no_lie(here, outcome)
            assert len(here.desk.ledger.rows) <= 1

    run_manual(main())


async def _sell_on(hostility: Hostility, *, refusing: bool, delay: float) -> Shop:
    async with shop(Network(hostility), delay=delay) as here:
        if refusing:
            here.desk.script.set(REFUSING)
        here.outcome = await here.sell()
        await asyncio.sleep(AFTERWARDS)
        assert_no_lie(here, here.outcome)
        said = await here.terminal.inquire(operation())
        if not isinstance(said, Unanswered):
            assert_no_lie(here, said)
        return here


def _enough(answer: bytes, last_needed: bytes) -> set[int]:
    """Where the answer may end and still prove its outcome: between two elements, behind the last one that counts."""
    ends = [0]
    for element in decode(answer):
        ends.append(ends[-1] + len(element.encoded()))
    return {end for end in ends if end >= answer.index(last_needed) + len(last_needed)}


@pytest.mark.parametrize("delay", [0.0, 5.0], ids=["at once", "after five seconds"])
@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
class TestTheLineCutAtEveryByte:
    def test_toward_the_terminal(self, heard: bool, refusing: bool, delay: float) -> None:
        for place in range(len(REQUEST) + 1):
            hostility = Hostility(cut_after_bytes_out=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place > 0 or not heard:
                assert isinstance(here.outcome, InDoubt), place
            if place < REQUEST.index(b"CF032"):
                assert not here.desk.ledger.rows, place

    def test_toward_the_till(self, heard: bool, refusing: bool, delay: float) -> None:
        answer = REFUSAL if refusing else ANSWER
        for place in range(len(answer) + 1):
            hostility = Hostility(cut_after_bytes_in=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place in _enough(answer, b"CD0010" if refusing else b"CE003978"):
                assert isinstance(here.outcome, Declined if refusing else Approved), place
            else:
                assert isinstance(here.outcome, InDoubt if place > 0 or not heard else NotStarted), place
