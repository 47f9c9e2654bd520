"""The demo's connector and portal: each a process of its own, started and stopped as a supervisor would."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.host import LAST_PAYMENT_SECONDS
from tillbridge.domain.errors import BridgeError, Code

READY_SECONDS: Final = 30.0
"""For the connector to listen; it takes one second, but a computer that is being set up may be busy."""

STOP_SECONDS: Final = LAST_PAYMENT_SECONDS + 10.0
"""For a connector that was asked to stop: it may wait for a payment, and then closes its lines."""

READY: Final = b"ready: "


class Child:
    """A running connector or portal, called by its `name`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name = name
        self._process = process

    async def ended(self) -> int:
        """Its exit code, once it has one: below zero for the signal that killed it."""
        return await self._process.wait()

    def ask_to_stop(self) -> None:
        """It waits for a running payment. Its standard input ends as well, as it does when this process dies."""
        if sys.platform != "win32":
            self._signal(signal.SIGINT)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def hurry(self) -> None:
        """After `ask_to_stop`: it does not wait for a running payment any longer."""
        if sys.platform == "win32":
            self._kill()
        else:
            self._signal(signal.SIGINT)

    async def wait_until_ready(self) -> None:
        """`BridgeError(INTERNAL)` if it ends before, or takes too long; it has said itself why."""
        stdout = self._process.stdout
        try:
            async with asyncio.timeout(READY_SECONDS):
                while stdout is not None and (line := await stdout.readline()):
                    if line.startswith(READY):
                        return
        except TimeoutError:
            raise BridgeError(
                Code.INTERNAL, f"the {self._name} was not ready after {READY_SECONDS:g} seconds"
            ) from None
        raise BridgeError(Code.INTERNAL, f"the {self._name} did not start")

    async def stop(self) -> None:
        """Asks it to stop and waits for that; at last it is killed."""
        self.ask_to_stop()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.ended()
        except TimeoutError:
            self._kill()
            await self.ended()

    def _signal(self, one: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(one)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()


@dataclass(frozen=True, slots=True)
class Program:
    """`tillbridge NAME VERB...` with a settings file."""

    name: str
    verb: tuple[str, ...]
    settings: Path


@asynccontextmanager
async def running(programs: Sequence[Program]) -> AsyncIterator[Sequence[Child]]:
    """All of them, started at once and ready. They are stopped when the block is left."""
    children: list[Child] = []
    try:
        for program in programs:
            children.append(await _start(program))  # noqa: PERF401  # those that run are stopped if another fails to
        await _each(child.wait_until_ready() for child in children)
        yield children
    finally:
        await _each(child.stop() for child in children)


async def _start(program: Program) -> Child:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tillbridge", program.name, *program.verb, "--until-stdin-ends"),
        *("--config", str(program.settings)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        **_apart(),
    )
    return Child(program.name, process)


async def _each(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them at once; the first error of theirs as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except* BridgeError as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[BridgeError]) -> BridgeError:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _apart() -> dict[str, Any]:
    """A terminal sends Ctrl-C to everybody in front: the connector must hear of it from here alone, and only once."""
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        apart = {"start_new_session": True}
    return apart
