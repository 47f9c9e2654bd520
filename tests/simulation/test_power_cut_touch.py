"""The power goes, or the network fails, around every question to a touch-screen terminal and at every journal write.

Whatever was being done (a sale, its signature, the void that takes it back, a refund, a closing): nothing is sent
twice, nobody is lied to, what reached the terminal is known again without a person, and every doubt can be closed.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.reckoning import SETTLED, check_true, reckon, rows_of, sell_the_next, settle
from tests.simulation.stories import (
    ABORT_IN_TIME,
    CALL_REVERSAL,
    CLOSING,
    DECLINED,
    LOST_ABORT_KEPT,
    LOST_ABORT_REVERSED,
    REFUND,
    SALE,
    SIGNATURE_ACCEPTED,
    SIGNATURE_REFUSED,
    VOID,
    Story,
    new_folders,
    over,
    told_where,
)
from tests.simulation.world import Cut, Power, until_the_power_goes
from tests.simulation.world_touch import Boundary, WorldTouch, world_touch
from tillbridge.domain.operation import Kind
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.script import Step

STORIES: Final = (
    SALE,
    DECLINED,
    REFUND,
    VOID,
    CLOSING,
    SIGNATURE_ACCEPTED,
    SIGNATURE_REFUSED,
    CALL_REVERSAL,
    ABORT_IN_TIME,
    LOST_ABORT_KEPT,
    LOST_ABORT_REVERSED,
)
DARK: Final = 60.0
"""Seconds until the power or the network is back: the customer has long paid by then."""

POWER_SAMPLE, NETWORK_SAMPLE = 14, 6
"""Points of each story in every run; `make soak` takes them all."""

Point = tuple[int, Boundary | Cut]


async def prepared(place: WorldTouch, story: Story) -> None:
    """The good day before, and the script of what comes."""
    if story.before is not None:
        async with place.connector(settings=story.settings) as engine:
            await over(engine, story.before)
            await asyncio.sleep(10)
    place.terminal.script.set(Step(story.scenario))
    place.air.count = 0


async def one_life(place: WorldTouch, story: Story, power: Power) -> None:
    async with place.connector(power, story.settings) as engine:
        check_true(place, await story.act(engine))
        await asyncio.sleep(30)


def unknowable(place: WorldTouch, engine: Engine, payment: Payment) -> bool:
    """Whether this doubt is for a person: nothing of it is at the terminal, or of the void that takes it back."""
    if not rows_of(place, payment):
        return True
    voids = [child for child in engine.children(payment.id) if child.kind is Kind.VOID]
    return any(void.open and not rows_of(place, void) for void in voids)


async def check_after(place: WorldTouch, story: Story) -> None:
    """The connector starts again: the truth, then the till asks again, then a person settles and the shop goes on."""
    async with place.connector(settings=story.settings) as engine:
        await asyncio.sleep(SETTLED)
        for payment in engine.payments(limit=200):
            assert not payment.running
            check_true(place, payment)
            assert not payment.open or unknowable(place, engine, payment), payment
        check_true(place, await story.act(engine))
        await settle(place, engine)
        reckon(place, engine)
        await sell_the_next(place, engine)
    assert max(place.air.started.values()) == 1, "something was started twice"
    assert max(place.air.voided.values(), default=0) <= 1, "a payment was voided twice"


async def undisturbed(folder: Path, story: Story) -> tuple[int, int]:
    """How many questions and journal writes the story has; it ends as it should."""
    async with world_touch(folder) as place:
        await prepared(place, story)
        power = Power(place.air.unplug)
        async with place.connector(power, story.settings) as engine:
            payment = await story.act(engine)
            assert payment.stage is story.ends, payment
            check_true(place, payment)
            await asyncio.sleep(30)
            counted = place.air.count, power.journal_writes
            reckon(place, engine)
        return counted


async def cut(folder: Path, story: Story, point: Point) -> None:
    async with world_touch(folder) as place:
        await prepared(place, story)
        power = Power(place.air.unplug)
        number, where = point
        if isinstance(where, Cut):
            power.cut_at = (number, where)
        else:
            place.air.passing = at(number, where, power.go)
        await until_the_power_goes(power, one_life(place, story, power))
        assert power.out.is_set(), "the point was never reached"
        await asyncio.sleep(DARK)
        place.air.plug()
        await check_after(place, story)


async def fail(folder: Path, story: Story, point: tuple[int, Boundary]) -> None:
    """The network fails there, and comes back: nobody restarts anything."""
    async with world_touch(folder) as place:
        await prepared(place, story)
        loop = asyncio.get_running_loop()

        def out() -> None:
            place.air.unplug()
            loop.call_later(DARK, place.air.plug)

        place.air.passing = at(*point, out)
        async with place.connector(settings=story.settings) as engine:
            check_true(place, await story.act(engine))
            await asyncio.sleep(2 * DARK)
        await check_after(place, story)


def at(number: int, where: Boundary, happens: Callable[[], None]) -> Callable[[int, Boundary], None]:
    def passing(passed: int, boundary: Boundary) -> None:
        if (passed, boundary) == (number, where):
            happens()

    return passing


def points_of(folder: Path, story: Story) -> tuple[list[tuple[int, Boundary]], list[tuple[int, Cut]]]:
    home = folder / "undisturbed"
    home.mkdir()
    questions, writes = run_manual(undisturbed(home, story))
    assert questions >= 4, "a probe, a start, a status and a result at the least"
    return (
        [(number, where) for number in range(1, questions + 1) for where in Boundary],
        [(number, when) for number in range(1, writes + 1) for when in Cut],
    )


def walk(folder: Path, story: Story, power: Sequence[Point], network: Sequence[tuple[int, Boundary]]) -> None:
    folders = new_folders(folder)
    for point in power:
        with told_where(story, point):
            run_manual(cut(next(folders), story, point))
    for boundary in network:
        with told_where(story, boundary):
            run_manual(fail(next(folders), story, boundary))


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_sample_of_bad_moments(tmp_path: Path, story: Story) -> None:
    chance = random.Random(f"bad moments of {story}")
    boundaries, writes = points_of(tmp_path, story)
    everything: list[Point] = [*boundaries, *writes]
    walk(tmp_path, story, chance.sample(everything, POWER_SAMPLE), chance.sample(boundaries, NETWORK_SAMPLE))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_every_bad_moment(tmp_path: Path, story: Story) -> None:
    boundaries, writes = points_of(tmp_path, story)
    walk(tmp_path, story, [*boundaries, *writes], boundaries)
