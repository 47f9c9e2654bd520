"""The place of a storm: processes of the portal, their database, and the shops that are paired with it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from tests.portal.postgres import Cluster
from tests.portal.storm.plan import Cut, Plan
from tests.portal.storm.wire import Relay
from tests.support.shop import Program, free_port

READY: Final = "ready: "
WORDS: Final = 400
"""Lines of faults of a process that are kept."""

FAULT: Final = "[error"
NO_FAULT: Final = ("[sqlalchemy.pool", "timeout graceful shutdown exceeded")
"""Of a connection that was broken when it came back, and of a till that kept its own while the process stopped."""


@dataclass(slots=True)
class Portal:
    """One process of the portal, started anew whenever it was ended. `up` is set while it answers.

    `faults` are the errors that it wrote down: no kill may bring about a fault of our own.
    """

    config: Path
    port: int
    group: asyncio.TaskGroup
    up: asyncio.Event = field(default_factory=asyncio.Event)
    faults: list[str] = field(default_factory=list)
    _program: Program | None = None
    _reading: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, document: Mapping[str, object], folder: Path, group: asyncio.TaskGroup) -> "Portal":
        """A process with these settings, and a port of its own."""
        port = free_port()
        config = folder / f"portal-{port}.yml"
        config.write_text(yaml.safe_dump({**document, "data": str(folder), "listen": {"port": port}}))
        return cls(config, port, group)

    async def start(self) -> None:
        """Returns when it answers."""
        self._program = await Program.start("portal", "serve", "--config", str(self.config), ready=READY)
        self._reading = self.group.create_task(self._read(self._program))
        self.up.set()

    async def kill(self) -> None:
        """SIGKILL."""
        self.up.clear()
        if self._program is not None:
            self._program.kill()
        await self._gone()

    async def stop(self) -> None:
        """SIGTERM: what it has begun it finishes."""
        self.up.clear()
        if self._program is not None:
            with suppress(ProcessLookupError):
                self._program.process.terminate()
        await self._gone()

    async def _gone(self) -> None:
        if self._program is not None and self._reading is not None:
            async with asyncio.timeout(30):
                await self._program.process.wait()
                await self._reading
        self._program = None

    async def _read(self, program: Program) -> None:
        """Nobody else reads what it says, and a full pipe would make it wait."""
        assert program.process.stdout is not None
        telling = False
        while line := (await program.process.stdout.readline()).decode(errors="replace"):
            ours = FAULT in line and not any(words in line for words in NO_FAULT)
            telling = ours or (telling and not line.startswith("20"))
            if telling and len(self.faults) < WORDS:
                self.faults.append(line)


class Tally:
    """Counts the actions that were answered; the killer waits for a count, and the tills wait for the killer."""

    def __init__(self) -> None:
        self._count = 0
        self._limit: int | None = None
        self._moved = asyncio.Condition()

    async def add(self) -> None:
        """One more."""
        async with self._moved:
            self._count += 1
            self._moved.notify_all()

    async def reached(self, count: int) -> None:
        """Returns when so many were answered."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._count >= count)

    async def limit(self, count: int | None) -> None:
        """Nothing new is begun after so many, so that a blow which is late still finds the tills at work."""
        async with self._moved:
            self._limit = count
            self._moved.notify_all()

    async def allowed(self) -> None:
        """Returns when an action may begin."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._limit is None or self._count < self._limit)


@dataclass(slots=True)
class Street:
    """What the workers find. `server` is PostgreSQL with its `database`, if it is that.

    `server_up` is set while nobody has taken it away, and `refused` whenever a till was told to come later; `over` says
    that every till is done.
    """

    plan: Plan
    portals: list[Portal]
    numbers: list[str]
    server: Cluster | None = None
    database: str = ""
    server_up: asyncio.Event = field(default_factory=asyncio.Event)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    tally: Tally = field(default_factory=Tally)
    relays: Mapping[tuple[int, Cut], Relay] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)

    async def portal(self, preferred: int) -> Portal:
        """A process that is up, if it can be this one."""
        while True:
            order = [self.portals[(preferred + one) % len(self.portals)] for one in range(len(self.portals))]
            for one in order:
                if one.up.is_set():
                    return one
            await order[0].up.wait()

    async def calm(self, tries: int) -> None:
        """After an answer that says: later. A till asks once more at once, then it waits."""
        self.refused.set()
        if tries > 1:
            await self.server_up.wait()
            await asyncio.sleep(min(tries, 20) / 100)  # what the portal waits for tells nobody here
