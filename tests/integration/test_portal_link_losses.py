"""Payments from the portal while the line, the portal or the connector is lost: one payment or none, and the truth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.portal_house import Portal, real_portal
from tests.integration.portal_till import (
    BY_HAND,
    OVER,
    Till,
    ask_to_pay,
    card,
    connected,
    connector,
    in_a_hurry,
    pair,
    reaches,
    row,
    settings,
    shows,
    soon,
    taken,
    until,
)
from tests.integration.portal_wire import Wire, wire
from tests.lines import PATIENCE
from tests.portal.people import owner
from tests.support.counter import Counter as Process
from tests.support.counter import counter as process
from tillbridge.connector.portal.states import LinkState
from tillbridge.domain.money import EUR, Money
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import State
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

__all__ = ["in_a_hurry"]


@asynccontextmanager
async def over_a_wire(tmp_path: Path, terminal: VirtualTerminal) -> AsyncIterator[tuple[Portal, Wire, Till]]:
    """A connector whose lasting connection can be cut, connected."""
    async with (
        wire() as line,
        real_portal(tmp_path / "portal", reached_at=line.port) as portal,
    ):
        line.to = portal.port
        async with connector(tmp_path / "till", settings(portal), terminal) as till:
            await pair(till, portal)
            await connected(portal)
            yield portal, line, till


async def test_cut_before_the_command_is_given(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with over_a_wire(tmp_path, terminal) as (portal, line, _):
        line.cut()
        made = await ask_to_pay(portal)
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


async def test_the_command_is_lost_on_its_way(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with over_a_wire(tmp_path, terminal) as (portal, line, _):
        line.down.clear()
        made = await ask_to_pay(portal)
        await reaches(portal, made, State.GIVEN)
        line.cut()
        assert (await reaches(portal, made, *OVER)).state is State.EXPIRED
        assert (taken(terminal), terminal.current) == ([], None)


async def test_the_answer_that_it_was_taken_is_lost(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(BY_HAND))
    async with over_a_wire(tmp_path, terminal) as (portal, line, _):
        line.up.clear()
        made = await ask_to_pay(portal)
        await shows(terminal, Screen.WAITING_FOR_CARD)
        assert (await row(portal, made)).state is State.GIVEN
        line.cut()
        await reaches(portal, made, State.RUNNING)
        await card(terminal)
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


async def test_the_answer_that_it_is_done_is_lost(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(BY_HAND))
    async with over_a_wire(tmp_path, terminal) as (portal, line, till):
        made = await ask_to_pay(portal)
        await reaches(portal, made, State.RUNNING)
        line.up.clear()
        await card(terminal)

        async def over_here() -> bool:
            return (await till.engine.find_key("portal", f"portal:{made}")).outcome is not None

        await soon(over_here)
        line.cut()
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


async def test_cut_again_and_again_there_is_one_payment(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front", delay=0.3)
    async with over_a_wire(tmp_path, terminal) as (portal, line, _):
        made = await ask_to_pay(portal)
        for step in range(12):
            await asyncio.sleep(0.03 * (step % 3))
            line.cut()
        end = await reaches(portal, made, *OVER)
        payments = [1250] if end.state is State.DONE else []
        assert taken(terminal) == payments
        assert end.state in {State.DONE, State.EXPIRED}


async def test_a_portal_that_restarts_is_met_again_and_told_the_truth(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(BY_HAND))
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        made = await ask_to_pay(portal)
        await reaches(portal, made, State.RUNNING)
        await portal.go()
        await card(terminal)
        await until(till, lambda now: now.state is LinkState.PORTAL_UNREACHABLE)
        await portal.come()
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])
        await until(till, lambda now: now.state is LinkState.ACTIVE)


async def test_nobody_is_there_and_after_a_minute_it_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.portal.commands.service.UNSTARTED_LASTS", timedelta(seconds=0.2))
    terminal = VirtualTerminal("front")
    async with real_portal(tmp_path / "portal") as portal:
        async with connector(tmp_path / "till", settings(portal), terminal) as till:
            await pair(till, portal)
            await connected(portal)
        made = await ask_to_pay(portal)
        await reaches(portal, made, State.EXPIRED)
        async with connector(tmp_path / "till", settings(portal), terminal):
            await connected(portal)
            assert (await row(portal, made)).state is State.EXPIRED
            assert (taken(terminal), terminal.current) == ([], None)


async def test_a_connector_that_restarts_in_the_middle_tells_how_it_ended(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(BY_HAND))
    async with real_portal(tmp_path / "portal") as portal:
        async with connector(tmp_path / "till", settings(portal), terminal) as till:
            await pair(till, portal)
            made = await ask_to_pay(portal)
            await shows(terminal, Screen.WAITING_FOR_CARD)
            await reaches(portal, made, State.RUNNING)
        await card(terminal)
        assert (await row(portal, made)).state is State.RUNNING
        async with connector(tmp_path / "till", settings(portal), terminal):
            done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


@asynccontextmanager
async def paired_process(tmp_path: Path) -> AsyncIterator[tuple[Portal, Wire, Process]]:
    """A connector as a process of its own over a data folder that is paired, to be killed."""
    (tmp_path / "shop").mkdir()
    async with (
        wire() as line,
        real_portal(tmp_path / "portal", reached_at=line.port) as portal,
        process(tmp_path / "shop") as shop,
    ):
        line.to = portal.port
        given = settings(portal)
        async with connector(shop.data, given, VirtualTerminal("front")) as till:
            await pair(till, portal)
        shop.write_settings(more={"portal": given.model_dump(mode="json", exclude_none=True)})
        yield portal, line, shop


async def test_killed_before_its_answer_left(tmp_path: Path) -> None:
    async with paired_process(tmp_path) as (portal, line, shop):
        shop.wait_by_hand()
        program = await shop.open()
        await connected(portal)
        line.up.clear()
        made = await _pay_at_the_counter(portal)
        await shop.until(Screen.WAITING_FOR_CARD)
        assert (await row(portal, made)).state is State.GIVEN
        program.kill()
        await program.gone()
        line.cut()
        await shop.pay_by_hand()
        await shop.open()
        end = await _settled(portal, made)
        assert shop.taken == [1250]
        assert end in {"approved", "in_doubt"}


@pytest.mark.soak
async def test_killed_before_it_had_the_command(tmp_path: Path) -> None:
    async with paired_process(tmp_path) as (portal, line, shop):
        program = await shop.open()
        await connected(portal)
        line.down.clear()
        made = await _pay_at_the_counter(portal)
        await reaches(portal, made, State.GIVEN)
        program.kill()
        await program.gone()
        line.cut()
        await shop.open()
        assert (await reaches(portal, made, *OVER)).state is State.EXPIRED
        assert shop.taken == []


async def _pay_at_the_counter(portal: Portal) -> str:
    desk = CommandDesk(portal.house, Hub(portal.house))
    made = await desk.start_payment(
        owner(portal.tenant_id), portal.location_id, Money(1250, EUR), "counter", "", portal.house.runtime.ids.new()
    )
    return made.id


async def _settled(portal: Portal, command_id: str) -> str:
    """The outcome, once it is more than that it runs."""

    async def known() -> bool:
        return (await row(portal, command_id)).result.get("outcome", "unknown") != "unknown"

    async with asyncio.timeout(3 * PATIENCE):
        while not await known():
            await asyncio.sleep(0.05)
    return str((await row(portal, command_id)).result["outcome"])
