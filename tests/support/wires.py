"""What the tests of every wire share: a network that can be bad, a journal that can fail, faults that strike."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import Approved, Outcome
from tillbridge.protocols.contract import Fault
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.hostile import Hostility, through
from tillbridge.transports.memory import MemoryEnd, memory_pair

P = TypeVar("P", bound=asyncio.Protocol)

TILL, TERMINAL, JOURNAL, CONNECT = "till", "terminal", "journal", "connect"
Trace = list[tuple[str, object]]


class Tapped(asyncio.Protocol):
    """Writes down what arrives at one side, under the name of the other."""

    def __init__(self, inner: asyncio.Protocol, who: str, trace: Trace) -> None:
        self._inner, self._who, self._trace = inner, who, trace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._trace.append((self._who, data))
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)


class Network:
    """Connects tills to a terminal. Each connection gets the next hostility, later ones get none.

    `trace` has the connections, and the bytes of the till as they arrive; a test's journal writes into it too.
    """

    port = 0

    def __init__(self, *hostilities: Hostility, seed: int = 0) -> None:
        self.trace: Trace = []
        self.answering: Callable[[], asyncio.Protocol] | None = None
        self.ends: list[MemoryEnd] = []
        self._hostilities = list(hostilities)
        self._chance = random.Random(seed)

    async def connect(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """What the driver's line opens connections with."""
        self.trace.append((CONNECT, None))
        if self.answering is None:
            raise LineUnavailable(f"terminal:{self.port} refused the connection: nothing listens on that port there")
        near, far = memory_pair()
        self.ends.append(near)
        far.attach(Tapped(self.answering(), TILL, self.trace))
        if not self._hostilities:
            protocol = factory()
            return near.attach(protocol), protocol

        async def connect(make: Callable[[], Any]) -> tuple[asyncio.Transport, Any]:
            between = make()
            return near.attach(between), between

        return await through(connect, factory, self._hostilities.pop(0), self._chance)

    @property
    def from_till(self) -> bytes:
        return b"".join(data for who, data in self.trace if who == TILL and isinstance(data, bytes))

    @property
    def connections(self) -> int:
        return sum(who == CONNECT for who, _ in self.trace)


class Journal:
    """An `OperationLog` that writes down what it is told, and can fail."""

    def __init__(self, trace: Trace | None = None, *, fails_at: str = "") -> None:
        self.trace = trace if trace is not None else []
        self.outcomes: list[Outcome] = []
        self.seen: list[Progress] = []
        self._fails_at = fails_at

    async def sending(self) -> None:
        self._write("sending")

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)

    async def signature(self, approved: Approved) -> bool:
        raise AssertionError(f"nobody signs here: {approved}")

    async def outcome(self, outcome: Outcome) -> None:
        self._write("outcome")
        self.outcomes.append(outcome)

    def _write(self, what: str) -> None:
        if what == self._fails_at:
            raise OSError("no space left on the disk")
        self.trace.append((JOURNAL, what))


class Switches:
    """A `Behaviour` whose faults strike a number of times each, whatever payment they are about."""

    def __init__(self, faults: Mapping[Fault, int]) -> None:
        self.left = Counter(faults)

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:  # noqa: ARG002 - whichever payment it is
        if self.left[fault] <= 0:
            return False
        self.left[fault] -= 1
        return True
