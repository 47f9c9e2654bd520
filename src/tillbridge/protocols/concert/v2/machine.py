"""What walks a dialogue's table, and the words that the tables are written in; protocols/concert/README.md, section 4.

No socket, no clock: bytes and expired deadlines go in, `outbox` says what to send, `told` what has happened, and
`deadline` names the wait that is running. The owner looks up how long that is and calls `expire`. `armings` changes
whenever a wait starts afresh.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from tillbridge.protocols.concert.frames import BadFrame, Control, Event, Frame, FrameDecoder, Noise
from tillbridge.protocols.contract import ProtocolError


class Send(StrEnum):
    """What to put on the line; each is one write. `LAST_EOT` is the EOT that ends a session whose reply arrived."""

    ENQ = "ENQ"
    ACK = "ACK"
    NAK = "NAK"
    EOT = "EOT"
    LAST_EOT = "last EOT"
    FRAME = "frame"


class Deadline(StrEnum):
    """The named waits; section 5 gives their lengths."""

    ACK = "ack"
    BYTE = "byte"
    PAUSE = "pause"
    TRANSACTION = "transaction"
    HOLD = "hold"
    EOT = "eot"


class Count(StrEnum):
    """What happens a limited number of times before a role gives up."""

    ENQ = "ENQ without an answer"
    FRAME = "frames that were refused"
    NAK = "frames that could not be used"
    COLLISION = "sessions that both sides began"


class Input(StrEnum):
    """What can happen to a role: off the line, by time, or by its owner's word."""

    ENQ = "ENQ"
    ACK = "ACK"
    NAK = "NAK"
    EOT = "EOT"
    NOISE = "noise"
    GOOD = "good frame"
    BAD = "bad frame"
    REPEATED = "same frame again"
    EXPIRED = "time is up"
    LOST = "line lost"
    # The till's owner.
    REQUEST = "request"
    PROBE = "probe"
    CONFIRM = "result is kept"
    DROP = "result is not kept"
    ABANDON = "nobody waits any more"
    # The terminal's owner.
    ENQ_REFUSED = "ENQ refused"
    ACCEPT = "request accepted"
    ACCEPT_MUTELY = "request accepted without a word"
    REFUSE = "request refused"
    LEAVE = "request not taken"
    RESULT = "result is there"
    NO_ANSWER = "no answer is due"
    GIVE_UP = "answer given up"
    GIVE_UP_EOT = "answer given up with EOT"


class Tell(StrEnum):
    """What a role tells its owner."""

    # For the till's owner: on the way.
    COMMITTED = "the terminal has the request"
    RESULT = "the terminal's reply is here and waits to be confirmed"
    LATE = "a reply that nobody waits for is here and waits to be confirmed"
    # Nothing was started.
    SILENT = "no answer to ENQ"
    BUSY = "ENQ was refused"
    REFUSED = "the request was refused each time"
    LOST_BEFORE = "the line was lost before the request left"
    # Nobody knows whether it was.
    NO_ACK = "no answer to the request"
    NO_REPLY = "no reply in time"
    UNREADABLE = "no readable reply"
    BROKEN_OFF = "the terminal ended the session without a reply"
    LOST_AFTER = "the line was lost after the request left"
    # Signs of life.
    PROBE_ANSWERED = "the terminal is there"
    PROBE_REFUSED = "the terminal is there but busy"
    PROBE_SILENT = "no sign of life"
    # For the terminal's owner.
    REQUESTED = "a till asks for something"
    DELIVERED = "the till has the reply"
    UNDELIVERED = "the till could not be reached"


NOT_SENT: Final = frozenset({Tell.SILENT, Tell.BUSY, Tell.REFUSED, Tell.LOST_BEFORE})
UNKNOWN: Final = frozenset({Tell.NO_ACK, Tell.NO_REPLY, Tell.UNREADABLE, Tell.BROKEN_OFF, Tell.LOST_AFTER})
REQUEST_ENDS: Final = NOT_SENT | UNKNOWN | {Tell.RESULT}
PROBE_ENDS: Final = frozenset({Tell.PROBE_ANSWERED, Tell.PROBE_REFUSED, Tell.PROBE_SILENT})

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):
    """The next state, what to send and to tell on the way.

    A move that counts is taken until its count has reached the limit; then `spent` is taken instead. `clears` starts
    a count afresh.
    """

    to: S
    send: Send | None = None
    tell: Tell | None = None
    count: Count | None = None
    spent: "Move[S] | None" = None
    clears: Count | None = None


@dataclass(frozen=True, slots=True)
class Notice(Generic[M]):
    """What happened, the message that it is about, and the number under which a reply waits to be confirmed."""

    tell: Tell
    message: M | None = None
    held: int = 0


Table = Mapping[tuple[S, Input], Move[S]]
"""What is not in a table is ignored: the state stays, and so does the wait that is running."""

_HEARD: Final = {
    Control.ENQ: Input.ENQ,
    Control.ACK: Input.ACK,
    Control.NAK: Input.NAK,
    Control.EOT: Input.EOT,
}


class Machine(Generic[S, M]):
    """Walks a table. `message` is the last one that was taken, `fault` what was wrong with the last bad frame.

    `limits` gives for each count how many times end it. `parse` turns a frame's body into a message and raises
    `ProtocolError` for one that has the wrong layout: such a frame counts as bad.
    """

    def __init__(
        self,
        table: Table[S],
        waits: Mapping[S, Deadline],
        start: S,
        limits: Mapping[Count, int],
        parse: Callable[[bytes], M],
    ) -> None:
        self._table = table
        self._waits = waits
        self._limits = limits
        self._parse = parse
        self._counts: Counter[Count] = Counter()
        self._decoder = FrameDecoder()
        self.state: S = start
        self.armings = 0
        self.outbox: list[Send] = []
        self.told: list[Notice[M]] = []
        self.message: M | None = None
        self._incoming: M | None = None
        self.fault = ""

    @property
    def deadline(self) -> Deadline | None:
        """The wait that is running."""
        return self._waits.get(self.state)

    @property
    def looks_like_even_parity(self) -> bool:
        """Whether what has come looks like a line of 7E1 that is read as 8N1."""
        return self._decoder.looks_like_even_parity

    @property
    def astray(self) -> bool:
        """Whether a frame has begun where none is due: it may be noise that swallows what comes next."""
        return self._decoder.keeps_next and self.deadline is not Deadline.BYTE

    def forget_frame(self) -> None:
        """What had begun was noise."""
        self._decoder.reset()

    def receive(self, data: bytes) -> None:
        """Takes bytes off the line, cut anywhere."""
        for event in self._decoder.feed(data):
            self._hear(event)
        if self._decoder.in_frame and self.deadline is Deadline.BYTE:
            self.armings += 1

    def expire(self) -> None:
        """The wait that was running is over. A frame that has not ended by then is a bad one."""
        cut_short = self._decoder.in_frame and self.deadline is Deadline.BYTE
        self._decoder.reset()
        if cut_short:
            self.fault = "the frame did not end"
        self.apply(Input.BAD if cut_short else Input.EXPIRED)

    def lost(self) -> None:
        """The line is gone."""
        self._decoder.reset()
        self.apply(Input.LOST)

    def hear(self, what: Input) -> None:
        """Something came off the line."""
        self.apply(what)

    def _hear(self, event: Event) -> None:
        match event:
            case Control():
                self.hear(_HEARD[event])
            case Frame(body=body):
                self.hear(self._read(body))
            case BadFrame(reason=reason):
                self.fault = reason.value
                self.hear(Input.BAD)
            case Noise():
                self.hear(Input.NOISE)

    def _read(self, body: bytes) -> Input:
        try:
            self._incoming = self._parse(body)
        except ProtocolError as error:
            self.fault = str(error)
            return Input.BAD
        return Input.GOOD

    def apply(self, what: Input) -> None:
        """Takes the move that the table has for this, if any."""
        move = self._table.get((self.state, what))
        if move is None:
            return
        if what is Input.GOOD:
            self.message = self._incoming
        if move.count is not None:
            self._counts[move.count] += 1
            if move.spent is not None and self._counts[move.count] >= self._limits[move.count]:
                move = move.spent
        if move.clears is not None:
            del self._counts[move.clears]
        self.state = move.to
        self.armings += 1
        if move.send is not None:
            self.outbox.append(move.send)
        if move.tell is not None:
            self.told.append(self._notice(move.tell))

    def _notice(self, tell: Tell) -> Notice[M]:
        return Notice(tell, self.message)
