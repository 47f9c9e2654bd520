"""What the stream of events tells, made once for all of its readers.

Every line of the journal is told with its number, in their order, and a reader that comes back with the last number it
heard is told everything after it: nothing is lost and nothing stands in another order, also over a restart. What a
terminal does meanwhile is told without a number, as it happens, and is not told again.

Nobody runs in the background for this: whichever reader waits first waits for the engine, on behalf of all.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tillbridge.connector.api.resources import StreamedResource
from tillbridge.connector.api.stream import HEARTBEAT, RETRY, EventStream, Source
from tillbridge.domain.operation import Progress, Stage
from tillbridge.engine.feed import Watcher
from tillbridge.engine.journal.records import Change, EventType
from tillbridge.protocols.contract import Payment

MOST_KEPT: Final = 1000
"""Pieces that are kept for readers that are behind. One that is further behind is cut off, and asks anew."""

MANY: Final = 16
"""From so many readers on, what comes is gathered."""

GATHER_SECONDS: Final = 0.05
"""What comes within this time is then told in one piece: a write per reader and event would hold up the payment itself,
with two hundred readers by fifty milliseconds. Nobody who watches notices this delay."""

PAGE: Final = 100
"""Lines of the journal that are read at once, so that a reader that was long away does not hold up the others."""

MOST_TOLD: Final = 1000
"""Payments whose last told state is remembered: more than can run at once, by far."""


_AGE: Final = dict.fromkeys(Stage, 3) | {Stage.ACCEPTED: 0, Stage.SENDING: 1, Stage.IN_DOUBT: 2}
"""Stages in the order in which a payment comes to them: what was told of a later one is not taken back."""


class Changes(Protocol):
    """What is asked of the engine."""

    def changes(self, after: int, limit: int) -> list[Change]:
        """The lines of the journal after this one, oldest first."""
        ...

    def last_change(self) -> int:
        """The number of the newest line."""
        ...

    def watch(self) -> AbstractContextManager[Watcher]:
        """Payments as they change."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """An event as it is sent; `seq` is its line in the journal, None for what is not kept."""

    seq: int | None
    words: bytes


def piece_of(payment: Payment, change: Change | None = None) -> Piece:
    """The event that tells this payment, because of this line of the journal."""
    text = StreamedResource.told(payment, change).model_dump_json().encode()
    number = b"" if change is None else b"id: %d\n" % change.seq
    return Piece(None if change is None else change.seq, number + b"event: payment\ndata: " + text + b"\n\n")


def is_told(change: Change) -> bool:
    """Whether a line of the journal is an event: progress is told as it happens, not as it was written down."""
    return change.type is not EventType.PROGRESS


@dataclass(slots=True)
class _Watch:
    """One subscription to the engine, shared by all readers of its time.

    `last` is the newest line of the journal that is among the `pieces` or before them, and `gone` how many pieces were
    there that are not kept any more.
    """

    watcher: Watcher
    last: int
    pieces: deque[Piece] = field(default_factory=deque)
    gone: int = 0
    told: OrderedDict[str, tuple[Stage, Progress | None]] = field(default_factory=OrderedDict)
    over: bool = False
    led: bool = False
    waiting: asyncio.Timeout | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def end(self) -> int:
        """The place after the newest piece."""
        return self.gone + len(self.pieces)

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > MOST_KEPT:
            self.pieces.popleft()
            self.gone += 1

    def tell_line(self, change: Change) -> None:
        """Tells a line of the journal; what its terminal does is told in its own order, so it stays as it was told."""
        payment = change.payment
        if payment.running:
            told = self.told.get(payment.id)
            payment = replace(payment, progress=None if told is None else told[1])
        self.tell(payment, change)

    def tell(self, payment: Payment, change: Change | None = None) -> None:
        self.add(piece_of(payment, change))
        self.told[payment.id] = (payment.stage, payment.progress)
        self.told.move_to_end(payment.id)
        if len(self.told) > MOST_TOLD:
            self.told.popitem(last=False)

    def is_news(self, payment: Payment) -> bool:
        """Whether what the engine published is not yet told by the journal, nor overtaken by it."""
        told = self.told.get(payment.id)
        if told is None:
            return True
        return _AGE[payment.stage] >= _AGE[told[0]] and told != (payment.stage, payment.progress)


class Hub:
    """All readers of the stream of events of one connector."""

    def __init__(self, engine: Changes) -> None:
        self._engine = engine
        self._open = ExitStack()
        self._watch: _Watch | None = None
        self._readers = 0
        self.greetings: list[Callable[[], bytes]] = []
        """What else every new reader is told at once, such as how a service stands."""

    def tell(self, event: bytes) -> None:
        """Tells all readers something that is in no journal of payments; who is not there then is not told."""
        watch = self._watch
        if watch is None or watch.over:
            return
        watch.add(Piece(None, event))
        if watch.waiting is not None:
            # Whoever waits for the engine on behalf of all stops waiting, and so all look again.
            watch.waiting.reschedule(asyncio.get_running_loop().time())
            watch.waiting = None

    @contextmanager
    def reader(self, after: int | None) -> Iterator["Reader"]:
        """A reader that is told what comes after this line of the journal; from now on if it is None."""
        if self._watch is None or self._watch.over:
            self._open.close()
            self._watch = _Watch(self._open.enter_context(self._engine.watch()), self._engine.last_change())
        self._readers += 1
        try:
            yield Reader(self, self._engine, self._watch, after)
        finally:
            self._readers -= 1
            if self._readers == 0:
                self._open.close()
                self._watch = None

    async def news(self, watch: _Watch) -> None:
        """Returns when there may be more pieces. One of the readers waits for the engine, the others for that one."""
        if watch.led:
            await watch.changed.wait()
            return
        watch.led = True
        try:
            try:
                async with asyncio.timeout(None) as watch.waiting:
                    first = await anext(watch.watcher)
            except TimeoutError:
                return  # something else is told
            finally:
                watch.waiting = None
            news = [first]
            try:
                if self._readers >= MANY:
                    await asyncio.sleep(GATHER_SECONDS)
                    news += watch.watcher.rest()
            finally:
                # Also when this reader leaves meanwhile: what it has taken from the engine is for all.
                self._take(watch, news)
        except StopAsyncIteration:
            self.catch_up(watch)
            watch.over = True
        finally:
            # Also when this reader leaves: then another one takes its place.
            watch.led = False
            watch.changed.set()
            watch.changed = asyncio.Event()

    def catch_up(self, watch: _Watch) -> None:
        """Tells what the journal holds by now."""
        while lines := self._engine.changes(watch.last, PAGE):
            for line in lines:
                watch.last = line.seq
                if is_told(line):
                    watch.tell_line(line)

    def _take(self, watch: _Watch, news: list[Payment]) -> None:
        self.catch_up(watch)
        for payment in news:
            if watch.is_news(payment):
                watch.tell(payment)


class Reader:
    """One reader: first what it missed, from the journal, then what comes. A `Source` of the stream."""

    def __init__(self, hub: Hub, engine: Changes, watch: _Watch, after: int | None) -> None:
        self._hub = hub
        self._engine = engine
        self._watch = watch
        # A number that the journal has not come to is of another journal: what that one told is nothing to go on from.
        self._heard = watch.last if after is None else min(after, engine.last_change())
        self._missed: deque[Change] = deque()
        self._behind = after is not None
        self._place = watch.end
        self._ending = False
        self._waiting: asyncio.Timeout | None = None

    @property
    def heard(self) -> int:
        """The last line of the journal that this reader knows of."""
        return self._heard

    async def next(self) -> bytes | None:
        """See `Source.next`."""
        while (piece := self._from_journal() or self._from_watch()) is None:
            if self._ending or self._watch.over or self._place < self._watch.gone:
                return None
            await self._wait()
        return piece

    def end(self) -> None:
        """See `Source.end`."""
        self._hub.catch_up(self._watch)
        self._ending = True
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(None) as self._waiting:
                await self._hub.news(self._watch)
        except TimeoutError:
            if not self._ending:
                raise
        finally:
            self._waiting = None

    def _from_journal(self) -> bytes | None:
        """The next event that it missed. Once there is none it goes on with what all are told, from right there."""
        while self._behind:
            if not self._missed:
                self._missed.extend(self._engine.changes(self._heard, PAGE))
                self._behind = bool(self._missed)
                self._place = self._watch.end
                continue
            line = self._missed.popleft()
            self._heard = line.seq
            if is_told(line):
                return piece_of(line.payment, line).words
        return None

    def _from_watch(self) -> bytes | None:
        watch, words = self._watch, []
        while watch.gone <= self._place < watch.end:
            piece = watch.pieces[self._place - watch.gone]
            self._place += 1
            if piece.seq is None:
                words.append(piece.words)
            elif piece.seq > self._heard:
                self._heard = piece.seq
                words.append(piece.words)
        return b"".join(words) or None


class JournalStream(EventStream):
    """What the hub tells, to one client, for as long as it may hear it."""

    def __init__(self, hub: Hub, after: int | None, may_hear: Callable[[], bool]) -> None:
        super().__init__()
        self._hub = hub
        self._after = after
        self._may_hear = may_hear

    @contextmanager
    def open(self) -> Iterator[Source]:
        """See `EventStream.open`."""
        with self._hub.reader(self._after) as reader:
            yield _While(reader, self._may_hear)

    def first(self, source: Source) -> bytes:
        """See `EventStream.first`: where it begins, so that a client that loses the line at once loses no event."""
        begun = RETRY.removesuffix(b"\n") + b"id: %d\n\n" % source.heard if isinstance(source, _While) else RETRY
        return begun + b"".join(greeting() for greeting in self._hub.greetings)

    def beat(self) -> bytes | None:
        """See `EventStream.beat`."""
        return HEARTBEAT if self._may_hear() else None


class _While:
    """A reader whose key is looked at before each piece: it may have been taken away."""

    def __init__(self, reader: Reader, may_hear: Callable[[], bool]) -> None:
        self._reader = reader
        self._may_hear = may_hear
        self.heard = reader.heard

    async def next(self) -> bytes | None:
        piece = await self._reader.next()
        return piece if self._may_hear() else None

    def end(self) -> None:
        self._reader.end()
