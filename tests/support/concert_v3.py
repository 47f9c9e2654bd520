"""A till's driver, a network that can be bad, and a door over the virtual terminal: Concert V3 in one process."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation, Progress
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.protocols.concert.v3.door import TcpDoor
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine, TillConnection
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings, DriverSettings
from tillbridge.protocols.contract import Fault, LateResult
from tillbridge.runtime.manual import manual_runtime
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.hostile import Hostility, through
from tillbridge.transports.memory import MemoryEnd, memory_pair
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import Declines, Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

TWELVE_FIFTY = Money(1250, EUR)
REFERENCE = "0123456789abcdef0123456789abcdef"
TILL, JOURNAL, CONNECT = "till", "journal", "connect"
Trace = list[tuple[str, object]]

REQUEST = b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978CF032" + REFERENCE.encode()
ANSWER = (
    b"CZ0040300CJ012012345678901AE00210CA00201CB0041250CC003001CD0010CE003978CI0011AA016497010######7890AL0011"
    b"AC006000001AI014A0000000421010CG0071999403CF032" + REFERENCE.encode()
)
REFUSAL = b"CZ0040300CJ012012345678901AE00201AF00204CA00201CB0041250CD0010CE003978CF032" + REFERENCE.encode()
"""The sale of `operation()` as it passes over the wire."""

REFUSING = Step(Scenario("refuse", "declined", Declines()))
AFTERWARDS = 400.0
"""Seconds of manual time after the operation in which every wait runs out."""


def operation(amount: Money | None = TWELVE_FIFTY, kind: Kind = Kind.SALE, **different: Any) -> Operation:
    """An operation as the engine would hand it to the driver."""
    given = {"id": "op-1", "wire_reference": REFERENCE} | different
    return Operation(kind=kind, amount=amount, **given)


def driver_settings(**different: Any) -> DriverSettings:
    return DriverSettings.model_validate({"host": "terminal"} | different)


def door_settings(**different: Any) -> DoorSettings:
    return DoorSettings.model_validate({"reference_is_order": True} | different)


class _Tapped(asyncio.Protocol):
    """Writes down what arrives at the terminal."""

    def __init__(self, inner: asyncio.Protocol, trace: Trace) -> None:
        self._inner, self._trace = inner, trace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._trace.append((TILL, data))
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)


class Network:
    """Connects tills to a terminal. Each connection gets the next hostility, later ones get none.

    `trace` has the connections, and the bytes of the till as they arrive; a test's journal writes into it too.
    """

    def __init__(self, *hostilities: Hostility, seed: int = 0) -> None:
        self.trace: Trace = []
        self.answering: Callable[[], asyncio.Protocol] | None = None
        self.ends: list[MemoryEnd] = []
        self._hostilities = list(hostilities)
        self._chance = random.Random(seed)

    async def connect(self, factory: Callable[[], TillConnection]) -> tuple[asyncio.Transport, TillConnection]:
        """What the driver's line opens connections with."""
        self.trace.append((CONNECT, None))
        if self.answering is None:
            raise LineUnavailable("terminal:8888 refused the connection: nothing listens on that port there")
        near, far = memory_pair()
        self.ends.append(near)
        far.attach(_Tapped(self.answering(), self.trace))
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


@dataclass
class Shop:
    """All that a test wants to look at."""

    network: Network
    desk: VirtualTerminal
    terminal: ConcertV3Terminal
    group: asyncio.TaskGroup
    late: list[LateResult] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome | None = None

    async def sell(self, **different: Any) -> Outcome:
        self.journal = Journal(self.network.trace)
        return await self.terminal.perform(operation(**different), self.journal)


@asynccontextmanager
async def shop(
    network: Network,
    faults: Mapping[Fault, int] | None = None,
    *,
    delay: float = 0.0,
    driver: DriverSettings | None = None,
    door: DoorSettings | None = None,
    desk: VirtualTerminal | None = None,
) -> AsyncIterator[Shop]:
    """A driver and a door on this network. `delay` is the customer's."""
    desk = desk or VirtualTerminal(runtime=manual_runtime(), delay=delay)
    behaviour = Switches(faults) if faults is not None else None
    settings, asked = door or door_settings(), driver or driver_settings()
    one = TcpDoor(settings, TerminalService(desk, settings, behaviour))
    terminal = ConcertV3Terminal(asked, TcpLine(network.connect, asked.quiet_time))
    async with asyncio.TaskGroup() as group:
        network.answering = lambda: one.connection(group)
        here = Shop(network, desk, terminal, group)
        listening = group.create_task(_listen(here))
        try:
            yield here
        finally:
            await terminal.close()
            await listening


async def _listen(here: Shop) -> None:
    async for result in here.terminal.late():
        here.late.append(result)


def money_taken(desk: VirtualTerminal) -> int:
    """Minor units that the terminal's own ledger says were taken."""
    return sum(row.minor for row in desk.ledger.rows if row.movement is Movement.TAKEN)


def told_to_till(desk: VirtualTerminal) -> list[bool | None]:
    """For each payment whether the door says that its till has the result."""
    return [remembered.told for remembered in desk._memory]


def assert_no_lie(here: Shop, outcome: Outcome, amount: Money = TWELVE_FIFTY) -> None:
    """What the till was told agrees with the terminal's ledger, and nothing was done twice."""
    rows = here.desk.ledger.rows
    taken = money_taken(here.desk)
    assert len(rows) <= 1, "the terminal worked twice"
    assert taken in (0, amount.minor)
    for one in (outcome, *(late.outcome for late in here.late)):
        match one:
            case Approved(amount=approved):
                assert taken == approved.minor == amount.minor
            case Declined() | Aborted():
                assert taken == 0
            case NotStarted():
                assert not rows
            case InDoubt():
                pass
    if here.network.trace:
        assert here.network.trace[0] == (JOURNAL, "sending"), "the connect came before the intent was kept"
