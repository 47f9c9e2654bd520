"""What the tags of Concert V3 say: requests of the till and answers of the terminal.

Wire facts: protocols/concert/README-V3.md, sections 2 and 3. Both roles use these models, in both directions.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.domain.card import EntryMode, hide_card_numbers
from tillbridge.protocols.concert.tlv import Fields, Tlv, container
from tillbridge.protocols.contract import ProtocolError

MIN_AMOUNT_DIGITS: Final = 2
"""One digit has been seen in makers' examples, two is what their tables ask for."""

MAX_AMOUNT_DIGITS: Final = 12
MAX_REFERENCE: Final = 99
"""Longest private field by the makers' tables; ours is 32."""

MAX_TICKET: Final = 900
"""Characters of base64 that a ticket may have by the makers' tables: 675 bytes of text."""

_AMOUNT: Final = re.compile(rf"0*[0-9]{{1,{MAX_AMOUNT_DIGITS}}}", re.ASCII)
_KNOWN_TAGS: Final = frozenset({
    "CZ", "CJ", "CA", "CB", "CD", "CE", "BA", "BB", "BF", "BH", "BI", "CC", "CF", "CG", "CH", "CI", "CK", "AA",
    "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI", "AK", "AL", "AM", "AN", "AP", "AQ", "ID", "IM", "OD", "ZT",
})  # fmt: skip
_SHAPES: Final = MappingProxyType(
    {
        "CZ": re.compile(r"[0-9]{4}", re.ASCII),
        "CC": re.compile(r"[0-9A-Z]{1,3}", re.ASCII),
        "AB": re.compile(r"[0-9]{4}", re.ASCII),
        "AC": re.compile(r"[ -~]{1,10}", re.ASCII),
        "AI": re.compile(r"[A-F][0-9A-F]{0,31}", re.ASCII | re.IGNORECASE),
        "CG": re.compile(r"[ -~]{1,10}", re.ASCII),
    }
)
"""What is kept of an answer's texts beside the card number: each is too short for one, or begins with a letter.
A terminal that put a card number there would otherwise carry it past the mask, into the journal (law 7)."""


class Action(StrEnum):
    """What CD asks for. Those that this project never sends are named so that a door can tell them apart."""

    DEBIT = "0"
    CREDIT = "1"
    CANCEL = "2"
    DUPLICATE = "3"
    DEFERRED_DEBIT = "7"
    IDENTIFY = "I"
    PRINT = "P"
    STATUS = "T"
    REBOOT = "R"
    CTMS = "C"
    SETTLEMENT = "B"


PAYING: Final = frozenset({Action.DEBIT, Action.CREDIT, Action.CANCEL})
"""The actions that a door runs and that could move money."""


class Status(StrEnum):
    """AE: what became of the action."""

    DONE = "10"
    NOT_DONE = "01"
    TAKEN = "11"


class Detail(StrEnum):
    """The first two characters of AF."""

    UNKNOWN = "00"
    AUTHORISED = "01"
    PHONE_CALL = "02"
    FORCED = "03"
    REFUSED = "04"
    FORBIDDEN = "05"
    ABANDONED = "06"
    NOT_COMPLETED = "07"
    INPUT_TIMEOUT = "08"
    FORMAT_ERROR = "09"
    SELECTION_ERROR = "10"
    OPERATOR_ABANDON = "11"
    ACTION_UNKNOWN = "12"
    CURRENCY_UNSUPPORTED = "13"


READING_MODES: Final = {
    "1": EntryMode.CONTACT,
    "2": EntryMode.CONTACTLESS,
    "3": EntryMode.MAGSTRIPE,
    "4": EntryMode.MANUAL,
}
"""CI; `0` means that any mode will do and says nothing about how a card was read."""

MODE_CODES: Final = {mode: code for code, mode in READING_MODES.items()}

APPLICATIONS: Final = frozenset({
    "000", "001", "002", "003", "004", "005", "006", "007", "008", "009", "00A", "00B", "00C", "00D", "00E", "00F",
    "00G", "00I", "00S", "00U", "101", "10E", "201", "301", "30F", "401", "501", "601", "602", "603", "604", "605",
    "606", "607", "608", "609", "701",
})  # fmt: skip
"""CC: the payment applications that a maker's table lists."""

CONTACT_APPLICATION: Final = "001"
CONTACTLESS_APPLICATION: Final = "00B"
ANY_APPLICATION: Final = "000"


@dataclass(frozen=True, slots=True)
class StatusDetail:
    """AF: a code, and for bank cards what the acquirer said (CB2A 39, 44-BC, 55-DF70 and 58-FF50), None where blank."""

    code: str
    response_code: str | None = None
    message: str | None = None
    script_result: str | None = None
    completion: str | None = None

    def encoded(self) -> str:
        """The value of AF; the tail is left out where all of it is blank."""
        columns = ((self.response_code, 2), (self.message, 21), (self.script_result, 2), (self.completion, 2))
        tail = "".join((text or "")[:width].ljust(width) for text, width in columns)
        return self.code + tail if tail.strip() else self.code


def parse_detail(value: str) -> StatusDetail:
    """Reads AF; what is missing at its end counts as blank."""
    columns = (value[2:4], value[4:25], value[25:27], value[27:29])
    response_code, message, script_result, completion = (column.strip() or None for column in columns)
    return StatusDetail(value[:2], response_code, message, script_result, completion)


@dataclass(frozen=True, slots=True)
class Request:
    """A till's request. A field that is None is left out: the wire has no empty tags.

    `minor` counts minor units, `currency` is the ISO 4217 number, `ticket` the three positions of CK.
    """

    action: Action
    version: str
    protocol_id: str
    register: str
    minor: int | None = None
    currency: str | None = None
    reference: str | None = None
    application: str | None = None
    ticket: str | None = None
    online: bool = False
    partial: bool = False
    immediate: bool = False

    def elements(self) -> tuple[Tlv, ...]:
        """The tags of this request, the version first as the wire wants it."""
        amount = None if self.minor is None else f"{self.minor:0{MIN_AMOUNT_DIGITS}d}"
        pairs = (
            ("CZ", self.version),
            ("CJ", self.protocol_id),
            ("CA", self.register),
            ("CB", amount),
            ("CD", self.action.value),
            ("CE", self.currency),
            ("BA", "1" if self.immediate else None),
            ("BB", "1" if self.online else None),
            ("BF", "1" if self.partial else None),
            ("CC", self.application),
            ("CF", self.reference),
            ("CK", self.ticket),
        )
        return tuple(Tlv(tag, value) for tag, value in pairs if value is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A terminal's answer. A field is None where its tag is absent or cannot be read; `malformed` names the latter.

    `status` stays the wire's text, because a code outside the list must not read as one inside it. `conflicts` and
    `unknown` name tags that came twice with two values, and tags that nobody has told us of.
    """

    version: str | None = None
    protocol_id: str | None = None
    status: str | None = None
    detail: StatusDetail | None = None
    register: str | None = None
    minor: int | None = None
    application: str | None = None
    action: str | None = None
    currency: str | None = None
    entry_mode: EntryMode | None = None
    masked_pan: str | None = None
    expiry: str | None = None
    authorization: str | None = None
    aid: str | None = None
    contract: str | None = None
    reference: str | None = None
    ticket: str | None = None
    immediate: bool = False
    malformed: frozenset[str] = field(default_factory=frozenset)
    conflicts: frozenset[str] = field(default_factory=frozenset)
    unknown: frozenset[str] = field(default_factory=frozenset)

    def elements(self) -> tuple[Tlv, ...]:
        """The tags of this answer in the order of the makers' examples; a ticket that is too long is left out."""
        pairs = (
            ("CZ", self.version),
            ("CJ", self.protocol_id),
            ("AE", self.status),
            ("AF", self.detail.encoded() if self.detail else None),
            ("CA", self.register),
            ("CB", None if self.minor is None else f"{self.minor:0{MIN_AMOUNT_DIGITS}d}"),
            ("CC", self.application),
            ("CD", self.action),
            ("CE", self.currency),
            ("BA", "1" if self.immediate else None),
            ("CI", MODE_CODES[self.entry_mode] if self.entry_mode else None),
            ("AA", self.masked_pan),
            ("AL", "1" if self.masked_pan else None),
            ("AB", self.expiry),
            ("AC", self.authorization),
            ("AI", self.aid),
            ("CG", self.contract),
            ("CF", self.reference),
        )
        plain = tuple(Tlv(tag, value) for tag, value in pairs if value is not None)
        return plain + tuple(_ticket_elements(self.ticket))


def _ticket_elements(ticket: str | None) -> Iterator[Tlv]:
    if not ticket:
        return
    coded = base64.b64encode(ticket.encode("latin-1", "replace")).decode()
    if len(coded) <= MAX_TICKET:
        yield container("ZT", (Tlv("CK", "100"), Tlv("AK", coded)))


def read_amount(value: str | None) -> int | None:
    """CB as an integer of minor units, however many zeros stand before it; None if it is absent or no amount."""
    return int(value) if value is not None and _AMOUNT.fullmatch(value) else None


def parse_answer(fields: Fields) -> Answer:
    """Reads the tags that are there. Never fails: what an answer lacks or garbles is for the caller to judge."""
    minor = read_amount(fields.get("CB"))
    af = fields.get("AF")
    ticket, ticket_fault = _read_ticket(fields)
    texts = {tag: _fitting(tag, fields.get(tag)) for tag in _SHAPES}
    faults = {"CB": minor is None, "ZT": ticket_fault} | {tag: text is None for tag, text in texts.items()}
    return Answer(
        version=texts["CZ"],
        protocol_id=fields.get("CJ"),
        status=fields.get("AE"),
        detail=None if af is None else parse_detail(af),
        register=fields.get("CA"),
        minor=minor,
        application=texts["CC"],
        action=fields.get("CD"),
        currency=fields.get("CE"),
        entry_mode=READING_MODES.get(fields.get("CI") or ""),
        masked_pan=fields.get("AA"),
        expiry=texts["AB"],
        authorization=texts["AC"],
        aid=texts["AI"],
        contract=texts["CG"],
        reference=fields.get("CF"),
        ticket=ticket,
        immediate=fields.get("BA") == "1",
        malformed=frozenset(tag for tag, faulty in faults.items() if faulty and tag in fields),
        conflicts=fields.conflicts,
        unknown=frozenset(fields.values) - _KNOWN_TAGS,
    )


def _fitting(tag: str, value: str | None) -> str | None:
    """The text of a tag without the blanks around it, None if the tag is absent or does not fit the wire's tables."""
    text = (value or "").strip()
    return text if _SHAPES[tag].fullmatch(text) else None


def _read_ticket(fields: Fields) -> tuple[str | None, bool]:
    """The ticket's text and whether it could not be read: a broken ticket never spoils the answer around it.

    HTML tickets are left out: we never ask for one (README-V3.md, section 3).
    """
    try:
        held = fields.nested("ZT")
        coded = held.get("AK")
        if coded is None or (held.get("CK") or "")[2:3] == "1":
            return None, False
        # Makers' own examples are short of their padding, so it is filled up before a strict reading.
        padded = coded.rstrip("=") + "=" * (-len(coded.rstrip("=")) % 4)
        text = base64.b64decode(padded, validate=True).decode("latin-1")
    except (ProtocolError, ValueError):
        return None, True
    return hide_card_numbers(text), False
