"""The bodies of V2: the request of protocols E and E+, and the reply; protocols/concert/README.md, section 3.

A body that breaks its layout raises `contract.ProtocolError`, whose text never repeats what came. The card number of a
reply is masked before a `Reply` exists (law 7); a `Reply` with a full one cannot be made.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.card import KEPT_FIRST, LONGEST_PAN, SHORTEST_PAN, hide_card_numbers, mask
from tillbridge.protocols.concert.frames import MAX_BODY
from tillbridge.protocols.contract import ProtocolError

MAX_AMOUNT: Final = 99_999_999
"""Eight digits of minor units."""

PRIVATE_LENGTH: Final = 10
REPORT_LENGTH: Final = 55
BLOCK_LENGTH: Final = 4
"""The fields behind protocol E are blocks of one letter and three digits: A010, B010, T012."""

E_LENGTH: Final = 26
E_PLUS_LENGTH: Final = E_LENGTH + 2 * BLOCK_LENGTH
SHORT_LENGTH: Final = 25
LONG_LENGTH: Final = SHORT_LENGTH + REPORT_LENGTH
MAX_RECEIPT: Final = MAX_BODY - LONG_LENGTH

RECEIPT_BLOCK: Final = "T012"
"""Nepting's extension: asks for the customer's receipt, which comes behind a long reply."""

_REGISTER: Final = re.compile(r"(?!00)[0-9]{2}", re.ASCII)
_CURRENCY: Final = re.compile(r"[0-9]{3}", re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x20-\x7f]*")


class Dialect(StrEnum):
    """Which request body is spoken; the reply is the same for both."""

    E = "e"
    E_PLUS = "e+"


class OperationType(StrEnum):
    """TYPE: what the till asks for. Other values exist on the wire; a terminal refuses them."""

    DEBIT = "0"
    CREDIT = "1"
    CANCELLATION = "2"
    PRE_AUTHORISATION = "4"


class Means(StrEnum):
    """MODE: the means of payment. Other values ask the operator, or name an issuer."""

    CARD = "1"
    CHEQUE = "C"


class ReplyDelay(StrEnum):
    """DELAI: when the terminal replies. A reply at once says nothing about the outcome."""

    AT_END = "A010"
    AT_ONCE = "A011"


class Authorisation(StrEnum):
    """AUTO: who decides about online authorisation. What B012 means is not documented; we never send it."""

    TERMINAL_DECIDES = "B010"
    ONLINE = "B011"
    UNDOCUMENTED = "B012"


class Status(StrEnum):
    """STAT: how it ended."""

    ACCEPTED = "0"
    NOT_ACCEPTED = "7"
    NOT_KNOWN = "9"


@dataclass(frozen=True, slots=True)
class Request:
    """What a till asks for.

    `register` is "01" to "99", `amount_minor` counts the currency's own minor unit, `currency` is its ISO 4217 number
    of three digits. `operation` and `means` are one character each, so that an unknown one can be refused by name.
    `delay` and `authorisation` are both there in E+ and both absent in E. `receipt` adds Nepting's T012.
    Raises `ValueError` for what the wire cannot carry.
    """

    register: str
    amount_minor: int
    currency: str
    operation: str = OperationType.DEBIT
    means: str = Means.CARD
    ask_card_report: bool = False
    private: str = ""
    delay: ReplyDelay | None = None
    authorisation: Authorisation | None = None
    receipt: bool = False

    def __post_init__(self) -> None:
        _check_common(self.register, self.amount_minor, self.currency, self.private)
        _check("a TYPE is one character", len(self.operation) == 1 and _printable(self.operation))
        _check("a MODE is one character", len(self.means) == 1 and _printable(self.means))
        _check("DELAI and AUTO come together", (self.delay is None) == (self.authorisation is None))

    @property
    def dialect(self) -> Dialect:
        """E or E+."""
        return Dialect.E if self.delay is None else Dialect.E_PLUS

    @property
    def at_once(self) -> bool:
        """Whether the reply is to come at once and so cannot tell the outcome."""
        return self.delay is ReplyDelay.AT_ONCE

    def encode(self) -> bytes:
        """The body: 26 characters in E, 34 in E+, four more with a receipt."""
        wants_report = "1" if self.ask_card_report else "0"
        tail = f"{self.delay or ''}{self.authorisation or ''}{RECEIPT_BLOCK if self.receipt else ''}"
        return (
            f"{self.register}{self.amount_minor:08d}{wants_report}{self.means}{self.operation}{self.currency}"
            f"{self.private:<{PRIVATE_LENGTH}}{tail}"
        ).encode("ascii")


def parse_request(body: bytes) -> Request:
    """The request in this body; E and E+ are told apart by length. `ProtocolError` where it breaks the layout."""
    text = _text(body)
    receipt = len(text) in (E_LENGTH + BLOCK_LENGTH, E_PLUS_LENGTH + BLOCK_LENGTH)
    if receipt:
        if not text.endswith(RECEIPT_BLOCK):
            raise ProtocolError(f"a request of {len(text)} characters does not end with {RECEIPT_BLOCK}")
        text = text[:-BLOCK_LENGTH]
    if len(text) not in (E_LENGTH, E_PLUS_LENGTH):
        raise ProtocolError(f"a request has {E_LENGTH} or {E_PLUS_LENGTH} characters, not {len(text)}")
    try:
        return Request(
            register=text[0:2],
            amount_minor=_amount(text[2:10]),
            ask_card_report=text[10] == "1",
            means=text[11],
            operation=text[12],
            currency=text[13:16],
            private=text[16:26].rstrip(" "),
            delay=ReplyDelay(text[26:30]) if len(text) > E_LENGTH else None,
            authorisation=Authorisation(text[30:34]) if len(text) > E_LENGTH else None,
            receipt=receipt,
        )
    except ValueError as error:
        raise ProtocolError(f"not a request: {_harmless(error)}") from None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a terminal replies.

    `report` None is the short reply, any text the long one: the masked card number, or "" where the terminal gave
    none. It is masked here whatever comes in, and so is every card number in Nepting's `receipt` (long reply only).
    Raises `ValueError` for what the wire cannot carry.
    """

    register: str
    status: Status
    amount_minor: int
    currency: str
    means: str = Means.CARD
    report: str | None = None
    private: str = ""
    receipt: str | None = None

    def __post_init__(self) -> None:
        _check_common(self.register, self.amount_minor, self.currency, self.private)
        _check("a MODE is one character", len(self.means) == 1 and _printable(self.means))
        if self.report is not None:
            object.__setattr__(self, "report", _masked_report(self.report))
        if self.receipt is not None:
            _check("a receipt comes behind a long reply", self.report is not None)
            _check(f"a receipt has 1 to {MAX_RECEIPT} characters", 1 <= len(self.receipt) <= MAX_RECEIPT)
            _check("a receipt holds characters of 20..7F", _printable(self.receipt))
            object.__setattr__(self, "receipt", hide_card_numbers(self.receipt))

    def encode(self) -> bytes:
        """The body: 25 characters, 80 with a report, and the receipt behind that."""
        report = "" if self.report is None else f"{self.report:<{REPORT_LENGTH}}"
        return (
            f"{self.register}{self.status}{self.amount_minor:08d}{self.means}{report}{self.currency}"
            f"{self.private:<{PRIVATE_LENGTH}}{self.receipt or ''}"
        ).encode("ascii")


def parse_reply(body: bytes) -> Reply:
    """The reply in this body. `ProtocolError` where it breaks the layout."""
    text = _text(body)
    if len(text) != SHORT_LENGTH and not LONG_LENGTH <= len(text) <= MAX_BODY:
        raise ProtocolError(f"a reply has {SHORT_LENGTH} or {LONG_LENGTH} characters, not {len(text)}")
    report = None if len(text) == SHORT_LENGTH else text[12 : 12 + REPORT_LENGTH]
    tail = 12 if report is None else 12 + REPORT_LENGTH
    try:
        return Reply(
            register=text[0:2],
            status=Status(text[2]),
            amount_minor=_amount(text[3:11]),
            means=text[11],
            report=report,
            currency=text[tail : tail + 3],
            private=text[tail + 3 : tail + 13].rstrip(" "),
            receipt=text[LONG_LENGTH:] or None,
        )
    except ValueError as error:
        raise ProtocolError(f"not a reply: {_harmless(error)}") from None


class _Wrong(ValueError):
    """A field that the wire cannot carry. Its text is ours alone and repeats nothing."""


def _check(rule: str, kept: bool) -> None:
    if not kept:
        raise _Wrong(rule)


def _check_common(register: str, amount_minor: int, currency: str, private: str) -> None:
    _check("a register is 01 to 99", _REGISTER.fullmatch(register) is not None)
    _check(f"an amount is 0 to {MAX_AMOUNT}", 0 <= amount_minor <= MAX_AMOUNT)
    _check("a currency is three digits", _CURRENCY.fullmatch(currency) is not None)
    fits = len(private) <= PRIVATE_LENGTH and _printable(private) and not private.endswith(" ")
    _check(f"PRIV is at most {PRIVATE_LENGTH} characters of 20..7F, without its filling", fits)


def _harmless(error: ValueError) -> str:
    # An enum's own error repeats the value, which may be a piece of a card number in a frame that slipped.
    return str(error) if isinstance(error, _Wrong) else "a field has an unknown value"


def _text(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise ProtocolError("a body holds characters of 20..7F only") from None


def _printable(text: str) -> bool:
    return _PRINTABLE.fullmatch(text) is not None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _amount(text: str) -> int:
    _check("an amount is eight digits", _digits(text))
    return int(text)


def _masked_report(report: str) -> str:
    """The masked number at the start of REP; what follows it is filler, spaces or zeros, and not trusted."""
    _check("REP holds characters of 20..7F", _printable(report))
    number = report.split(" ", 1)[0]
    if len(number) > LONGEST_PAN and _digits(number):
        # Zeros fill up REP: nobody can say where the number ends, so that its end stays hidden.
        return number[:KEPT_FIRST] + "#" * (SHORTEST_PAN - KEPT_FIRST)
    return mask(number) or ""
