"""A payment that is being taken back, and who comes in between: a person, a late word, a full disk, the power.

The judge is the terminal's ledger; where a wire is not the point, a terminal on strings says what is needed.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from tests.simulation.reckoning import SETTLED, TILL, check_true, reckon, sell_the_next
from tests.simulation.stories import (
    ASKED,
    KEEPS,
    LOST_ABORT_REVERSED,
    SIGNATURE_REFUSED,
    TAKES_BACK,
    Story,
    asks,
)
from tests.simulation.test_power_cut_touch import prepared
from tests.simulation.world import Power, until_the_power_goes
from tests.simulation.world_touch import Boundary, WorldTouch, world_touch
from tests.unit.engine.failing_disk import Disk
from tests.unit.engine.house import MINUTE, TEN, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Operation, Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Capabilities, Fault, LateResult, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import Scenario

ASKS_ONCE: Final = Story(
    "call reversal, and say so once",
    asks(Kind.SALE),
    Stage.ABORTED,
    scenario=Scenario("once", "asks for a reversal once", faults=MappingProxyType({Fault.CALL_REVERSAL: 1})),
)
FAILS_AT, BACK_AT = 1.0, 60.0
"""Seconds after its start at which a story loses its network, and has it again: by then the sale is in doubt."""

CAN_VOID: Final = Capabilities(
    kinds=frozenset({Kind.SALE, Kind.VOID}), recovery=Recovery.BY_ID, max_minor=10**9, linked=frozenset({Kind.VOID})
)


async def without_network(place: WorldTouch, story: Story, power: Power, seconds: float) -> None:
    """A connector's life in which the network fails for a while, in the middle of the sale."""
    loop = asyncio.get_running_loop()
    async with place.connector(power, story.settings) as engine:
        loop.call_later(FAILS_AT, place.air.unplug)
        loop.call_later(BACK_AT, place.air.plug_in)
        payment = await story.act(engine)
        assert payment.stage is Stage.IN_DOUBT
        await asyncio.sleep(seconds)


async def ends_taken_back(place: WorldTouch, settings: EngineSettings) -> None:
    """Whatever happened before: the sale is taken back, once, and the journal knows it."""
    place.air.plug()
    async with place.connector(settings=settings) as engine:
        await asyncio.sleep(SETTLED)
        payment = await engine.find_key(TILL, ASKED)
        assert payment.stage is Stage.ABORTED, payment
        check_true(place, payment)
        reckon(place, engine)
        assert place.taken() == 0
        await sell_the_next(place, engine)
    assert max(place.air.voided.values()) == 1
    assert place.air.started.keys() == place.air.confirmed, "the terminal still waits for a confirmation"


def once_the_void_is_there(place: WorldTouch, happens: Callable[[], None]) -> Callable[[int, Boundary], None]:
    def passing(_number: int, boundary: Boundary) -> None:
        if place.air.voided and boundary is Boundary.AFTER:
            happens()

    return passing


def test_an_abort_that_lost_is_taken_back_also_where_only_an_inquiry_tells(tmp_path: Path) -> None:
    async def main() -> None:
        async with world_touch(tmp_path) as place:
            await prepared(place, LOST_ABORT_REVERSED)
            await without_network(place, LOST_ABORT_REVERSED, Power(place.air.unplug), SETTLED)
            assert place.taken() == 0
            await ends_taken_back(place, TAKES_BACK)

    run_manual(main())


def test_an_abort_that_lost_is_taken_back_also_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with world_touch(tmp_path) as place:
            await prepared(place, LOST_ABORT_REVERSED)
            power = Power(place.air.unplug)
            asyncio.get_running_loop().call_later(50.0, power.go)
            await until_the_power_goes(power, without_network(place, LOST_ABORT_REVERSED, power, SETTLED))
            assert place.taken() == 1
            await ends_taken_back(place, TAKES_BACK)

    run_manual(main())


@pytest.mark.parametrize(
    ("story", "settings"),
    [(LOST_ABORT_REVERSED, KEEPS), (ASKS_ONCE, ASKS_ONCE.settings)],
    ids=["the policy has changed meanwhile", "the terminal asks for it once"],
)
def test_a_void_at_the_terminal_outlives_the_reason_for_it(
    tmp_path: Path, story: Story, settings: EngineSettings
) -> None:
    async def main() -> None:
        async with world_touch(tmp_path) as place:
            await prepared(place, story)
            power = Power(place.air.unplug)
            place.air.passing = once_the_void_is_there(place, power.go)
            await until_the_power_goes(power, without_network(place, story, power, SETTLED))
            assert power.out.is_set(), "no void was sent"
            await ends_taken_back(place, settings)

    run_manual(main())


@pytest.mark.parametrize("taken", [True, False])
def test_a_person_cannot_settle_what_is_being_taken_back_right_now(tmp_path: Path, taken: bool) -> None:
    async def main() -> None:
        async with world_touch(tmp_path) as place:
            await prepared(place, SIGNATURE_REFUSED)
            async with place.connector(settings=SIGNATURE_REFUSED.settings) as engine, asyncio.TaskGroup() as group:
                with engine.watch() as changes:
                    selling = group.create_task(SIGNATURE_REFUSED.act(engine))
                    async for change in changes:
                        if change.kind is Kind.VOID and change.stage is Stage.SENDING:
                            break
                sale = await engine.find_key(TILL, ASKED)
                assert sale.stage is Stage.IN_DOUBT
                with pytest.raises(BridgeError) as refused:
                    await engine.resolve(sale.id, taken=taken, by="Anna", reason="in a hurry")
                assert refused.value.code is Code.STILL_RUNNING
                assert (await selling).stage is Stage.ABORTED
                reckon(place, engine)
            await ends_taken_back(place, SIGNATURE_REFUSED.settings)

    run_manual(main())


WANTED_BACK: Final = InDoubt(DoubtReason.REVERSAL_ASKED, "the terminal asks for a reversal")


def test_a_late_approval_of_what_is_being_taken_back_closes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(CAN_VOID, inquiry=Unanswered.STILL_RUNNING)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            sale = await engine.start(ask())
            while len(puppet.taken) < 2:
                await asyncio.sleep(0.1)
            puppet.lates.put_nowait(LateResult(Approved(TEN), wire_reference=sale.id))
            await asyncio.sleep(MINUTE)
            assert (await engine.inquire(sale.id)).stage is Stage.IN_DOUBT
            puppet.answers.put_nowait(Approved(TEN))
            assert (await engine.wait(sale.id, MINUTE)).stage is Stage.ABORTED

    run_manual(main())


def test_somebodys_last_result_takes_nothing_back(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(replace(CAN_VOID, recovery=Recovery.LAST_RESULT), inquiry=Approved(TEN))
        async with house(tmp_path, puppet, settings=TAKES_BACK) as engine:
            sale = await engine.start(ask())
            await engine.abort(sale.id)
            puppet.answers.put_nowait(LOST)
            await engine.wait(sale.id, MINUTE)
            await asyncio.sleep(10 * MINUTE)
            assert (await engine.inquire(sale.id)).stage is Stage.IN_DOUBT
            assert [operation.kind for operation in puppet.taken] == [Kind.SALE]

    run_manual(main())


def test_a_void_that_the_wire_cannot_say_is_left_to_a_person_and_not_tried_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(CAN_VOID, inquiry=Unanswered.STILL_RUNNING)
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(WANTED_BACK)
            puppet.answers.put_nowait(NotStarted(NotStartedReason.CANNOT_EXPRESS))
            sale = await engine.start(ask())
            assert (await engine.wait(sale.id, MINUTE)).stage is Stage.IN_DOUBT
            await asyncio.sleep(10 * MINUTE)
            assert [void.stage for void in engine.children(sale.id)] == [Stage.NOT_STARTED]
        async with house(tmp_path, puppet) as engine:
            await asyncio.sleep(10 * MINUTE)
            assert len(engine.children(sale.id)) == 1
            settled = await engine.resolve(sale.id, taken=True, by="Anna", reason="the slip")
            assert settled.stage is Stage.APPROVED

    run_manual(main())


def test_a_late_approval_of_what_nobody_wants_is_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(CAN_VOID, inquiry=Unanswered.STILL_RUNNING)
        async with house(tmp_path, puppet, settings=TAKES_BACK) as engine:
            sale = await engine.start(ask())
            await engine.abort(sale.id)
            puppet.answers.put_nowait(LOST)
            assert (await engine.wait(sale.id, MINUTE)).stage is Stage.IN_DOUBT
            puppet.lates.put_nowait(LateResult(Approved(TEN), wire_reference=sale.id))
            puppet.answers.put_nowait(Approved(TEN))
            await asyncio.sleep(10 * MINUTE)
            assert (await engine.inquire(sale.id)).stage is Stage.ABORTED
            assert [operation.kind for operation in puppet.taken] == [Kind.SALE, Kind.VOID]

    run_manual(main())


@pytest.mark.parametrize("fault", ["the disk", "the driver"])
def test_the_ladder_goes_on_after_whatever_goes_wrong_on_it(tmp_path: Path, fault: str) -> None:
    class Stumbling(Puppet):
        async def inquire(self, operation: Operation) -> Outcome | Unanswered:
            if fault == "the driver" and disk.broken:
                raise ZeroDivisionError
            return await super().inquire(operation)

    disk = Disk()

    async def main() -> None:
        puppet = Stumbling(CAN_VOID, inquiry=Approved(TEN))
        make = disk.committer if fault == "the disk" else Disk().committer
        async with house(tmp_path, puppet, make_committer=make) as engine:
            puppet.answers.put_nowait(LOST)
            sale = await engine.start(ask())
            with suppress(BridgeError):
                await engine.wait(sale.id, 0.0)
            disk.broken = True
            await asyncio.sleep(MINUTE)
            assert (await engine.inquire(sale.id)).open
            disk.broken = False
            await asyncio.sleep(3 * MINUTE)
            assert (await engine.inquire(sale.id)).stage is Stage.APPROVED

    run_manual(main())
