"""A shop of real processes: a virtual terminal with its own ledger, a connector, and a till that speaks HTTP.

The terminal outlives a kill of the connector, as a real one does, and its ledger is the judge of what happened.
"""

import asyncio
import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, BinaryIO, Final

import aiohttp
import yaml
from argon2 import PasswordHasher

from tests.support import warm
from tests.support.line_tap import SerialTap, TcpTap
from tests.support.warm import WarmProcess

TILLBRIDGE: Final = Path(sys.executable).with_name("tillbridge")
START_SECONDS: Final = 30.0
"""For a process on a busy machine to say that it is ready."""

LOGIN: Final = {"Authorization": aiohttp.encode_basic_auth("log", "pwd")}
_HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pwd")


FIRST_PORT: Final = 20_000
PORTS_OF_A_WORKER: Final = 1_000
"""Below those that the system gives to callers, who could take one between its being found and its being used."""

_ports: Final = cycle(range(PORTS_OF_A_WORKER))


_marks: Final = Path(tempfile.gettempdir()) / f"tillbridge-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port of the loopback that nobody listens on, and that no other worker or run of the tests will be given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw"))
    first = FIRST_PORT + worker % 10 * PORTS_OF_A_WORKER
    for _ in range(PORTS_OF_A_WORKER):
        port = first + next(_ports)
        with socket.socket() as probe, suppress(OSError):
            # Kept until this process ends. A port is also free while the connector that it is for was killed and is
            # not back yet: another run on this computer, with its own worker of the same name, must not take it then.
            fcntl.lockf(_marks_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("every port of this worker is in use")


@cache
def _marks_file() -> BinaryIO:
    """A byte of it stands for each port. It stays open: to close any handle of it would end all locks."""
    return _marks.open("ab")


class ConnectorDied(AssertionError):
    """A command ended before it was ready; the text is all that it said."""


class Program:
    """A started command. Its output is kept, so that a failing test can say what it said."""

    def __init__(self, process: asyncio.subprocess.Process | WarmProcess) -> None:
        self.process = process
        self.said: list[str] = []

    @classmethod
    async def start(
        cls,
        *arguments: str,
        before: Sequence[str] = (),
        cold: bool = False,
        ready: str,
        seconds: float = START_SECONDS,
    ) -> "Program":
        """Starts `tillbridge` with these arguments and waits until it prints a line that holds `ready`.

        `before` is a tracer in front of it. `cold`: it reads its own modules, as a shop's does.
        """
        environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
        process: asyncio.subprocess.Process | WarmProcess
        if before or cold:
            process = await asyncio.create_subprocess_exec(
                *before,
                str(TILLBRIDGE),
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        else:
            process = await warm.start(arguments, environment=environment, session=True)
        program = cls(process)
        try:
            async with asyncio.timeout(seconds):
                await program.wait_for(ready)
        except BaseException as error:
            error.add_note("".join(program.said))
            program.kill()
            await process.wait()
            raise
        return program

    async def wait_for(self, words: str) -> None:
        """Reads the output until a line holds these words; `ConnectorDied` if it ends first."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode(errors="replace"):
            self.said.append(line)
            if words in line:
                return
        raise ConnectorDied(f"it ended with {await self.process.wait()}:\n{''.join(self.said)}")

    def kill(self) -> None:
        """SIGKILL to the whole group, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Returns when the process has ended."""
        async with asyncio.timeout(START_SECONDS):
            if self.process.stdout is not None:
                self.said.append((await self.process.stdout.read()).decode(errors="replace"))
            await self.process.wait()

    async def stop(self) -> None:
        """Asks it to stop and waits for that."""
        if self.process.returncode is None:
            # To the whole group: a tracer in front of the command would not hand the signal on.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            await self.gone()


@dataclass
class Shop:
    """`driver` is concert-v2 (a serial line with a tap), concert-v3 or touchscreen (TCP with a tap)."""

    folder: Path
    driver: str
    tap: SerialTap | TcpTap
    terminal: Program
    connector: Program | None = None
    native_port: int = field(default_factory=free_port)
    till_port: int = field(default_factory=free_port)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """The rows of the terminal's own ledger: what really happened to the money."""
        path = self.folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def settings(self) -> Path:
        """The connector's settings file."""
        return self.folder / "connector.yml"

    def write_settings(self) -> None:
        """Writes the connector's settings for this shop."""
        if isinstance(self.tap, SerialTap):
            line: dict[str, Any] = {"serial": {"port": str(self.tap.till_port)}}
        else:
            line = {"host": "127.0.0.1", "port": self.tap.port}
        till = {"port": self.till_port, "api_username": "log", "api_password_hash": _HASH, "patience": 20}
        settings = {
            "data": str(self.folder / "data"),
            "console": {"port": self.native_port},
            "engine": {"probe_seconds": 0},
            "terminals": [{"name": "counter", "driver": self.driver, "settings": line}],
            "doors": [{"name": "till", "door": "hipay", "settings": till}],
        }
        self.settings.write_text(yaml.safe_dump(settings))

    async def open(self, *, before: Sequence[str] = ()) -> Program:
        """Starts the connector, under `before` (a tracer) where one is given."""
        arguments = ("connector", "run", "--config", str(self.settings))
        self.connector = await Program.start(*arguments, before=before, ready="ready")
        return self.connector

    async def order(self, order_id: str, amount: str = "12.50", **headers: str) -> tuple[int, dict[str, Any]]:
        """The till asks for a payment; HTTP status and body. `aiohttp.ClientError` if the connector dies meanwhile."""
        body = {"amount": amount, "currency": "EUR", "order_id": order_id}
        async with (
            aiohttp.ClientSession(headers=LOGIN, timeout=aiohttp.ClientTimeout(60)) as till,
            till.post(f"http://localhost:{self.till_port}/order", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()

    async def look(self, order_id: str) -> tuple[int, dict[str, Any]]:
        """The till asks what became of an order."""
        async with (
            aiohttp.ClientSession(headers=LOGIN, timeout=aiohttp.ClientTimeout(60)) as till,
            till.get(f"http://localhost:{self.till_port}/order/{order_id}") as answer,
        ):
            return answer.status, await answer.json()


@asynccontextmanager
async def shop(folder: Path, driver: str = "concert-v2", *, simulate: Sequence[str] = ()) -> AsyncIterator[Shop]:
    """A shop whose terminal runs and whose connector is still to be opened. Everything ends with the block."""
    wire = "touchscreen" if driver == "touchscreen" else "concert"
    arguments = ["simulate", wire, "--ledger", str(folder / "ledger.jsonl"), "--delay", "0", *simulate]
    tap: SerialTap | TcpTap
    if driver == "concert-v2":
        port = folder / "terminal"
        terminal = await Program.start(*arguments, "--pty", str(port), ready="Ctrl-C")
        tap = SerialTap(port, folder / "till")
    else:
        tcp_port = free_port()
        v3 = ["--tcp", f"127.0.0.1:{tcp_port}", "--dialect", "v3"]
        line = ["--port", str(tcp_port)] if driver == "touchscreen" else v3
        terminal = await Program.start(*arguments, *line, ready="Ctrl-C")
        tap = TcpTap(tcp_port)
        await tap.listen()
    place = Shop(folder, driver, tap, terminal)
    place.write_settings()
    try:
        yield place
    finally:
        if place.connector is not None:
            place.connector.kill()
            await place.connector.gone()
        if isinstance(tap, TcpTap):
            await tap.close()
        else:
            tap.close()
        await terminal.stop()
