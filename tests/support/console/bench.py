"""A virtual terminal that really listens, and a technician at the console's wire tester in front of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Around, Counter, counter
from tests.support.console.reading import send
from tillbridge.connector.settings import Configured
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.terminal import VirtualTerminal

PATIENCE = 20.0


@dataclass
class Bench:
    """`terminal` is the machine, `port` where it listens, `technician` the browser of whoever tests it."""

    terminal: VirtualTerminal
    port: int
    counter: Counter
    technician: Client

    async def open(self, **entered: str) -> Answer:
        """Enters the address of the terminal."""
        page = await self.technician.get("/tester?wire=concert-v3")
        usual = {"s.host": "127.0.0.1", "s.port": str(self.port)}
        return await send(self.technician, page, "/tester?wire=concert-v3", **(usual | entered))

    async def press(self, action: str, **entered: str) -> Answer:
        """Sends the first form of the tester's page with this action."""
        return await send(self.technician, await self.technician.get("/tester"), action, **entered)

    async def pay(self, amount: str = "1.00", kind: str = "sale") -> Payment:
        """An operation from its form to its end."""
        answer = await self.press("/tester/pay", kind=kind, amount=amount, unit="EUR")
        assert answer.status == 303, answer.text
        return await self.over()

    async def over(self) -> Payment:
        """The newest test payment once it is over."""
        engine = self.counter.tester.under_test().engine
        # A payment is in memory before it is on disk: it then occupies the terminal.
        running = (await engine.terminals())[0].occupied_by
        newest = running or engine.payments(None, 1)[0]
        return await engine.wait(newest.id, PATIENCE)


@asynccontextmanager
async def bench(folder: Path, **around: Any) -> AsyncIterator[Bench]:
    """A bench. `configured` says that the terminal called "front" of the settings has the very same address."""
    runtime = Runtime()
    terminal = VirtualTerminal("machine", runtime, delay=0.0)
    maker = registry.door("concert-v3")
    settings = maker.settings.model_validate({"port": 0, "reference_is_order": True})
    door = maker.open(settings, terminal, runtime, behaviour=ScriptedBehaviour(terminal))
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(_until_cancelled(lambda: door.serve(ready.set)))
        await ready.wait()
        port = int(door.address.rpartition(":")[2])
        shared = registry.driver("concert-v3").settings.model_validate({"host": "localhost", "port": port})
        terminals = (Configured("front", "concert-v3", shared),) if around.pop("configured", False) else ()
        async with counter(folder, "front", runtime=runtime, around=Around(terminals), **around) as inside:
            yield Bench(terminal, port, inside, await inside.person())
        serving.cancel()


async def _until_cancelled(job: Callable[[], Awaitable[None]]) -> None:
    with suppress(asyncio.CancelledError):
        await job()
