"""Terminals that sleep, reboot or get another address, on real lines: 127.0.0.2 is the place that they move to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lines import PATIENCE
from tests.matrix.backs import DRIVERS, served
from tests.support.shop import free_port
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import NotStarted
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols import registry
from tillbridge.protocols.contract import HealthState, PaymentRequest
from tillbridge.protocols.moving import Place
from tillbridge.runtime.effects import Runtime, SystemClock
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

PRICE: Final = Money(1250, EUR)
HOME: Final = "127.0.0.1"
AWAY: Final = "127.0.0.2"
ASLEEP: Final = 3600.0
WIRES: Final = ("concert-v2", "concert-v3", "touchscreen", "mypos-xml")
DOORS: Final[Mapping[str, Mapping[str, Any]]] = {"mypos-xml": {"currency": "EUR"}}
TILLS: Final[Mapping[str, Mapping[str, Any]]] = {
    **{wire: DRIVERS[wire] for wire in ("concert-v2", "concert-v3", "mypos-xml")},
    "touchscreen": {},
}


class Hands(SystemClock):
    """The computer's clock, which a test puts forward: hours of a terminal's sleep take no time."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def now(self) -> datetime:
        return super().now()


@dataclass
class Street:
    """A wire and a port, at which terminals and a connector's driver live. Nothing is open yet."""

    wire: str
    folder: Path
    port: int = field(default_factory=free_port)
    clock: Hands = field(default_factory=Hands)

    def at(self, host: str) -> str:
        return f"{host}:{self.port}"

    @asynccontextmanager
    async def terminal(self, desk: VirtualTerminal, host: str = HOME, **different: Any) -> AsyncIterator[None]:
        """This terminal is switched on, at this address."""
        maker = registry.door(self.wire)
        settings = maker.settings.model_validate({**self._line(host), **DOORS.get(self.wire, {}), **different})
        async with served(maker.open(settings, desk, Runtime(), behaviour=ScriptedBehaviour(desk))):
            yield

    @asynccontextmanager
    async def connector(self, host: str = HOME, *, wake: float = 0, **different: Any) -> AsyncIterator[Engine]:
        """An engine whose settings have the terminal at this address."""
        driver = registry.driver(self.wire)
        settings = driver.settings.model_validate({**self._line(host), **TILLS[self.wire], **different})
        runtime = Runtime(clock=self.clock)
        setups = [TerminalSetup("bar", self.wire, driver.connect(settings, runtime))]
        rules = EngineSettings(time_zone="UTC", probe_seconds=0, wake_seconds=wake)
        async with asyncio.timeout(3 * PATIENCE), open_engine(self.folder, setups, rules, runtime) as engine:
            yield engine

    def _line(self, host: str) -> dict[str, Any]:
        where = {"host": host, "port": self.port}
        return {"tcp": where} if self.wire == "concert-v2" else where


async def pay(engine: Engine) -> Stage:
    started = await engine.start(PaymentRequest(Kind.SALE, PRICE, "till", "door"))
    return (await engine.wait(started.id, 2 * PATIENCE)).stage


async def accept(engine: Engine, address: str) -> Place:
    return await engine.moves.move("bar", address, by="Ada", reason="read from its screen")


def taken(desk: VirtualTerminal) -> int:
    return desk.ledger.balance("EUR") // PRICE.minor


@pytest.mark.parametrize("wire", WIRES)
async def test_a_terminal_at_another_address_is_used_there_once_a_person_says_so(wire: str, tmp_path: Path) -> None:
    street, desk = Street(wire, tmp_path), VirtualTerminal("bar")
    async with street.connector() as engine:
        async with street.terminal(desk):
            assert await pay(engine) is Stage.APPROVED
        async with street.terminal(desk, AWAY):
            assert await pay(engine) is Stage.NOT_STARTED
            place = await accept(engine, street.at(AWAY))
            assert (place.address, place.configured) == (street.at(AWAY), street.at(HOME))
            assert await pay(engine) is Stage.APPROVED
            assert taken(desk) == 2
    async with street.terminal(desk, AWAY):
        async with street.connector() as engine:
            assert engine.moves.places()["bar"].address == street.at(AWAY)
            assert await pay(engine) is Stage.APPROVED
        async with street.connector("127.0.0.3") as engine:
            assert engine.moves.places()["bar"].address == street.at("127.0.0.3")
            assert await pay(engine) is Stage.NOT_STARTED
        assert taken(desk) == 3


@pytest.mark.parametrize(("wire", "keeps"), [*((wire, {}) for wire in WIRES), ("mypos-xml", {"keep_alive": True})])
async def test_a_line_that_is_still_open_leads_nowhere_any_more(
    wire: str, keeps: dict[str, Any], tmp_path: Path
) -> None:
    street, here, there = Street(wire, tmp_path), VirtualTerminal("here"), VirtualTerminal("there")
    async with street.terminal(here), street.terminal(there, AWAY), street.connector(**keeps) as engine:
        assert await pay(engine) is Stage.APPROVED
        await accept(engine, street.at(AWAY))
        assert await pay(engine) is Stage.APPROVED
        assert (taken(here), taken(there)) == (1, 1)
        await accept(engine, street.at(HOME))
        assert await pay(engine) is Stage.APPROVED
        assert (taken(here), taken(there)) == (2, 1)


async def test_no_word_moves_a_terminal_that_works_or_whose_payment_is_in_doubt(tmp_path: Path) -> None:
    street, desk = Street("concert-v3", tmp_path), VirtualTerminal("bar")
    async with street.terminal(desk), street.connector(ask_after_doubt=False) as engine:
        desk.script.set(Step(SCENARIOS["manual"]))
        running = await engine.start(PaymentRequest(Kind.SALE, PRICE, "till", "door"))
        with pytest.raises(BridgeError) as busy:
            await accept(engine, street.at(AWAY))
        assert busy.value.code is Code.TERMINAL_BUSY
        await engine.wait(running.id, 2 * PATIENCE)
        with pytest.raises(BridgeError) as locked:
            await accept(engine, street.at(AWAY))
        assert (locked.value.code, locked.value.payment_id) == (Code.TERMINAL_LOCKED, running.id)
        assert engine.moves.places()["bar"].address == street.at(HOME)
    async with street.connector(ask_after_doubt=False) as engine:
        with pytest.raises(BridgeError) as still:
            await accept(engine, street.at(AWAY))
        assert still.value.code is Code.TERMINAL_LOCKED
        await engine.resolve(running.id, taken=False, by="Ada", reason="no slip")
        assert (await accept(engine, street.at(AWAY))).address == street.at(AWAY)


# ---------------------------------------------------------------- sleep, reboot, and another address with a proof


async def test_a_terminal_that_reboots_is_woken_before_money_moves(tmp_path: Path) -> None:
    street, desk = Street("touchscreen", tmp_path), VirtualTerminal("bar")
    async with street.connector(wake=60) as engine:
        async with street.terminal(desk):
            assert await pay(engine) is Stage.APPROVED
        street.clock.ahead += ASLEEP
        asleep = await engine.start(PaymentRequest(Kind.SALE, PRICE, "till", "door"))
        outcome = (await engine.wait(asleep.id, 2 * PATIENCE)).outcome
        assert isinstance(outcome, NotStarted)
        assert street.at(HOME) in outcome.detail
        (status,) = await engine.terminals()
        assert (status.health.state, status.occupied_by) == (HealthState.UNREACHABLE, None)
        async with street.terminal(desk):
            assert await pay(engine) is Stage.APPROVED
            street.clock.ahead += ASLEEP
            assert await pay(engine) is Stage.APPROVED
        assert taken(desk) == 3


@pytest.mark.parametrize("wake", [0, 60])
async def test_a_terminal_that_comes_back_elsewhere_is_used_where_it_proves_its_number(
    wake: float, tmp_path: Path
) -> None:
    street, desk, other = Street("touchscreen", tmp_path), VirtualTerminal("bar"), VirtualTerminal("other")
    async with (
        AsyncExitStack() as open_doors,
        street.connector(wake=wake, terminal_id="TB7", search=[AWAY, "127.0.0.3"]) as engine,
    ):
        async with street.terminal(desk, terminal_id="TB7"):
            assert await pay(engine) is Stage.APPROVED
        street.clock.ahead += ASLEEP
        assert await pay(engine) is Stage.NOT_STARTED
        await open_doors.enter_async_context(street.terminal(other, HOME, terminal_id="TB8"))
        await open_doors.enter_async_context(street.terminal(other, "127.0.0.3", terminal_id="TB9"))
        assert await pay(engine) is Stage.NOT_STARTED
        await open_doors.enter_async_context(street.terminal(desk, AWAY, terminal_id="TB7"))
        assert await pay(engine) is Stage.APPROVED
        assert engine.moves.places()["bar"].address == street.at(AWAY)
        assert (taken(desk), taken(other)) == (2, 0)
