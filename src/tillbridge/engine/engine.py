"""The engine: a `PaymentDesk` that journals first and always knows, or says that it does not."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Declined, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.engine import rules
from tillbridge.engine.books import Books, Figures, OutboxAccess
from tillbridge.engine.feed import Watcher
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.engine.journal.records import Change, Event, EventType
from tillbridge.engine.lane import Job, Lane, Pace
from tillbridge.engine.lane import TerminalSetup as TerminalSetup  # noqa: PLC0414 - handed on with the engine
from tillbridge.engine.live import Judged, Live
from tillbridge.engine.moving import Moves
from tillbridge.engine.parents import resolve
from tillbridge.engine.persons import MAX_PERSON_TEXT as MAX_PERSON_TEXT  # noqa: PLC0414 - handed on with the engine
from tillbridge.engine.persons import person_named, signed
from tillbridge.engine.reception import Reception
from tillbridge.engine.reversal import reversal_request
from tillbridge.engine.rules import EngineSettings
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import AbortReply, Payment, PaymentRequest, TerminalStatus, Totals
from tillbridge.runtime.sqlite import StorageUnavailable

log = structlog.get_logger(__name__)

PERSON: Final = "tillbridge:person"
"""The caller of what a person asks for in the console or over the native interface, beside any till."""

REVERSE_PATIENCE: Final = 180.0
"""Seconds for which somebody waits for a void that was asked for; it goes on anyway."""


class Engine:
    """Made by `opening.open_engine`; all of it runs in one event loop, which is what makes its checks atomic."""

    def __init__(
        self, books: Books, setups: Sequence[TerminalSetup], settings: EngineSettings, group: asyncio.TaskGroup
    ) -> None:
        lanes = {
            setup.name: Lane(setup, books, Pace(settings.probe_seconds, settings.wake_seconds), self._take_back)
            for setup in setups
        }
        self._books = books
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._reception = Reception(books, settings, lanes)
        self._moves = Moves(books, lanes)

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
        lane = self._reception.lane(request)
        capabilities = lane.terminal.capabilities
        rules.check_kind(request.kind, capabilities)
        meant = resolve(request, lane.name, capabilities, self._reception)
        warnings = rules.check_capable(meant.request, capabilities)
        lane.check_free()
        live = self._reception.accept(meant.request, lane, warnings, meant.parent)
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
        terminal = self._reception.lanes[live.payment.terminal].terminal
        live.unwanted = rules.taken_back_if_lost(live.payment.kind, self.settings, terminal.capabilities)
        return await terminal.abort(payment_id)

    async def inquire(self, payment_id: str) -> Payment:
        """See `PaymentDesk.inquire`."""
        live = self._reception.remembered(payment_id)
        known = self._books.reading.payment(payment_id) if live is None else live.payment
        if known is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, f"there is no payment {payment_id[:40]!r}")
        return known

    async def sign(self, payment_id: str, *, accepted: bool, by: str) -> Payment:
        """See `PaymentDesk.sign`."""
        live = self._reception.running.get(payment_id)
        if live is None or live.signing is None or live.signing.done():
            await self.inquire(payment_id)
            raise BridgeError(Code.NOTHING_TO_SIGN, payment_id=payment_id)
        live.signing.set_result(Judged(accepted, person_named(by)))
        return live.payment

    async def find_key(self, caller: str, key: str) -> Payment:
        """See `PaymentDesk.find_key`."""
        found = self._reception.by_key(caller, key)
        if found is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, "there is no payment of that key")
        return found

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

    @property
    def moves(self) -> Moves:
        """Where the terminals are, and how a person says that one is elsewhere."""
        return self._moves

    def outbox_access(self) -> OutboxAccess:
        """The journal's file and the one thread that writes to it, for what else is kept there (webhooks)."""
        return self._books.outbox_access()

    @property
    def stopping(self) -> bool:
        """Whether nothing new is started any more."""
        return self._stopping

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

    def payments(self, before: str | None = None, limit: int = 50, where: Filter = NOTHING) -> list[Payment]:
        """Newest first, one page of what fits; `before` is the last id of the page before."""
        found = self._books.reading.payments(before=before, limit=limit, where=where)
        return [self._reception.latest(stored) for stored in found]

    def changes(self, after: int, limit: int = 100) -> list[Change]:
        """What the journal has after its line `after`, oldest first, each with its payment as it stands now."""
        found = self._books.reading.changes(after, limit)
        return [replace(change, payment=self._reception.latest(change.payment)) for change in found]

    def last_change(self) -> int:
        """The number of the journal's newest line: where a new reader of `changes` begins."""
        return self._books.reading.last_change()

    def children(self, payment_id: str) -> list[Payment]:
        """What went back to this payment: captures, refunds and voids, whatever became of them."""
        return list(self._reception.children(payment_id))

    def events(self, payment_id: str) -> list[Event]:
        """The payment's timeline."""
        return self._books.reading.events(payment_id)

    async def resolve(
        self, payment_id: str, *, taken: bool, by: str, reason: str, amount: Money | None = None
    ) -> Payment:
        """A named person settles a payment in doubt: the money was `taken` (all of it, or `amount`), or it was not.

        `BridgeError` STILL_RUNNING, ALREADY_CLOSED, PAYMENT_UNKNOWN, or FIELD_INVALID where name or reason is missing.
        """
        detail = signed(by, reason)
        payment = await self.inquire(payment_id)
        if payment.running:
            raise BridgeError(Code.STILL_RUNNING, payment_id=payment_id)
        lane = self._reception.lanes.get(payment.terminal)
        if payment.open and lane is None:
            return await self._resolve_orphan(payment, taken, amount, detail)
        if lane is None or lane.doubtful(payment_id) is None:
            raise BridgeError(Code.ALREADY_CLOSED, f"the payment is {payment.stage}", payment_id=payment_id)
        return await lane.resolve(payment_id, _verdict(payment, taken, amount), detail)

    def undelivered(self) -> list[Payment]:
        """Approved payments that hold a door, because its till has not heard of them."""
        heard = self._reception.heard
        return [payment for payment in self._books.reading.unheard() if heard.get(payment.door) != payment.id]

    async def reverse(self, payment_id: str, *, by: str, reason: str, key: str) -> Payment:
        """A named person has an approved payment taken back; the void, once it is over or `REVERSE_PATIENCE` is.

        If it goes through, the payment holds its door no longer. `BridgeError` as for every void.
        """
        detail = signed(by, reason)
        payment = await self.inquire(payment_id)
        request = PaymentRequest(
            kind=Kind.VOID,
            amount=None,
            caller=PERSON,
            door=payment.door,
            parent=payment_id,
            register=payment.register,
            key=key,
            fingerprint=f"reverse {payment_id}",
            notes=detail,
        )
        void = await self.start(request)
        void = replace(await self.wait(void.id, REVERSE_PATIENCE), replayed=void.replayed)
        if isinstance(void.outcome, Approved):
            await self._settled(payment, {**detail, "reversal": void.id})
        return void

    async def keep_undelivered(self, payment_id: str, *, by: str, reason: str) -> None:
        """A named person says that an approved payment which its till never heard of stands; frees that door."""
        await self._settled(await self.inquire(payment_id), signed(by, reason))

    async def _settled(self, payment: Payment, detail: dict[str, object]) -> None:
        now = self._books.runtime.clock.now()
        receiver = f"person:{detail['by']}"
        await self._books.journal.deliver(payment, receiver, "settled", now, detail, durable=True)

    # ------------------------------------------------------------ coming up and going down

    async def recover(self) -> None:
        """Puts every open operation where it belongs after a stop: never started, or in doubt and locking its lane."""
        self._moves.recall()
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
            elif payment.kind is not Kind.VOID or lane.doubt is None:
                voids = lane.doubt
                live = self._reception.recalled(payment, wire_reference)
                live.unwanted = self._was_unwanted(lane, payment)
                lane.lock(live)
                if voids is not None:
                    lane.reversal.recall(voids)
            else:
                lane.reversal.recall(self._reception.recalled(payment, wire_reference))
        for lane in self._reception.lanes.values():
            self._recall_reversal(lane)
            newest = self._books.reading.newest_sent(lane.name)
            if newest is not None:
                lane.recall(self._reception.recalled(newest, newest.id))

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

    def _was_unwanted(self, lane: Lane, payment: Payment) -> bool:
        """Whether somebody had asked to stop it before the restart, so that it is taken back if it was approved."""
        able = rules.taken_back_if_lost(payment.kind, self.settings, lane.terminal.capabilities)
        return able and any(event.type is EventType.ABORT_REQUESTED for event in self.events(payment.id))

    def _recall_reversal(self, lane: Lane) -> None:
        """A reversal that was over before the restart, but whose payment was not closed any more."""
        if lane.doubt is None or lane.reversal.void is not None:
            return
        voids = [child for child in self._books.reading.children(lane.doubt.payment.id) if child.kind is Kind.VOID]
        if voids:
            lane.reversal.recall(self._reception.recalled(voids[-1], voids[-1].id))

    async def _take_back(self, sale: Live) -> Live:
        """See `reversal.TakeBack`."""
        lane = self._reception.lanes[sale.payment.terminal]
        request, parent = reversal_request(sale)
        live = self._reception.accept(request, lane, (), parent)
        await self._perform(lane, live)
        return live

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


def _verdict(payment: Payment, taken: bool, amount: Money | None) -> Approved | Declined:
    if not taken:
        return Declined()
    asked = payment.amount
    if asked is None:
        raise BridgeError(Code.OPERATION_UNSUPPORTED, "this operation has no amount to be taken", place="amount")
    if amount is not None and (amount.currency != asked.currency or not 0 < amount.minor <= asked.minor):
        raise BridgeError(Code.AMOUNT_INVALID, f"it must be more than zero and at most {asked}", place="amount")
    return Approved(amount or asked)
