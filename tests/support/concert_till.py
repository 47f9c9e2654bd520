"""A till's dialogue of Concert V2 with a pencil."""

from tests.support.concert_frames import worked
from tillbridge.protocols.concert.v2.dialogue import TillDialogue
from tillbridge.protocols.concert.v2.line import CONTROL_BYTES
from tillbridge.protocols.concert.v2.machine import Deadline, Notice, Send, Tell
from tillbridge.protocols.concert.v2.messages import Reply, parse_reply
from tillbridge.protocols.concert.v2.settings import Timers

ENQ, ACK, NAK, EOT = b"\x05", b"\x06", b"\x15", b"\x04"
REPLY, OTHER_REPLY = worked("C3"), worked("C2")
BAD_REPLY = REPLY[:-1] + b"\x00"


class Till:
    """A till's dialogue with a pencil: what it sends is written down, what it tells too."""

    def __init__(self) -> None:
        self.dialogue: TillDialogue[Reply] = TillDialogue(Timers().limits, parse_reply)

    def sent(self) -> list[bytes]:
        """What it has sent since the last look."""
        outbox, self.dialogue.outbox = self.dialogue.outbox, []
        return [self.dialogue.frame if what is Send.FRAME else CONTROL_BYTES[what] for what in outbox]

    def told(self) -> list[Tell]:
        """What it has told since the last look."""
        return [notice.tell for notice in self.notices()]

    def notices(self) -> list[Notice[Reply]]:
        told, self.dialogue.told = self.dialogue.told, []
        return told

    def hears(self, *pieces: bytes) -> list[bytes]:
        """What it sends on hearing this."""
        for piece in pieces:
            self.dialogue.receive(piece)
        return self.sent()

    def waits_in_vain(self, deadline: Deadline) -> list[bytes]:
        """What it sends when this wait is over."""
        assert self.dialogue.deadline is deadline
        self.dialogue.expire()
        return self.sent()
