"""A till's driver, a line that can be bad, and a door over the virtual terminal: all of Concert V2 in one process."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.support import wires
from tests.support.wires import JOURNAL, TILL, Switches, Tapped, Trace
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.protocols.concert.v2.door import ConcertV2Door
from tillbridge.protocols.concert.v2.driver import ConcertV2Terminal
from tillbridge.protocols.concert.v2.settings import DoorSettings, DriverSettings
from tillbridge.protocols.contract import Fault, LateResult
from tillbridge.protocols.listeners import Plug
from tillbridge.runtime.manual import manual_runtime
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.hostile import Hostility, through
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

P = TypeVar("P", bound=asyncio.Protocol)

TWELVE_FIFTY = Money(1250, EUR)


def operation(amount: Money | None = TWELVE_FIFTY, kind: Kind = Kind.SALE, **different: Any) -> Operation:
    """An operation as the engine would hand it to the driver."""
    return Operation("op-1", kind, amount, "0123456789abcdef0123456789abcdef", **different)


def driver_settings(**different: Any) -> DriverSettings:
    return DriverSettings.model_validate({"tcp": {"host": "terminal", "port": 1}} | different)


def door_settings(**different: Any) -> DoorSettings:
    return DoorSettings.model_validate({"tcp": {"port": 1}, "name": "till-1"} | different)


class MemoryLine:
    """A line that a door listens on and a driver opens. Each opening gets the next hostility, later ones get none.

    `trace` has the bytes of the till as they arrive at the door; a test's journal writes into it too.
    """

    def __init__(self, *hostilities: Hostility, seed: int = 0) -> None:
        self.trace: Trace = []
        self.openings = 0
        self.plugged = True
        self._hostilities = list(hostilities)
        self._chance = random.Random(seed)
        self._factory: Callable[[], Plug] | None = None

    async def listen(self, factory: Callable[[], Plug], ready: Callable[[str], None]) -> None:
        """The door's `Listener`."""
        self._factory = factory
        ready("memory")
        await asyncio.Event().wait()

    async def open(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """The driver's `Opener`."""
        if self._factory is None or not self.plugged:
            raise LineUnavailable("the cable is not plugged in")
        self.openings += 1
        near, far = memory_pair()
        far.attach(Tapped(self._factory(), TILL, self.trace))
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


class Journal(wires.Journal):
    """A journal whose disk may be slow: `slow` are seconds."""

    def __init__(self, trace: Trace | None = None, *, fails_at: str = "", slow: float = 0.0) -> None:
        super().__init__(trace, fails_at=fails_at)
        self._slow = slow

    async def sending(self) -> None:
        await asyncio.sleep(self._slow)
        await super().sending()

    async def outcome(self, outcome: Outcome) -> None:
        await asyncio.sleep(self._slow)
        await super().outcome(outcome)


@dataclass
class Shop:
    """All that a test wants to look at."""

    line: MemoryLine
    desk: VirtualTerminal
    terminal: ConcertV2Terminal
    late: list[LateResult] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome | None = None

    async def sell(self, **different: Any) -> Outcome:
        self.journal = Journal(self.line.trace)
        return await self.terminal.perform(operation(**different), self.journal)


@asynccontextmanager
async def shop(
    line: MemoryLine,
    faults: Mapping[Fault, int] | None = None,
    *,
    delay: float = 0.0,
    listens_late: bool = True,
    driver: DriverSettings | None = None,
    door: DoorSettings | None = None,
) -> AsyncIterator[Shop]:
    """A driver and a door on this line. `delay` is the customer's; `listens_late` keeps the late results."""
    desk = VirtualTerminal(runtime=manual_runtime(), delay=delay)
    behaviour = Switches(faults) if faults is not None else None
    one = ConcertV2Door(door or door_settings(), desk, line.listen, behaviour)
    terminal = ConcertV2Terminal(driver or driver_settings(), line.open)
    here = Shop(line, desk, terminal)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(one.serve(ready.set))
        await ready.wait()
        listening = group.create_task(_listen(here)) if listens_late else None
        try:
            yield here
        finally:
            await terminal.close()
            if listening is not None:
                await listening
            serving.cancel()


async def _listen(here: Shop) -> None:
    async for result in here.terminal.late():
        here.late.append(result)


def money_taken(desk: VirtualTerminal) -> int:
    """Minor units that the terminal's own ledger says were taken."""
    return sum(row.minor for row in desk.ledger.rows if row.movement is Movement.TAKEN)


def told_to_till(desk: VirtualTerminal) -> list[bool | None]:
    """For each payment whether the door says that its till has the result."""
    return [remembered.told for remembered in desk._memory]


def assert_no_lie(here: Shop, outcome: Outcome, amount: Money = TWELVE_FIFTY, *, garbled: bool = False) -> None:
    """What the till was told agrees with the terminal's ledger, and nothing was done twice.

    On a `garbled` line any byte may have become an ACK, so that the terminal may believe what was never said.
    """
    rows = here.desk.ledger.rows
    taken = money_taken(here.desk)
    assert len(rows) <= 1, "the terminal worked twice"
    assert taken in (0, amount.minor)
    told = [outcome, *(late.outcome for late in here.late)]
    for one in told:
        match one:
            case Approved(amount=approved):
                assert taken == approved.minor == amount.minor
            case Declined():
                assert taken == 0
            case NotStarted():
                assert not rows
            case InDoubt():
                pass
            case _:
                raise AssertionError(f"this wire cannot tell {one}")
    if True in told_to_till(here.desk) and not garbled:
        assert any(not isinstance(one, InDoubt | NotStarted) for one in told), "the terminal believes that we know"
    if any(who == TILL for who, _ in here.line.trace):
        assert here.line.trace[0] == (JOURNAL, "sending"), "bytes left before the intent was kept"
