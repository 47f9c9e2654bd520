"""One till's line at a door: the terminal's dialogue, and the faults that a simulator lets happen on it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tillbridge.domain.money import BY_NUMERIC, EUR
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.dialogue import TerminalDialogue, TerminalState
from tillbridge.protocols.concert.v2.line import Line
from tillbridge.protocols.concert.v2.machine import Input, Notice, Send, Tell
from tillbridge.protocols.concert.v2.messages import MAX_AMOUNT, Reply, Request, parse_request
from tillbridge.protocols.concert.v2.settings import DoorSettings
from tillbridge.protocols.contract import Behaviour, Fault, ProtocolError

GARBAGE: Final = b"\x7f\x00U*"
"""What a simulator puts before a reply: data and control characters that belong to nothing."""

SLOW_BYTE_SECONDS: Final = 10 / 9600
"""The time of one character at 9600 baud."""


class Session(Line[TerminalState, Request]):
    """A till's line. It may outlive a TCP connection: what is owed to the till is offered on its next one.

    `occupied` says whether something occupies the terminal. `requested` is told of a request: its owner calls
    `accept`, `refuse` or `leave`, later `deliver` or `no_answer`, and `release` when all is over.
    """

    def __init__(
        self,
        settings: DoorSettings,
        turnaround: float,
        behaviour: Behaviour | None,
        occupied: Callable[["Session"], bool],
        requested: Callable[["Session", Request], None],
    ) -> None:
        self._dialogue: TerminalDialogue[Request] = TerminalDialogue(
            settings.timers.limits, self._parse_request, self._ear
        )
        super().__init__(self._dialogue, settings.timers.waits, turnaround)
        self._dialect = settings.dialect
        self._behaviour = behaviour
        self._occupied = occupied
        self._requested = requested
        self._reply: Reply | None = None
        self._delivered: asyncio.Future[bool] | None = None
        self._mute = False
        self._over_with_reply = True
        self.payment_id: str | None = None
        self.served: Request | None = None
        self.host: str | None = None

    @property
    def at_rest(self) -> bool:
        """Whether nothing goes on: no session on the line, and no payment behind it."""
        return self._dialogue.at_rest and self.served is None

    # ------------------------------------------------------------ for the owner

    def strikes(self, fault: Fault) -> bool:
        """Whether a simulator's fault happens now."""
        return self._behaviour is not None and self._behaviour.strikes(fault, self.payment_id)

    def accept(self) -> None:
        """The desk has taken the request."""
        self._mute = self.strikes(Fault.SILENT_AFTER_FRAME)
        self._apply(Input.ACCEPT_MUTELY if self._mute else Input.ACCEPT)

    def refuse(self) -> None:
        """The desk does not take the request now, and nothing was started."""
        self._apply(Input.REFUSE)

    def leave(self) -> None:
        """The line died with the request: whatever the till believes, it hears no more of it."""
        self.hang_up()
        self._apply(Input.LEAVE)

    def no_answer(self) -> None:
        """There is nothing that could be told."""
        self._dialogue.no_answer()
        self.go_on()

    async def deliver(self, reply: Reply, *, over: bool = True) -> bool:
        """Offers a reply; whether the till acknowledged it. `over` False: the payment goes on behind the reply."""
        self._reply = reply
        self._over_with_reply = over
        self._delivered = self._loop.create_future()
        self._dialogue.answer()
        self.go_on()
        return await self._delivered

    def release(self, request: Request) -> None:
        """All is over with this request."""
        if self.served is request:
            self.served = None

    def _apply(self, what: Input) -> None:
        self._dialogue.apply(what)
        self.go_on()

    # ------------------------------------------------------------ what comes in

    def noticed(self, notice: Notice[Request]) -> None:
        """See `Line.noticed`."""
        if notice.tell is Tell.REQUESTED and notice.message is not None:
            self.served = notice.message
            self._requested(self, notice.message)
        elif notice.tell in (Tell.DELIVERED, Tell.UNDELIVERED) and self._delivered is not None:
            if self._over_with_reply:
                # The till's next ENQ may stand right behind its ACK: it must not find the terminal busy.
                self.served = None
            if not self._delivered.done():
                self._delivered.set_result(notice.tell is Tell.DELIVERED)
            self._delivered = None

    def _parse_request(self, body: bytes) -> Request:
        request = parse_request(body)
        if self._dialect is not None and request.dialect is not self._dialect:
            raise ProtocolError(f"this terminal speaks protocol {self._dialect} only")
        return request

    def _ear(self, state: TerminalState, what: Input) -> Input | None:
        match state, what:
            case TerminalState.IDLE, Input.ENQ:
                return self._at_enq()
            case TerminalState.W_STX, Input.GOOD if self.strikes(Fault.NAK_FRAME):
                return Input.BAD
            case TerminalState.W_EOT, Input.REPEATED if self._mute:
                return None
            case TerminalState.W_ACK, Input.ACK if self.strikes(Fault.ENQ_TWICE):
                return Input.NOISE
            case TerminalState.W_ACK, Input.ACK if self.strikes(Fault.EOT_INSTEAD_OF_ANSWER):
                return Input.GIVE_UP_EOT
            case _:
                return what

    def _at_enq(self) -> Input | None:
        """A terminal with something else on its screen does not answer ENQ at all."""
        self.go_on()  # an ENQ in the same piece as the last ACK: what that ended is over before this begins
        if self._occupied(self):
            return None
        self.payment_id = None
        if self.strikes(Fault.BUSY) or self.strikes(Fault.SILENT_TO_ENQ):
            return None
        return Input.ENQ_REFUSED if self.strikes(Fault.NAK_ENQ) else Input.ENQ

    # ------------------------------------------------------------ what goes out

    def frame(self) -> bytes:
        """See `Line.frame`: exactly 28 or 83 bytes, unless a receipt follows."""
        assert self._reply is not None  # noqa: S101 - the dialogue sends a frame only after `deliver`
        frame = encode(_distorted(self._reply, self.strikes).encode())
        if self.strikes(Fault.BAD_LRC):
            frame = frame[:-1] + bytes([frame[-1] ^ 0x01])
        return GARBAGE + frame if self.strikes(Fault.GARBAGE_BEFORE_ANSWER) else frame

    def send(self, what: Send) -> None:
        """See `Line.send`."""
        if what is Send.FRAME:
            self._send_reply(self.frame())
        elif what is not Send.LAST_EOT or not self.strikes(Fault.NO_FINAL_EOT):
            super().send(what)

    def _send_reply(self, frame: bytes) -> None:
        if self.strikes(Fault.DROP_IN_ANSWER):
            self._die_behind(frame[: len(frame) // 2])
        elif self.strikes(Fault.DROP_LAST_BYTE):
            self._die_behind(frame[:-1])
        elif self.strikes(Fault.BYTE_BY_BYTE):
            for place in range(len(frame)):
                self._loop.call_later(place * SLOW_BYTE_SECONDS, self.put, frame[place : place + 1])
        else:
            self.put(frame)

    def _die_behind(self, data: bytes) -> None:
        self.hang_up_after(data)
        self._dialogue.apply(Input.GIVE_UP)


def _distorted(reply: Reply, strikes: Callable[[Fault], bool]) -> Reply:
    """The reply with the fields that a simulator's faults get wrong."""
    if strikes(Fault.WRONG_AMOUNT):
        other = reply.amount_minor + 1 if reply.amount_minor < MAX_AMOUNT else reply.amount_minor - 1
        reply = replace(reply, amount_minor=other)
    if strikes(Fault.AMOUNT_ZERO):
        reply = replace(reply, amount_minor=0)
    if strikes(Fault.WRONG_CURRENCY):
        reply = replace(reply, currency=_OTHER_CURRENCY if reply.currency == EUR.numeric else EUR.numeric)
    if strikes(Fault.WRONG_REGISTER):
        reply = replace(reply, register="02" if reply.register == "01" else "01")
    return reply


_OTHER_CURRENCY: Final = next(numeric for numeric in BY_NUMERIC if numeric != EUR.numeric)
