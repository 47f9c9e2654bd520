"""The same shop with a touch-screen terminal: questions over HTTP, which reach the door's own application in memory.

A question has two boundaries at which the power can go: before it has left, and after the terminal has worked on it and
nobody hears the answer. The network can fail at the same places without the power.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.simulation.world import SETTINGS, Power, World
from tests.support.touchscreen import GONE, REFUSED, driver_settings, exchange, last, lone_door
from tillbridge.domain.outcome import DoubtReason
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.link import Ended, Question
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.protocols.unheard import Lost
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.rows import Row
from tillbridge.web.asgi import App

STARTS: Final = frozenset({"payment", "refund", "reverse", "closing"})
"""The last parts of the paths that start something; protocols/touchscreen/README.md, section 3."""


class Boundary(StrEnum):
    """Where a question is cut."""

    BEFORE = "before it leaves"
    AFTER = "after the terminal, before the answer"


Point = tuple[int, Boundary]


class Air:
    """What lies between the connector and the terminal. Questions are counted, starts and confirmations kept.

    `passing` is told each boundary before it is passed. `plugged` False lets nothing through in either direction.
    """

    def __init__(self, app: App, group: asyncio.TaskGroup) -> None:
        self.count = 0
        self.plugged = True
        self.passing: Callable[[int, Boundary], None] = _nothing_happens
        self.started: Counter[str] = Counter()
        self.voided: Counter[str] = Counter()
        self.confirmed: set[str] = set()
        self._app = app
        self._group = group

    def unplug(self) -> None:
        """Nothing passes from now on."""
        self.plugged = False

    def plug_in(self) -> None:
        """Everything passes."""
        self.plugged = True

    def plug(self) -> None:
        """Everything passes, and nobody watches."""
        self.passing = _nothing_happens
        self.plug_in()

    async def carry(self, question: Question) -> Ended:
        """Takes one question to the terminal and its answer back."""
        self.count += 1
        number = self.count
        if not self._passes(number, Boundary.BEFORE):
            return REFUSED
        self._remember(question)
        answer = await self._answer(question)
        return answer if self._passes(number, Boundary.AFTER) else GONE

    def _passes(self, number: int, boundary: Boundary) -> bool:
        self.passing(number, boundary)
        return self.plugged

    def _remember(self, question: Question) -> None:
        if question.body is None:
            return
        if last(question.path) == "confirm":
            self.confirmed.add(json.loads(question.body)["transactionId"])
        if last(question.path) not in STARTS:
            return
        asked = json.loads(question.body)["request"]
        self.started[asked["transactionId"]] += 1
        if last(question.path) == "reverse":
            self.voided[asked["originalTransactionId"]] += 1

    async def _answer(self, question: Question) -> Ended:
        # The terminal works on in a task of its own: it does not stop because a connector died.
        working = self._group.create_task(exchange(self._app, question))
        done, _ = await asyncio.wait({working}, timeout=question.connect + question.read)
        return working.result() if done else Lost(DoubtReason.NO_ANSWER, "no answer")


def _nothing_happens(_number: int, _boundary: Boundary) -> None:
    """An ordinary question."""


class _Link:
    """One connector's link: it ends with its power, and then no question leaves and no answer is heard."""

    def __init__(self, air: Air, power: Power | None) -> None:
        self._air = air
        self._power = power
        self._closed = False

    async def ask(self, question: Question) -> Ended:
        """See `Link.ask`."""
        if self._closed:
            return REFUSED
        await self._while_it_is_dark()
        ended = await self._air.carry(question)
        await self._while_it_is_dark()
        return ended

    async def close(self) -> None:
        """See `Link.close`."""
        self._closed = True

    async def _while_it_is_dark(self) -> None:
        """For ever: no power comes back to a connector that is dead."""
        if self._power is not None and self._power.out.is_set():
            await asyncio.Event().wait()


class WorldTouch(World):
    """The terminal with its ledger and its door, and the air to it."""

    air: Air

    def reference(self, payment: Payment) -> str:
        """See `reckoning.Place`: each operation has an id of its own on this wire."""
        return str(uuid.UUID(payment.id))

    def row_reference(self, row: Row) -> str:
        """See `reckoning.Place`."""
        return row.key or ""

    def each_step(self, happens: Callable[[], None]) -> None:
        """See `reckoning.Place`: around each question."""
        self.air.passing = lambda _number, _boundary: happens()

    def unplug(self) -> None:
        """See `reckoning.Place`."""
        self.air.unplug()

    def mend(self) -> None:
        """See `reckoning.Place`."""
        self.air.plug_in()

    def plug(self) -> None:
        """See `reckoning.Place`."""
        self.air.plug()

    @asynccontextmanager
    async def connector(self, power: Power | None = None, settings: EngineSettings = SETTINGS) -> AsyncIterator[Engine]:
        """A connector from its start to its end."""
        self.lives += 1
        driver = TouchScreenTerminal(driver_settings(), built_in(), _Link(self.air, power))
        setups = [TerminalSetup("counter", "touchscreen", driver)]
        make = InlineCommitter if power is None else power.committer
        async with open_engine(self.folder, setups, settings, self.runtime, make) as engine:
            yield engine


@asynccontextmanager
async def world_touch(folder: Path, delay: float = 2.0) -> AsyncIterator[WorldTouch]:
    """A world whose terminal is on."""
    place = WorldTouch(folder, delay)
    door = lone_door(place.terminal, ScriptedBehaviour(place.terminal))
    async with asyncio.TaskGroup() as group:
        place.air = Air(door.app, group)
        yield place
