"""The till's way to one terminal: one request, one answer, and an ear for what nobody asked for.

A connection carries one request, unless the settings keep it open. No answer on this wire says what it answers, so that
what comes outside of a request is never taken for an outcome: protocols/mypos_xml/README.md, section 6.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from tillbridge.domain.outcome import DoubtReason, NotStartedReason
from tillbridge.protocols.mypos_xml.connection import Event, LineEnded, TillConnection, Unreadable
from tillbridge.protocols.mypos_xml.framing import Frame
from tillbridge.protocols.mypos_xml.messages import shown
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.transports.errors import LineUnavailable

log = structlog.get_logger(__name__)

GONE_SECONDS: Final = 2.0
"""For a connection to end that was closed from here: a moment, unless the system has trouble with its port."""

FRESH_LINES: Final = 3
"""Connections tried for one request, because each may begin with an answer to an earlier one. Nothing was sent on those
before the last, and more than one late answer has no story."""

MOST_UNASKED: Final = 16
"""Late messages that are kept until somebody takes them in."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole answer, `seconds` after the request left."""

    frame: Frame
    seconds: float


Ended = Heard | NotSent | Lost

Take = Callable[[Ended], Awaitable[None]]
"""Awaited with what became of the request before the line is given up: until then the terminal may notice nothing."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a line is used. `missing` is what it is called when the line cannot be had. Times are seconds."""

    keep_alive: bool
    half_close: bool
    answer_timeout: float
    listen_before: float
    listen_after_doubt: float
    missing: NotStartedReason = NotStartedReason.NETWORK_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Unasked:
    """A message that nobody waited for; `wary` says that an earlier answer was still wanted when it came."""

    raw: bytes
    wary: bool


async def _until_gone(connection: TillConnection) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_SECONDS):
            await connection.gone.wait()


Connect = Callable[[Callable[[], TillConnection]], Awaitable[tuple[asyncio.Transport, TillConnection]]]
"""Opens a connection, or raises `LineUnavailable`."""


class Line:
    """The way to one terminal. One request at a time. `unasked` are raw messages that nobody waited for.

    `wary` says that an earlier answer may still come: then it is listened for longer before the next request.
    """

    def __init__(self, connect: Connect, manner: Manner) -> None:
        self._connect = connect
        self._manner = manner
        self._connection: TillConnection | None = None
        self._overdue: TillConnection | None = None
        self._leaving: TillConnection | None = None
        self._closed = False
        self._messages: asyncio.Queue[Unasked | None] = asyncio.Queue()
        self.wary = True

    def closed(self) -> bool:
        """Whether the line was given up for good."""
        return self._closed

    @property
    def connected(self) -> bool:
        """Whether a line is open that the next request could use."""
        return self._connection is not None and self._connection.usable

    @property
    def awaiting(self) -> bool:
        """Whether a line is kept open for an answer that did not come in time."""
        return self._overdue is not None

    async def next_unasked(self) -> Unasked | None:
        """The next message that nobody waited for; None once the line is closed."""
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
        return message

    async def ask(self, request: bytes, sent: Callable[[], None], take: Take) -> None:
        """Runs one request to its end and hands that to `take`. What `take` raises comes through."""
        self._let_go_of_overdue()
        connection = await self._clean_connection()
        if isinstance(connection, NotSent):
            await take(connection)
            return
        if not connection.send(request, half_close=self._manner.half_close):
            self._drop(connection)
            await take(self._not_sent("the terminal broke off the connection at once"))
            return
        sent()
        await self._hear(connection, take)

    async def probe(self) -> str:
        """Opens the line if need be; empty, or why it cannot be had. Nothing is sent."""
        connection = await self._clean_connection()
        if isinstance(connection, NotSent):
            return connection.detail
        if not self._manner.keep_alive:
            self._drop(connection)
        return ""

    def leave(self) -> None:
        """Gives up a connection that was kept open for the next request; that one opens another."""
        if self._connection is not None:
            self._drop(self._connection)

    async def close(self) -> None:
        """Gives the line up for good; a running request ends as lost."""
        self._closed = True
        self._messages.put_nowait(None)
        self._let_go_of_overdue()
        if self._connection is not None:
            self._connection.close()

    # ------------------------------------------------------------ before the request

    async def _clean_connection(self) -> TillConnection | NotSent:
        """A connection on which nothing has come that could be taken for the answer to what follows."""
        for _ in range(FRESH_LINES):
            connection = await self._open()
            if isinstance(connection, NotSent):
                return connection
            if connection.spoke_unasked:
                await _until_gone(connection)
            elif connection.usable:
                return connection
            self._drop(connection)
        return self._not_sent("the terminal speaks before it is asked, or ends each connection at once")

    async def _open(self) -> TillConnection | NotSent:
        kept = self._connection
        if kept is not None and kept.usable:
            return kept
        if kept is not None:
            self._drop(kept)
        if self._leaving is not None:
            # A terminal may take one line at a time, and a serial port is not free before it is closed.
            await _until_gone(self._leaving)
            self._leaving = None
        if self.closed():
            return self._stopped()
        try:
            _, connection = await self._connect(partial(TillConnection, self._heard_unasked))
        except LineUnavailable as error:
            return self._not_sent(error.detail)
        self._connection = connection
        if self.closed():
            self._drop(connection)
            return self._stopped()
        try:
            await asyncio.sleep(self._manner.listen_after_doubt if self.wary else self._manner.listen_before)
        except asyncio.CancelledError:
            self._drop(connection)
            raise
        return connection

    def _not_sent(self, detail: str) -> NotSent:
        return self._stopped() if self.closed() else NotSent(self._manner.missing, detail)

    def _stopped(self) -> NotSent:
        return NotSent(NotStartedReason.CONNECTOR_STOPPED, "the connector stopped before the request was sent")

    # ------------------------------------------------------------ after it

    async def _hear(self, connection: TillConnection, take: Take) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            # Unlike `await`, this does not cancel the future when we are cancelled: the answer may still come.
            await asyncio.wait({connection.over}, timeout=self._manner.answer_timeout)
            in_time = connection.over.done()
            ended = self._ended(connection, loop.time() - began)
            await take(ended)
        except BaseException:
            # Whoever keeps the answer was interrupted, or failed: what this line still brings is evidence.
            self._keep(connection)
            raise
        if not in_time:
            self._keep(connection)
        elif not (self._keeps(ended) and connection.usable):
            self._drop(connection)

    def _keeps(self, ended: Ended) -> bool:
        """Whether the line stays open: a clean answer came, and nothing behind it."""
        return self._manner.keep_alive and isinstance(ended, Heard) and not ended.frame.rest

    def _ended(self, connection: TillConnection, seconds: float) -> Ended:
        if not connection.over.done():
            return Lost(DoubtReason.NO_ANSWER, f"no whole answer within {self._manner.answer_timeout:g} seconds")
        event = connection.over.result()
        match event:
            case Frame():
                return Heard(event, seconds)
            case Unreadable(detail=detail, raw=raw):
                return Lost(DoubtReason.ANSWER_UNREADABLE, f"{detail}: {shown(raw)!r}")
            case LineEnded() if self.closed():
                return Lost(DoubtReason.CONNECTOR_STOPPED, "the connector stopped before the answer")
            case LineEnded(begun=True):
                return Lost(DoubtReason.LINE_LOST, "the connection ended in the middle of the answer")
            case LineEnded():
                return Lost(DoubtReason.LINE_LOST, "the connection ended before the answer")

    def _keep(self, connection: TillConnection) -> None:
        """Keeps a connection for an answer that may come late; one of them is enough, the newest."""
        if self._connection is connection:
            self._connection = None
        if self.closed():
            connection.close()
            return
        self._let_go_of_overdue()
        self._overdue = connection
        connection.over.add_done_callback(partial(self._overdue_ended, connection))

    def _overdue_ended(self, connection: TillConnection, over: "asyncio.Future[Event]") -> None:
        event = over.result()
        log.info("mypos_overdue_connection_ended", answered=isinstance(event, Frame))
        match event:
            case Frame(text=text):
                self._heard_unasked(text.encode())
            case Unreadable(raw=raw):
                self._heard_unasked(raw)
            case LineEnded():
                pass
        if self._overdue is connection:
            self._overdue = None
        self._drop(connection)

    def _let_go_of_overdue(self) -> None:
        """A new request begins: it is not known whether terminals take a second connection while one is open."""
        if self._overdue is not None:
            self._leaving, self._overdue = self._overdue, None
            self._leaving.close()

    def _drop(self, connection: TillConnection) -> None:
        connection.close()
        self._leaving = connection
        if self._connection is connection:
            self._connection = None

    def _heard_unasked(self, raw: bytes) -> None:
        log.warning("mypos_unasked_message", text=shown(raw))
        if self._messages.qsize() < MOST_UNASKED:
            self._messages.put_nowait(Unasked(raw, self.wary))
