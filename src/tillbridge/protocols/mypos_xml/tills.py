"""The terminal's end of a line: a connection from a till, its requests, and their answers.

Facts and choices: protocols/mypos_xml/README.md, section 7.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

import structlog

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.handover import Handover
from tillbridge.protocols.listeners import Plug
from tillbridge.protocols.mypos_xml.faults import NOTHING, Delivery, Ending
from tillbridge.protocols.mypos_xml.framing import BLANKS, MAX_MESSAGE, Frame, FrameReader
from tillbridge.protocols.mypos_xml.service import Reply, TerminalService
from tillbridge.protocols.mypos_xml.settings import DoorSettings, ProofOfDelivery
from tillbridge.transports.streams import end_writing, stream

log = structlog.get_logger(__name__)

REQUEST_SECONDS: Final = 30.0
"""For a whole request from its first byte: a till writes it at once; whoever drips it in is no till."""

HELD_SECONDS: Final = 900.0
"""How long a simulator keeps a line up on which it gives no answer: longer than any till waits."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class FromTill(Plug):
    """One connection. `spawn` runs what has to be awaited; `ended` is told when the connection is gone.

    `left_over` are answers that came too late for their own connection, which a simulator gives out on the next one.
    `proves` says whether the line can show more than that it took the bytes.
    """

    def __init__(
        self,
        service: TerminalService,
        settings: DoorSettings,
        spawn: Spawn,
        ended: Callable[["FromTill"], None],
        left_over: list[bytes],
        *,
        proves: bool = True,
    ) -> None:
        super().__init__()
        self._service = service
        self._settings = settings
        self._spawn = spawn
        self._ended = ended
        self._left_over = left_over
        self._proves = proves
        self._by_close = proves and settings.proof_of_delivery is ProofOfDelivery.CLOSE
        self._reader = FrameReader()
        self._serving = False
        self._early = bytearray()
        self._hasty = False
        self._quiet_since = 0.0
        self._till_is_done = False
        self._handover: Handover | None = None
        self._loop = asyncio.get_running_loop()
        self._asked = False
        self._transport: asyncio.Transport | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._left = asyncio.Event()

    @property
    def quiet(self) -> tuple[bool, float] | None:
        """How well this connection can be spared, the least first; None while a request comes or is answered."""
        return None if self._serving or self._reader.begun else (self._asked, self._quiet_since)

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)
        self._quiet_since = self._loop.time()
        while self._left_over:
            self._transport.write(self._left_over.pop(0))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if not self._serving:
            self._read(data)
            return
        self._early += data[: MAX_MESSAGE - len(self._early)]
        if self._handover is not None and data.strip(BLANKS):
            self._handover.till_went_on()

    def eof_received(self) -> bool:
        """The till sends no more. While its answer is due our side stays open: it may still listen."""
        self._till_is_done = True
        self._left.set()
        if self._handover is not None:
            self._handover.till_closed()
        return self._serving

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. A payment that was asked for goes on."""
        self._till_is_done = True
        if self._handover is not None and exc is None:
            self._handover.till_closed()
        elif self._handover is not None:
            self._handover.line_broke()
        self._stop_timer()
        self._left.set()
        self.gone.set()
        self._ended(self)

    def close(self) -> None:
        """Ends the connection at once, and starts nothing of what has come."""
        self._stop_timer()
        self._serving = True
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ the request

    def _read(self, data: bytes) -> None:
        try:
            frame = self._reader.feed(data)
        except ProtocolError as error:
            self._start(None, str(error))
            return
        if frame is not None:
            self._start(frame)
        elif self._reader.begun and self._limit is None:
            self._limit = self._loop.call_later(REQUEST_SECONDS, self._start, None, "the request is not all there")

    def _start(self, frame: Frame | None, detail: str = "") -> None:
        self._stop_timer()
        self._serving = self._asked = True
        self._spawn(self._serve(frame, detail))

    def _stop_timer(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    # ------------------------------------------------------------ the answer

    async def _serve(self, frame: Frame | None, detail: str) -> None:
        """Runs the request and hands its answer over; `frame` None stands for bytes that were no message."""
        try:
            reply = self._service.unreadable(detail) if frame is None else await self._service.run(frame.text)
            delivery = self._beside(frame, self._service.delivery(reply) or NOTHING)
            await self._hand_over(reply, delivery)
            if delivery.ending is Ending.HELD:
                await self._hold()
            if delivery.ending is Ending.ANSWERED and not self._till_is_done and not self._closes(reply):
                self._next()
                return
        except Exception:
            # What the desk knows stays with the desk; the till gets no answer, because nobody can say which is true.
            log.exception("mypos_door_fault")
        if self._transport is not None:
            self._transport.close()

    def _closes(self, reply: Reply) -> bool:
        """Whether the connection ends with this answer. A line of wire is none: there the whole line would go."""
        return self._proves and (reply.strange or self._hasty or not self._settings.personality.keep_alive)

    def _beside(self, frame: Frame | None, delivery: Delivery) -> Delivery:
        """The answer with the refusal behind it of what was asked before anybody could have read that answer.

        Such a request is the same one sent again by an impatient till, or comes from a till that counts its answers
        wrongly: starting it could charge a customer twice. The connection ends after it, so that the refusal is never
        taken for the answer to a later request; a line of wire cannot end, and nothing is said there.
        """
        hasty = ((b"" if frame is None else frame.rest) + bytes(self._early)).strip(BLANKS)
        self._early.clear()
        self._hasty = bool(hasty)
        if not hasty or delivery.ending is not Ending.ANSWERED:
            return delivery
        log.warning("mypos_request_before_the_answer", ignored=not self._proves)
        refusal = self._service.too_early(hasty) if self._proves else ()
        return replace(delivery, pieces=(*delivery.pieces, *refusal))

    def _next(self) -> None:
        """The connection stays open: the next request may have begun already."""
        self._reader, self._handover, self._serving = FrameReader(), None, False
        self._quiet_since = self._loop.time()
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._read(early)

    async def _hand_over(self, reply: Reply, delivery: Delivery) -> None:
        """Sends the answer, and tells the desk whether the till has it."""
        transport, left_early = self._transport, self._till_is_done
        self._left_over += [delivery.left_over] if delivery.left_over else []
        if transport is None or transport.is_closing():
            await self._service.delivered(reply, reached=False)
            return
        ends = self._closes(reply) and delivery.ending is Ending.ANSWERED
        self._handover = handover = Handover(ended=ends, hurry_proves=False)
        for piece in delivery.pieces:
            transport.write(piece)
        well = _end(transport, delivery.ending, ends=ends)
        if reply.payment_id is None:
            return
        async with self._service.telling(handover.hurry):
            reached = well and delivery.whole
            if reached and self._by_close:
                reached = not left_early and await handover.reached(transport)
            await self._service.delivered(reply, reached)

    async def _hold(self) -> None:
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await self._left.wait()
        except TimeoutError:
            log.info("mypos_simulator_gave_up_holding_a_line")


def _end(transport: asyncio.Transport, ending: Ending, *, ends: bool) -> bool:
    """Ends our side as the delivery has it; False if the line turns out to be gone already."""
    match ending:
        case Ending.DROPPED:
            transport.close()
        case Ending.RESET:
            transport.abort()
        case Ending.ANSWERED if ends and transport.can_write_eof():
            return end_writing(transport)
        case Ending.ANSWERED | Ending.HELD:
            pass
    return True
