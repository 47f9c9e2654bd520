"""The till's end of a line, kept open: one exchange at a time, and an ear for replies that nobody waits for.

Knows bytes and sessions, not what a message means: V2 and V3 over serial differ only in `parse`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog

from tillbridge.protocols.concert.v2.dialogue import TillDialogue, TillState
from tillbridge.protocols.concert.v2.line import Line
from tillbridge.protocols.concert.v2.machine import PROBE_ENDS, REQUEST_ENDS, M, Notice, Tell
from tillbridge.protocols.concert.v2.settings import Timers
from tillbridge.transports.errors import LineUnavailable

log = structlog.get_logger(__name__)

FIRST_BACK_OFF: Final = 0.5
LONGEST_BACK_OFF: Final = 30.0
"""Seconds between attempts to reopen a lost line: soon enough to hear a late reply, seldom enough to cost nothing."""

MAX_LATE: Final = 16
"""Late replies that are kept unread: a terminal holds one, so that more come only from something broken."""

HANG_UP_SECONDS: Final = 2.0
"""For a line that was hung up to be gone, so that its port can be opened again."""

P = TypeVar("P", bound=asyncio.Protocol)


class Opener(Protocol):
    """Opens the line once; raises `LineUnavailable` with the cause in plain words."""

    def __call__(self, factory: Callable[[], P], /) -> Awaitable[tuple[asyncio.Transport, P]]: ...  # noqa: D102


def _nothing() -> None:
    """Nobody wants to know."""


class TillLine(Line[TillState, M]):
    """One connection to a terminal. `late` hears the replies that nobody waits for, `gone` is set once it is lost."""

    def __init__(
        self,
        dialogue: TillDialogue[M],
        timers: Timers,
        turnaround: float,
        late: Callable[["TillLine[M]", Notice[M]], None],
        lost: Callable[["TillLine[M]"], None],
    ) -> None:
        super().__init__(dialogue, timers.waits, turnaround)
        self.dialogue = dialogue
        self.gone = asyncio.Event()
        self._session_over = asyncio.Event()
        self._late = late
        self._lost = lost
        self._committed: Callable[[], None] = _nothing
        self._ended: asyncio.Future[Notice[M]] | None = None
        self._probed: asyncio.Future[Tell] | None = None

    async def exchange(self, frame: bytes, committed: Callable[[], None]) -> Notice[M]:
        """Sends a request and waits for how it ends; one of `REQUEST_ENDS`. A cancelled one becomes a late reply."""
        self._ended = self._loop.create_future()
        self._committed = committed
        self.dialogue.request(frame)
        self.go_on()
        try:
            return await self._ended
        except asyncio.CancelledError:
            self.abandon()
            raise
        finally:
            self._ended = None
            self._committed = _nothing

    async def probe(self) -> Tell:
        """Asks for a sign of life; one of `PROBE_ENDS`."""
        if self._probed is None:
            self._probed = self._loop.create_future()
            self.dialogue.probe()
            self.go_on()
        # Two may ask at once, and one of them may be cancelled: the answer belongs to both.
        return await asyncio.shield(self._probed)

    def confirm(self, held: int) -> None:
        """Acknowledges the reply of this number; see `TillDialogue.confirm`."""
        self.dialogue.confirm(held)
        self.go_on()

    def drop(self, held: int) -> None:
        """Leaves the reply of this number without an acknowledgement; see `TillDialogue.drop`."""
        self.dialogue.drop(held)
        self.go_on()

    def abandon(self) -> None:
        """Nobody waits any more; see `TillDialogue.abandon`."""
        self.dialogue.abandon()
        self.go_on()

    async def session_over(self) -> None:
        """Waits until a reply that was acknowledged is behind us: the acknowledgement has left, the EOT has come."""
        while self.dialogue.state is TillState.W_EOT and self.connected:
            self._session_over.clear()
            await self._session_over.wait()

    def go_on(self) -> None:
        """See `Line.go_on`."""
        super().go_on()
        if self.dialogue.state is not TillState.W_EOT:
            self._session_over.set()

    def frame(self) -> bytes:
        """See `Line.frame`."""
        return self.dialogue.frame

    def noticed(self, notice: Notice[M]) -> None:
        """See `Line.noticed`."""
        if notice.tell is Tell.COMMITTED:
            self._committed()
        elif notice.tell is Tell.LATE:
            self._late(self, notice)
        elif notice.tell in REQUEST_ENDS:
            if self._ended is not None and not self._ended.done():
                self._ended.set_result(notice)
        elif notice.tell in PROBE_ENDS and self._probed is not None:
            self._probed.set_result(notice.tell)
            self._probed = None

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self.stop_clock()
        self.gone.set()
        self._lost(self)


@dataclass(frozen=True, slots=True)
class Exchange(Generic[M]):
    """How a request ended. A reply waits until it is confirmed (it is kept) or dropped (it could not be kept)."""

    notice: Notice[M]
    line: TillLine[M]

    def confirm(self) -> None:
        """The outcome is kept: the terminal may believe that we have it."""
        self.line.confirm(self.notice.held)

    def drop(self) -> None:
        """The outcome is not kept: the terminal must not believe that we have it."""
        self.line.drop(self.notice.held)


@dataclass(frozen=True, slots=True)
class LateReply(Generic[M]):
    """A reply that nobody waited for; `confirm` acknowledges it if its session still waits for that."""

    message: M
    line: TillLine[M]
    held: int

    def confirm(self) -> None:
        """The reply is kept."""
        self.line.confirm(self.held)


class TillLink(Generic[M]):
    """A terminal's line, opened when it is needed and kept open.

    `turnaround` is asked at each opening, because only then it is known what a port is.
    """

    def __init__(
        self, opener: Opener, parse: Callable[[bytes], M], timers: Timers, turnaround: Callable[[], float]
    ) -> None:
        self._opener = opener
        self._parse = parse
        self._timers = timers
        self._turnaround = turnaround
        self._line: TillLine[M] | None = None
        self._leaving: TillLine[M] | None = None
        self._opening = asyncio.Lock()
        self._stir = asyncio.Event()
        self._late: deque[LateReply[M]] = deque()
        self._back_off = FIRST_BACK_OFF
        self._closed = False

    @property
    def looks_like_even_parity(self) -> bool:
        """Whether what the line carries looks like 7E1 that is read as 8N1."""
        return self._line is not None and self._line.dialogue.looks_like_even_parity

    @property
    def fault(self) -> str:
        """What was wrong with the last frame that could not be used."""
        return self._line.dialogue.fault if self._line is not None else ""

    @property
    def at_rest(self) -> bool:
        """Whether nothing goes on, on the line."""
        return self._line is None or self._line.dialogue.at_rest

    def closed(self) -> bool:
        """Whether the link was given up for good."""
        return self._closed

    async def open(self) -> bool:
        """Sees to it that the line is open; whether it was opened just now. Raises `LineUnavailable`."""
        if self._line is not None and self._line.connected:
            return False
        async with self._opening:
            if self.closed():
                raise LineUnavailable("the connector is stopping")
            if self._line is not None and self._line.connected:
                return False
            await self._let_go()
            _, line = await self._opener(self._new_line)
            self._line = line
            self._back_off = FIRST_BACK_OFF
            if self.closed():
                line.hang_up()
            self._stir.set()
            return True

    async def exchange(self, frame: bytes, committed: Callable[[], None], *, fresh: bool) -> Exchange[M]:
        """Runs one request. Raises `LineUnavailable` when the line cannot be opened again.

        A line that was open before (`fresh` False) may turn out to be long dead. That shows while only the ENQ is
        out, so the request is tried once more on a new one.
        """
        line = self._line
        notice: Notice[M] = Notice(Tell.LOST_BEFORE)
        if line is not None:
            notice = await line.exchange(frame, committed)
        if line is None or (notice.tell is Tell.LOST_BEFORE and not fresh and not self.closed()):
            await self.open()
            line = self._line
            if line is None:
                raise LineUnavailable("the line was lost as soon as it was open")
            notice = await line.exchange(frame, committed)
        return Exchange(notice, line)

    async def probe(self) -> Tell:
        """Asks for a sign of life on the open line."""
        return await self._line.probe() if self._line is not None else Tell.PROBE_SILENT

    def renew(self) -> None:
        """Gives up a silent line, so that the next use opens it again; only while nothing goes on there."""
        if self._line is not None and self.at_rest:
            self._hang_up(self._line)

    async def next_late(self) -> LateReply[M] | None:
        """The next reply that nobody waits for; None once the link is closed. Keeps the line open meanwhile."""
        while not self.closed():
            if self._late:
                return self._late.popleft()
            if self._line is None:
                await self._reopen()
            else:
                await self._wait_for_news(None)
        return None

    async def close(self) -> None:
        """Gives up the line for good, behind an acknowledgement that is on its way: that wait has its own end."""
        self._closed = True
        self._stir.set()
        line = self._line
        if line is not None:
            await line.session_over()
            self._hang_up(line)

    # ------------------------------------------------------------ the line

    def _new_line(self) -> TillLine[M]:
        dialogue = TillDialogue(self._timers.limits, self._parse)
        return TillLine(dialogue, self._timers, self._turnaround(), self._heard_late, self._lost)

    def _hang_up(self, line: TillLine[M]) -> None:
        self._leaving = line
        line.hang_up()

    async def _let_go(self) -> None:
        """Waits until the port of an earlier line is free again."""
        leaving, self._leaving = self._leaving or self._line, None
        if leaving is None:
            return
        try:
            async with asyncio.timeout(HANG_UP_SECONDS):
                await leaving.gone.wait()
        except TimeoutError:
            log.warning("concert_line_does_not_close", seconds=HANG_UP_SECONDS)

    def _lost(self, line: TillLine[M]) -> None:
        if self._line is line:
            self._line = None
        self._stir.set()

    async def _reopen(self) -> None:
        try:
            await self.open()
        except LineUnavailable as error:
            log.info("concert_line_unavailable", detail=error.detail, next_attempt=self._back_off)
            await self._wait_for_news(self._back_off)
            self._back_off = min(2 * self._back_off, LONGEST_BACK_OFF)

    async def _wait_for_news(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stir.wait()
        except TimeoutError:
            return
        self._stir.clear()

    # ------------------------------------------------------------ late replies

    def _heard_late(self, line: TillLine[M], notice: Notice[M]) -> None:
        message = notice.message
        if message is None:
            return
        reply = LateReply(message, line, notice.held)
        for place, earlier in enumerate(self._late):
            if earlier.message == message:
                # The terminal repeats what nobody has read yet: only its newest session can be acknowledged.
                self._late[place] = reply
                return
        if len(self._late) >= MAX_LATE:
            log.warning("concert_too_many_late_replies", kept=MAX_LATE)
            line.drop(notice.held)
            return
        self._late.append(reply)
        self._stir.set()
