"""How a simulated terminal misbehaves on its wire. Part of the contract: `contract` hands these names out too."""

from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """Ways in which a simulated terminal misbehaves on its wire. A door over the engine never has any.

    The first block makes sense on every wire, the second on wires with Concert's handshake, the third on wires
    that send one document per answer, the fourth on the touch-screen terminals' wire of questions and answers,
    the fifth on the wire whose answers are XML.
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

    DROP_START_ANSWER = "drop_start_answer"  # the start is accepted, and the line dies before that is told
    DROP_CONFIRM_ANSWER = "drop_confirm_answer"  # the confirmation is taken, and the line dies before that is told
    SLOW_ANSWER = "slow_answer"  # the result comes later than a till waits for it
    TRUNCATED_JSON = "truncated_json"  # a whole HTTP answer with half of its document
    CALL_REVERSAL = "call_reversal"  # the result asks the till to reverse
    ALREADY_REVERSED = "already_reversed"  # the result is approved and says that it has been reversed
    WRONG_ID = "wrong_id"  # the result names another operation
    NO_CODE = "no_code"  # the result says everything but how it ended
    HOST_OFFLINE = "host_offline"  # the terminal says that it does not reach its bank
    PAPER_OUT = "paper_out"  # the status speaks of paper, in words that no till knows
    FORGETS = "forgets"  # the terminal no longer knows the operation once it is over

    STATUS_0 = "status_0"  # an error with the status of success; nobody knows
    STATUS_5 = "status_5"  # an error with this status, and no money
    STATUS_6 = "status_6"
    STATUS_7 = "status_7"
    STATUS_8 = "status_8"  # an error with this status, and nobody knows
    STATUS_9 = "status_9"  # an error with this status, and no money
    STATUS_10 = "status_10"  # an error with this status, and nobody knows
    STATUS_99 = "status_99"
    NO_STATUS = "no_status"  # an error that says nothing else
    EMPTY_STATUS = "empty_status"
    STATUS_BESIDE_OK = "status_beside_ok"  # success with the status of a failure
    BAD_XML = "bad_xml"  # refuses the message, whatever it was, and works on nothing
    BAD_XML_SPLIT = "bad_xml_split"  # the same, cut inside the bytes of its one accented letter
    SPLIT_IN_TAG = "split_in_tag"
    ANSWER_TWICE = "answer_twice"  # two answers in one piece, which say the same
    OTHER_ANSWER_BEHIND = "other_answer_behind"  # two answers in one piece, the second says something else
    LEADING_MARK = "leading_mark"  # a byte order mark
    LEADING_BLANK_LINE = "leading_blank_line"
    LEADING_DECLARATION = "leading_declaration"
    TRAILING_NUL = "trailing_nul"
    RESET_IN_ANSWER = "reset_in_answer"  # the line is reset after half of the answer
    ANSWER_ON_NEXT_LINE = "answer_on_next_line"  # no answer; it comes first on the next connection
    WRONG_ROOT = "wrong_root"  # the answer's root belongs to another request
    NO_REFERENCE = "no_reference"  # success with an empty reference
    PADDED_VALUES = "padded_values"
    UPPER_CASE = "upper_case"  # every name of a tag
    CONFLICTING_TAG = "conflicting_tag"  # a field twice, with two values
    BLANKS_IN_TAGS = "blanks_in_tags"  # blanks behind < and </, as the maker's page shows them once
    DOCTYPE = "doctype"
    ENTITY_BOMB = "entity_bomb"
    ENDLESS_TEXT = "endless_text"  # a field of a million characters
    DEEP_NESTING = "deep_nesting"


class Behaviour(Protocol):
    """The switches of a simulator, injected into its door."""

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """Whether this fault happens now. Each call uses up one strike of a fault that was set for a few times.

        `payment_id` is the payment that the exchange is about, None before there is one.
        """
        ...
