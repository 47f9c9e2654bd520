"""The wire tester: speaks one wire directly to one terminal, with a journal of its own.

Money that a test moves is money: so the tester is a small engine like the connector's (journal first, in doubt,
recovery), whose only terminal is the one whose address was entered, and whose line is looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.connector.settings import Configured
from tillbridge.connector.wiretest.lines import line_at, lines_of, secrets_of
from tillbridge.connector.wiretest.tapped import TappedTerminal
from tillbridge.connector.wiretest.trace import Trace
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import Outcome
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import MakeCommitter, open_engine
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Capabilities, Health, Payment, PaymentRequest, Unanswered
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import CommittingThread
from tillbridge.transports.tap import observed

FOLDER: Final = "wire-tester"
CALLER: Final = "tester:console"
DOOR: Final = "tester"
LONGEST_NAME: Final = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life that somebody asked for, and when it came."""

    health: Health
    at: datetime


class LineUnderTest:
    """One terminal under test: its engine, what passed over its wire, and its last sign of life."""

    def __init__(self, wire: str, settings: BaseModel, runtime: Runtime) -> None:
        self.wire = wire
        self.settings = settings
        self.name = _name(wire, settings)
        self.trace = Trace(runtime.clock, secrets_of(settings))
        self.sign: Sign | None = None
        with observed(self.trace.observe):
            inner = registry.driver(wire).connect(settings, runtime)
        self.terminal = TappedTerminal(inner, self.trace.observe)
        self.leave = asyncio.Event()
        self.opened: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        self._runtime = runtime

    @property
    def engine(self) -> Engine:
        """The engine of this terminal; only once it is open."""
        return self.opened.result()

    @property
    def capabilities(self) -> Capabilities:
        """What the terminal can do, as far as it has shown by now."""
        return self.terminal.capabilities

    async def ask_health(self) -> Health:
        """Asks for a sign of life, unless the terminal works on something."""
        if self.engine.busy:
            raise BridgeError(Code.TERMINAL_BUSY)
        health = await self.terminal.health()
        self.sign = Sign(health, self._runtime.clock.now())
        return health

    async def start(self, request: PaymentRequest) -> Payment:
        """Asks the terminal for a payment, through the tester's own journal."""
        return await self.engine.start(request)

    async def ask_again(self, payment: Payment) -> Outcome | Unanswered:
        """Asks the terminal what became of a payment. Moves no money."""
        operation = Operation(payment.id, payment.kind, payment.amount, payment.id, payment.register, payment.online)
        return await self.terminal.inquire(operation)


class WireTester:
    """At most one terminal under test at a time; made by `open_tester`."""

    def __init__(
        self,
        folder: Path,
        configured: Sequence[Configured],
        engine: Engine,
        runtime: Runtime,
        group: asyncio.TaskGroup,
        make_committer: MakeCommitter,
    ) -> None:
        self._folder = folder
        self._configured = configured
        self._engine = engine
        self._runtime = runtime
        self._group = group
        self._make_committer = make_committer
        self._running: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.line: LineUnderTest | None = None

    @property
    def busy(self) -> bool:
        """Whether a payment runs on the terminal under test."""
        return self.line is not None and self.line.engine.busy

    async def open(self, wire: str, settings: BaseModel) -> LineUnderTest:
        """Takes a terminal under test, in place of the one before.

        `BridgeError`: TERMINAL_BUSY while a payment runs on the one before, TERMINAL_BUSY or TERMINAL_LOCKED where a
        terminal of the settings uses the same line and has an open payment.
        """
        async with self._turn:
            await self.check_line_free(settings)
            await self._close()
            line = LineUnderTest(wire, settings, self._runtime)
            self._running = self._group.create_task(self._live(line))
            await line.opened
            self.line = line
            return line

    async def start(self, request: PaymentRequest) -> Payment:
        """A payment on the terminal under test."""
        line = self.under_test()
        await self.check_line_free(line.settings)
        return await line.start(request)

    def under_test(self) -> LineUnderTest:
        """The terminal under test; `BridgeError(TERMINAL_UNKNOWN)` for none."""
        if self.line is None:
            raise BridgeError(Code.TERMINAL_UNKNOWN, "no terminal is under test")
        return self.line

    async def close(self) -> None:
        """Gives the terminal up. `BridgeError(TERMINAL_BUSY)` while a payment runs there."""
        async with self._turn:
            await self._close()

    async def leave(self) -> None:
        """Gives the terminal up whatever runs there: the program is about to end. What runs is in doubt afterwards."""
        if self.line is not None:
            self.line.leave.set()

    async def check_line_free(self, settings: BaseModel) -> None:
        """Refuses a line that a terminal of the settings uses, while that terminal has an open payment."""
        wanted = lines_of(settings)
        sharing = {one.name for one in self._configured if wanted & lines_of(one.settings)}
        # Also where a person, or its own proof, says that it is by now.
        sharing |= {name for name, place in self._engine.moves.places().items() if line_at(place.address) in wanted}
        for status in await self._engine.terminals():
            payment = status.occupied_by
            if status.name in sharing and payment is not None:
                code = Code.TERMINAL_BUSY if payment.running else Code.TERMINAL_LOCKED
                raise BridgeError(code, f"{status.name} is on the same line", payment_id=payment.id)

    async def _close(self) -> None:
        if self.busy:
            raise BridgeError(Code.TERMINAL_BUSY, "a payment runs on the terminal under test")
        if self.line is not None and self._running is not None:
            self.line.leave.set()
            self.line = None
            await asyncio.wait({self._running})

    async def _live(self, line: LineUnderTest) -> None:
        setups = [TerminalSetup(line.name, line.wire, line.terminal)]
        # Nobody but the person asks: every byte on the page is there because of something that they did.
        settings = self._engine.settings.model_copy(update={"probe_seconds": 0.0})
        try:
            make(self._folder)
            async with open_engine(self._folder, setups, settings, self._runtime, self._make_committer) as engine:
                line.opened.set_result(engine)
                await line.leave.wait()
        except Exception as error:
            if not line.opened.done():
                line.opened.set_exception(error)
                return
            log.exception("tester_fault", wire=line.wire)
            self.line = None


@asynccontextmanager
async def open_tester(
    data: Path,
    configured: Sequence[Configured],
    engine: Engine,
    runtime: Runtime,
    make_committer: MakeCommitter = CommittingThread,
) -> AsyncIterator[WireTester]:
    """A tester whose journal lies in a folder of its own below `data`; nothing is under test yet."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tester = WireTester(data / FOLDER, configured, engine, runtime, group, make_committer)
        try:
            yield tester
        except Exception as error:  # noqa: BLE001 - carried around the group, which would wrap it, and raised below
            failure = error
        finally:
            await tester.leave()
    if failure is not None:
        raise failure


def request(
    kind: Kind, amount: Money | None, key: str, fingerprint: str = "", parent: str | None = None
) -> PaymentRequest:
    """What the tester asks of its engine."""
    return PaymentRequest(kind, amount, CALLER, DOOR, key=key, fingerprint=fingerprint, parent=parent)


def _name(wire: str, settings: BaseModel) -> str:
    """The terminal's name in the tester's journal: the same line is the same terminal, also after a restart."""
    where = " ".join(sorted(lines_of(settings))) or "here"
    return f"{wire} {where}"[:LONGEST_NAME]
