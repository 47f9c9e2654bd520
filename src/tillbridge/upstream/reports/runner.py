"""Tells one receiver: many payments at once, the messages of one payment in their order.

Each receiver has a task of its own: what one does, no other one notices. Nothing here is waited for by a payment; while
one runs, messages leave one by one with a pause between them, so that a flood after an outage slows no terminal down.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog

from tillbridge.psp.verdicts import Fate, Verdict
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.upstream.reports import schedule
from tillbridge.upstream.reports.carriers import Carrier, Ready
from tillbridge.upstream.reports.reading import ReportReading
from tillbridge.upstream.reports.records import Ended, Message
from tillbridge.upstream.reports.store import ReportStore
from tillbridge.upstream.settings import Telling

POLL_SECONDS: Final = 30.0
"""How often to look for events without being told of any: those that ride along tell nobody."""

SOON_SECONDS: Final = 0.25
"""For what is written down to reach the disk; nothing is told before it has."""

MOST_LOOKS: Final = 20
"""So often a message that is not on disk yet is looked for, before it is left for later."""

TROUBLE_SECONDS: Final = 30.0
"""After a fault of our own, or of the disk."""

GENTLE_SECONDS: Final = 0.5
"""Between two messages while a payment runs, so that one in a hundred payments meets one at all. With each payment that
ends one more may go, so that a shop in which there is always a payment keeps up all the same."""

QUIET_SECONDS: Final = 1.0
"""For so long after a payment messages still go one by one: in a busy shop the next one is about to begin."""

BURST: Final = 4
PACE_SECONDS: Final = 0.0015
"""At full speed so many messages begin together, and each has its share of time: some six hundred a second at most, for
a payment that begins in the middle of a flood must find the processor free."""

LOGGED_EACH: Final = 60
"""Of failures in a row, so many make one line of the log: about one in an hour."""

log = structlog.get_logger(__name__)


class ReceiverState(StrEnum):
    """How a receiver stands.

    `retrying` after failures, `held` until a person mends something, `off` by the settings, `gone` out of them.
    """

    READY = "ready"
    RETRYING = "retrying"
    HELD = "held"
    OFF = "off"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Means:
    """What every receiver's task works with.

    `busy` says whether a payment runs; `on_end` hears of every attempt that is over.
    """

    store: ReportStore
    reading: ReportReading
    runtime: Runtime
    busy: Callable[[], bool]
    on_end: Callable[[Ended], None]


class Runner:
    """The task of one receiver."""

    def __init__(self, receiver: Telling, carrier: Carrier, means: Means) -> None:
        self.receiver = receiver
        self.words: str | None = None
        self.last_sent_at: datetime | None = None
        self._carrier = carrier
        self._means = means
        self._news = asyncio.Event()
        self._going: dict[int, Message] = {}
        self._ended: list[Ended] = []
        self._failures = 0
        self._held = False
        self._rest_until = 0.0
        self._pace_until = 0.0
        self._gentle_until = 0.0
        self._quiet_from = 0.0
        self._left = True

    # ------------------------------------------------------------ what others see and say

    @property
    def state(self) -> ReceiverState:
        """How it stands; never `off` or `gone`, because such a receiver has no task."""
        if self._held:
            return ReceiverState.HELD
        return ReceiverState.RETRYING if self._failures else ReceiverState.READY

    def behind(self, payment_id: str) -> bool:
        """Whether it has anything to tell that is older than what it has to tell of this payment."""
        others = any(one.payment_id != payment_id for one in self._going.values())
        return self._left or others or self._failures > 0

    def wake(self) -> None:
        """A payment has ended: this receiver may have to be told."""
        self._quiet_from = self._monotonic() + QUIET_SECONDS
        self._gentle_until = 0.0
        self._news.set()

    def hurry(self) -> None:
        """A person waits for a message to be sent: also a receiver that is being left alone is asked now."""
        self._rest_until = self._gentle_until = 0.0
        self._news.set()

    # ------------------------------------------------------------ the task

    async def run(self) -> None:
        """Tells the receiver whatever it is to be told, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        await self._take_turn(group)
                    except StorageUnavailable as error:
                        log.warning("report_not_noted", receiver=self.receiver.name, error=str(error))
                        await asyncio.sleep(TROUBLE_SECONDS)
                    except Exception:
                        # A fault with one receiver must not end the others' tasks with its own.
                        log.exception("report_fault", receiver=self.receiver.name)
                        await asyncio.sleep(TROUBLE_SECONDS)
        finally:
            self._going.clear()
            self._ended.clear()

    async def _take_turn(self, group: asyncio.TaskGroup) -> None:
        self._news.clear()
        ended = tuple(self._ended)
        over = {one.message.id for one in ended}
        going = [message_id for message_id in self._going if message_id not in over]
        free = self._free(len(going))
        room = 0 if self._resting() > 0 else min(BURST, free)
        turn = await self._means.store.turn(self.receiver, self._now(), room, ended, going)
        del self._ended[: len(ended)]
        for message_id in over:
            del self._going[message_id]
        for message in turn.due:
            self._going[message.id] = message
            group.create_task(self._deliver(message))
        if turn.due:
            self._pace_until = self._monotonic() + PACE_SECONDS * len(turn.due)
        self._left = turn.more or turn.next_at is not None
        if turn.more:
            # Far behind, after days without a connector or with a new one: one look after the other, but in peace.
            await asyncio.sleep(GENTLE_SECONDS if self._gentle() else 0)
            return
        # With no room now there may be some in a moment, whatever the turn says.
        again = turn.next_at if room else self._now()
        await _until(self._news, self._rest(again, free - len(turn.due)))

    def _resting(self) -> float:
        """Seconds for which nothing is sent: the receiver is left alone, or the last ones have just begun."""
        return max(self._rest_until, self._pace_until, self._gentle_until) - self._monotonic()

    def _free(self, going: int) -> int:
        """How many messages may be under way besides those that are."""
        # After a failure a single one tries how it is; beside a payment they go one by one.
        limit = 1 if self._failures or self._gentle() else self._carrier.at_once
        return max(0, limit - going)

    def _gentle(self) -> bool:
        """Whether a payment runs, or has just run."""
        now = self._monotonic()
        if self._means.busy():
            self._quiet_from = now + QUIET_SECONDS
        return now < self._quiet_from

    def _rest(self, next_at: datetime | None, free: int) -> float:
        """Seconds until the next turn, if nothing wakes it before."""
        if next_at is None or free <= 0:
            return POLL_SECONDS
        due = (next_at - self._now()).total_seconds()
        return min(POLL_SECONDS, max(0.0, due, self._resting()))

    async def _deliver(self, message: Message) -> None:
        verdict = await self._carried(message)
        now = self._now()
        next_at = self._next(message, verdict, now)
        self._judge(verdict, now)
        self._log(message, verdict, final=next_at is None)
        ended = Ended(message, verdict, now, next_at)
        self._ended.append(ended)
        self._means.on_end(ended)
        self._news.set()

    def _log(self, message: Message, verdict: Verdict, *, final: bool) -> None:
        """Every end that needs a person, and of an outage the beginning and a line now and then."""
        said = {"receiver": self.receiver.name, "message": message.name, "failure": verdict.words}
        if verdict.fate is Fate.TAKEN:
            return
        if final:
            log.warning("report_dead", **said)
        elif self._failures % LOGGED_EACH == 1:
            log.warning("report_failed", failures=self._failures, **said)

    async def _carried(self, message: Message) -> Verdict:
        try:
            for _ in range(MOST_LOOKS):
                found = self._means.reading.told_of(message)
                if found is not None:
                    return await self._carrier.carry(Ready(message, *found))
                await asyncio.sleep(SOON_SECONDS)
        except Exception:
            log.exception("report_fault", receiver=self.receiver.name, message=message.name)
            return Verdict(Fate.UNCLEAR, "a fault of tillbridge: see its log")
        return Verdict(Fate.UNREACHED, "it is not on disk yet")

    def _next(self, message: Message, verdict: Verdict, now: datetime) -> datetime | None:
        """When to try again; None where that is over: taken, refused for good, or tried for long enough."""
        if verdict.fate in (Fate.TAKEN, Fate.REFUSED) or now - message.since >= schedule.PATIENCE:
            return None
        if verdict.fate is Fate.UNCLEAR:
            return schedule.next_attempt(message.attempts + 1, now, self._means.runtime.chance)
        # Not this message's fault: it goes as soon as the receiver is asked again.
        return now

    def _judge(self, verdict: Verdict, now: datetime) -> None:
        """What an attempt says about the receiver."""
        monotonic = self._monotonic()
        if verdict.fate in (Fate.TAKEN, Fate.REFUSED):
            self._failures, self._held, self._rest_until = 0, False, 0.0
            if verdict.fate is Fate.TAKEN:
                self.last_sent_at, self.words = now, None
            if self._gentle():
                self._gentle_until = monotonic + GENTLE_SECONDS
            return
        self.words = verdict.words
        if monotonic < self._rest_until and self._failures:
            return  # the others that were on their way with it say the same
        self._failures += 1
        self._held = verdict.fate is Fate.HELD
        seconds = schedule.HELD_PAUSE if self._held else schedule.pause(self._failures, self._means.runtime.chance)
        if verdict.retry_after is not None:
            seconds = max(seconds, min(verdict.retry_after.total_seconds(), schedule.LONGEST_ASKED))
        self._rest_until = monotonic + seconds

    def _now(self) -> datetime:
        return self._means.runtime.clock.now()

    def _monotonic(self) -> float:
        return self._means.runtime.clock.monotonic()


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Returns when it is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
