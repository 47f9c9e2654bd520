"""The engine: a `PaymentDesk` that journals first and always knows, or says that it does not."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Operation, Stage
from tillbridge.domain.outcome import Approved, Declined, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.engine import rules
from tillbridge.engine.books import Books, Figures
from tillbridge.engine.feed import Watcher
from tillbridge.engine.journal.journal import Acceptance
from tillbridge.engine.journal.records import Event, EventType
from tillbridge.engine.lane import Job, Lane
from tillbridge.engine.live import Live
from tillbridge.engine.reception import Reception
from tillbridge.engine.rules import EngineSettings
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import AbortReply, Payment, PaymentRequest, Terminal, TerminalStatus, Totals
from tillbridge.runtime.sqlite import StorageUnavailable

log = structlog.get_logger(__name__)

MAX_PERSON_TEXT: Final = 500
"""A name or a reason is a line, not an essay: it is shown beside the payment for ever."""


@dataclass(frozen=True, slots=True)
class TerminalSetup:
    """One terminal of the settings: its name, the name of its driver, and the driver at work on it."""

    name: str
    driver: str
    terminal: Terminal


class Engine:
    """Made by `opening.open_engine`; all of it runs in one event loop, which is what makes its checks atomic."""

    def __init__(
        self, books: Books, setups: Sequence[TerminalSetup], settings: EngineSettings, group: asyncio.TaskGroup
    ) -> None:
        lanes = {
            setup.name: Lane(setup.name, setup.driver, setup.terminal, books, settings.probe_seconds)
            for setup in setups
        }
        self._books = books
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._reception = Reception(books, settings, lanes)

    # ------------------------------------------------------------ the desk

    async def start(self, request: PaymentRequest) -> Payment:
        """See `PaymentDesk.start`."""
        if self._stopping:
            raise BridgeError(Code.CONNECTOR_STOPPING)
        if self._books.disk_failed:
            await self._probe_disk()
        # From here to `accept` nothing is awaited: two requests can never both find the lane or the order free.
        earlier = self._reception.repeated(request)
        if earlier is not None:
            return replace(earlier, replayed=True)
        lane = self._reception.lane(request.terminal)
        warnings = rules.check_capable(request, lane.terminal.capabilities)
        lane.check_free()
        live = self._reception.accept(request, lane, warnings)
        self._spawn(self._perform(lane, live))
        return live.payment

    async def wait(self, payment_id: str, patience: float) -> Payment:
        """See `PaymentDesk.wait`."""
        live = self._reception.running.get(payment_id)
        if live is None:
            return await self.inquire(payment_id)
        try:
            async with asyncio.timeout(patience):
                await live.over.wait()
        except TimeoutError:
            log.info("patience_ended", payment=payment_id)
        if live.payment.running:
            # A door that asks again at once must let those go on who are about to end it (`stop_waiting`).
            await asyncio.sleep(0)
        return live.payment

    async def abort(self, payment_id: str) -> AbortReply:
        """See `PaymentDesk.abort`."""
        live = self._reception.running.get(payment_id)
        if live is None:
            await self.inquire(payment_id)
            return AbortReply.NOT_RUNNING
        self._books.note(payment_id, live.payment.terminal, EventType.ABORT_REQUESTED)
        return await self._reception.lanes[live.payment.terminal].terminal.abort(payment_id)

    async def inquire(self, payment_id: str) -> Payment:
        """See `PaymentDesk.inquire`."""
        live = self._reception.remembered(payment_id)
        known = self._books.reading.payment(payment_id) if live is None else live.payment
        if known is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"there is no payment {payment_id[:40]!r}")
        return known

    async def find_order(self, caller: str, order_id: str) -> Payment:
        """See `PaymentDesk.find_order`."""
        for live in self._reception.running.values():
            if (live.payment.caller, live.payment.order_id) == (caller, order_id):
                return live.payment
        stored = self._books.reading.newest_of_order(caller, order_id)
        if stored is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"there is no payment of order {order_id[:40]!r}")
        return self._reception.latest(stored)

    async def terminals(self) -> Sequence[TerminalStatus]:
        """See `PaymentDesk.terminals`."""
        return [lane.status() for lane in self._reception.lanes.values()]

    async def totals(self, since: datetime) -> Sequence[Totals]:
        """See `PaymentDesk.totals`."""
        return self._books.reading.totals(since)

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        """See `PaymentDesk.delivered`."""
        payment = await self.inquire(payment_id)
        now = self._books.runtime.clock.now()
        state = "reached" if reached else "failed"
        if reached:
            self._reception.heard[payment.door] = payment.id
        written = self._books.journal.deliver(payment, receiver, state, now, {}, durable=False)
        # A lost note makes a delivered result look undelivered, which only asks a person once too often.
        written.add_done_callback(lambda done: done.exception())

    # ------------------------------------------------------------ for people

    @property
    def busy(self) -> bool:
        """Whether a payment is running."""
        return bool(self._reception.running)

    @property
    def settings(self) -> EngineSettings:
        """How the shop counts, and in which time zone."""
        return self._reception.settings

    @property
    def figures(self) -> Figures:
        """Counts since the start, for metrics."""
        return self._books.figures

    def refuse_new(self) -> None:
        """From now on nothing new is started: the connector is about to stop."""
        self._stopping = True

    def stop_waiting(self) -> None:
        """Gives everybody who waits for a running payment that payment as it stands: the connector is about to end."""
        for live in self._reception.running.values():
            live.over.set()

    def watch(self) -> AbstractContextManager[Watcher]:
        """A subscription to payments as they change."""
        return self._books.feed.watch()

    def in_doubt(self) -> list[Payment]:
        """What a person may have to settle, also on terminals that are no longer in the settings."""
        lanes = self._reception.lanes
        locking = [lane.doubt.payment for lane in lanes.values() if lane.doubt is not None]
        stored = (payment for payment, _ in self._books.reading.open())
        return locking + [payment for payment in stored if payment.terminal not in lanes and not payment.running]

    def payments(self, before: str | None = None, limit: int = 50) -> list[Payment]:
        """Newest first, one page; `before` is the last id of the page before."""
        return [self._reception.latest(stored) for stored in self._books.reading.payments(before=before, limit=limit)]

    def events(self, payment_id: str) -> list[Event]:
        """The payment's timeline."""
        return self._books.reading.events(payment_id)

    async def resolve(
        self, payment_id: str, *, taken: bool, by: str, reason: str, amount: Money | None = None
    ) -> Payment:
        """A named person settles a payment in doubt: the money was `taken` (all of it, or `amount`), or it was not.

        `BridgeError` STILL_RUNNING, ALREADY_CLOSED, PAYMENT_UNKNOWN, or FIELD_INVALID where name or reason is missing.
        """
        detail = _person(by, reason)
        payment = await self.inquire(payment_id)
        if payment.running:
            raise BridgeError(Code.STILL_RUNNING, payment_id=payment_id)
        lane = self._reception.lanes.get(payment.terminal)
        if payment.open and lane is None:
            return await self._resolve_orphan(payment, taken, amount, detail)
        if lane is None or lane.doubt is None or lane.doubt.payment.id != payment_id:
            raise BridgeError(Code.ALREADY_CLOSED, f"the payment is {payment.stage}", payment_id=payment_id)
        return await lane.resolve(_verdict(payment, taken, amount), detail)

    async def keep_undelivered(self, payment_id: str, *, by: str, reason: str) -> None:
        """A named person says that an approved payment which its till never heard of stands; frees that door."""
        detail = _person(by, reason)
        payment = await self.inquire(payment_id)
        now = self._books.runtime.clock.now()
        receiver = f"person:{detail['by']}"
        await self._books.journal.deliver(payment, receiver, "settled", now, detail, durable=True)

    # ------------------------------------------------------------ coming up and going down

    async def recover(self) -> None:
        """Puts every open operation where it belongs after a stop: never started, or in doubt and locking its lane."""
        for stored, wire_reference in self._books.reading.open():
            payment = stored
            if payment.stage is Stage.ACCEPTED:
                stopped = NotStarted(NotStartedReason.CONNECTOR_STOPPED, "the connector stopped before it was sent")
                await self._books.close(payment, stopped, Cause.RESTART)
                continue
            if payment.stage is Stage.SENDING:
                doubt = InDoubt(DoubtReason.CONNECTOR_STOPPED, "the connector stopped while the terminal was working")
                payment = await self._books.close(payment, doubt, Cause.RESTART)
            lane = self._reception.lanes.get(payment.terminal)
            if lane is None:
                log.error("in_doubt_on_removed_terminal", payment=payment.id, terminal=payment.terminal)
            else:
                lane.lock(_recalled(payment, wire_reference))
        for lane in self._reception.lanes.values():
            newest = self._books.reading.newest_sent(lane.name)
            if newest is not None:
                lane.recall(_recalled(newest, newest.id))

    def attend(self) -> None:
        """Starts what each lane does beside payments: listening for late results, the ladder, signs of life."""
        for lane in self._reception.lanes.values():
            for job in (lane.listen, lane.climb, lane.watch):
                self._spawn(self._guarded(job))

    async def wind_up(self) -> None:
        """Ends every task and closes the terminals."""
        self.refuse_new()
        self._books.feed.end()
        for task in self._tasks:
            task.cancel()
        for lane in self._reception.lanes.values():
            await self._guarded(lane.terminal.close)

    async def _perform(self, lane: Lane, live: Live) -> None:
        try:
            await lane.perform(live, lambda job: self._spawn(self._guarded(job)))
        finally:
            self._reception.ended(live)

    async def _resolve_orphan(
        self, payment: Payment, taken: bool, amount: Money | None, detail: dict[str, object]
    ) -> Payment:
        """Settles what is in doubt on a terminal that is no longer in the settings."""
        return await self._books.close(payment, _verdict(payment, taken, amount), Cause.PERSON, detail)

    async def _probe_disk(self) -> None:
        try:
            await self._books.journal.probe()
        except StorageUnavailable as error:
            raise BridgeError(Code.JOURNAL_UNAVAILABLE, str(error)) from error
        self._books.disk_failed = False

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, job: Job) -> None:
        # One lane's fault must not take the others down with the task group.
        try:
            await job()
        except Exception:
            log.exception("lane_fault")


def _recalled(payment: Payment, wire_reference: str) -> Live:
    operation = Operation(payment.id, payment.kind, payment.amount, wire_reference, payment.register, payment.online)
    return Live(payment, operation, Acceptance(payment, "", "", partial_allowed=False, keyless=False))


def _person(by: str, reason: str) -> dict[str, object]:
    for name, text in (("by", by), ("reason", reason)):
        if not text.strip() or len(text) > MAX_PERSON_TEXT:
            raise BridgeError(Code.FIELD_INVALID, f"it takes 1 to {MAX_PERSON_TEXT} characters", place=name)
    return {"by": by.strip(), "reason": reason.strip()}


def _verdict(payment: Payment, taken: bool, amount: Money | None) -> Approved | Declined:
    if not taken:
        return Declined()
    asked = payment.amount
    if asked is None:
        raise BridgeError(Code.OPERATION_UNSUPPORTED, "this operation has no amount to be taken", place="amount")
    if amount is not None and (amount.currency != asked.currency or not 0 < amount.minor <= asked.minor):
        raise BridgeError(Code.AMOUNT_INVALID, f"it must be more than zero and at most {asked}", place="amount")
    return Approved(amount or asked)
