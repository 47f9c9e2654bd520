"""The power goes, or the network fails, at the bytes of a myPOS XML dialogue and at every journal write.

Such a terminal cannot be asked afterwards: what was cut stays in doubt and locks it until a person has looked. Nothing
is ever sent twice, nobody is lied to, and an answer that comes late is never taken for the answer to what came next.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.reckoning import SETTLED, TILL, check_true, reckon, request, rows_of, sell_the_next, settle
from tests.simulation.stories import (
    ASKED,
    CAPTURE,
    DECLINED,
    HOLD,
    LOST_HOLD_REVERSED,
    RELEASE,
    SALE,
    Story,
    asks,
    new_folders,
    over,
    told_where,
)
from tests.simulation.world import Cut, Power, Toward, until_the_power_goes
from tests.simulation.world_mypos import WorldMypos, world_mypos
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import APPROVE, scenario
from tillbridge.virtual.script import Step

REFUND: Final = Story("refund", asks(Kind.REFUND))
STORIES: Final = (SALE, DECLINED, REFUND, HOLD, CAPTURE, RELEASE, LOST_HOLD_REVERSED)
DARK: Final = 60.0
"""Seconds until the power or the network is back: the customer has long paid by then."""

POWER_SAMPLE, NETWORK_SAMPLE = 18, 8
"""Points of each story in every run; `make soak` takes them all."""

Bytes = tuple[int, Toward]
Point = tuple[int, Toward | Cut]


async def prepared(place: WorldMypos, story: Story) -> None:
    """The good day before, and the script of what comes."""
    if story.before is not None:
        async with place.connector(settings=story.settings) as engine:
            await over(engine, story.before)
            await asyncio.sleep(10)
    place.terminal.script.set(Step(story.scenario))
    place.network.counts.clear()


async def one_life(place: WorldMypos, story: Story, power: Power) -> None:
    async with place.connector(power, story.settings) as engine:
        check_true(place, await story.act(engine))
        await asyncio.sleep(30)


async def check_after(place: WorldMypos, story: Story) -> None:
    """The connector starts again: the truth, then the till asks again, then a person settles and the shop goes on."""
    async with place.connector(settings=story.settings) as engine:
        await asyncio.sleep(SETTLED)
        for payment in engine.payments(limit=200):
            assert not payment.running
            check_true(place, payment)
        locked = engine.in_doubt()
        repeated = await story.act(engine)
        check_true(place, repeated)
        if locked:
            assert repeated.id == locked[0].id
            await is_locked(engine)
        await settle(place, engine)
        reckon(place, engine)
        await sell_the_next(place, engine)
    worked = [row for row in place.terminal.ledger.rows if row.asked_minor == 1000 and row.kind is repeated.kind]
    assert len(worked) <= 1 + (story.before is not None and story.before.kind is repeated.kind), worked


async def is_locked(engine: Engine) -> None:
    """In doubt locks the terminal, and nothing but a person unlocks it."""
    with pytest.raises(BridgeError) as refused:
        await engine.start(request("somebody else", minor=500))
    assert refused.value.code is Code.TERMINAL_LOCKED


async def undisturbed(folder: Path, story: Story) -> tuple[list[Bytes], int]:
    """The bytes of the story, and how many journal writes it has; it ends as it should."""
    async with world_mypos(folder) as place:
        await prepared(place, story)
        power = Power(place.network.unplug)
        async with place.connector(power, story.settings) as engine:
            payment = await story.act(engine)
            assert payment.stage is story.ends, payment
            check_true(place, payment)
            await asyncio.sleep(30)
            reckon(place, engine)
        counts = place.network.counts
        return [(number, toward) for toward in Toward for number in range(1, counts[toward] + 1)], power.journal_writes


async def cut(folder: Path, story: Story, point: Point, *, heard: bool) -> Stage | None:
    """One life with the power going there; what the journal made of it before a person came."""
    async with world_mypos(folder) as place:
        place.network.heard = heard
        await prepared(place, story)
        power = Power(place.network.unplug)
        number, where = point
        if isinstance(where, Cut):
            power.cut_at = (number, where)
        else:
            place.network.after_byte = at(number, where, power.go)
        await until_the_power_goes(power, one_life(place, story, power))
        assert power.out.is_set(), "the point was never reached"
        await asyncio.sleep(DARK)
        place.network.plug()
        stage = await stage_now(place, story)
        await check_after(place, story)
        return stage


async def stage_now(place: WorldMypos, story: Story) -> Stage | None:
    async with place.connector(settings=story.settings) as engine:
        try:
            return (await engine.find_key(TILL, ASKED)).stage
        except BridgeError as error:
            if error.code is not Code.PAYMENT_UNKNOWN:
                raise
            return None


async def fail(folder: Path, story: Story, point: Bytes) -> None:
    """The network fails there, and comes back: nobody restarts anything."""
    async with world_mypos(folder) as place:
        await prepared(place, story)
        loop = asyncio.get_running_loop()

        def out() -> None:
            place.network.unplug()
            loop.call_later(DARK, place.network.plug)

        place.network.after_byte = at(*point, out)
        async with place.connector(settings=story.settings) as engine:
            check_true(place, await story.act(engine))
            await asyncio.sleep(2 * DARK)
        await check_after(place, story)


def at(number: int, where: Toward, happens: Callable[[], None]) -> Callable[[Toward, int], None]:
    def after_byte(toward: Toward, passed: int) -> None:
        if (passed, toward) == (number, where):
            happens()

    return after_byte


def points_of(folder: Path, story: Story) -> tuple[list[Bytes], list[tuple[int, Cut]]]:
    home = folder / "undisturbed"
    home.mkdir()
    passed, writes = run_manual(undisturbed(home, story))
    assert len(passed) > 150, "a request and an answer of some fields each"
    return passed, [(number, when) for number in range(1, writes + 1) for when in Cut]


def walk(folder: Path, story: Story, power: Sequence[Point], network: Sequence[Bytes]) -> set[Stage | None]:
    folders = new_folders(folder)
    stages: set[Stage | None] = set()
    for number, point in enumerate(power):
        with told_where(story, point):
            stages.add(run_manual(cut(next(folders), story, point, heard=number % 2 == 0)))
    for point in network:
        with told_where(story, point):
            run_manual(fail(next(folders), story, point))
    return stages


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_sample_of_bad_moments(tmp_path: Path, story: Story) -> None:
    chance = random.Random(f"bad moments of {story}")
    passed, writes = points_of(tmp_path, story)
    power: list[Point] = [*chance.sample(passed, POWER_SAMPLE), *chance.sample(writes, len(writes) // 2)]
    assert Stage.IN_DOUBT in walk(tmp_path, story, power, chance.sample(passed, NETWORK_SAMPLE))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_every_bad_moment(tmp_path: Path, story: Story) -> None:
    passed, writes = points_of(tmp_path, story)
    stages = walk(tmp_path, story, [*passed, *writes], passed)
    assert {None, Stage.NOT_STARTED, Stage.IN_DOUBT, story.ends} >= stages
    assert {Stage.IN_DOUBT, story.ends} <= stages


# ---------------------------------------------------------------- an answer that comes late and looks like the next one


async def late(folder: Path, name: str, crash_after: float | None) -> None:
    """The first sale is approved and told too late; the next one, of the same price, is declined. They never mix."""
    async with world_mypos(folder, delay=1.0) as place:
        place.terminal.script.set(Step(scenario(name)), Step(scenario("decline_refused")))
        power = Power(place.network.unplug)
        if crash_after is not None:
            asyncio.get_running_loop().call_later(crash_after, power.go)
        await until_the_power_goes(power, one_life(place, SALE, power))
        place.network.plug()
        async with place.connector() as engine:
            first = await over(engine, request(ASKED))
            assert first.stage is Stage.IN_DOUBT
            await settle(place, engine)
            assert (await engine.inquire(first.id)).stage is Stage.APPROVED
            second = await over(engine, request("the same price again"))
            assert not rows_of(place, second)
            assert second.stage is Stage.DECLINED, second
            check_true(place, second)
            await asyncio.sleep(SETTLED)
            await settle(place, engine)
            reckon(place, engine)
            await sell_the_next(place, engine)


@pytest.mark.parametrize("crash_after", [None, 0.7, 30.0])
@pytest.mark.parametrize("name", ["answer_on_next_line", "slow_6", "never_answer", "drop_in_answer"])
def test_a_late_answer_is_never_that_of_the_next_sale(tmp_path: Path, name: str, crash_after: float | None) -> None:
    assert scenario("slow_6").ending == APPROVE.ending
    run_manual(late(tmp_path, name, crash_after))
