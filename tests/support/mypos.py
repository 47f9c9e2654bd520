"""A till's driver, a network that can be bad, and a door over the virtual terminal: myPOS XML in one process."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.lines import Recorder
from tests.support import wires
from tests.support.concert_v3 import money_taken
from tests.support.wires import JOURNAL, Journal, Switches
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation, Parent
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.protocols.contract import Behaviour, Fault, LateResult
from tillbridge.protocols.mypos_xml.door import MyposXmlDoor
from tillbridge.protocols.mypos_xml.driver import MyposXmlTerminal
from tillbridge.protocols.mypos_xml.line import Line
from tillbridge.protocols.mypos_xml.opening import manner_of
from tillbridge.protocols.mypos_xml.service import TerminalService
from tillbridge.protocols.mypos_xml.settings import DoorSettings, DriverSettings
from tillbridge.runtime.manual import manual_runtime
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.scenarios import Declines, Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

TWELVE_FIFTY: Final = Money(1250, EUR)
REFERENCE: Final = "0123456789abcdef0123456789abcdef"
INVOICE: Final = "0123456789ab89abcdef"
DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
PAY: Final = (
    DECLARATION + b"<pay><invoice>0123456789ab89abcdef</invoice><sum>12.50</sum>"
    b"<receipt>OFF</receipt><custrcpt>OFF</custrcpt></pay>\n"
)
"""The sale of `operation()` as it passes over the wire."""

_END: Final = re.compile(rb"</[^>]*resp *>", re.IGNORECASE)

REFUSING = Step(Scenario("refuse", "declined", Declines()))
AFTERWARDS = 1000.0
"""Seconds of manual time after the operation in which every wait runs out."""


def operation(amount: Money | None = TWELVE_FIFTY, kind: Kind = Kind.SALE, **different: Any) -> Operation:
    """An operation as the engine would hand it to the driver."""
    return Operation(kind=kind, amount=amount, **({"id": "op-1", "wire_reference": REFERENCE} | different))


def held(outcome: Outcome) -> Parent:
    """An approved authorization as the engine would hand it on to its capture or void."""
    assert isinstance(outcome, Approved)
    return Parent(REFERENCE, Kind.AUTHORIZATION, outcome.amount, outcome.reference)


def driver_settings(**different: Any) -> DriverSettings:
    given = {"host": "terminal", "currency": "EUR", "refund_enabled": True, "preauth_enabled": True}
    return DriverSettings.model_validate(given | different)


def door_settings(**different: Any) -> DoorSettings:
    return DoorSettings.model_validate({"currency": "EUR"} | different)


class Network(wires.Network):
    port = 51042


@dataclass
class Shop:
    """All that a test wants to look at."""

    network: Network
    desk: VirtualTerminal
    terminal: MyposXmlTerminal
    group: asyncio.TaskGroup
    late: list[LateResult] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome | None = None

    async def sell(self, **different: Any) -> Outcome:
        self.journal = Journal(self.network.trace)
        return await self.terminal.perform(operation(**different), self.journal)


@asynccontextmanager
async def shop(
    network: Network | None = None,
    faults: Mapping[Fault, int] | None = None,
    *,
    delay: float = 0.0,
    driver: DriverSettings | None = None,
    door: DoorSettings | None = None,
    desk: VirtualTerminal | None = None,
    behaviour: Callable[[VirtualTerminal], Behaviour] | None = None,
) -> AsyncIterator[Shop]:
    """A driver and a door on this network. `delay` is the customer's."""
    network = network or Network()
    desk = desk or VirtualTerminal(runtime=manual_runtime(), delay=delay)
    switches = behaviour(desk) if behaviour is not None else Switches(faults) if faults is not None else None
    asked, settings = driver or driver_settings(), door or door_settings()
    one = MyposXmlDoor(settings, TerminalService(desk, settings, switches))
    terminal = MyposXmlTerminal(asked, Line(network.connect, manner_of(asked)))
    async with asyncio.TaskGroup() as group:
        one.attend(group)
        network.answering = one.connection
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


def assert_no_lie(here: Shop, outcome: Outcome, amount: Money = TWELVE_FIFTY) -> None:
    """What the till was told agrees with the terminal's ledger, and nothing was done twice."""
    rows = here.desk.ledger.rows
    taken = money_taken(here.desk)
    assert len(rows) <= 1, "the terminal worked twice"
    assert taken in (0, amount.minor)
    match outcome:
        case Approved(amount=approved):
            assert taken == approved.minor == amount.minor
        case Declined() | Aborted():
            assert taken == 0
        case NotStarted():
            assert not rows
        case InDoubt():
            pass
    # What comes late is evidence at most: nothing on this wire says what it is about.
    assert all(isinstance(late.outcome, InDoubt) for late in here.late)
    if here.network.trace:
        assert here.network.trace[0] == (JOURNAL, "sending"), "the connect came before the intent was kept"


class Canned(asyncio.Protocol):
    """A terminal that answers every request with the same bytes, and closes if it is told to."""

    def __init__(self, answer: bytes, *, closes: bool = False, greeting: bytes = b"") -> None:
        self._answer, self._closes, self._greeting = answer, closes, greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._greeting:
            transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        if not data.rstrip().endswith(b">"):
            return
        self._transport.write(self._answer)
        if self._closes:
            self._transport.close()


@dataclass
class Counter:
    """A door with its desk, and tills that connect to it."""

    desk: VirtualTerminal
    door: MyposXmlDoor

    def till(self) -> Recorder:
        recorder = Recorder(stays_half_open=True)
        near, far = memory_pair()
        far.attach(self.door.connection())
        near.attach(recorder)
        return recorder

    async def raw(self, request: bytes) -> bytes:
        """What a till hears that waits for one answer and closes."""
        till = self.till()
        till.transport.write(request)
        await heard(till)
        till.transport.close()
        return till.received


async def heard(till: Recorder, answers: int = 1) -> None:
    """Returns once a till has so many whole answers, or lost its line."""

    def enough(one: Recorder) -> bool:
        return len(_END.findall(one.received)) >= answers or one.lost or "eof" in one.heard

    async with asyncio.timeout(3000.0):
        while not enough(till):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def counter(
    desk: VirtualTerminal | None = None, faults: dict[Fault, int] | None = None, delay: float = 0.0, **settings: Any
) -> AsyncIterator[Counter]:
    """A door over a desk, without a driver."""
    desk = desk or VirtualTerminal(runtime=manual_runtime(), delay=delay)
    asked = door_settings(**settings)
    door = MyposXmlDoor(asked, TerminalService(desk, asked, Switches(faults) if faults else None))
    async with asyncio.TaskGroup() as group:
        door.attend(group)
        yield Counter(desk, door)
