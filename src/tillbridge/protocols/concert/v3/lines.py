"""The till's way to one terminal: what a driver asks of a line, and what it hears; here over TCP.

On TCP every question has a connection of its own (protocols/concert/README-V3.md, section 1). A connection on which
the answer did not come in time stays open, because nothing else could still bring it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from tillbridge.domain.outcome import DoubtReason, NotStartedReason
from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.dialogue import (
    Event,
    LineClosed,
    MessageRead,
    Pause,
    Settled,
    TillDialogue,
    Unreadable,
)
from tillbridge.protocols.concert.v3.judgement import Asked
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.streams import stream

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole answer, already handed to the call's `take`."""

    fields: Fields


Ended = Heard | NotSent | Lost


async def _forget(_: Fields) -> None:
    """A service's answer is kept nowhere before it is acknowledged."""


def _nothing() -> None:
    """Nobody wants to know."""


def _never(_: Fields) -> bool:
    """Whatever comes is the answer."""
    return False


@dataclass(frozen=True, slots=True)
class Call:
    """One question. `timeout` counts seconds from the sending.

    `take` is awaited with the answer before the terminal may believe that we have it; `sent` is told when the request
    leaves. `stray` says of an answer that it belongs to an earlier question: on a line that carries one after the
    other it is then an overdue one. `about` is the payment that the question is: its answer is still wanted after the
    time-out, and after whoever asked was cancelled.
    """

    request: bytes
    settled: Settled
    timeout: float
    take: Callable[[Fields], Awaitable[None]] = _forget
    sent: Callable[[], None] = _nothing
    stray: Callable[[Fields], bool] = _never
    about: Asked | None = None


@dataclass(frozen=True, slots=True)
class Overdue:
    """An answer that nobody waited for. `about` is what it answers, None where the line cannot tell.

    `confirm` lets the terminal believe that we have it, where the line has a word for that.
    """

    fields: Fields
    about: Asked | None = None
    confirm: Callable[[], None] = _nothing


class Line(Protocol):
    """A way to one terminal. One call at a time."""

    async def ask(self, call: Call) -> Ended:
        """Runs one call to its end. Raises nothing for what the line does; what `take` raises comes through."""
        ...

    async def next_overdue(self) -> Overdue | None:
        """The next answer that nobody waited for; None once the line is closed."""
        ...

    @property
    def awaiting(self) -> bool:
        """Whether an answer that is too late for its call may still come, or has come and is not kept yet."""
        ...

    def stop_awaiting(self) -> None:
        """A new operation begins: nobody waits any longer for an answer that is overdue."""
        ...

    async def close(self) -> None:
        """Gives the line up; a running call ends as lost."""
        ...


class TillConnection(asyncio.Protocol):
    """One connection to the terminal: its dialogue with a clock. `over` gets the event that ended it."""

    def __init__(self, dialogue: TillDialogue, quiet_time: float) -> None:
        self._dialogue = dialogue
        self._quiet_time = quiet_time
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.over: asyncio.Future[Event] = self._loop.create_future()

    def send(self) -> bool:
        """Sends the request in one write. False if the line is already gone, and then nothing has left."""
        if self._transport is None or self._transport.is_closing() or self.over.done():
            return False
        self._transport.write(self._dialogue.start())
        return True

    def why_unsent(self) -> str:
        """What kept the request from leaving."""
        if self.over.done() and isinstance(self.over.result(), Unreadable):
            return "the terminal spoke before it was asked: is this the port of something else?"
        return "the terminal broke off the connection at once"

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._stop_timer()
        self._end(self._dialogue.received(data))
        if self._dialogue.pause is Pause.COMPLETE:
            self._timer = self._loop.call_later(self._quiet_time, self._line_is_quiet)

    def eof_received(self) -> bool:
        """The terminal has closed: the answer is over. Our end stays open until the answer is kept.

        Where the terminal is a door of this project, our close is what tells it that we have the answer.
        """
        self._end(self._dialogue.closed())
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_timer()
        self._end(self._dialogue.closed())

    def _line_is_quiet(self) -> None:
        self._end(self._dialogue.quiet())

    def _end(self, event: Event | None) -> None:
        if event is not None:
            self._stop_timer()
            self.over.set_result(event)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


Connect = Callable[[Callable[[], TillConnection]], Awaitable[tuple[asyncio.Transport, TillConnection]]]
"""Opens a connection, or raises `LineUnavailable`."""


class TcpLine:
    """A connection for each question; see `Line`."""

    def __init__(self, connect: Connect, quiet_time: float) -> None:
        self._connect = connect
        self._quiet_time = quiet_time
        self._running: TillConnection | None = None
        self._overdue: TillConnection | None = None
        self._closed = False
        self._answers: asyncio.Queue[Overdue | None] = asyncio.Queue()

    @property
    def awaiting(self) -> bool:
        """See `Line`."""
        return self._overdue is not None

    async def next_overdue(self) -> Overdue | None:
        """See `Line`."""
        overdue = await self._answers.get()
        if overdue is None:
            self._answers.put_nowait(None)
        return overdue

    async def ask(self, call: Call) -> Ended:
        """See `Line`."""
        dialogue = TillDialogue(call.request, call.settled)
        try:
            _, connection = await self._connect(lambda: TillConnection(dialogue, self._quiet_time))
        except LineUnavailable as error:
            return NotSent(NotStartedReason.NETWORK_UNAVAILABLE, error.detail)
        if self._closed:
            connection.close()
            return NotSent(NotStartedReason.CONNECTOR_STOPPED, "the connector stopped before the request was sent")
        if not connection.send():
            connection.close()
            return NotSent(NotStartedReason.NETWORK_UNAVAILABLE, connection.why_unsent())
        call.sent()
        return await self._hear(call, connection)

    def stop_awaiting(self) -> None:
        """See `Line`. It is not known whether terminals take a second connection while one is open."""
        if self._overdue is not None:
            self._let_go(self._overdue)

    async def close(self) -> None:
        """See `Line`."""
        self._closed = True
        self._answers.put_nowait(None)
        self.stop_awaiting()
        if self._running is not None:
            self._running.close()

    async def _hear(self, call: Call, connection: TillConnection) -> Ended:
        self._running = connection
        try:
            # Unlike `await`, this does not cancel the future when we are cancelled: the answer may still come.
            await asyncio.wait({connection.over}, timeout=call.timeout)
        except asyncio.CancelledError:
            self._keep(call, connection)
            raise
        finally:
            self._running = None
        if not connection.over.done():
            self._keep(call, connection)
            return Lost(DoubtReason.NO_ANSWER, f"no whole answer within {call.timeout:g} seconds")
        try:
            return await self._ended(call, connection.over.result())
        except asyncio.CancelledError:
            # Whoever kept the answer was interrupted: it may not be on disk yet.
            self._keep(call, connection)
            raise
        finally:
            if self._overdue is not connection:
                connection.close()

    async def _ended(self, call: Call, event: Event) -> Ended:
        match event:
            case MessageRead(fields=fields):
                await call.take(fields)
                return Heard(fields)
            case Unreadable(detail=detail):
                return Lost(DoubtReason.ANSWER_UNREADABLE, detail)
            case LineClosed() if self._closed:
                return Lost(DoubtReason.CONNECTOR_STOPPED, "the connector stopped before the answer")
            case LineClosed(begun=True):
                return Lost(DoubtReason.LINE_LOST, "the connection ended in the middle of the answer")
            case LineClosed():
                return Lost(DoubtReason.LINE_LOST, "the connection ended before the answer")

    def _keep(self, call: Call, connection: TillConnection) -> None:
        """Keeps a connection open for an answer that may come late; one of them is enough, the newest."""
        if call.about is None or self._closed:
            connection.close()
            return
        self.stop_awaiting()
        self._overdue = connection
        connection.over.add_done_callback(partial(self._overdue_ended, connection, call.about))

    def _overdue_ended(self, connection: TillConnection, about: Asked, over: "asyncio.Future[Event]") -> None:
        event = over.result()
        log.info("concert_v3_overdue_connection_ended", answered=isinstance(event, MessageRead))
        if isinstance(event, MessageRead):
            self._answers.put_nowait(Overdue(event.fields, about, partial(self._let_go, connection)))
        else:
            self._let_go(connection)

    def _let_go(self, connection: TillConnection) -> None:
        if self._overdue is connection:
            self._overdue = None
        connection.close()
