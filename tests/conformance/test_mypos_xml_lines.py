"""The myPOS XML driver against the myPOS XML door on bad lines: slow, garbling, and cut at every byte.

The virtual terminal's ledger is the judge: whatever the line does, nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_v3 import told_to_till
from tests.support.mypos import (
    AFTERWARDS,
    PAY,
    REFUSING,
    Network,
    Shop,
    assert_no_lie,
    driver_settings,
    shop,
)
from tests.support.slow_lines import SLOW_LINES
from tillbridge.domain.outcome import Approved, Declined, InDoubt, NotStarted
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility

APPROVED = len("<payresp>\n  <result>OK</result>\n  <ref></ref>\n</payresp>\n") + 32
DECLINED = len(
    "<payresp>\n  <result>ERROR</result>\n  <status>2</status>\n  <status_text>TRANSACTION_DECLINED</status_text>\n"
    "  <ref></ref>\n</payresp>\n"
)


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


@pytest.mark.parametrize("seed", range(60))
def test_a_line_that_garbles_bytes_brings_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(Network(Hostility(garble=0.01, split=(1, 9)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            if b"<sum>12.50</sum>" in here.network.from_till:
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
        return here


@pytest.mark.parametrize("delay", [0.0, 5.0], ids=["at once", "after five seconds"])
@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
class TestTheLineCutAtEveryByte:
    def test_toward_the_terminal(self, heard: bool, refusing: bool, delay: float) -> None:
        for place in range(len(PAY) + 1):
            hostility = Hostility(cut_after_bytes_out=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place == 0 and heard:
                # It dies before the request: a second connection is tried, because nothing was sent.
                assert isinstance(here.outcome, Declined if refusing else Approved)
            else:
                assert isinstance(here.outcome, InDoubt), place
            whole = place >= len(PAY) - 1 or (place == 0 and heard)
            assert len(here.desk.ledger.rows) == int(whole), place

    def test_toward_the_till(self, heard: bool, refusing: bool, delay: float) -> None:
        length = DECLINED if refusing else APPROVED
        for place in range(length + 1):
            hostility = Hostility(cut_after_bytes_in=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place >= length - 1 or (place == 0 and heard):
                assert isinstance(here.outcome, Declined if refusing else Approved), place
            else:
                assert isinstance(here.outcome, InDoubt), place


@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
@pytest.mark.parametrize("toward_till", [True, False])
def test_a_kept_line_that_is_cut_in_the_second_sale_brings_no_lie(toward_till: bool, heard: bool) -> None:
    async def main(place: int) -> None:
        first = APPROVED if toward_till else len(PAY)
        end = first + place
        cut_in, cut_out = (end, None) if toward_till else (None, end)
        network = Network(Hostility(heard=heard, cut_after_bytes_in=cut_in, cut_after_bytes_out=cut_out))
        async with shop(network, driver=driver_settings(keep_alive=True)) as here:
            assert isinstance(await here.sell(), Approved)
            outcome = await here.sell(id="op-2", wire_reference="f" * 32)
            await asyncio.sleep(AFTERWARDS)
            worked = len(here.desk.ledger.rows) - 1
            assert worked in (0, 1)
            whole = place >= first - 1
            if toward_till:
                assert isinstance(outcome, Approved if whole else InDoubt), place
                assert worked == 1
            else:
                assert isinstance(outcome, InDoubt), place
                assert worked == int(whole)

    for place in range(1, (APPROVED if toward_till else len(PAY)) + 1):
        run_manual(main(place))


def test_a_line_that_dies_each_time_before_the_request_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        async with shop(Network(*[Hostility(cut_after_bytes_out=0)] * 9)) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert here.network.connections == 3
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome)

    run_manual(main())
