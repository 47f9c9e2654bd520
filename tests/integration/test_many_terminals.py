"""One connector with many terminals and tills: rules, lanes that do not wait, and lines that come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lines import PATIENCE
from tests.matrix.backs import served
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols import registry
from tillbridge.protocols.contract import PaymentRequest, Recovery
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

PRICE: Final = Money(1250, EUR)
QUICK: Final = {"ack": 0.3, "byte": 0.3, "pause": 0.05, "eot": 0.3, "hold": 0.3, "transaction": 5}


def sale(till: str, **different: Any) -> PaymentRequest:
    return PaymentRequest(Kind.SALE, PRICE, till, "door", **different)


@asynccontextmanager
async def shop(folder: Path, *names: str, **settings: Any) -> AsyncIterator[tuple[Engine, dict[str, VirtualTerminal]]]:
    desks = {name: VirtualTerminal(name, Runtime()) for name in names}
    setups = [
        TerminalSetup(name, "virtual", DirectTerminal(desk, ScriptedBehaviour(desk), Recovery.BY_ID))
        for name, desk in desks.items()
    ]
    rules = EngineSettings.model_validate({"time_zone": "UTC", "probe_seconds": 0, **settings})
    async with asyncio.timeout(PATIENCE), open_engine(folder, setups, rules, Runtime()) as engine:
        yield engine, desks


async def test_each_till_has_its_terminal_by_a_rule(tmp_path: Path) -> None:
    routes = [{"terminal": "bar", "caller": "till-2"}, {"terminal": "room", "register": "07"}, {"terminal": "counter"}]
    async with shop(tmp_path, "counter", "bar", "room", routes=routes) as (engine, desks):
        for request, terminal in (
            (sale("till-1"), "counter"),
            (sale("till-2"), "bar"),
            (sale("till-1", register="07"), "room"),
            (sale("till-2", terminal="counter"), "counter"),
        ):
            payment = await engine.wait((await engine.start(request)).id, PATIENCE)
            assert (payment.terminal, payment.stage) == (terminal, Stage.APPROVED)
        assert {name: desk.ledger.balance("EUR") for name, desk in desks.items()} == {
            "counter": 2500,
            "bar": 1250,
            "room": 1250,
        }


async def test_a_terminal_that_waits_or_is_in_doubt_holds_up_no_other(tmp_path: Path) -> None:
    async with shop(tmp_path, "counter", "bar", "room") as (engine, desks):
        desks["bar"].script.set(Step(SCENARIOS["manual"]))
        desks["room"].script.set(Step(SCENARIOS["drop_before"]))
        waiting = await engine.start(sale("till-2", terminal="bar"))
        await engine.wait((await engine.start(sale("till-3", terminal="room"))).id, PATIENCE)
        for _ in range(20):
            payment = await engine.wait((await engine.start(sale("till-1", terminal="counter"))).id, PATIENCE)
            assert payment.stage is Stage.APPROVED
        with pytest.raises(BridgeError) as busy:
            await engine.start(sale("till-1", terminal="bar"))
        assert (busy.value.code, busy.value.payment_id) == (Code.TERMINAL_BUSY, waiting.id)
        assert desks["counter"].ledger.balance("EUR") == 20 * PRICE.minor
        desks["bar"].press_cancel()
        assert (await engine.wait(waiting.id, PATIENCE)).stage is Stage.ABORTED


async def test_a_serial_line_that_is_pulled_out_and_plugged_in_again(tmp_path: Path) -> None:
    link = tmp_path / "terminal"
    desk = VirtualTerminal("counter", Runtime())
    door = registry.door("concert-v2")
    wired = door.settings.model_validate({"pty": str(link), "timers": QUICK})
    driver = registry.driver("concert-v2")
    settings = driver.settings.model_validate({"serial": {"port": str(link)}, "timers": QUICK})
    setups = [TerminalSetup("counter", "concert-v2", driver.connect(settings, Runtime()))]
    rules = EngineSettings(time_zone="UTC", probe_seconds=0)
    async with asyncio.timeout(PATIENCE), open_engine(tmp_path, setups, rules, Runtime()) as engine:

        async def pay() -> Stage:
            return (await engine.wait((await engine.start(sale("till"))).id, PATIENCE)).stage

        assert await pay() is Stage.NOT_STARTED
        for round_ in (1, 2, 3):
            async with AsyncExitStack() as plugged:
                await plugged.enter_async_context(served(door.open(wired, desk, Runtime())))
                assert await pay() is Stage.APPROVED
                assert desk.ledger.balance("EUR") == round_ * PRICE.minor
            assert await pay() is Stage.NOT_STARTED
        (status,) = await engine.terminals()
        assert status.occupied_by is None
