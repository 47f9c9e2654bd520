"""The reports of a connector: its receivers, what tills are told of them, and what a person may do with them.

The journal's events are the only truth (ARCHITECTURE.md): a receiver is a cursor over them.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, assert_never

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.books import OutboxAccess
from tillbridge.engine.feed import Watcher
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.deliveries import NOT_REPORTED, Reported, ReportState
from tillbridge.psp.hipay.notices import read_notice
from tillbridge.psp.verdicts import Fate
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream.messages import MessageType, Resource
from tillbridge.upstream.reports.carriers import Carrier, FileCarrier, HipayCarrier, WebhookCarrier
from tillbridge.upstream.reports.choosing import parts
from tillbridge.upstream.reports.reading import Counts, ReportReading
from tillbridge.upstream.reports.records import Ended, Message, MessageState, Notice
from tillbridge.upstream.reports.runner import Means, ReceiverState, Runner
from tillbridge.upstream.reports.store import ReportStore
from tillbridge.upstream.settings import (
    FileReceiver,
    HipayReceiver,
    NoReceiver,
    Telling,
    UpstreamSettings,
    WebhookReceiver,
    stands_for_hipay,
)
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.webhooks.courier import Courier

REMEMBERED: Final = 512
"""Payments whose reports are remembered for the moment until they are on disk: more than end within it."""

MOST_SENT: Final = 2
"""The largest number of messages about one payment that a till knows of."""

log = structlog.get_logger(__name__)

Watch = Callable[[], AbstractContextManager[Watcher]]


@dataclass(frozen=True, slots=True)
class ReportMeans:
    """What reporting works with.

    `resource` writes a payment as the native interface does, `courier` carries webhooks, `busy` says whether a payment
    runs, `version` is that of this program.
    """

    runtime: Runtime
    resource: Resource
    courier: Courier
    busy: Callable[[], bool]
    version: str


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """A receiver as a person sees it.

    `why` says in words what is wrong, or why it is off; `oldest_age` is for how many seconds the oldest message waits.
    """

    name: str
    kind: str
    state: ReceiverState
    why: str | None
    counts: Counts
    last_sent_at: datetime | None
    oldest_age: float | None = None


class Reports:
    """Made by `open_reports`. The receivers are told while `run` runs. It is also the doors' `Deliveries`."""

    def __init__(
        self, settings: UpstreamSettings, store: ReportStore, reading: ReportReading, runtime: Runtime
    ) -> None:
        self.settings = settings
        self.reading = reading
        self._store = store
        self._runtime = runtime
        self._runners: dict[str, Runner] = {}
        self._off = {one.name: one for one in settings.telling if one.off_because is not None}
        self._front = next((one for one in settings.telling if stands_for_hipay(one)), None)
        self._recent: OrderedDict[str, dict[int, Fate]] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Event]] = {}

    def attend(self, runners: Sequence[Runner]) -> None:
        """These tell the receivers that are on."""
        self._runners = {one.receiver.name: one for one in runners}

    # ------------------------------------------------------------ for people

    def receivers(self) -> Sequence[ReceiverView]:
        """Every receiver of the settings, and those that are not there any more while messages for them are left."""
        found = [self._view(one) for one in self.settings.telling]
        known = {one.name for one in self.settings.telling}
        for name in self.reading.known():
            counts = self.reading.counts(name)
            if name not in known and (counts.waiting or counts.dead):
                why = "it is not in the settings any more, and there are messages for it"
                found.append(ReceiverView(name, "", ReceiverState.GONE, why, counts, None, self._age(counts)))
        return found

    def messages(self, receiver: str, state: MessageState, before: int | None, limit: int) -> Sequence[Message]:
        """A page of a receiver's messages, newest first; `BridgeError(RECEIVER_UNKNOWN)` if there is none."""
        if receiver not in self.reading.known() and receiver not in self._off:
            raise BridgeError(Code.RECEIVER_UNKNOWN)
        return self.reading.messages(receiver, state, before, limit)

    async def replay(self, receiver: str, message_id: int, key: WriteKey) -> Message:
        """Has a message sent again; HiPay is asked first whether it has it. `BridgeError(RECEIVER_UNKNOWN)`."""
        written = await self._store.replay(receiver, message_id, self._runtime.clock.now(), key)
        if receiver in self._runners:
            self._runners[receiver].hurry()
        found = self.reading.message(receiver, int(written.subject))
        if found is None:
            raise BridgeError(Code.RECEIVER_UNKNOWN, "there is no such message")
        self._recent.pop(found.payment_id, None)
        return found

    async def take_notice(self, content_type: str, body: bytes, signed_with: str) -> bool:
        """Keeps what HiPay said by itself, its signature checked; False for what is known already.

        `NoticeUnreadable` for what is nothing that HiPay says.
        """
        notice = read_notice(content_type, body)
        digest = hashlib.sha256(body).hexdigest()
        now = self._runtime.clock.now()
        return await self._store.keep_notice(digest, now, notice.order_id, signed_with, notice.fields)

    def of_payment(self, payment_id: str) -> Sequence[Message]:
        """What receivers were told, or are to be told, of this payment."""
        return self.reading.of_payment(payment_id)

    def notices(self, payment_id: str) -> Sequence[Notice]:
        """What HiPay said of this payment by itself."""
        return self.reading.notices(payment_id)

    def _view(self, receiver: Telling) -> ReceiverView:
        counts = self.reading.counts(receiver.name)
        runner = self._runners.get(receiver.name)
        if runner is None:
            why = receiver.off_because
            return ReceiverView(receiver.name, receiver.kind, ReceiverState.OFF, why, counts, None, self._age(counts))
        return ReceiverView(
            receiver.name, receiver.kind, runner.state, runner.words, counts, runner.last_sent_at, self._age(counts)
        )

    def _age(self, counts: Counts) -> float | None:
        """Seconds; never below zero, whatever somebody has set the clock to."""
        if counts.oldest_at is None:
            return None
        return max(0.0, (self._runtime.clock.now() - counts.oldest_at).total_seconds())

    # ------------------------------------------------------------ for tills

    async def reported(self, payment: Payment, *, patiently: bool) -> Reported:
        """See `Deliveries.reported`."""
        if self._front is None:
            meant = any(isinstance(one, NoReceiver) for one in self.settings.receivers)
            return Reported(0, ReportState.NOBODY) if meant else NOT_REPORTED
        found = self._standing(payment, self._front)
        runner = self._runners.get(self._front.name)
        if found.state is not ReportState.WAITING or runner is None or not patiently or self.settings.wait == 0:
            return found
        if runner.behind(payment.id):
            return found
        await self._wait(payment.id)
        return self._standing(payment, self._front)

    def _standing(self, payment: Payment, front: Telling) -> Reported:
        """What is true at this moment, as far as it is on disk or was heard since."""
        told = [one for one in self.reading.of_payment(payment.id) if one.receiver == front.name]
        heard = self._recent.get(payment.id, {})
        states = {one.id: _now(one, heard) for one in told if one.type is _ending(payment)}
        states |= {message_id: _OF_FATE[fate] for message_id, fate in heard.items() if fate in _OF_FATE}
        sent = min(MOST_SENT, sum(1 for state in states.values() if state is MessageState.SENT))
        return Reported(sent, self._state(payment, front, list(states.values())))

    def _state(self, payment: Payment, front: Telling, states: Sequence[MessageState]) -> ReportState:
        if MessageState.DEAD in states:
            return ReportState.NEEDS_PERSON
        if payment.open:
            return ReportState.OUTCOME_OPEN
        wanted = parts(front, payment)
        if wanted == 0:
            return ReportState.NOT_DUE
        if len([one for one in states if one is MessageState.SENT]) >= wanted:
            return ReportState.SENT
        if front.name in self._off:
            return ReportState.OFF
        runner = self._runners.get(front.name)
        held = runner is not None and runner.state is ReceiverState.HELD
        return ReportState.HELD if held else ReportState.WAITING

    async def _wait(self, payment_id: str) -> None:
        """Until every message about this payment has come to something, or a till has waited for long enough."""
        ended = asyncio.Event()
        self._waiting.setdefault(payment_id, []).append(ended)
        try:
            async with asyncio.timeout(self.settings.wait):
                await ended.wait()
        except TimeoutError:
            return
        finally:
            waiting = self._waiting[payment_id]
            waiting.remove(ended)
            if not waiting:
                del self._waiting[payment_id]

    def heard(self, ended: Ended) -> None:
        """An attempt is over. Who waits for it is told, before it is noted on disk."""
        if self._front is None or ended.message.receiver != self._front.name:
            return
        message, fate = ended.message, ended.verdict.fate
        # What is over for good is remembered until it is on disk; what will be tried again stands there as waiting.
        if fate is Fate.TAKEN or ended.next_at is None:
            known = self._recent.setdefault(message.payment_id, {})
            known[message.id] = Fate.TAKEN if fate is Fate.TAKEN else Fate.REFUSED
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        waiting = self._waiting.get(message.payment_id, ())
        if not waiting:
            return
        payment = self.reading.payment(message.payment_id)
        heard = self._recent.get(message.payment_id, {})
        if fate is not Fate.TAKEN or payment is None or len(heard) >= parts(self._front, payment):
            for one in waiting:
                one.set()

    # ------------------------------------------------------------ the task

    async def run(self, watch: Watch) -> None:
        """Tells every receiver, until cancelled. `watch` gives a subscription to payments as they change."""
        async with asyncio.TaskGroup() as group:
            for runner in self._runners.values():
                group.create_task(runner.run())
            while True:
                await self._listen(watch)

    async def _listen(self, watch: Watch) -> None:
        """Until the subscription ends: it does for whoever is too slow, and for everybody when the engine stops."""
        with watch() as watcher:
            async for payment in watcher:
                if not payment.running:
                    for runner in self._runners.values():
                        runner.wake()


_OF_FATE: Final[Mapping[Fate, MessageState]] = {Fate.TAKEN: MessageState.SENT, Fate.REFUSED: MessageState.DEAD}


def _now(message: Message, heard: Mapping[int, Fate]) -> MessageState:
    fate = heard.get(message.id)
    return message.state if fate is None else _OF_FATE[fate]


def _ending(payment: Payment) -> MessageType | None:
    """The type of message that tells how the payment stands now."""
    return None if payment.running else MessageType(f"payment.{payment.stage.value}")


@asynccontextmanager
async def open_reports(
    settings: UpstreamSettings, folder: Path, journal: OutboxAccess, means: ReportMeans
) -> AsyncIterator[Reports]:
    """The reports of a journal, whose migrations are done. Leaving the block lets go of connections.

    `folder` is the data folder. The caller closes the committer after this.
    """
    runtime = means.runtime
    store, reading = ReportStore(journal.committer), ReportReading(journal.path)
    reports = Reports(settings, store, reading, runtime)
    carriers: dict[str, Carrier] = {}
    try:
        on = [one for one in settings.telling if one.off_because is None]
        for receiver in on:
            carriers[receiver.name] = _carrier(receiver, folder, means)
        if on:
            await store.open_receivers([one.name for one in on], runtime.clock.now())
        for receiver in settings.telling:
            if receiver.off_because is not None:
                log.warning("receiver_off", receiver=receiver.name, why=receiver.off_because)
        inner = Means(store, reading, runtime, means.busy, reports.heard)
        reports.attend([Runner(one, carriers[one.name], inner) for one in on])
        yield reports
    finally:
        for carrier in carriers.values():
            await carrier.close()
        reading.close()


def _carrier(receiver: Telling, folder: Path, means: ReportMeans) -> Carrier:
    match receiver:
        case HipayReceiver():
            return HipayCarrier(receiver, means.version)
        case WebhookReceiver():
            return WebhookCarrier(receiver, means.courier, means.runtime.clock, means.resource)
        case FileReceiver():
            return FileCarrier(receiver, folder, means.runtime.clock, means.resource)
        case _:
            assert_never(receiver)
