"""One connector as a process: what it says, what it is asked, and how it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from tillbridge.connector.supervisor.words import CONSOLE, READY, REFUSED, Order, Reply
from tillbridge.domain.errors import BridgeError, Code

LEAVE_SECONDS: Final = 85.0
"""For a connector to go when it is asked: it waits up to 75 seconds for a running payment, then closes its files."""

REPLY_SECONDS: Final = 10.0
"""For an answer to an order; one that does not come is none."""

PIPE_SECONDS: Final = 2.0
"""For what a connector said last to arrive after its end."""

KEPT_LINES: Final = 80
LONGEST_LINE: Final = 8000
"""Characters of a line; the rest of a longer one is not kept."""

BLOCK: Final = 16 * 1024

log = structlog.get_logger(__name__)


class Child:
    """A started connector. `pass_on` gets each line that it says for people."""

    def __init__(self, process: asyncio.subprocess.Process, pass_on: Callable[[str], None]) -> None:
        self._process = process
        self._pass_on = pass_on
        self._replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.ready = asyncio.Event()
        self.address: str | None = None
        self.refusal: str | None = None
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def ended(self) -> int:
        """Its exit code, once it has ended; negative for the signal that ended it."""
        return await self._process.wait()

    async def stop_if_idle(self) -> bool:
        """Asks it to stop unless a payment runs; whether it does. From a yes on it takes no new payment."""
        while not self._replies.empty():
            self._replies.get_nowait()  # it came too late for the question that it answers
        self.order(Order.STOP_IF_IDLE)
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._replies.get() is Reply.STOPPING
        except TimeoutError:
            return False

    def order(self, order: Order) -> None:
        """Tells it something; one that has ended hears nothing."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{order}\n".encode())

    async def leave(self) -> None:
        """Asks it to go, waits for a running payment as long as it does, and ends it if it does not go even then."""
        self.order(Order.LEAVE)
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            log.warning("connector_did_not_leave", pid=self.pid)
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """Ends it at once. What it was doing is looked into by the next one."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def read(self) -> None:
        """Hears it until it says nothing any more."""
        async with asyncio.TaskGroup() as group:
            if self._process.stdout is not None:
                group.create_task(_lines(self._process.stdout, self._heard))
            if self._process.stderr is not None:
                group.create_task(_lines(self._process.stderr, self._said))

    def _said(self, line: str) -> None:
        self.lines.append(line)
        self._pass_on(line)

    def _heard(self, line: str) -> None:
        if line.startswith(READY):
            self.address = _console(line)
            self.ready.set()
        elif line.startswith(REFUSED):
            self.refusal = line.removeprefix(REFUSED).strip()
        elif line in set(Reply):
            self._replies.put_nowait(Reply(line))
        else:
            self._said(line)


@asynccontextmanager
async def started(
    command: Sequence[str], environment: Mapping[str, str], pass_on: Callable[[str], None]
) -> AsyncIterator[Child]:
    """A connector for the time of the block; none is left behind, whatever happens in it.

    `BridgeError(INTERNAL)` where the program cannot be started at all.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
        )
    except OSError as error:
        raise BridgeError(Code.INTERNAL, f"the program cannot be started: {error.strerror}", place=command[0]) from None
    child = Child(process, pass_on)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(child.read())
            try:
                yield child
            finally:
                child.kill()
                await process.wait()
                await asyncio.wait({reading}, timeout=PIPE_SECONDS)
                reading.cancel()
    finally:
        if process.stdin is not None:
            process.stdin.close()


async def _lines(stream: asyncio.StreamReader, heard: Callable[[str], None]) -> None:
    """Hands on each line, without its end; only the beginning of one that is too long."""
    rest = b""
    while block := await stream.read(BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            heard(line[:LONGEST_LINE].decode("utf-8", errors="replace").rstrip("\r"))
        rest = rest[:LONGEST_LINE]
    if rest:
        heard(rest.decode("utf-8", errors="replace"))


def _console(line: str) -> str | None:
    """The address of the console in the line that says that it is ready."""
    first = line.removeprefix(READY).split(", ")[0]
    return first.removeprefix(CONSOLE).strip() if first.startswith(CONSOLE) else None
