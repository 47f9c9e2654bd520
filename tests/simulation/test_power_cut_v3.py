"""The power goes after every byte of a Concert V3 payment and at every write of the journal, or the network fails.

No payment is lost, none is sent twice, and each ends in what the terminal's own ledger proves, or in doubt. Unlike V2,
such a terminal can be asked afterwards: whatever it had taken in whole is known again without a person.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.test_power_cut import check_after, one_life
from tests.simulation.world import Cut, Power, Toward, check_told, pay, sale, until_the_power_goes
from tests.simulation.world_v3 import WorldV3, world_v3
from tests.support.concert_v3 import ANSWER, REQUEST
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import run_manual

TO_TERMINAL, TO_TILL = len(REQUEST), len(ANSWER)
"""The request and the answer of a sale of four digits with our reference of 32; the walks find out if that changes."""

DARK = 60.0
"""Seconds until the power or the network is back: the customer has long paid by then."""

Arrange = Callable[[WorldV3, Power], None]


def _points(step: int) -> list[tuple[Toward, int]]:
    ends = {Toward.TERMINAL: TO_TERMINAL, Toward.TILL: TO_TILL}
    return [(toward, count) for toward, end in ends.items() for count in range(1, end + 1, step)]


async def _cut(folder: Path, arrange: Arrange, heard: bool) -> Stage | None:
    async with world_v3(folder) as place:
        place.network.heard = heard
        power = Power(place.network.unplug)
        arrange(place, power)
        await until_the_power_goes(power, one_life(place, power))
        assert power.out.is_set(), "the point was never reached"
        await asyncio.sleep(DARK)
        place.network.plug()
        return await check_after(place)


@pytest.mark.parametrize("heard", [True, False], ids=["the system ends its connections", "nothing is heard of it"])
def test_the_power_goes_after_each_byte(tmp_path: Path, heard: bool) -> None:
    stages: dict[tuple[Toward, int], Stage | None] = {}
    # What nothing is heard of differs in how the other side learns of it, and not in which byte it was.
    whole = (Toward.TERMINAL, TO_TERMINAL)
    for point in _points(1) if heard else [*_points(5), whole]:

        def arrange(place: WorldV3, power: Power, point: tuple[Toward, int] = point) -> None:
            def after_byte(toward: Toward, count: int) -> None:
                if (toward, count) == point:
                    power.go()

            place.network.after_byte = after_byte

        folder = tmp_path / f"{point[0].name}-{point[1]}"
        folder.mkdir()
        stages[point] = run_manual(_cut(folder, arrange, heard))
    # What the terminal had in whole it can be asked about; of what was cut short before nobody knows.
    nameless = REQUEST.index(b"CF032")
    assert {stages[way, count] for way, count in stages if way is Toward.TERMINAL and count < nameless} == {
        Stage.IN_DOUBT
    }
    assert stages[whole] is Stage.APPROVED
    assert {stages[way, count] for way, count in stages if way is Toward.TILL} == {Stage.APPROVED}


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "silent"])
@pytest.mark.parametrize("when", list(Cut))
def test_the_power_goes_at_each_write_of_the_journal(tmp_path: Path, when: Cut, heard: bool) -> None:
    writes = run_manual(_count_writes(tmp_path))
    assert writes >= 3, "an acceptance, an intent and an outcome at the least"
    for number in range(1, writes + 1):

        def arrange(_place: WorldV3, power: Power, point: tuple[int, Cut] = (number, when)) -> None:
            power.cut_at = point

        folder = tmp_path / f"{when.name}-{number}"
        folder.mkdir()
        run_manual(_cut(folder, arrange, heard))


async def _count_writes(folder: Path) -> int:
    async with world_v3(folder) as place:
        power = Power(place.network.unplug)
        await one_life(place, power)
        return power.journal_writes


@pytest.mark.parametrize("heard", [True, False], ids=["reset", "silent"])
def test_the_network_fails_after_each_byte_and_comes_back(tmp_path: Path, heard: bool) -> None:
    async def main(folder: Path, point: tuple[Toward, int]) -> None:
        async with world_v3(folder) as place:
            place.network.heard = heard

            def after_byte(toward: Toward, count: int) -> None:
                if (toward, count) == point:
                    place.network.unplug()
                    asyncio.get_running_loop().call_later(DARK, place.network.plug)

            place.network.after_byte = after_byte
            async with place.connector() as engine:
                check_told(await pay(engine), place.taken())
            await asyncio.sleep(DARK)
            await check_after(place)

    for toward, count in _points(3):
        folder = tmp_path / f"{toward.name}-{count}"
        folder.mkdir()
        run_manual(main(folder, (toward, count)))


def test_two_tills_on_one_terminal_take_one_payment_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with world_v3(tmp_path, delay=20.0) as place, place.connector() as engine:
            first = await engine.start(sale("1"))
            await asyncio.sleep(5.0)
            with pytest.raises(BridgeError) as refused:
                await engine.start(sale("2"))
            assert (refused.value.code, refused.value.payment_id) == (Code.TERMINAL_BUSY, first.id)
            paid: Payment = await engine.wait(first.id, 600)
            assert (paid.stage, place.taken()) == (Stage.APPROVED, 1)
            assert (await pay(engine, "2")).stage is Stage.APPROVED
            assert place.taken() == 2

    run_manual(main())
