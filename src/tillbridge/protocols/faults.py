"""How a simulated terminal misbehaves on its wire. Part of the contract: `contract` hands these names out too."""

from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """Ways in which a simulated terminal misbehaves on its wire. A door over the engine never has any.

    The first block makes sense on every wire, the second on wires with Concert's handshake, the third on wires
    that send one document per answer.
    """

    DROP_ON_REQUEST = "drop_on_request"  # the line dies when the request is in; the terminal never works on it
    DROP_BEFORE_ANSWER = "drop_before_answer"  # the operation is over, then the line dies before the first answer byte
    DROP_IN_ANSWER = "drop_in_answer"  # the line dies after half of the answer
    DROP_LAST_BYTE = "drop_last_byte"  # the line dies before the answer's last byte
    NEVER_ANSWER = "never_answer"  # the operation is over, the line stays up, no answer comes
    WRONG_AMOUNT = "wrong_amount"  # the answer names one minor unit more
    WRONG_CURRENCY = "wrong_currency"
    WRONG_REGISTER = "wrong_register"
    GARBAGE_BEFORE_ANSWER = "garbage_before_answer"
    BYTE_BY_BYTE = "byte_by_byte"
    AMOUNT_ZERO = "amount_zero"  # the answer names no money, also where it names an outcome
    BUSY = "busy"  # answers as its wire does when something else is on the screen

    SILENT_TO_ENQ = "silent_to_enq"
    NAK_ENQ = "nak_enq"
    NAK_FRAME = "nak_frame"
    SILENT_AFTER_FRAME = "silent_after_frame"  # takes the frame, works on it, but never sends the ACK for it
    BAD_LRC = "bad_lrc"
    NO_FINAL_EOT = "no_final_eot"
    ENQ_TWICE = "enq_twice"
    EOT_INSTEAD_OF_ANSWER = "eot_instead_of_answer"

    HOLD_OPEN = "hold_open"  # keeps the connection open after the answer
    SPLIT_BETWEEN_TAGS = "split_between_tags"
    TRAILING_CRLF = "trailing_crlf"
    UNKNOWN_TAG = "unknown_tag"
    DUPLICATE_TAG = "duplicate_tag"
    AMOUNT_ABSENT = "amount_absent"
    AMOUNT_PADDED = "amount_padded"


class Behaviour(Protocol):
    """The switches of a simulator, injected into its door."""

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """Whether this fault happens now. Each call uses up one strike of a fault that was set for a few times.

        `payment_id` is the payment that the exchange is about, None before there is one.
        """
        ...
