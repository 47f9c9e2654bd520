"""The till's way to one terminal on a serial line: messages as the bodies of V2's frames, in V2's sessions.

The line stays open between questions, so that a late answer is heard. The exchange is an inference
(protocols/concert/README-V3.md, section 1): no source shows one for V3.
"""

import asyncio
from types import MappingProxyType
from typing import Final

from tillbridge.domain.outcome import DoubtReason, NotStartedReason
from tillbridge.protocols.concert.frames import encode as frame_of
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v2.machine import Tell
from tillbridge.protocols.concert.v2.settings import Timers
from tillbridge.protocols.concert.v2.till import Exchange, Opener, TillLink
from tillbridge.protocols.concert.v3.lines import Call, Ended, Heard, Overdue
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.transports.errors import LineUnavailable

LATE_SECONDS: Final = 600.0
"""How long after a payment in doubt its answer may still come: far more than a terminal waits for a customer."""

_NOT_SENT: Final = MappingProxyType(
    {
        Tell.SILENT: (NotStartedReason.TERMINAL_SILENT, "no answer to ENQ: it is off, busy, or on another cable"),
        Tell.BUSY: (NotStartedReason.TERMINAL_BUSY, "the terminal takes no request now"),
        Tell.REFUSED: (NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal refused the request each time"),
        Tell.LOST_BEFORE: (NotStartedReason.PORT_UNAVAILABLE, "the line was lost before the request left"),
    }
)
_LOST: Final = MappingProxyType(
    {
        Tell.NO_ACK: (DoubtReason.NO_ANSWER, "the request was sent and not acknowledged in time"),
        Tell.NO_REPLY: (DoubtReason.NO_ANSWER, "the terminal took the request and gave no answer in time"),
        Tell.BROKEN_OFF: (DoubtReason.NO_ANSWER, "the terminal ended its session without an answer"),
        Tell.UNREADABLE: (DoubtReason.ANSWER_UNREADABLE, "the terminal's answer could not be read"),
        Tell.LOST_AFTER: (DoubtReason.LINE_LOST, "the line was lost before the answer"),
    }
)


def parse_body(body: bytes) -> Fields:
    """The fields of a frame's body; `ProtocolError` for what is no message, so that its frame counts as bad."""
    return Fields.of(decode(body))


class SerialLine:
    """One line that stays open; see `lines.Line`. `turnaround` is the pause in seconds before each write."""

    def __init__(self, opener: Opener, answer_timeout: float, turnaround: float) -> None:
        self._timers = Timers(transaction=answer_timeout)
        self._link = TillLink(opener, parse_body, self._timers, lambda: turnaround)
        self._doubted_at: float | None = None

    @property
    def awaiting(self) -> bool:
        """See `Line`. A late answer comes in a session of its own, and nothing that is sent keeps it away."""
        return False

    async def ask(self, call: Call) -> Ended:
        """See `Line`."""
        try:
            frame = frame_of(call.request)
        except ValueError as error:
            return NotSent(NotStartedReason.CANNOT_EXPRESS, str(error))
        # A payment ends by the dialogue's own wait; a service must not occupy the line for as long as a customer may.
        patience = None if call.about is not None else call.timeout
        try:
            async with asyncio.timeout(patience):
                fresh = await self._link.open()
                exchange = await self._link.exchange(frame, call.sent, fresh=fresh)
        except LineUnavailable as error:
            return NotSent(NotStartedReason.PORT_UNAVAILABLE, error.detail)
        except TimeoutError:
            return Lost(DoubtReason.NO_ANSWER, f"no answer within {call.timeout:g} seconds")
        return await self._ended(call, exchange)

    async def next_overdue(self) -> Overdue | None:
        """See `Line`. Keeps the line open, and reopens it when it is lost."""
        reply = await self._link.next_late()
        if reply is None:
            return None
        self._doubted_at = None
        return Overdue(reply.message, None, reply.confirm)

    def stop_awaiting(self) -> None:
        """See `Line`: nothing keeps a late answer from coming in its own session."""

    async def close(self) -> None:
        """See `Line`."""
        await self._link.close()

    async def _ended(self, call: Call, exchange: Exchange[Fields]) -> Ended:
        tell, fields = exchange.notice.tell, exchange.notice.message
        if tell is Tell.RESULT and fields is not None:
            if call.stray(fields):
                # It waits for whoever hears late answers, and is acknowledged by them.
                exchange.line.abandon()
                return Lost(DoubtReason.ANSWER_MISMATCH, "the terminal gave the answer to an earlier payment")
            await self._take(call, exchange, fields)
            return Heard(fields)
        if tell in _NOT_SENT:
            return self._not_sent(tell)
        if call.about is not None:
            self._doubted_at = asyncio.get_running_loop().time()
        if self._link.closed():
            return Lost(DoubtReason.CONNECTOR_STOPPED, "the connector stopped before the answer")
        return Lost(*_LOST[tell])

    def _not_sent(self, tell: Tell) -> NotSent:
        if self._link.closed():
            return NotSent(NotStartedReason.CONNECTOR_STOPPED, "the connector stopped before the request was sent")
        now, since = asyncio.get_running_loop().time(), self._doubted_at
        if tell is Tell.SILENT and (since is None or now - since > LATE_SECONDS):
            # USB links have been seen dead after a night. Not while a late answer may come: opening takes a moment in
            # which nobody would hear it.
            self._link.renew()
        return NotSent(*_NOT_SENT[tell])

    async def _take(self, call: Call, exchange: Exchange[Fields], fields: Fields) -> None:
        """The answer is acknowledged once it is kept, and not at all if it cannot be kept."""
        try:
            await call.take(fields)
        except asyncio.CancelledError:
            exchange.line.abandon()
            raise
        except BaseException:
            exchange.drop()
            raise
        exchange.confirm()
