"""A receipt as lines with a meaning, built from what is known of an operation; how it looks is the renderers' affair.

A receipt never claims more than the outcome: what is in doubt gives a note without an amount, which nobody can take for
a proof of payment (law 2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from tillbridge.domain.card import CardUse
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.domain.receipt_texts import DATES, DECIMAL_MARKS, ENTRY_MODES, SIDES, TITLES, WORDS, Word


class Copy(StrEnum):
    """Whom a receipt is for."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class Heading:
    """Words in the middle, which stand out."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Words in the middle."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and its value; `strong` for the one that everybody looks for."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line between two parts."""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """Room for a signature, with what stands below it."""

    label: str


Line = Heading | Words | Pair | Rule | SignatureLine


@dataclass(frozen=True, slots=True)
class Slip:
    """What is known of an operation that is over.

    `asked` is the amount that was asked for. `at` is when it ended, in the shop's own zone. `payment_id` is ours,
    `header` and `footer` are the shop's own lines.
    """

    kind: Kind
    outcome: Outcome
    asked: Money | None
    at: datetime
    terminal: str
    payment_id: str
    order_id: str | None = None
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The lines from top to bottom; `language` is that of the words."""

    language: Language
    copy: Copy
    lines: tuple[Line, ...]


def build_receipt(slip: Slip, copy: Copy, language: Language, *, duplicate: bool = False) -> Receipt:
    """The receipt of an operation. `duplicate` marks one that was printed before."""
    maker = _Maker(slip, copy, language)
    return Receipt(language, copy, tuple(maker.lines(duplicate=duplicate)))


def amount_text(money: Money, language: Language) -> str:
    """The amount as people of this language write it: "12,50 EUR"."""
    return f"{money.major(DECIMAL_MARKS[language])} {money.currency.code}"


class _Maker:
    def __init__(self, slip: Slip, copy: Copy, language: Language) -> None:
        self._slip = slip
        self._copy = copy
        self._language = language

    def lines(self, *, duplicate: bool) -> Iterator[Line]:
        yield from (Words(_plain(line)) for line in self._slip.header)
        if isinstance(self._slip.outcome, InDoubt):
            yield Heading(self._say(Word.NOTE))
            yield Words(self._title())
        else:
            yield Heading(self._title())
            yield Words(self._say(Word.CUSTOMER_COPY if self._copy is Copy.CUSTOMER else Word.MERCHANT_COPY))
        if duplicate:
            yield Heading(self._say(Word.DUPLICATE))
        yield Rule()
        yield from self._identity()
        yield Rule()
        yield from self._result()
        yield from (Words(_plain(line)) for line in self._slip.footer)

    def _identity(self) -> Iterator[Line]:
        slip = self._slip
        yield Pair(self._say(Word.DATE), slip.at.strftime(DATES[self._language]))
        yield Pair(self._say(Word.TIME), slip.at.strftime("%H:%M:%S"))
        yield from self._pair(Word.TERMINAL, slip.terminal)
        yield from self._pair(Word.ORDER, slip.order_id)
        if isinstance(slip.outcome, Approved):
            yield from self._evidence(slip.outcome)
        yield from self._pair(Word.PAYMENT, slip.payment_id)

    def _evidence(self, approved: Approved) -> Iterator[Line]:
        yield from self._pair(Word.CONTRACT, approved.contract)
        yield from self._card(approved.card or CardUse())
        yield from self._pair(Word.AUTHORIZATION_CODE, approved.authorization_code)
        yield from self._pair(Word.REFERENCE, approved.reference)

    def _card(self, card: CardUse) -> Iterator[Line]:
        yield from self._pair(Word.CARD, card.masked_pan)
        if card.entry_mode is not None:
            yield Pair(self._say(Word.ENTRY), ENTRY_MODES[card.entry_mode].to(self._language))
        yield from self._pair(Word.APPLICATION, card.application)
        yield from self._pair(Word.AID, card.aid)

    def _result(self) -> Iterator[Line]:
        match self._slip.outcome:
            case Approved() as approved:
                yield from self._approved(approved)
            case Declined():
                yield from self._nothing(Word.DECLINED)
            case Aborted():
                yield from self._nothing(Word.ABORTED)
            case NotStarted():
                yield from self._nothing(Word.NOT_STARTED)
            case InDoubt():
                yield Words(self._say(Word.IN_DOUBT))
                yield Heading(self._say(Word.NO_RECEIPT))
            case _:
                assert_never(self._slip.outcome)

    def _approved(self, approved: Approved) -> Iterator[Line]:
        for total in approved.totals:
            label = f"{SIDES[total.side].to(self._language)} ({total.count})"
            yield Pair(label, amount_text(total.amount, self._language))
        if self._slip.kind is not Kind.RECONCILIATION:
            if self._slip.asked is not None and self._slip.asked != approved.amount:
                yield Pair(self._say(Word.ASKED), amount_text(self._slip.asked, self._language))
            yield Pair(self._say(Word.AMOUNT), amount_text(approved.amount, self._language), strong=True)
        yield Heading(self._say(Word.APPROVED))
        if self._slip.kind is Kind.AUTHORIZATION:
            yield Words(self._say(Word.RESERVED))
        if approved.signature and self._copy is Copy.MERCHANT:
            # The shop keeps what the cardholder has signed.
            yield SignatureLine(self._say(Word.SIGNATURE))

    def _nothing(self, result: Word) -> Iterator[Line]:
        if self._slip.asked is not None:
            yield Pair(self._say(Word.ASKED), amount_text(self._slip.asked, self._language))
        yield Heading(self._say(result))
        yield Words(self._say(Word.NOTHING_MOVED))

    def _pair(self, word: Word, value: str | None) -> Iterator[Line]:
        if value is not None and value.strip():
            yield Pair(self._say(word), _plain(value))

    def _title(self) -> str:
        return TITLES[self._slip.kind].to(self._language)

    def _say(self, word: Word) -> str:
        return WORDS[word].to(self._language)


def _plain(text: str) -> str:
    """Without control characters: a printer takes them for commands, and a till or a terminal may send any."""
    return "".join(character if character.isprintable() else "?" for character in text.strip())
