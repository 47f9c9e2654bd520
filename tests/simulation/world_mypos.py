"""The same shop with a terminal that speaks myPOS XML: one connection for each request, and nobody to ask afterwards.

The network is that of Concert V3's world: each byte travels alone and is counted, and it can fail at any of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.simulation.world import SETTINGS, Power, World
from tests.simulation.world_v3 import Network
from tests.support.mypos import door_settings, driver_settings
from tillbridge.domain.card import hide_checked_numbers
from tillbridge.domain.operation import Kind
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.mypos_xml.door import MyposXmlDoor
from tillbridge.protocols.mypos_xml.driver import MyposXmlTerminal
from tillbridge.protocols.mypos_xml.expressing import invoice_of
from tillbridge.protocols.mypos_xml.line import Line
from tillbridge.protocols.mypos_xml.opening import manner_of
from tillbridge.protocols.mypos_xml.service import INVOICE_NOTE, TerminalService
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.rows import Row

OF_A_CODE: Final = frozenset({Kind.CAPTURE, Kind.VOID})
"""What carries the code of an authorization and no reference of its own; protocols/mypos_xml/README.md, section 2."""


def _kept(payment_id: str) -> str:
    """An invoice as a door keeps it: by chance some hold what looks like a card number, and that is masked."""
    return hide_checked_numbers(invoice_of(payment_id))


def _of_a_code(invoice: str, kind: Kind, minor: int) -> str:
    """A hold may be captured in parts, which differ here in their amounts; it is cancelled as a whole."""
    return f"{invoice} {minor}" if kind is Kind.CAPTURE else invoice


class WorldMypos(World):
    """The terminal with its ledger and its door, and the network to it."""

    network: Network

    def reference(self, payment: Payment) -> str:
        """See `reckoning.Place`: the invoice of the operation, or of what it completes or cancels, and what for."""
        if payment.kind not in OF_A_CODE:
            return _kept(payment.id)
        assert payment.parent is not None
        assert payment.amount is not None
        return _of_a_code(_kept(payment.parent), payment.kind, payment.amount.minor)

    def row_reference(self, row: Row) -> str:
        """See `reckoning.Place`."""
        if row.kind not in OF_A_CODE:
            return row.notes[INVOICE_NOTE]
        held = self.terminal.ledger.of(row.parent or "")[0]
        return _of_a_code(held.notes[INVOICE_NOTE], row.kind, row.asked_minor)

    def each_step(self, happens: Callable[[], None]) -> None:
        """See `reckoning.Place`: after each byte."""
        self.network.after_byte = lambda _toward, _count: happens()

    def unplug(self) -> None:
        """See `reckoning.Place`."""
        self.network.unplug()

    def mend(self) -> None:
        """See `reckoning.Place`."""
        self.network.plugged = True

    def plug(self) -> None:
        """See `reckoning.Place`."""
        self.network.plug()

    @asynccontextmanager
    async def connector(self, power: Power | None = None, settings: EngineSettings = SETTINGS) -> AsyncIterator[Engine]:
        """A connector from its start to its end."""
        self.lives += 1
        asked = driver_settings()
        driver = MyposXmlTerminal(asked, Line(self.network.connect, manner_of(asked)))
        setups = [TerminalSetup("counter", "mypos-xml", driver)]
        make = InlineCommitter if power is None else power.committer
        async with open_engine(self.folder, setups, settings, self.runtime, make) as engine:
            yield engine


@asynccontextmanager
async def world_mypos(folder: Path, delay: float = 2.0) -> AsyncIterator[WorldMypos]:
    """A world whose terminal is on."""
    place = WorldMypos(folder, delay)
    settings = door_settings()
    door = MyposXmlDoor(settings, TerminalService(place.terminal, settings, ScriptedBehaviour(place.terminal)))
    async with asyncio.TaskGroup() as group:
        door.attend(group)
        place.network = Network(door.connection)
        yield place
        place.network.heard = True
        place.network.unplug()
