"""Runs a cell of the matrix: one till language, one terminal language, one operation, one thing that happens."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.matrix.backs import DRIVERS, PATIENCE, Back, back
from tests.matrix.tills import ABORTS, ASKS, PROFILES, Till, till
from tests.matrix.words import AMOUNT, BEFORE, KIND, NOT_PAID, PAID, Ask, Case, Heard, Told
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Payment, Recovery
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import APPROVE, SCENARIOS, Scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step

LATE: Final = Scenario("late", "approved after the driver has given up", delay=2 * PATIENCE)
SCRIPTS: Final = MappingProxyType(
    {
        Case.APPROVE: APPROVE,
        Case.DECLINE: SCENARIOS["decline_refused"],
        Case.CUSTOMER_ABORT: SCENARIOS["customer_cancels"],
        Case.TILL_ABORT: SCENARIOS["manual"],
        Case.CUT_BEFORE: SCENARIOS["drop_before"],
        Case.CUT_AFTER: SCENARIOS["approve_then_drop"],
        Case.LATE: LATE,
    }
)
AT_KIOSKS: Final = frozenset({"concert-v2", "concert-v3"})
"""Terminal languages for another profile of a door: what it shares with the first one is tried there."""

LOOK_SECONDS: Final = 0.02
"""Between two looks at the terminal's screen."""

EVIDENCE_SECONDS: Final = 3.5
"""For evidence to come in: an inquiry after two seconds, or a late answer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Its place in the matrix; `case` None where the terminal lacks the operation, so that one test is enough."""

    front: str
    driver: str
    ask: Ask
    case: Case | None

    def __str__(self) -> str:
        return " / ".join((self.front, self.driver, self.ask, self.case or "refused"))


@dataclass(frozen=True, slots=True)
class Result:
    """What the till heard, how the journal ended, and what moved at the terminal (minor units, each time)."""

    told: Told
    stage: Stage | None
    moved: tuple[int, ...]
    sent: int

    def __str__(self) -> str:
        later = "" if self.stage is None else self.stage.replace("_", " ")
        return self.told.heard.value if later in ("", self.told.heard) else f"{self.told.heard}, then {later}"


def words(cell: Cell, result: Result) -> str:
    """What stands in the table."""
    told = result.told
    if cell.case is None:
        return f"refused: {told.why}" if told.heard is Heard.REFUSED else f"refused, heard as {told.heard}"
    return str(result)


def rows() -> Iterator[tuple[str, str]]:
    """Every front with every driver; a door's other profile, with those that kiosks have."""
    return ((front, driver) for front in ASKS for driver in DRIVERS if front not in PROFILES or driver in AT_KIOSKS)


def cells(front: str, driver: str) -> Iterator[Cell]:
    """The cells of a pair."""
    for ask in ASKS[front]:
        if ask not in ABLE[driver]:
            yield Cell(front, driver, ask, None)
            continue
        for case in Case:
            if case is not Case.TILL_ABORT or front in ABORTS:
                yield Cell(front, driver, ask, case)


ABLE: Final = MappingProxyType(
    {
        "concert-v2": frozenset(Ask) - {Ask.CAPTURE, Ask.RECONCILIATION},
        "concert-v3": frozenset({Ask.SALE, Ask.REFUND, Ask.REFUND_OF_SALE, Ask.VOID_OF_SALE}),
        "touchscreen": frozenset({Ask.SALE, Ask.REFUND, Ask.REFUND_OF_SALE, Ask.VOID_OF_SALE, Ask.RECONCILIATION}),
        "mypos-xml": frozenset(
            {Ask.SALE, Ask.REFUND, Ask.REFUND_OF_SALE, Ask.AUTHORIZATION, Ask.CAPTURE, Ask.VOID_OF_AUTHORIZATION}
        ),
        "virtual": frozenset(Ask),
    }
)
"""What each terminal language has words for."""


async def run(cell: Cell) -> Result:
    """The cell, from an empty journal."""
    with tempfile.TemporaryDirectory() as folder:
        async with back(cell.driver) as place:
            setups = [TerminalSetup("counter", cell.driver, place.terminal)]
            settings = EngineSettings(time_zone="UTC", probe_seconds=0)
            async with (
                open_engine(Path(folder), setups, settings, Runtime()) as engine,
                till(cell.front, engine) as at_till,
            ):
                return await _play(cell, place, engine, at_till)


async def _play(cell: Cell, place: Back, engine: Engine, at_till: Till) -> Result:
    before = None
    if cell.ask in BEFORE:
        first = BEFORE[cell.ask]
        if first not in ABLE[cell.driver] and KIND[cell.ask] is Kind.VOID:
            # A sale in its place could be voided: the till can only name what was never there.
            before = Told(Heard.REFUSED, "0" * 32)
        else:
            # Where the terminal lacks that one too, a sale stands in: what is asked next is refused for its own sake.
            before = await at_till.ask(first if first in ABLE[cell.driver] else Ask.SALE, None)
            assert before.heard is Heard.APPROVED, before
    already = len(place.desk.ledger.rows)
    place.desk.script.set(Step(SCRIPTS[cell.case or Case.APPROVE]))
    told = await _ask(cell, place, at_till, before)
    payment = await _ended(cell, engine)
    rows = place.desk.ledger.rows[already:]
    moved = [row.minor for row in rows if row.movement is not Movement.NOTHING]
    return Result(told, None if payment is None else payment.stage, tuple(moved), len(rows))


async def _ask(cell: Cell, place: Back, at_till: Till, before: Told | None) -> Told:
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(at_till.ask(cell.ask, before))
        if cell.case is Case.TILL_ABORT:
            await _abort(place, at_till, asking)
    return asking.result()


async def _abort(place: Back, at_till: Till, asking: "asyncio.Task[Told]") -> None:
    await _until(place, Screen.WAITING_FOR_CARD, asking)
    await at_till.abort()
    # A language without an abort leaves the terminal waiting: the customer then pays.
    if place.desk.current is not None and place.desk.current.running:
        for screen, act in (
            (Screen.WAITING_FOR_CARD, place.desk.present_card),
            (Screen.WAITING_FOR_PIN, place.desk.enter_pin),
        ):
            if place.desk.screen is screen:
                act()


async def _until(place: Back, screen: Screen, asking: "asyncio.Task[Told]") -> None:
    while place.desk.screen is not screen and not asking.done():
        await asyncio.wait({asking}, timeout=LOOK_SECONDS)


async def _ended(cell: Cell, engine: Engine) -> Payment | None:
    """The newest payment of this kind once evidence that can come has come."""
    found = [payment for payment in engine.payments() if payment.kind is KIND[cell.ask]]
    if not found:
        return None
    payment = found[0]
    (status,) = await engine.terminals()
    if status.capabilities.recovery is Recovery.NONE and cell.case is not Case.LATE:
        return payment
    with engine.watch() as changes:
        payment = await engine.inquire(payment.id)
        try:
            async with asyncio.timeout(EVIDENCE_SECONDS):
                while payment.open:
                    payment = _newer(payment, await anext(changes))
        except TimeoutError:
            pass
    return payment


def _newer(payment: Payment, change: Payment) -> Payment:
    return change if change.id == payment.id else payment


def check(cell: Cell, result: Result) -> None:
    """The laws: what holds in every cell, whatever it answers."""
    assert result.sent <= 1, "the terminal was asked more than once"
    moves = cell.ask is not Ask.RECONCILIATION
    if cell.case is None:
        assert (result.told.heard, result.sent, result.stage) == (Heard.REFUSED, 0, None) or (
            result.told.heard in NOT_PAID and result.sent == 0
        )
        return
    if result.told.heard in PAID and moves:
        assert result.moved == (AMOUNT.minor,), "the till believes in money that did not move"
    if result.told.heard in NOT_PAID:
        assert result.moved == (), "the till believes that nothing was taken"
    match result.stage:
        case Stage.APPROVED:
            assert result.moved == ((AMOUNT.minor,) if moves else ())
        case Stage.DECLINED | Stage.ABORTED | Stage.NOT_STARTED:
            assert result.moved == ()
        case _:
            pass


def kinds() -> frozenset[Kind]:
    """Everything that the matrix asks for."""
    return frozenset(KIND.values())
