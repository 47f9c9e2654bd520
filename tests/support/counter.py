"""A counter: a virtual terminal in the test's own loop, and a connector for it in a process of its own.

The test holds the terminal in its hand: it presents the card when it likes, and reads its ledger.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support import warm
from tests.support.shop import START_SECONDS, Program, free_port
from tests.support.warm import WarmProcess
from tillbridge.protocols import registry
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.scenarios import ALWAYS, Scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

BY_HAND: Final = Scenario("by_hand", "the test presents the card", manual=True)
SOON: Final = 30.0
"""Seconds in which a loaded computer gets anything done that takes a moment."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class Counter:
    """`environment` keeps the commands away from other connectors on this computer."""

    folder: Path
    terminal: VirtualTerminal
    terminal_port: int
    native_port: int = field(default_factory=free_port)
    running: list[Program] = field(default_factory=list)
    started: list[WarmProcess] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The connector's data folder."""
        return self.folder / "data"

    @property
    def settings(self) -> Path:
        """The connector's settings file."""
        return self.folder / "connector.yml"

    @property
    def url(self) -> str:
        """The connector's native interface."""
        return f"http://127.0.0.1:{self.native_port}"

    @property
    def environment(self) -> dict[str, str]:
        """For the commands: wide tables, no colours, and nobody else's connectors."""
        unset = {name for name in os.environ if name.startswith("TILLBRIDGE_")}
        ours = {"XDG_RUNTIME_DIR": str(self.folder), "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        return {name: value for name, value in os.environ.items() if name not in unset} | ours

    def write_settings(
        self, *, doors: Sequence[object] = (), more: Mapping[str, object] | None = None, **terminal: object
    ) -> None:
        """Writes the settings file, with what is different about the terminal, and `more` sections."""
        line = {"host": "127.0.0.1", "port": self.terminal_port} | terminal
        settings = {
            "data": "data",
            "console": {"port": self.native_port},
            "engine": {"probe_seconds": 0},
            "terminals": [{"name": "counter", "driver": "concert-v3", "settings": line}],
            "doors": list(doors),
            **(more or {}),
        }
        self.settings.write_text(yaml.safe_dump(settings, sort_keys=False))

    async def open(self) -> Program:
        """Starts the connector and waits until it takes payments."""
        with _environment(self.environment):
            program = await Program.start("connector", "run", "--config", str(self.settings), ready="ready: ")
        self.running.append(program)
        return program

    async def command(self, *arguments: str, text: str = "") -> Told:
        """Runs `tillbridge` with these arguments to its end."""
        process = await self.start(*arguments)
        async with asyncio.timeout(2 * START_SECONDS):
            out, err = await process.communicate(text.encode())
        return Told(process.returncode or 0, out.decode(), err.decode())

    async def start(self, *arguments: str) -> WarmProcess:
        """Starts `tillbridge` with these arguments."""
        process = await warm.start(arguments, environment=self.environment, folder=self.folder, typing=True)
        self.started.append(process)
        return process

    async def end(self) -> None:
        """Nothing that was started here is left."""
        for program in self.running:
            program.kill()
            await program.gone()
        for process in self.started:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    def wait_by_hand(self) -> None:
        """From now on every payment waits for `present_card`."""
        self.terminal.script.set(Step(BY_HAND, ALWAYS))

    async def until(self, screen: Screen) -> None:
        """Returns once the terminal shows this."""
        async with asyncio.timeout(SOON):
            while self.terminal.screen is not screen:
                await asyncio.sleep(0.01)

    async def pay_by_hand(self) -> None:
        """The customer pays what the terminal asks for."""
        await self.until(Screen.WAITING_FOR_CARD)
        self.terminal.present_card()
        await self.until(Screen.WAITING_FOR_PIN)
        self.terminal.enter_pin()

    @property
    def taken(self) -> Sequence[int]:
        """The minor units of every sale that the terminal really took."""
        return [row.minor for row in self.terminal.ledger.rows if row.movement == "taken"]

    def key(self) -> str:
        """The key of the native interface."""
        return (self.data / "console-key").read_text().strip()

    def address(self) -> dict[str, Any]:
        """What the running connector has written down about itself."""
        found: dict[str, Any] = json.loads((self.data / "connector.json").read_text())
        return found


class _environment:  # noqa: N801  # used as a with statement
    """`Program` hands its own environment on to what it starts."""

    def __init__(self, wanted: dict[str, str]) -> None:
        self._wanted = wanted
        self._before = dict(os.environ)

    def __enter__(self) -> None:
        os.environ.clear()
        os.environ.update(self._wanted)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


@asynccontextmanager
async def counter(folder: Path, *, delay: float = 0.0) -> AsyncIterator[Counter]:
    """A counter whose connector is still to be started. Everything ends with the block."""
    terminal = VirtualTerminal("counter", Runtime(), Ledger(folder / "ledger.jsonl"), delay)
    maker = registry.door("concert-v3")
    port = free_port()
    door = maker.open(
        maker.settings.model_validate({"host": "127.0.0.1", "port": port}),
        terminal,
        Runtime(),
        behaviour=ScriptedBehaviour(terminal),
    )
    place = Counter(folder, terminal, port)
    place.write_settings()
    ready = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(door.serve(ready.set))
            await ready.wait()
            try:
                yield place
            finally:
                await place.end()
                serving.cancel()
    finally:
        terminal.ledger.close()


def interrupt(process: asyncio.subprocess.Process | WarmProcess) -> None:
    """Ctrl-C."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
