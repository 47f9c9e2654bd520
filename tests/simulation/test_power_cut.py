"""The power goes at every write of the journal and after every byte of the dialogue; then the shop opens again.

No payment is lost, none is sent twice, and each ends in what the terminal's own ledger proves, or in doubt.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.world import Cut, Power, Toward, World, check_told, pay, sale, until_the_power_goes, world
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import run_manual

TO_TERMINAL = 1 + 37 + 1 + 1 + 1
"""ENQ, a frame of protocol E+, EOT, and the two ACKs for the reply."""

TO_TILL = 1 + 1 + 1 + 28 + 1
"""ACK, ACK, ENQ, the short reply, EOT."""

BYTES = [(Toward.TERMINAL, count) for count in range(1, TO_TERMINAL + 1)] + [
    (Toward.TILL, count) for count in range(1, TO_TILL + 1)
]
Arrange = Callable[[World, Power], None]

SOON, LATE = 0.5, 60.0
"""Seconds in the dark: back before the terminal has given up offering its reply, and long after."""


async def look(engine: Engine) -> Payment | None:
    try:
        return await engine.find_order("till", "1")
    except BridgeError as error:
        if error.code is Code.PAYMENT_UNKNOWN:
            return None
        raise


async def check_after(place: World) -> Stage | None:
    """The connector starts again: the truth, then the till asks again, then a person settles and the shop goes on."""
    async with place.connector() as engine:
        await asyncio.sleep(600)
        payment = await look(engine)
        if payment is None:
            assert place.taken() == 0, "the terminal took money for a payment that the journal does not know"
        else:
            check_told(payment, place.taken())
            assert not payment.running
        again = await pay(engine)
        check_told(again, place.taken())
        if payment is not None and payment.open:
            assert again.id == payment.id
            assert (await engine.start(sale())).replayed
            with pytest.raises(BridgeError) as refusal:
                await engine.start(sale("2"))
            assert refusal.value.code is Code.TERMINAL_LOCKED
            await engine.resolve(payment.id, taken=place.taken() == 1, by="Anna", reason="the slip says so")
        before = place.taken()
        assert (await pay(engine, "3")).stage is Stage.APPROVED
        assert place.taken() == before + 1
        return None if payment is None else payment.stage


async def one_life(place: World, power: Power) -> None:
    async with place.connector(power) as engine:
        check_told(await pay(engine), place.taken())
        await asyncio.sleep(30)


async def cut(folder: Path, arrange: Arrange, dark: float) -> Stage | None:
    async with world(folder) as place:
        power = Power(place.cable.unplug)
        arrange(place, power)
        await until_the_power_goes(power, one_life(place, power))
        assert power.out.is_set(), "the point was never reached"
        place.cable.after_byte = lambda _toward, _count: None
        await asyncio.sleep(dark)
        place.cable.plugged = True
        return await check_after(place)


@pytest.mark.parametrize("dark", [SOON, LATE])
def test_the_power_goes_after_each_byte(tmp_path: Path, dark: float) -> None:
    stages = set()
    for toward, count in BYTES:

        def arrange(place: World, power: Power, point: tuple[Toward, int] = (toward, count)) -> None:
            def after_byte(passed: Toward, passed_count: int) -> None:
                if (passed, passed_count) == point:
                    power.go()

            place.cable.after_byte = after_byte

        folder = tmp_path / f"{toward.name}-{count}"
        folder.mkdir()
        stages.add(run_manual(cut(folder, arrange, dark)))
    # The walk has seen what nobody can know and, where it was back in time, what a late answer proves.
    assert Stage.IN_DOUBT in stages
    assert Stage.APPROVED in stages


@pytest.mark.parametrize("when", list(Cut))
@pytest.mark.parametrize("dark", [SOON, LATE])
def test_the_power_goes_at_each_write_of_the_journal(tmp_path: Path, when: Cut, dark: float) -> None:
    writes = run_manual(count_writes(tmp_path))
    assert writes >= 3, "an acceptance, an intent and an outcome at the least"
    for number in range(1, writes + 1):

        def arrange(_place: World, power: Power, point: tuple[int, Cut] = (number, when)) -> None:
            power.cut_at = point

        folder = tmp_path / f"{when.name}-{number}"
        folder.mkdir()
        run_manual(cut(folder, arrange, dark))


async def count_writes(folder: Path) -> int:
    async with world(folder) as place:
        power = Power(place.cable.unplug)
        await one_life(place, power)
        return power.journal_writes


@pytest.mark.parametrize("dark", [SOON, LATE])
def test_the_cable_is_pulled_after_each_byte_and_plugged_in_again(tmp_path: Path, dark: float) -> None:
    async def main(folder: Path, point: tuple[Toward, int]) -> None:
        async with world(folder) as place:

            def after_byte(passed: Toward, count: int) -> None:
                if (passed, count) == point:
                    place.cable.unplug()
                    asyncio.get_running_loop().call_later(dark, plug)

            def plug() -> None:
                place.cable.after_byte = lambda _toward, _count: None
                place.cable.plugged = True

            place.cable.after_byte = after_byte
            async with place.connector() as engine:
                check_told(await pay(engine), place.taken())
            await check_after(place)

    for toward, count in BYTES:
        folder = tmp_path / f"{toward.name}-{count}"
        folder.mkdir()
        run_manual(main(folder, (toward, count)))
