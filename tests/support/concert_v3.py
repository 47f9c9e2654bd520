"""A till's driver, a network that can be bad, and a door over the virtual terminal: Concert V3 in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support import wires
from tests.support.wires import JOURNAL, Journal, Switches
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.protocols.concert.v3.door import TcpDoor
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings, DriverSettings
from tillbridge.protocols.contract import Fault, LateResult
from tillbridge.runtime.manual import manual_runtime
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import Declines, Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

TWELVE_FIFTY = Money(1250, EUR)
REFERENCE = "0123456789abcdef0123456789abcdef"

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


class Network(wires.Network):
    port = 8888


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
