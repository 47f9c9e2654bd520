"""A shop in one process under manual time: a till, the engine, a driver, a cable, a door and the virtual terminal.

The terminal lives on when the connector dies, and its ledger is the judge. The power can be cut at every write of the
journal and after every byte on the cable, in both directions; nothing that happens after that reaches the disk or the
cable any more.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, MoneyMoved
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings, OrderIdsRepeat
from tillbridge.protocols.concert.v2.door import ConcertV2Door
from tillbridge.protocols.concert.v2.driver import ConcertV2Terminal
from tillbridge.protocols.concert.v2.listeners import Factory
from tillbridge.protocols.concert.v2.settings import DoorSettings, DriverSettings, ListenAddress, TerminalAddress
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.protocols.listeners import Ready
from tillbridge.runtime.manual import manual_runtime
from tillbridge.runtime.sqlite import Committer, Connect, InlineCommitter, Job
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

P = TypeVar("P", bound=asyncio.Protocol)

SETTINGS: Final = EngineSettings(order_ids_repeat=OrderIdsRepeat.NEVER, time_zone="UTC", probe_seconds=0)
TEN: Final = Money(1000, EUR)


class Toward(StrEnum):
    """The direction of a byte."""

    TERMINAL = "to the terminal"
    TILL = "to the till"


class Cable:
    """A serial cable: the terminal's side stays, tills come and go. Each byte travels alone and is counted."""

    def __init__(self) -> None:
        self.counts: Counter[Toward] = Counter()
        self.after_byte: Callable[[Toward, int], None] = _nothing_happens
        self.plugged = True
        self.terminal_end, inner = memory_pair()
        self._terminal = _End(self, Toward.TILL)
        inner.attach(self._terminal)
        self._till: _End | None = None

    async def open(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """A till opens its port; whoever had it before hears nothing more."""
        outer, inner = memory_pair()
        self._till = _End(self, Toward.TERMINAL)
        inner.attach(self._till)
        protocol = factory()
        return outer.attach(protocol), protocol

    def unplug(self) -> None:
        """Bytes get lost from now on, in both directions, as on a cable that was pulled out."""
        self.plugged = False

    def forward(self, data: bytes, toward: Toward, source: "_End") -> None:
        """Passes bytes on, one by one, as long as the cable is plugged in at that very byte."""
        if toward is Toward.TERMINAL and source is not self._till:
            return
        for byte in data:
            target = self._terminal if toward is Toward.TERMINAL else self._till
            if not self.plugged or target is None:
                return
            target.put(bytes([byte]))
            self.counts[toward] += 1
            self.after_byte(toward, self.counts[toward])


def _nothing_happens(_toward: Toward, _count: int) -> None:
    """An ordinary byte."""


class _End(asyncio.Protocol):
    """The inside of one end of the cable: what it hears goes toward the other end."""

    def __init__(self, cable: Cable, toward: Toward) -> None:
        self._cable = cable
        self._toward = toward
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._cable.forward(data, self._toward, self)

    def put(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class Cut(StrEnum):
    """When the power goes, around one submission to the journal."""

    BEFORE = "before the write"
    AFTER = "after the write, before anybody hears of it"


class Power:
    """Goes out once. `journal_writes` counts what was submitted to the journal while it was on."""

    def __init__(self, unplug: Callable[[], None]) -> None:
        self.out = asyncio.Event()
        self.journal_writes = 0
        self.cut_at: tuple[int, Cut] | None = None
        self._unplug = unplug

    def go(self) -> None:
        """It goes: nothing reaches the disk or the cable any more."""
        self.out.set()
        self._unplug()

    def committer(self, connect: Connect) -> Committer:
        """A committer that ends with the power."""
        return _PoweredCommitter(InlineCommitter(connect), self)


class _PoweredCommitter:
    def __init__(self, inner: InlineCommitter, power: Power) -> None:
        self._inner = inner
        self._power = power

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        power = self._power
        if power.out.is_set():
            return _never()
        power.journal_writes += 1
        if power.cut_at == (power.journal_writes, Cut.BEFORE):
            power.go()
            return _never()
        answer = self._inner.submit(job, durable=durable)
        if power.cut_at == (power.journal_writes, Cut.AFTER):
            power.go()
            return _never()
        return answer

    async def close(self) -> None:
        if self._power.out.is_set():
            # What still rode along was never flushed: it is lost with the power.
            self._inner.lose()
        else:
            await self._inner.close()


def _never() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


class World:
    """The terminal with its ledger and its door, and the cable to it."""

    def __init__(self, folder: Path, delay: float) -> None:
        self.folder = folder
        self.runtime = manual_runtime()
        self.terminal = VirtualTerminal(runtime=self.runtime, delay=delay)
        self.cable = Cable()
        self.lives = 0

    async def serve(self, factory: Factory, ready: Ready) -> None:
        """The door's line is the cable, for ever."""
        self.cable.terminal_end.attach(factory())
        ready("the cable")
        await asyncio.Event().wait()

    @asynccontextmanager
    async def connector(self, power: Power | None = None) -> AsyncIterator[Engine]:
        """A connector from its start to its end."""
        self.lives += 1
        line = DriverSettings(tcp=TerminalAddress(host="cable", port=1))
        driver = ConcertV2Terminal(line, self.cable.open)
        setups = [TerminalSetup("counter", "concert-v2", driver)]
        make = InlineCommitter if power is None else power.committer
        async with open_engine(self.folder, setups, SETTINGS, self.runtime, make) as engine:
            yield engine

    def taken(self, asked: int | None = None) -> int:
        """How often the terminal has taken money and kept it (for this price in minor units)."""
        signs = {Movement.TAKEN: 1, Movement.REVERSED: -1}
        rows = self.terminal.ledger.rows
        return sum(signs.get(row.movement, 0) for row in rows if asked is None or row.asked_minor == asked)


@asynccontextmanager
async def world(folder: Path, delay: float = 2.0) -> AsyncIterator[World]:
    """A world whose terminal is on."""
    place = World(folder, delay)
    line = DoorSettings(tcp=ListenAddress(port=0))
    door = ConcertV2Door(line, place.terminal, place.serve, ScriptedBehaviour(place.terminal))
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(door.serve(ready.set))
        await ready.wait()
        yield place
        serving.cancel()


def sale(order_id: str = "1", amount: Money = TEN) -> PaymentRequest:
    """What the till asks for."""
    return PaymentRequest(Kind.SALE, amount, caller="till", door="door", order_id=order_id)


async def pay(engine: Engine, order_id: str = "1") -> Payment:
    """A till that asks and waits as long as it takes."""
    return await engine.wait((await engine.start(sale(order_id))).id, 600)


async def until_the_power_goes(power: Power, life: Coroutine[Any, Any, None]) -> None:
    """Runs a connector's life and ends it where the power goes, or when it is over."""
    async with asyncio.TaskGroup() as group:
        living = group.create_task(life)
        going = group.create_task(power.out.wait())
        await asyncio.wait((living, going), return_when=asyncio.FIRST_COMPLETED)
        living.cancel()
        going.cancel()


def check_told(payment: Payment, taken: int) -> None:
    """No lie: paid is paid, not paid is not paid, unknown may be either."""
    assert taken <= 1, "the money was taken twice"
    match payment.money_moved:
        case MoneyMoved.YES:
            assert taken == 1, payment
            assert isinstance(payment.outcome, Approved)
        case MoneyMoved.NO:
            assert taken == 0, payment
        case MoneyMoved.UNKNOWN:
            assert payment.open, payment
