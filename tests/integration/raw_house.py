"""A shop for tests of one wire from outside: a real engine on a real journal, with its door or terminal on sockets."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.matrix.backs import served
from tests.unit.engine.house import SETTINGS
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Payment, Recovery, Terminal
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.terminal import VirtualTerminal

T = TypeVar("T")

PATIENCE: Final = 20.0
CARD_NUMBER: Final = "4111111111111111"
"""A card maker's published test number."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What stands behind a door: its address, the engine, and the virtual terminal whose ledger is the judge."""

    address: str
    engine: Engine
    desk: VirtualTerminal

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def taken(self) -> int:
        """Minor units of euros in the ledger."""
        return self.desk.ledger.balance("EUR")

    def payments(self) -> list[Payment]:
        return list(self.engine.payments())


@asynccontextmanager
async def shop(folder: Path, door: str, delay: float = 0.0, **settings: Any) -> AsyncIterator[Shop]:
    """This door over an engine with one virtual terminal."""
    desk = VirtualTerminal("t1", Runtime(), delay=delay)
    direct = DirectTerminal(desk, ScriptedBehaviour(desk), Recovery.BY_ID, PATIENCE)
    async with open_engine(folder, [TerminalSetup("t1", "virtual", direct)], SETTINGS, Runtime()) as engine:
        maker = registry.door(door)
        asked = maker.settings.model_validate({"port": 0} | settings)
        async with served(maker.open(asked, engine, Runtime())) as address:
            yield Shop(address, engine, desk)


@asynccontextmanager
async def bridged(folder: Path, driver: str, **settings: Any) -> AsyncIterator[tuple[Engine, Terminal]]:
    """An engine whose one terminal is reached by this driver."""
    maker = registry.driver(driver)
    terminal = maker.connect(maker.settings.model_validate(settings), Runtime())
    async with open_engine(folder, [TerminalSetup("t1", driver, terminal)], SETTINGS, Runtime()) as engine:
        yield engine, terminal


async def at_once(*asking: Coroutine[Any, Any, T]) -> list[T]:
    """What each of these gives; they run beside each other."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in asking]
    return [task.result() for task in tasks]


async def until_ended(engine: Engine, payment: Payment) -> Payment:
    async with asyncio.timeout(PATIENCE):
        return await engine.wait(payment.id, PATIENCE)


def journal_bytes(folder: Path) -> bytes:
    """Every byte that the journal's files hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
