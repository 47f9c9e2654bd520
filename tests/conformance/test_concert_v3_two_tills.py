"""Two tills on one Concert V3 terminal: one payment at a time, busy said at once, and each hears of its own alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.concert_v3 import (
    AFTERWARDS,
    REFERENCE,
    TWELVE_FIFTY,
    Network,
    Shop,
    door_settings,
    driver_settings,
    money_taken,
    operation,
    shop,
    told_to_till,
)
from tests.support.wires import Journal
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Approved, Declined, DeclineReason, Outcome
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.contract import Fault, HealthState
from tillbridge.runtime.manual import run_manual

OTHERS = REFERENCE[::-1]
BUSY = Declined(DeclineReason.FAILED, "07")


@asynccontextmanager
async def second_till(here: Shop) -> AsyncIterator[ConcertV3Terminal]:
    """One more till's driver on the same network."""
    till = ConcertV3Terminal(driver_settings(), TcpLine(here.network.connect, 0.3))
    try:
        yield till
    finally:
        await till.close()


async def _sell(till: ConcertV3Terminal, **different: Any) -> Outcome:
    given: dict[str, Any] = {"id": "op-2", "wire_reference": OTHERS, "register": "02"} | different
    return await till.perform(operation(**given), Journal())


@pytest.mark.parametrize("register", ["01", "02"], ids=["same register", "another register"])
def test_the_second_is_told_busy_at_once_and_can_pay_afterwards(register: str) -> None:
    async def main() -> None:
        anonymous = door_settings(reference_is_order=False)
        async with shop(Network(), delay=30.0, door=anonymous) as here, second_till(here) as other:
            first = here.group.create_task(here.sell())
            await asyncio.sleep(5.0)
            assert await _sell(other, register=register) == BUSY
            assert asyncio.get_running_loop().time() < 6.0
            assert (await other.health()).state is HealthState.BUSY
            assert isinstance(await first, Approved)
            assert money_taken(here.desk) == 1250
            assert isinstance(await _sell(other, register=register, amount=Money(300, EUR)), Approved)
            assert money_taken(here.desk) == 1550
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True, True]

    run_manual(main())


def test_both_in_the_same_moment_are_one_payment() -> None:
    async def main() -> None:
        async with shop(Network(), delay=3.0) as here, second_till(here) as other:
            first, second = here.group.create_task(here.sell()), here.group.create_task(_sell(other))
            outcomes = [await first, await second]
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Approved", "Declined"]
            assert BUSY in outcomes
            assert money_taken(here.desk) == 1250

    run_manual(main())


def test_one_tills_doubt_is_settled_by_its_own_payment_and_not_by_the_others() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.DROP_BEFORE_ANSWER: 1}) as here, second_till(here) as other:
            await here.sell()
            paid = await _sell(other, amount=Money(300, EUR))
            assert isinstance(paid, Approved)
            said = await here.terminal.inquire(operation())
            assert isinstance(said, Approved)
            assert said.amount == TWELVE_FIFTY
            said = await other.inquire(
                operation(id="op-2", wire_reference=OTHERS, register="02", amount=Money(300, EUR))
            )
            assert isinstance(said, Approved)
            assert said.amount == Money(300, EUR)
            assert money_taken(here.desk) == 1550

    run_manual(main())


def test_a_till_that_dies_in_its_payment_does_not_take_the_terminal_with_it() -> None:
    async def main() -> None:
        async with shop(Network(), delay=30.0) as here, second_till(here) as other:
            first = here.group.create_task(here.sell())
            await asyncio.sleep(5.0)
            here.network.ends[0].cut()
            await first
            assert await _sell(other) == BUSY
            await asyncio.sleep(60.0)
            assert isinstance(await _sell(other, id="op-3", wire_reference="a" * 32), Approved)
            assert money_taken(here.desk) == 2500

    run_manual(main())
