"""What the scripted customer and the scripted trouble do: named scenarios, and the one table by the amount's ending."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.outcome import AbortedBy, DeclineReason
from tillbridge.protocols.contract import Fault

ALWAYS: Final = "always"
Strikes = int | Literal["always"]
"""How often a fault happens: a number of times, or every time it could."""

Faults = Mapping[Fault, Strikes]
NO_FAULTS: Final[Faults] = MappingProxyType({})

MINUTE: Final = 60.0
AMOUNT_EXPONENT: Final = 2
"""Only currencies with two decimals have prices that end in .91: elsewhere scenarios come by name alone."""


@dataclass(frozen=True, slots=True)
class Approves:
    """The money moves. `minor` is what the terminal approves of a larger price, `share` the same as a percentage.

    Neither means the whole price. A terminal never approves more than it was asked for. `signature` says that the
    customer signs instead of typing a PIN.
    """

    minor: int | None = None
    share: int | None = None
    signature: bool = False

    def of(self, asked: int) -> int:
        """The approved minor units of a price of `asked` minor units; at least one, at most all of it."""
        if self.minor is not None:
            return min(self.minor, asked)
        if self.share is not None:
            return max(1, asked * self.share // 100)
        return asked


@dataclass(frozen=True, slots=True)
class Declines:
    """The terminal refuses, and no money moves."""

    reason: DeclineReason = DeclineReason.REFUSED


@dataclass(frozen=True, slots=True)
class Cancels:
    """Somebody presses the red key while the terminal waits for the card."""

    by: AbortedBy = AbortedBy.CUSTOMER


Ending = Approves | Declines | Cancels
"""What comes out at the terminal when nothing disturbs it."""

WHOLE: Final = Approves()


class Reboot(StrEnum):
    """A restart of the terminal in the middle of the authorisation, by what it leaves behind."""

    LOST = "lost"  # nothing was taken
    TAKEN = "taken"  # the money was taken, nobody was told
    REVERSED = "reversed"  # the money was taken and given back by the terminal itself


@dataclass(frozen=True, slots=True)
class Scenario:
    """One payment's script.

    `delay` is the whole time at the terminal in seconds, None the terminal's own. `manual` waits for a person or a
    test to present the card and to enter the PIN instead. `abortable` False lets the card beat every abort.
    """

    name: str
    summary: str
    ending: Ending = WHOLE
    delay: float | None = None
    faults: Faults = field(default_factory=lambda: NO_FAULTS)
    reboot: Reboot | None = None
    manual: bool = False
    abortable: bool = True


def _with(name: str, summary: str, *faults: Fault, times: Strikes = 1, ending: Ending = WHOLE) -> Scenario:
    return Scenario(name, summary, ending, faults=MappingProxyType(dict.fromkeys(faults, times)))


APPROVE: Final = Scenario("approve", "approved")

ENDINGS: Final = (
    APPROVE,
    *(
        Scenario(f"decline_{reason}", f"declined: {reason}; no money moves", Declines(reason))
        for reason in DeclineReason
    ),
    Scenario("customer_cancels", "the customer presses the red key instead of presenting a card", Cancels()),
    Scenario("cashier_cancels", "the cashier presses the red key", Cancels(AbortedBy.CASHIER)),
    Scenario("customer_leaves", "nobody presents a card, the terminal gives up", Cancels(AbortedBy.TIMEOUT)),
    Scenario("partial", "half of the price is approved, asked for or not", Approves(share=50)),
    Scenario("slow", "approved after one minute", delay=MINUTE),
    Scenario("slow_3", "approved after three minutes, when most tills have just given up", delay=3 * MINUTE),
    Scenario("slow_6", "approved after six minutes", delay=6 * MINUTE),
    Scenario("manual", "waits until the control API presents the card and enters the PIN", manual=True),
    Scenario("card_beats_abort", "approved although an abort was asked for in time", abortable=False),
    Scenario("reboot_lost", "the terminal restarts while it authorises; no money moves", reboot=Reboot.LOST),
    Scenario("reboot_taken", "the terminal restarts after the money was taken", reboot=Reboot.TAKEN),
    Scenario(
        "reboot_reversed", "the terminal restarts after the money was taken, and gives it back", reboot=Reboot.REVERSED
    ),
)

EVERY_WIRE: Final = (
    _with("busy", "the terminal is busy with something else", Fault.BUSY, times=ALWAYS),
    _with("drop_before", "the line drops on the request; no money moves", Fault.DROP_ON_REQUEST),
    _with("approve_then_drop", "approved, then the line drops before the answer", Fault.DROP_BEFORE_ANSWER),
    _with("drop_in_answer", "approved, the line drops in the middle of the answer", Fault.DROP_IN_ANSWER),
    _with("drop_last_byte", "approved, the line drops before the answer's last byte", Fault.DROP_LAST_BYTE),
    _with("never_answer", "approved, and the terminal never answers", Fault.NEVER_ANSWER, times=ALWAYS),
    _with("wrong_amount", "approved, the answer names one minor unit more", Fault.WRONG_AMOUNT, times=ALWAYS),
    _with("wrong_currency", "approved, the answer names another currency", Fault.WRONG_CURRENCY, times=ALWAYS),
    _with("wrong_register", "approved, the answer names another register", Fault.WRONG_REGISTER, times=ALWAYS),
    _with("garbage", "approved, noise comes before the answer", Fault.GARBAGE_BEFORE_ANSWER, times=ALWAYS),
    _with("byte_by_byte", "approved, the answer comes byte by byte", Fault.BYTE_BY_BYTE, times=ALWAYS),
    _with("amount_zero", "approved, the answer's amount is zero", Fault.AMOUNT_ZERO, times=ALWAYS),
    _with(
        "cancel_without_amount",
        "the customer cancels, and the answer's amount is zero",
        Fault.AMOUNT_ZERO,
        times=ALWAYS,
        ending=Cancels(),
    ),
)

HANDSHAKE: Final = (
    _with("silent_to_enq", "the terminal does not answer an ENQ", Fault.SILENT_TO_ENQ, times=ALWAYS),
    _with("nak_enq", "the terminal answers an ENQ with NAK", Fault.NAK_ENQ, times=ALWAYS),
    _with("nak_frame_once", "the first request frame gets NAK, then approved", Fault.NAK_FRAME),
    _with("nak_frame_always", "every request frame gets NAK; no money moves", Fault.NAK_FRAME, times=ALWAYS),
    _with("silent_after_frame", "approved, but the request frame gets no ACK", Fault.SILENT_AFTER_FRAME),
    _with("bad_lrc_once", "approved, the first answer has a wrong LRC", Fault.BAD_LRC),
    _with("bad_lrc_always", "approved, every answer has a wrong LRC", Fault.BAD_LRC, times=ALWAYS),
    _with("enq_twice", "approved, the terminal sends its ENQ twice", Fault.ENQ_TWICE),
    _with(
        "eot_instead_of_answer",
        "approved, EOT comes where the answer is due",
        Fault.EOT_INSTEAD_OF_ANSWER,
        times=ALWAYS,
    ),
    _with("no_final_eot", "approved, no EOT after the answer", Fault.NO_FINAL_EOT, times=ALWAYS),
)

DOCUMENT: Final = (
    _with("hold_open", "approved, the connection stays open after the answer", Fault.HOLD_OPEN, times=ALWAYS),
    _with(
        "split_between_tags", "approved, the answer comes in two parts, cut between two tags", Fault.SPLIT_BETWEEN_TAGS
    ),
    _with("trailing_crlf", "approved, CR and LF follow the answer", Fault.TRAILING_CRLF, times=ALWAYS),
    _with("unknown_tag", "approved, the answer has a tag that nobody knows", Fault.UNKNOWN_TAG, times=ALWAYS),
    _with("duplicate_tag", "approved, the answer has a tag twice", Fault.DUPLICATE_TAG, times=ALWAYS),
    _with("amount_absent", "approved, the answer has no amount", Fault.AMOUNT_ABSENT, times=ALWAYS),
    _with("amount_padded", "approved, the answer's amount has leading zeros", Fault.AMOUNT_PADDED, times=ALWAYS),
)

TOUCHSCREEN: Final = (
    Scenario("signature", "approved, and the customer signs: the cashier has to compare", Approves(signature=True)),
    _with("drop_start_answer", "approved, the line drops before the start is acknowledged", Fault.DROP_START_ANSWER),
    _with("drop_confirm_answer", "approved, the line drops after the confirmation", Fault.DROP_CONFIRM_ANSWER),
    _with("slow_answer", "approved, the first result comes too late to be heard", Fault.SLOW_ANSWER),
    _with("truncated_json", "approved, the first result is half a document", Fault.TRUNCATED_JSON),
    _with("call_reversal", "approved, and the terminal asks for it to be reversed", Fault.CALL_REVERSAL, times=ALWAYS),
    _with("already_reversed", "approved and reversed, says the result", Fault.ALREADY_REVERSED, times=ALWAYS),
    _with("wrong_id", "approved, the first result names another operation", Fault.WRONG_ID),
    _with("no_code", "approved, the first result does not say so", Fault.NO_CODE),
    _with(
        "host_offline",
        "declined, because the terminal does not reach its bank",
        Fault.HOST_OFFLINE,
        times=ALWAYS,
        ending=Declines(DeclineReason.FAILED),
    ),
    _with("paper_out", "approved, while the terminal asks for paper", Fault.PAPER_OUT, times=ALWAYS),
    Scenario(
        "reboot_forgets",
        "the terminal restarts after the money was taken, and no longer knows of it",
        faults=MappingProxyType({Fault.FORGETS: ALWAYS}),
        reboot=Reboot.TAKEN,
    ),
)

MYPOS: Final = (
    *(
        _with(f"status_{code}", f"declined with the status {code}", fault, times=ALWAYS, ending=Declines())
        for code, fault in ((5, Fault.STATUS_5), (6, Fault.STATUS_6), (7, Fault.STATUS_7), (9, Fault.STATUS_9))
    ),
    *(
        _with(f"status_{code}", f"approved, and told as an error with the status {code}", fault, times=ALWAYS)
        for code, fault in ((0, Fault.STATUS_0), (8, Fault.STATUS_8), (10, Fault.STATUS_10), (99, Fault.STATUS_99))
    ),
    _with("no_status", "approved, and told as an error without a status", Fault.NO_STATUS, times=ALWAYS),
    _with("empty_status", "approved, and told as an error with an empty status", Fault.EMPTY_STATUS, times=ALWAYS),
    _with("status_beside_ok", "approved, beside the status of a failure", Fault.STATUS_BESIDE_OK, times=ALWAYS),
    _with("bad_xml", "the terminal cannot use the message; no money moves", Fault.BAD_XML),
    _with("bad_xml_split", "the same, and its answer is cut inside a letter", Fault.BAD_XML_SPLIT),
    _with("split_in_tag", "approved, the answer comes in two parts, cut inside a tag", Fault.SPLIT_IN_TAG),
    _with("answer_twice", "approved, and told twice in one piece", Fault.ANSWER_TWICE, times=ALWAYS),
    _with("other_answer_behind", "approved, a refusal follows at once", Fault.OTHER_ANSWER_BEHIND, times=ALWAYS),
    _with("leading_mark", "approved, a byte order mark comes before the answer", Fault.LEADING_MARK, times=ALWAYS),
    _with("leading_blank_line", "approved, a blank line comes first", Fault.LEADING_BLANK_LINE, times=ALWAYS),
    _with("leading_declaration", "approved, with an XML declaration", Fault.LEADING_DECLARATION, times=ALWAYS),
    _with("trailing_nul", "approved, a NUL follows the answer", Fault.TRAILING_NUL, times=ALWAYS),
    _with("reset_in_answer", "approved, the line is reset in the middle of the answer", Fault.RESET_IN_ANSWER),
    _with("answer_on_next_line", "approved, and told first on the next connection", Fault.ANSWER_ON_NEXT_LINE),
    _with("wrong_root", "approved, the answer is one to another request", Fault.WRONG_ROOT, times=ALWAYS),
    _with("no_reference", "approved, without a reference", Fault.NO_REFERENCE, times=ALWAYS),
    _with("padded_values", "approved, with blanks around every value", Fault.PADDED_VALUES, times=ALWAYS),
    _with("upper_case", "approved, with the names of the tags in capitals", Fault.UPPER_CASE, times=ALWAYS),
    _with("conflicting_tag", "approved, and a tag comes with two values", Fault.CONFLICTING_TAG, times=ALWAYS),
    _with("blanks_in_tags", "approved, with blanks behind the opening angles", Fault.BLANKS_IN_TAGS, times=ALWAYS),
    _with("doctype", "approved, in a document with a type", Fault.DOCTYPE, times=ALWAYS),
    _with("entity_bomb", "approved, in a document with entities that swell", Fault.ENTITY_BOMB, times=ALWAYS),
    _with("endless_text", "approved, with a million characters of text", Fault.ENDLESS_TEXT, times=ALWAYS),
    _with("deep_nesting", "approved, in a document that nests deeply", Fault.DEEP_NESTING, times=ALWAYS),
)

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {scenario.name: scenario for scenario in (*ENDINGS, *EVERY_WIRE, *HANDSHAKE, *DOCUMENT, *TOUCHSCREEN, *MYPOS)}
)
"""Every named scenario."""

BY_ENDING: Final[Mapping[int, Scenario]] = MappingProxyType(
    {
        91: SCENARIOS["decline_refused"],
        92: SCENARIOS["customer_cancels"],
        93: SCENARIOS["slow"],
        94: SCENARIOS["busy"],
        95: SCENARIOS["approve_then_drop"],
        96: SCENARIOS["drop_before"],
        97: SCENARIOS["never_answer"],
        98: SCENARIOS["wrong_amount"],
        99: SCENARIOS["byte_by_byte"],
    }
)
"""The scenario of a price by its last two digits; every other price is approved.

Prices in .99 are so usual that theirs ends approved: whoever tries 9.99 first shall not meet a locked terminal.
"""


def scenario(name: str) -> Scenario:
    """The scenario of this name; `BridgeError(FIELD_INVALID)` lists the names if there is none."""
    found = SCENARIOS.get(name)
    if found is None:
        known = ", ".join(SCENARIOS)
        raise BridgeError(Code.FIELD_INVALID, f"there is no scenario {name[:40]!r}; there are {known}", place="name")
    return found


def by_amount(amount: Money) -> Scenario:
    """The scenario that this price asks for."""
    if amount.currency.exponent != AMOUNT_EXPONENT:
        return APPROVE
    return BY_ENDING.get(amount.minor % 100, APPROVE)
