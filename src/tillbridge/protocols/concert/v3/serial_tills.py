"""The terminal's end of a serial line or a pty: one till, messages as the bodies of V2's frames."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from tillbridge.protocols.concert.frames import MAX_BODY
from tillbridge.protocols.concert.frames import encode as frame_of
from tillbridge.protocols.concert.tlv import Fields, Tlv, decode, encode
from tillbridge.protocols.concert.v2.dialogue import TerminalDialogue, TerminalState
from tillbridge.protocols.concert.v2.line import Line
from tillbridge.protocols.concert.v2.machine import Input, Notice, Send, Tell
from tillbridge.protocols.concert.v2.settings import Timers
from tillbridge.protocols.concert.v3.faults import GARBAGE, spoil
from tillbridge.protocols.concert.v3.service import Reply, TerminalService
from tillbridge.protocols.contract import Fault

log = structlog.get_logger(__name__)

_LEAVES_FIRST: Final = ("ZT", "CG", "AI", "AL", "AA", "AC", "CI", "CF", "ZZ")
"""None of them says what became of the money. A till's own reference may be as long as its frame allows."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class SerialTill(Line[TerminalState, Fields]):
    """A till's line. Every request that can be read is acknowledged: this wire's answers can say no."""

    def __init__(self, service: TerminalService, turnaround: float, spawn: Spawn) -> None:
        timers = Timers()
        dialogue: TerminalDialogue[Fields] = TerminalDialogue(timers.limits, _parsed, self._ear)
        super().__init__(dialogue, timers.waits, turnaround)
        self._terminal = dialogue
        self._service = service
        self._spawn = spawn
        self._frame = b""
        self._payment_id: str | None = None
        self._delivered: asyncio.Future[bool] | None = None

    # ------------------------------------------------------------ what comes in

    def noticed(self, notice: Notice[Fields]) -> None:
        """See `Line.noticed`."""
        if notice.tell is Tell.REQUESTED and notice.message is not None:
            self._payment_id = None
            self._apply(Input.ACCEPT)
            self._spawn(self._serve(notice.message))
        elif notice.tell in (Tell.DELIVERED, Tell.UNDELIVERED) and self._delivered is not None:
            if not self._delivered.done():
                self._delivered.set_result(notice.tell is Tell.DELIVERED)
            self._delivered = None

    def _ear(self, state: TerminalState, what: Input) -> Input | None:
        match state, what:
            case TerminalState.IDLE, Input.ENQ if self._strikes(Fault.SILENT_TO_ENQ):
                return None
            case TerminalState.IDLE, Input.ENQ if self._strikes(Fault.NAK_ENQ):
                return Input.ENQ_REFUSED
            case TerminalState.W_STX, Input.GOOD if self._strikes(Fault.NAK_FRAME):
                return Input.BAD
            case TerminalState.W_ACK, Input.ACK if self._strikes(Fault.ENQ_TWICE):
                return Input.NOISE
            case TerminalState.W_ACK, Input.ACK if self._strikes(Fault.EOT_INSTEAD_OF_ANSWER):
                return Input.GIVE_UP_EOT
            case _:
                return what

    def _strikes(self, fault: Fault) -> bool:
        return self._service.strikes(fault, self._payment_id)

    def _apply(self, what: Input) -> None:
        self._terminal.apply(what)
        self.go_on()

    # ------------------------------------------------------------ one request

    async def _serve(self, fields: Fields) -> None:
        try:
            reply = await self._service.run(fields)
            self._payment_id = reply.payment_id
            frame = self._frame_of(reply)
        except Exception:
            # What the desk knows stays with the desk; the till gets no answer, because nobody can say which is true.
            log.exception("concert_v3_door_fault")
            self._no_answer()
            return
        try:
            reached = await self._deliver(frame)
            if reply.payment_id is None:
                return
            if reply.unfinished:
                await self._service.finish(reply.payment_id)
            await self._service.delivered(reply.payment_id, fields, reached)
        except Exception:
            # The till has had its answer, or never will: a word more would be taken for the next request's.
            log.exception("concert_v3_door_fault")

    def _frame_of(self, reply: Reply) -> bytes | None:
        """The frame of the answer, None where the till gets none."""
        if reply.answer is None or self._strikes_payment(Fault.NEVER_ANSWER):
            return None
        if self._strikes_payment(Fault.DROP_BEFORE_ANSWER):
            self.hang_up()
            return None
        return frame_of(_body(spoil(reply.answer.elements(), self._strikes_payment)))

    async def _deliver(self, frame: bytes | None) -> bool:
        if frame is None:
            self._no_answer()
            return False
        self._frame = frame
        self._delivered = self._loop.create_future()
        self._terminal.answer()
        self.go_on()
        return await self._delivered

    def _strikes_payment(self, fault: Fault) -> bool:
        return self._payment_id is not None and self._strikes(fault)

    def _no_answer(self) -> None:
        self._terminal.no_answer()
        self.go_on()

    # ------------------------------------------------------------ what goes out

    def frame(self) -> bytes:
        """See `Line.frame`."""
        frame = self._frame
        if self._strikes_payment(Fault.BAD_LRC):
            frame = frame[:-1] + bytes([frame[-1] ^ 0x01])
        return GARBAGE + frame if self._strikes_payment(Fault.GARBAGE_BEFORE_ANSWER) else frame

    def send(self, what: Send) -> None:
        """See `Line.send`."""
        if what is Send.FRAME:
            self._send_frame(self.frame())
        elif what is not Send.LAST_EOT or not self._strikes_payment(Fault.NO_FINAL_EOT):
            super().send(what)

    def _send_frame(self, frame: bytes) -> None:
        if self._strikes_payment(Fault.DROP_IN_ANSWER):
            self._die_behind(frame[: len(frame) // 2])
        elif self._strikes_payment(Fault.DROP_LAST_BYTE):
            self._die_behind(frame[:-1])
        elif self._strikes_payment(Fault.BYTE_BY_BYTE):
            for place in range(len(frame)):
                self.put(frame[place : place + 1])
        else:
            self.put(frame)

    def _die_behind(self, piece: bytes) -> None:
        self.hang_up_after(piece)
        self._terminal.apply(Input.GIVE_UP)


def _parsed(body: bytes) -> Fields:
    return Fields.of(decode(body))


def _body(elements: tuple[Tlv, ...]) -> bytes:
    """The body of the answer's frame. What does not fit into its 512 characters is left out, the least needed first."""
    body = encode(elements)
    for tag in _LEAVES_FIRST:
        if len(body) <= MAX_BODY:
            break
        elements = tuple(element for element in elements if element.tag != tag)
        body = encode(elements)
    return body
