"""One lane per terminal: one operation at a time, and nothing new while an old one is in doubt."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.books import Books
from tillbridge.engine.journal.journal import MoveRefused
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.live import JournalLog, Live, as_meant
from tillbridge.engine.reversal import Reversal, TakeBack, closed_by_a_void, wanted
from tillbridge.engine.rules import fits, honest
from tillbridge.engine.states import Cause, answer_cause
from tillbridge.protocols.contract import (
    Health,
    HealthState,
    LateResult,
    Payment,
    Recovery,
    Terminal,
    TerminalStatus,
    Unanswered,
)
from tillbridge.runtime.sqlite import StorageUnavailable

log = structlog.get_logger(__name__)

Job = Callable[[], Coroutine[Any, Any, None]]
Spawn = Callable[[Job], object]

ASK_AGAIN_SECONDS: Final = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""How long to wait before each inquiry after an unknown outcome; the last pause repeats for as long as it takes."""

WRITE_AGAIN_SECONDS: Final = 2.0
"""How often an outcome that the disk did not take is offered to it again."""

LISTEN_AGAIN_SECONDS: Final = 1.0
"""A pause after listening broke off, so that a fault that repeats does not take the whole processor."""


@dataclass(frozen=True, slots=True)
class TerminalSetup:
    """One terminal of the settings: its name, the name of its driver, and the driver at work on it."""

    name: str
    driver: str
    terminal: Terminal


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between signs of life, and of silence after which a terminal is woken before a payment; 0 for never."""

    probe: float
    wake: float


class Lane:
    """A terminal with what occupies it: `live` runs, `doubt` (with its wire reference) locks."""

    def __init__(self, setup: TerminalSetup, books: Books, pace: Pace, take_back: TakeBack) -> None:
        self.name = setup.name
        self.driver = setup.driver
        self.terminal = setup.terminal
        self.live: Live | None = None
        self.doubt: Live | None = None
        self._last: Live | None = None
        self._books = books
        self._pace = pace
        self._spoke_at = books.runtime.clock.monotonic()
        self._health = Health(HealthState.UNKNOWN, "not asked yet")
        self._line = asyncio.Lock()  # the wire carries one conversation: an operation, or a sign of life
        self._closing = asyncio.Lock()  # a late result waits until the operation it may belong to is filed
        self.reversal = Reversal(books, take_back, self._proven, self.terminal.settle, self._closing)
        self._doubt_changed = asyncio.Event()
        self._heard = ""  # the last inquiry's answer, so that the timeline does not fill up with the same one

    # ------------------------------------------------------------ what the desk asks

    def status(self) -> TerminalStatus:
        """The lane as the desk shows it."""
        occupant = self.live or self.doubt
        health = Health(HealthState.BUSY) if self.live is not None else self._health
        payment = None if occupant is None else occupant.payment
        return TerminalStatus(self.name, self.driver, self.terminal.capabilities, health, payment)

    def check_free(self) -> None:
        """`BridgeError` TERMINAL_BUSY or TERMINAL_LOCKED, naming the payment that stands in the way (laws 2 and 4)."""
        if self.live is not None:
            payment = self.live.payment
            raise BridgeError(Code.TERMINAL_BUSY, f"{self.name} is busy with {_words(payment)}", payment_id=payment.id)
        if self.doubt is not None:
            payment = self.doubt.payment
            raise BridgeError(
                Code.TERMINAL_LOCKED,
                f"{self.name} is locked: it is not known whether {_words(payment)} was taken",
                payment_id=payment.id,
            )

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Nothing is sent while this is held; raises as `check_free`, also for what was accepted meanwhile."""
        self.check_free()
        async with self._line:
            self.check_free()
            yield

    def occupy(self, live: Live) -> None:
        """Takes the lane for an accepted payment; `perform` follows."""
        self.live = live

    # ------------------------------------------------------------ the life of one operation

    async def perform(self, live: Live, spawn: Spawn) -> None:
        """Runs the operation on the terminal and files its outcome, whatever the driver does."""
        journal_log = JournalLog(live, self._books)
        async with self._line:
            outcome = await self._ask_terminal(live.operation, journal_log)
        async with self._closing:
            await self._file(live, journal_log, outcome, spawn)
            self._release(live)
        if self.doubt is live and wanted(live):
            # Whoever waits hears the end and not the doubt, if the reversal goes through at once.
            await self._step(live)
        self._books.feed.publish(live.payment)
        live.over.set()

    async def _ask_terminal(self, operation: Operation, journal_log: JournalLog) -> Outcome:
        try:
            asleep = await self._woken()
            return asleep or await self.terminal.perform(operation, journal_log)
        except StorageUnavailable as error:
            if journal_log.told is not None:
                return journal_log.told
            return NotStarted(NotStartedReason.JOURNAL_UNAVAILABLE, str(error))
        except Exception as error:
            # A fault of the driver must not become a lie about the money: what had left is unknown.
            log.exception("driver_fault", terminal=self.name, payment=operation.id)
            if journal_log.told is not None:
                return journal_log.told
            if journal_log.sent:
                return InDoubt(DoubtReason.DRIVER_FAULT, type(error).__name__)
            return NotStarted(NotStartedReason.DRIVER_FAULT, type(error).__name__)

    async def _woken(self) -> NotStarted | None:
        """Wakes a terminal that has long been silent, before money moves; why it cannot be, if it is not there."""
        now = self._books.runtime.clock.monotonic()
        if not self._pace.wake or now - self._spoke_at < self._pace.wake:
            return None
        for attempt in (1, 2):
            self._health = await self.terminal.health()
            if self._health.state is not HealthState.UNREACHABLE:
                self._spoke_at = self._books.runtime.clock.monotonic()
                return None
            log.warning("terminal_asleep", terminal=self.name, attempt=attempt, detail=self._health.detail)
        return NotStarted(NotStartedReason.TERMINAL_SILENT, self._health.detail)

    async def _file(self, live: Live, journal_log: JournalLog, outcome: Outcome, spawn: Spawn) -> None:
        if journal_log.written:
            return
        outcome = journal_log.told or outcome
        try:
            if not isinstance(outcome, NotStarted):
                await journal_log.sending()
            await journal_log.outcome(outcome)
        except (StorageUnavailable, MoveRefused):
            if isinstance(outcome, NotStarted):
                # Nothing left this computer and nothing of it is on disk: the refusal is true without a journal.
                live.payment = self._books.closed(live.payment, outcome, self._books.runtime.clock.now())
                return
            log.exception("outcome_not_written", terminal=self.name, payment=live.payment.id)
            told = journal_log.told or outcome
            unwritten = live.payment
            live.payment = self._books.doubtful_for_want_of_disk(live.payment)
            spawn(partial(self._write_later, live, unwritten, told))

    async def _write_later(self, live: Live, unwritten: Payment, outcome: Outcome) -> None:
        """Offers an outcome to the disk until it takes it; the lane stays locked meanwhile."""
        while True:
            await asyncio.sleep(WRITE_AGAIN_SECONDS)
            try:
                payment = await self._books.close(unwritten, outcome, answer_cause(outcome))
            except StorageUnavailable:
                continue
            except MoveRefused:
                payment = self._books.reading.payment(unwritten.id) or live.payment
            self._settle_doubt(live, payment)
            return

    def _release(self, live: Live) -> None:
        self._last = live
        self.live = None
        self._spoke_at = self._books.runtime.clock.monotonic()
        # A void that takes back what is in doubt leaves the lane to that payment.
        if live.payment.open and self.doubt is None:
            self.lock(live)

    def lock(self, live: Live) -> None:
        """In doubt locks the lane, whatever the terminal's recovery class."""
        self.doubt = live
        self._heard = ""
        self._doubt_changed.set()

    def recall(self, live: Live) -> None:
        """After a restart: this terminal's last operation, so that its late repeats are known for what they are."""
        self._last = live

    def _settle_doubt(self, live: Live, payment: Payment) -> None:
        live.payment = payment
        self._last = live
        if self.doubt is live and not payment.open:
            self.doubt = None
            void = self.reversal.void
            if void is not None and void.payment.open:
                self.lock(void)
        self._books.feed.publish(payment)

    # ------------------------------------------------------------ evidence

    def doubtful(self, payment_id: str) -> Live | None:
        """The payment in doubt here with this id: the one that locks the lane, or the void that takes it back."""
        void = self.reversal.void
        doubts = (self.doubt, void if void is not None and void.payment.open and self.live is not void else None)
        return next((live for live in doubts if live is not None and live.payment.id == payment_id), None)

    async def resolve(self, payment_id: str, outcome: Approved | Declined, detail: dict[str, object]) -> Payment:
        """A named person says what became of a payment in doubt."""
        async with self._closing:
            live = self.doubtful(payment_id)
            if live is None:
                raise BridgeError(Code.ALREADY_CLOSED, "it is not in doubt on this terminal", payment_id=payment_id)
            if self.live is not None:
                # The void that takes it back is at the terminal right now: what a person sees there is not the end.
                raise BridgeError(Code.STILL_RUNNING, "it is being taken back", payment_id=self.live.payment.id)
            payment = await self._books.close(live.payment, outcome, Cause.PERSON, detail)
            self._settle_doubt(live, payment)
            return payment

    async def listen(self) -> None:
        """Takes in what the terminal says when nobody asked. Each result is on disk before the next is asked for."""
        while True:
            try:
                async with aclosing(self.terminal.late()) as results:
                    async for late in results:
                        async with self._closing:
                            await self._take_in(late)
            except StorageUnavailable:
                # Not acknowledged, so the terminal sends it again: by then the disk may take it.
                log.warning("late_result_not_written", terminal=self.name)
            except Exception:
                log.exception("listening_fault", terminal=self.name)
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _take_in(self, late: LateResult) -> None:
        live = self.doubt
        said: dict[str, object] = {"result": type(late.outcome).__name__, "amount": str(late.amount)}
        if isinstance(late.outcome, InDoubt):
            # What cannot be matched by itself may still tell a person what happened.
            said["detail"] = late.outcome.detail
        if live is not None and fits(late, live.payment, live.operation.wire_reference):
            await self._take_as_evidence(live, late, said)
            return
        last = self._last
        if last is None or not fits(late, last.payment, last.operation.wire_reference):
            kind, about = EventType.STRAY_RESULT, None
        elif type(late.outcome) is type(last.payment.outcome):
            kind, about = EventType.LATE_REPEAT, last.payment.id
        else:
            kind, about = EventType.CONTRADICTION, last.payment.id
        if kind is not EventType.LATE_REPEAT:
            log.error("late_result_needs_a_person", terminal=self.name, kind=kind, payment=about, **said)
        now = self._books.runtime.clock.now()
        await self._books.journal.note(about, self.name, kind, now, said, durable=True)

    async def _take_as_evidence(self, live: Live, late: LateResult, said: dict[str, object]) -> None:
        outcome = as_meant(late.outcome, live)
        if closed_by_a_void(outcome):
            await self._note_reversible(live, outcome)
        elif isinstance(outcome, InDoubt | NotStarted) or self._taken_back(live):
            now = self._books.runtime.clock.now()
            await self._books.journal.note(live.payment.id, self.name, EventType.EVIDENCE, now, said, durable=True)
        else:
            self._settle_doubt(live, await self._books.close(live.payment, outcome, Cause.LATE_ANSWER, said))

    async def climb(self) -> None:
        """The recovery ladder: asks a terminal that can be asked, until what is in doubt is known."""
        if self._last is not None and not self._last.payment.open:
            # Whether the last confirmation left before a stop is not on disk; a second one does no harm.
            async with self._line:
                await self.terminal.settle(self._last.operation)
        attempt = 0
        while True:
            live = self.doubt
            if live is None:
                attempt = 0
                self._doubt_changed.clear()
                await self._doubt_changed.wait()
                continue
            await asyncio.sleep(ASK_AGAIN_SECONDS[min(attempt, len(ASK_AGAIN_SECONDS) - 1)])
            attempt += 1
            if self.doubt is live and self.live is None:
                await self._step(live)

    async def _step(self, live: Live) -> None:
        """One step up the ladder. What goes wrong in it is tried again by the next one; the lane stays locked."""
        try:
            await (self._take_back(live) if self._taken_back(live) else self._inquire(live))
        except (StorageUnavailable, BridgeError) as error:
            log.warning("recovery_delayed", terminal=self.name, payment=live.payment.id, detail=str(error))
        except Exception:
            log.exception("recovery_fault", terminal=self.name, payment=live.payment.id)

    def _taken_back(self, live: Live) -> bool:
        """Whether this doubt is closed by a void, and by nothing that is said of the payment itself."""
        return wanted(live) or self.reversal.begun(live)

    async def _take_back(self, live: Live) -> None:
        if Kind.VOID not in self.terminal.capabilities.kinds:
            return
        closed = await self.reversal.advance(live, lambda: self.doubt is live)
        if closed is not None:
            self._settle_doubt(live, closed)

    async def _inquire(self, live: Live) -> None:
        async with self._line:
            answer = await self.terminal.inquire(live.operation)
        async with self._closing:
            if self.doubt is not live or answer in (Unanswered.CANNOT_ASK, Unanswered.STILL_RUNNING):
                return
            outcome = InDoubt(DoubtReason.NO_ANSWER) if isinstance(answer, Unanswered) else as_meant(answer, live)
            if self.terminal.capabilities.recovery is not Recovery.BY_ID:
                # A last result is somebody's last result, not proof for this payment: a person weighs it.
                await self._note_evidence(live, str(answer))
            elif not isinstance(outcome, InDoubt):
                self._settle_doubt(live, await self._books.close(live.payment, outcome, Cause.INQUIRY))
                await self.terminal.settle(live.operation)
            elif closed_by_a_void(outcome):
                await self._note_reversible(live, outcome)
            else:
                await self._note_evidence(live, str(answer))

    async def _note_reversible(self, live: Live, outcome: Outcome) -> None:
        """The doubt has become one that a reversal closes: the next step of the ladder takes the payment back."""
        await self._note_evidence(live, str(outcome))
        live.payment = replace(live.payment, outcome=outcome)
        await self.terminal.settle(live.operation)

    async def _note_evidence(self, live: Live, said: str) -> None:
        if said != self._heard:
            self._heard = said
            now = self._books.runtime.clock.now()
            note = self._books.journal.note
            await note(live.payment.id, self.name, EventType.EVIDENCE, now, {"inquiry": said}, durable=True)

    async def _proven(self, live: Live) -> Outcome | None:
        """See `reversal.Ask`: only a terminal that is asked by our own reference proves anything."""
        async with self._line:
            answer = await self.terminal.inquire(live.operation)
        if isinstance(answer, Unanswered | InDoubt) or self.terminal.capabilities.recovery is not Recovery.BY_ID:
            return None
        outcome = honest(answer, live.operation)
        return None if isinstance(outcome, InDoubt) else outcome

    async def watch(self) -> None:
        """Asks an idle terminal for a sign of life, so that a dead line is found before a customer stands there."""
        if self._pace.probe == 0:
            return
        while True:
            if self.live is None:
                async with self._line:
                    await self.look()
            await asyncio.sleep(self._pace.probe)

    async def look(self) -> None:
        """Asks for a sign of life; whoever calls it holds the line."""
        self._health = await self.terminal.health()
        if self._health.state in (HealthState.READY, HealthState.BUSY):
            self._spoke_at = self._books.runtime.clock.monotonic()


def _words(payment: Payment) -> str:
    order = f" of order {payment.order_id}" if payment.order_id else ""
    return f"the {payment.kind} of {payment.amount}{order}"
