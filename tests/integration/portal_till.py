"""A connector with a terminal beside a real portal, and what the tests of their lasting connection look at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.portal_house import NUMBER, Portal
from tests.lines import PATIENCE
from tests.portal.people import owner
from tillbridge.connector.portal.desk import PortalDesk, open_portal
from tillbridge.connector.portal.link_running import Keeper
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState, Standing
from tillbridge.domain.money import EUR, Money
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.portal.commands import store
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import Command, Equipment, State
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.links.model import Link
from tillbridge.protocols.contract import Recovery
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.scenarios import Scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.terminal import VirtualTerminal

BY_HAND = Scenario("by_hand", "a person presents the card", manual=True)
OVER = (State.DONE, State.REFUSED, State.EXPIRED)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with shorter pauses."""
    monkeypatch.setattr("tillbridge.portal.commands.hub.POLL_SECONDS", 0.05)
    monkeypatch.setattr("tillbridge.portal.commands.hub.FLUSH_SECONDS", 0.05)
    monkeypatch.setattr("tillbridge.portal.commands.news.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("tillbridge.connector.portal.link.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("tillbridge.portal.app.AGAIN_SECONDS", 0.2)


@dataclass(frozen=True, slots=True)
class Till:
    """A running connector. Its terminal outlives it, as a real one does."""

    desk: PortalDesk
    engine: Engine
    folder: Path


def settings(portal: Portal, **more: object) -> PortalSettings:
    usual = {"address": portal.address, "location_number": str(NUMBER), "accept_payments": True}
    return PortalSettings.model_validate(usual | more)


@asynccontextmanager
async def connector(
    folder: Path, given: PortalSettings, terminal: VirtualTerminal, recovery: Recovery = Recovery.BY_ID
) -> AsyncIterator[Till]:
    """A connector over this data folder, with this terminal named front."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    runtime = Runtime()
    setups = [TerminalSetup("front", "virtual", DirectTerminal(terminal, ScriptedBehaviour(terminal), recovery))]
    async with (
        open_engine(folder, setups, EngineSettings(time_zone="UTC", probe_seconds=0), runtime) as engine,
        open_portal(given, folder, runtime, "1.4.0", [Keeper(engine, given, folder).keep]) as desk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(desk.run())
        await asyncio.sleep(0)
        yield Till(desk, engine, folder)
        running.cancel()


async def soon(true: Callable[[], Awaitable[object]]) -> None:
    """Returns when that has come true."""
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.01)


async def until(till: Till, true: Callable[[Standing], bool]) -> Standing:
    async def look() -> bool:
        return true(till.desk.standing())

    await soon(look)
    return till.desk.standing()


async def pair(till: Till, portal: Portal) -> None:
    await till.desk.start_pairing(await portal.pin())
    await until(till, lambda now: now.state is LinkState.ACTIVE)


async def link_of(portal: Portal) -> Link:
    async with portal.house.database.reading() as connection:
        found = await portal.links.link_of(connection, portal.location_id)
    assert found is not None
    return found


async def equipment(portal: Portal) -> Equipment | None:
    async with portal.house.database.reading() as connection:
        return await store.equipment(connection, portal.location_id)


async def connected(portal: Portal) -> None:
    """Returns once a connector has reported from now on."""
    since = portal.house.runtime.clock.now()

    async def reported() -> bool:
        found = await equipment(portal)
        return found is not None and found.at >= since

    await soon(reported)


async def ask_to_pay(portal: Portal, minor: int = 1250) -> str:
    """A person at the portal starts a payment, at another replica than the one that holds the connection."""
    desk = CommandDesk(portal.house, Hub(portal.house))
    made = await desk.start_payment(
        owner(portal.tenant_id), portal.location_id, Money(minor, EUR), "front", "A-17", portal.house.runtime.ids.new()
    )
    return made.id


async def row(portal: Portal, command_id: str) -> Command:
    async with portal.house.database.reading() as connection:
        found = await store.find(connection, command_id, portal.tenant_id)
    assert found is not None
    return found


async def reaches(portal: Portal, command_id: str, *states: State) -> Command:
    async def there() -> bool:
        return (await row(portal, command_id)).state in states

    await soon(there)
    return await row(portal, command_id)


def taken(terminal: VirtualTerminal) -> list[int]:
    """The minor units of every sale that the terminal really took."""
    return [one.minor for one in terminal.ledger.rows if one.movement == "taken"]


async def shows(terminal: VirtualTerminal, screen: Screen) -> None:
    async def look() -> bool:
        return terminal.screen is screen

    await soon(look)


async def card(terminal: VirtualTerminal) -> None:
    await shows(terminal, Screen.WAITING_FOR_CARD)
    terminal.present_card()
    terminal.enter_pin()
