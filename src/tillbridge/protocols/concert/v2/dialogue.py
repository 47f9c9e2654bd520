"""Who may say what on the line, and when: both roles of V2 as tables; protocols/concert/README.md, section 4.

Neither role knows a clock or a socket: `machine.py` says how a table is walked.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from tillbridge.protocols.concert.v2.machine import (
    REQUEST_ENDS,
    Count,
    Deadline,
    Input,
    M,
    Machine,
    Move,
    Notice,
    Send,
    Table,
    Tell,
)


class TillState(StrEnum):
    """Where the till's role stands; W is the wire's own shorthand for waiting."""

    IDLE = "IDLE"
    W_ACK1 = "W_ACK1"
    PAUSE = "PAUSE"
    W_ACK2 = "W_ACK2"
    W_ENQ = "W_ENQ"
    W_STX = "W_STX"
    HOLD = "HOLD"
    W_EOT = "W_EOT"
    LATE_STX = "LATE_STX"
    LATE_HOLD = "LATE_HOLD"
    PROBE = "PROBE"
    GONE = "GONE"


TILL_WAITS: Final[Mapping[TillState, Deadline]] = {
    TillState.W_ACK1: Deadline.ACK,
    TillState.PROBE: Deadline.ACK,
    TillState.PAUSE: Deadline.PAUSE,
    TillState.W_ACK2: Deadline.ACK,
    TillState.W_ENQ: Deadline.TRANSACTION,
    TillState.W_STX: Deadline.BYTE,
    TillState.LATE_STX: Deadline.BYTE,
    TillState.LATE_HOLD: Deadline.HOLD,
    TillState.W_EOT: Deadline.EOT,
}

_T = TillState
_TAKE_LATE: Final = Move(_T.LATE_STX, Send.ACK, clears=Count.NAK)
_COLLISION: Final = Move(
    _T.LATE_STX, Send.ACK, count=Count.COLLISION, spent=Move(_T.IDLE, Send.EOT, Tell.BUSY), clears=Count.NAK
)
_NO_ENQ_ACK: Final = Move(_T.PAUSE, Send.EOT, count=Count.ENQ, spent=Move(_T.IDLE, Send.EOT, Tell.SILENT))
_ENQ_NAK: Final = Move(_T.PAUSE, Send.EOT, count=Count.ENQ, spent=Move(_T.IDLE, Send.EOT, Tell.BUSY))
_LOST_BEFORE: Final = Move(_T.GONE, tell=Tell.LOST_BEFORE)
_LOST_AFTER: Final = Move(_T.GONE, tell=Tell.LOST_AFTER)
_LOST: Final = Move(_T.GONE)
_REST: Final = Move(_T.IDLE)
_LATE_NAK: Final = Move(_T.LATE_STX, Send.NAK, count=Count.NAK, spent=Move(_T.IDLE, Send.EOT))

TILL: Final[Table[TillState]] = {
    (_T.IDLE, Input.REQUEST): Move(_T.W_ACK1, Send.ENQ),
    (_T.IDLE, Input.PROBE): Move(_T.PROBE, Send.ENQ),
    (_T.IDLE, Input.ENQ): _TAKE_LATE,
    (_T.IDLE, Input.LOST): _LOST,
    # The ENQ is out, the request is not: whatever goes wrong here, nothing was started.
    (_T.W_ACK1, Input.ACK): Move(_T.W_ACK2, Send.FRAME),
    (_T.W_ACK1, Input.ENQ): _COLLISION,
    (_T.W_ACK1, Input.NAK): _ENQ_NAK,
    (_T.W_ACK1, Input.EOT): _NO_ENQ_ACK,
    (_T.W_ACK1, Input.NOISE): _NO_ENQ_ACK,
    (_T.W_ACK1, Input.GOOD): _NO_ENQ_ACK,
    (_T.W_ACK1, Input.BAD): _NO_ENQ_ACK,
    (_T.W_ACK1, Input.EXPIRED): _NO_ENQ_ACK,
    (_T.W_ACK1, Input.ABANDON): Move(_T.IDLE, Send.EOT),
    (_T.W_ACK1, Input.LOST): _LOST_BEFORE,
    (_T.PAUSE, Input.EXPIRED): Move(_T.W_ACK1, Send.ENQ),
    (_T.PAUSE, Input.ENQ): _COLLISION,
    (_T.PAUSE, Input.ABANDON): _REST,
    (_T.PAUSE, Input.LOST): _LOST_BEFORE,
    # The request is out. Only a NAK for each of its frames proves that the terminal does not work on it.
    (_T.W_ACK2, Input.ACK): Move(_T.W_ENQ, Send.EOT, Tell.COMMITTED),
    (_T.W_ACK2, Input.NAK): Move(_T.W_ACK2, Send.FRAME, count=Count.FRAME, spent=Move(_T.IDLE, Send.EOT, Tell.REFUSED)),
    (_T.W_ACK2, Input.EXPIRED): Move(_T.IDLE, Send.EOT, Tell.NO_ACK),
    (_T.W_ACK2, Input.ABANDON): Move(_T.IDLE, Send.EOT),
    (_T.W_ACK2, Input.LOST): _LOST_AFTER,
    (_T.W_ENQ, Input.ENQ): Move(_T.W_STX, Send.ACK, clears=Count.NAK),
    (_T.W_ENQ, Input.EXPIRED): Move(_T.IDLE, tell=Tell.NO_REPLY),
    (_T.W_ENQ, Input.ABANDON): _REST,
    (_T.W_ENQ, Input.LOST): _LOST_AFTER,
    (_T.W_STX, Input.GOOD): Move(_T.HOLD, tell=Tell.RESULT),
    (_T.W_STX, Input.BAD): Move(_T.W_STX, Send.NAK, count=Count.NAK, spent=Move(_T.IDLE, Send.EOT, Tell.UNREADABLE)),
    (_T.W_STX, Input.EXPIRED): Move(_T.W_STX, Send.NAK, count=Count.NAK, spent=Move(_T.IDLE, Send.EOT, Tell.NO_REPLY)),
    (_T.W_STX, Input.ENQ): Move(_T.W_STX, Send.ACK),
    (_T.W_STX, Input.EOT): Move(_T.IDLE, tell=Tell.BROKEN_OFF),
    (_T.W_STX, Input.ABANDON): Move(_T.LATE_STX),
    (_T.W_STX, Input.LOST): _LOST_AFTER,
    # The reply is read but not acknowledged: it is being written to the journal.
    (_T.HOLD, Input.CONFIRM): Move(_T.W_EOT, Send.ACK),
    (_T.HOLD, Input.DROP): _REST,
    (_T.HOLD, Input.EOT): _REST,
    (_T.HOLD, Input.ABANDON): Move(_T.LATE_HOLD, tell=Tell.LATE),
    (_T.HOLD, Input.LOST): _LOST,
    (_T.W_EOT, Input.EOT): _REST,
    (_T.W_EOT, Input.EXPIRED): _REST,
    (_T.W_EOT, Input.ENQ): _TAKE_LATE,
    (_T.W_EOT, Input.LOST): _LOST,
    # A reply that nobody waits for: of an earlier request, or of an earlier run of this program.
    (_T.LATE_STX, Input.GOOD): Move(_T.LATE_HOLD, tell=Tell.LATE),
    (_T.LATE_STX, Input.BAD): _LATE_NAK,
    (_T.LATE_STX, Input.EXPIRED): _LATE_NAK,
    (_T.LATE_STX, Input.ENQ): Move(_T.LATE_STX, Send.ACK),
    (_T.LATE_STX, Input.EOT): _REST,
    (_T.LATE_STX, Input.LOST): _LOST,
    (_T.LATE_HOLD, Input.CONFIRM): Move(_T.W_EOT, Send.ACK),
    (_T.LATE_HOLD, Input.DROP): _REST,
    (_T.LATE_HOLD, Input.EOT): _REST,
    (_T.LATE_HOLD, Input.EXPIRED): _REST,
    (_T.LATE_HOLD, Input.LOST): _LOST,
    # Is anybody there? One ENQ; the customer sees nothing of it.
    (_T.PROBE, Input.ACK): Move(_T.IDLE, Send.EOT, Tell.PROBE_ANSWERED),
    (_T.PROBE, Input.NAK): Move(_T.IDLE, Send.EOT, Tell.PROBE_REFUSED),
    (_T.PROBE, Input.EXPIRED): Move(_T.IDLE, Send.EOT, Tell.PROBE_SILENT),
    (_T.PROBE, Input.ENQ): Move(_T.LATE_STX, Send.ACK, Tell.PROBE_ANSWERED, clears=Count.NAK),
    (_T.PROBE, Input.LOST): Move(_T.GONE, tell=Tell.PROBE_SILENT),
}

_WAITS_FOR_CONFIRMATION: Final = frozenset({Tell.RESULT, Tell.LATE})
_REQUEST_IS_OUT: Final = REQUEST_ENDS | {Tell.COMMITTED}


class TillDialogue(Machine[TillState, M]):
    """The till's role. A request or a probe waits until the line is at rest, also behind a late reply.

    Replies that wait to be confirmed are numbered, so that an acknowledgement can never reach another session.
    """

    def __init__(self, limits: Mapping[Count, int], parse: Callable[[bytes], M]) -> None:
        super().__init__(TILL, TILL_WAITS, TillState.IDLE, limits, parse)
        self.frame = b""
        self._held = 0
        self._wanted = False
        self._probe_wanted = False

    @property
    def request_left(self) -> bool:
        """Whether a request of which no reply was read is at the terminal, or may be."""
        return self.state in (TillState.W_ACK2, TillState.W_ENQ, TillState.W_STX)

    @property
    def at_rest(self) -> bool:
        """Whether nothing goes on and nothing waits."""
        return self.state is TillState.IDLE and not self._wanted

    def request(self, frame: bytes) -> None:
        """Sends this frame as soon as the line is at rest. RuntimeError while another request runs."""
        if self._wanted or self.request_left or self.state is TillState.HOLD:
            raise RuntimeError("one request at a time")
        self.frame = frame
        self.fault = ""
        self._wanted = True
        self._counts.clear()
        if self.state is TillState.GONE:
            self._drop_wishes()
        self._go_on()

    def probe(self) -> None:
        """Asks for a sign of life as soon as the line is at rest."""
        self._probe_wanted = True
        if self.state is TillState.GONE:
            self._drop_wishes()
        self._go_on()

    def confirm(self, held: int) -> None:
        """The reply of this number is kept: it is acknowledged, unless the terminal has given up meanwhile."""
        if held == self._held:
            self.apply(Input.CONFIRM)

    def drop(self, held: int) -> None:
        """The reply of this number could not be kept: it is not acknowledged."""
        if held == self._held:
            self.apply(Input.DROP)

    def abandon(self) -> None:
        """Nobody waits for the request any more; what the terminal still says about it is a late reply."""
        self._wanted = False
        self.apply(Input.ABANDON)

    def lost(self) -> None:
        """The line is gone, and with it whatever waited for it."""
        super().lost()
        self._drop_wishes()

    def apply(self, what: Input) -> None:
        """Takes a move, and at rest goes on with what waits."""
        super().apply(what)
        self._go_on()

    def _notice(self, tell: Tell) -> Notice[M]:
        if tell in _REQUEST_IS_OUT:
            self._wanted = False
        if tell in _WAITS_FOR_CONFIRMATION:
            self._held += 1
            return Notice(tell, self.message, self._held)
        return Notice(tell)

    def _drop_wishes(self) -> None:
        if self._wanted:
            self.told.append(self._notice(Tell.LOST_BEFORE))
        if self._probe_wanted:
            self._probe_wanted = False
            self.told.append(self._notice(Tell.PROBE_SILENT))

    def _go_on(self) -> None:
        if self.state is not TillState.IDLE:
            return
        if self._wanted:
            super().apply(Input.REQUEST)
        elif self._probe_wanted:
            self._probe_wanted = False
            super().apply(Input.PROBE)


class TerminalState(StrEnum):
    """Where the terminal's role stands."""

    IDLE = "IDLE"
    W_STX = "W_STX"
    TAKING = "TAKING"
    TAKING_LEFT = "TAKING_LEFT"
    W_EOT = "W_EOT"
    PAYING = "PAYING"
    W_ACK = "W_ACK"
    W_ACK_R = "W_ACK_R"


TERMINAL_WAITS: Final[Mapping[TerminalState, Deadline]] = {
    TerminalState.W_STX: Deadline.BYTE,
    TerminalState.W_EOT: Deadline.EOT,
    TerminalState.W_ACK: Deadline.ACK,
    TerminalState.W_ACK_R: Deadline.ACK,
}

_D = TerminalState
_STOP: Final = Move(_D.IDLE)
_FRAME_NAK: Final = Move(_D.W_STX, Send.NAK, count=Count.NAK, spent=Move(_D.IDLE, Send.EOT))
_PAY: Final = Move(_D.PAYING)
_UNREACHED: Final = Move(_D.IDLE, Send.EOT, Tell.UNDELIVERED)
_ENQ_AGAIN: Final = Move(_D.W_ACK, Send.ENQ, count=Count.ENQ, spent=_UNREACHED)

TERMINAL: Final[Table[TerminalState]] = {
    (_D.IDLE, Input.ENQ): Move(_D.W_STX, Send.ACK, clears=Count.NAK),
    (_D.IDLE, Input.ENQ_REFUSED): Move(_D.IDLE, Send.NAK),
    (_D.W_STX, Input.EOT): _STOP,
    (_D.W_STX, Input.ENQ): Move(_D.W_STX, Send.ACK),
    (_D.W_STX, Input.GOOD): Move(_D.TAKING, tell=Tell.REQUESTED),
    (_D.W_STX, Input.BAD): _FRAME_NAK,
    (_D.W_STX, Input.EXPIRED): Move(_D.IDLE, Send.EOT),
    (_D.W_STX, Input.LOST): _STOP,
    # The request is read but not acknowledged: the desk is asked whether it takes it.
    (_D.TAKING, Input.ACCEPT): Move(_D.W_EOT, Send.ACK),
    (_D.TAKING, Input.ACCEPT_MUTELY): Move(_D.W_EOT),
    (_D.TAKING, Input.REFUSE): _FRAME_NAK,
    (_D.TAKING, Input.LEAVE): _STOP,
    (_D.TAKING, Input.EOT): Move(_D.TAKING_LEFT),
    (_D.TAKING, Input.LOST): Move(_D.TAKING_LEFT),
    # The till did not wait for the acknowledgement. What the desk has started goes on all the same.
    (_D.TAKING_LEFT, Input.ACCEPT): _PAY,
    (_D.TAKING_LEFT, Input.ACCEPT_MUTELY): _PAY,
    (_D.TAKING_LEFT, Input.REFUSE): _STOP,
    (_D.TAKING_LEFT, Input.LEAVE): _STOP,
    (_D.W_EOT, Input.EOT): _PAY,
    (_D.W_EOT, Input.EXPIRED): _PAY,
    (_D.W_EOT, Input.LOST): _PAY,
    (_D.W_EOT, Input.REPEATED): Move(_D.W_EOT, Send.ACK),
    (_D.PAYING, Input.RESULT): Move(_D.W_ACK, Send.ENQ, clears=Count.ENQ),
    (_D.PAYING, Input.NO_ANSWER): _STOP,
    (_D.W_ACK, Input.ACK): Move(_D.W_ACK_R, Send.FRAME, clears=Count.FRAME),
    (_D.W_ACK, Input.NAK): _ENQ_AGAIN,
    (_D.W_ACK, Input.NOISE): _ENQ_AGAIN,
    (_D.W_ACK, Input.GOOD): _ENQ_AGAIN,
    (_D.W_ACK, Input.BAD): _ENQ_AGAIN,
    (_D.W_ACK, Input.EXPIRED): _ENQ_AGAIN,
    (_D.W_ACK, Input.GIVE_UP): Move(_D.IDLE, tell=Tell.UNDELIVERED),
    (_D.W_ACK, Input.GIVE_UP_EOT): _UNREACHED,
    (_D.W_ACK_R, Input.ACK): Move(_D.IDLE, Send.LAST_EOT, Tell.DELIVERED),
    (_D.W_ACK_R, Input.NAK): Move(_D.W_ACK_R, Send.FRAME, count=Count.FRAME, spent=_UNREACHED),
    (_D.W_ACK_R, Input.EXPIRED): _UNREACHED,
    (_D.W_ACK_R, Input.GIVE_UP): Move(_D.IDLE, tell=Tell.UNDELIVERED),
}

_OWES_A_REPLY: Final = frozenset({_D.W_EOT, _D.PAYING})

Ear = Callable[[TerminalState, Input], Input | None]
"""Decides what a terminal makes of what it hears in a state: the same, something else, or nothing."""


class TerminalDialogue(Machine[TerminalState, M]):
    """The terminal's role. After `REQUESTED` its owner accepts, refuses or leaves, and later answers or does not."""

    def __init__(self, limits: Mapping[Count, int], parse: Callable[[bytes], M], ear: Ear) -> None:
        super().__init__(TERMINAL, TERMINAL_WAITS, TerminalState.IDLE, limits, parse)
        self._ear = ear
        self._answer: Input | None = None

    @property
    def at_rest(self) -> bool:
        """Whether no session goes on."""
        return self.state is TerminalState.IDLE

    def hear(self, what: Input) -> None:
        """Something came off the line."""
        if what is Input.GOOD and self.state is TerminalState.W_EOT and self._incoming == self.message:
            what = Input.REPEATED
        taken = self._ear(self.state, what)
        if taken is not None:
            self.apply(taken)

    def answer(self) -> None:
        """The reply is ready: it goes out as soon as the till has left the line."""
        self._answer = Input.RESULT
        self._go_on()

    def no_answer(self) -> None:
        """There is nothing that could be replied; nothing to do unless a request that was accepted waits for it."""
        if self.state in _OWES_A_REPLY:
            self._answer = Input.NO_ANSWER
            self._go_on()

    def apply(self, what: Input) -> None:
        """Takes a move; an answer that is ready goes out as soon as it may."""
        super().apply(what)
        self._go_on()

    def _go_on(self) -> None:
        if self._answer is not None and self.state is TerminalState.PAYING:
            answer, self._answer = self._answer, None
            super().apply(answer)
