"""The same shop with a terminal that speaks Concert V3: each question has a TCP connection of its own.

The network stands in the place of the cable: each byte travels alone and is counted, and it can fail at any of them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.simulation.world import SETTINGS, Power, Toward, World
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.protocols.concert.v3.door import TcpDoor
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings, DriverSettings
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.memory import memory_pair

P = TypeVar("P", bound=asyncio.Protocol)


class Network:
    """What lies between a till's connector and the terminal's door. `heard` says whether a failure shows."""

    def __init__(self, answering: Callable[[], asyncio.Protocol]) -> None:
        self.counts: Counter[Toward] = Counter()
        self.after_byte: Callable[[Toward, int], None] = _nothing_happens
        self.plugged = True
        self.heard = True
        self._answering = answering
        self._middles: set[_Middle] = set()

    async def connect(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """What the driver's line opens connections with."""
        if not self.plugged:
            raise LineUnavailable("there is no network")
        near, inner_near = memory_pair()
        inner_far, far = memory_pair()
        toward_terminal, toward_till = _Middle(self, Toward.TERMINAL), _Middle(self, Toward.TILL)
        toward_terminal.other, toward_till.other = toward_till, toward_terminal
        inner_near.attach(toward_terminal)
        inner_far.attach(toward_till)
        self._middles |= {toward_terminal, toward_till}
        far.attach(self._answering())
        connection = factory()
        return near.attach(connection), connection

    def unplug(self) -> None:
        """Nothing passes from now on. Where it is heard, both ends are told as a system tells them."""
        self.plugged = False
        if self.heard:
            for middle in self._middles:
                middle.close()
        self._middles.clear()

    def plug(self) -> None:
        """From now on everything passes, and nobody watches; what was open before stays dead."""
        self.after_byte = _nothing_happens
        self.plugged = True

    def carries(self, middle: "_Middle") -> bool:
        """Whether this connection still exists."""
        return self.plugged and middle in self._middles

    def forward(self, data: bytes, source: "_Middle") -> None:
        """Passes bytes on, one by one, as long as the network works at that very byte."""
        for byte in data:
            if not self.carries(source):
                return
            source.pass_on(bytes([byte]))
            self.counts[source.toward] += 1
            self.after_byte(source.toward, self.counts[source.toward])


def _nothing_happens(_toward: Toward, _count: int) -> None:
    """An ordinary byte."""


class _Middle(asyncio.Protocol):
    """The inside of one end of a connection: what it hears goes out at the other one."""

    other: "_Middle"

    def __init__(self, network: Network, toward: Toward) -> None:
        self.toward = toward
        self._network = network
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._network.forward(data, self)

    def eof_received(self) -> bool:
        if self._network.carries(self) and self.other._transport is not None:
            self.other._transport.write_eof()
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._network.carries(self):
            self.other.close()

    def pass_on(self, data: bytes) -> None:
        if self.other._transport is not None:
            self.other._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class WorldV3(World):
    """The terminal with its ledger and its V3 door, and the network to it."""

    network: Network

    @asynccontextmanager
    async def connector(self, power: Power | None = None) -> AsyncIterator[Engine]:
        """A connector from its start to its end."""
        self.lives += 1
        settings = DriverSettings(host="terminal")
        driver = ConcertV3Terminal(settings, TcpLine(self.network.connect, settings.quiet_time))
        setups = [TerminalSetup("counter", "concert-v3", driver)]
        make = InlineCommitter if power is None else power.committer
        async with open_engine(self.folder, setups, SETTINGS, self.runtime, make) as engine:
            yield engine


@asynccontextmanager
async def world_v3(folder: Path, delay: float = 2.0) -> AsyncIterator[WorldV3]:
    """A world whose terminal is on."""
    place = WorldV3(folder, delay)
    settings = DoorSettings()
    door = TcpDoor(settings, TerminalService(place.terminal, settings))
    async with asyncio.TaskGroup() as group:
        place.network = Network(lambda: door.connection(group))
        yield place
        place.network.unplug()
