"""What is kept of a card. The full number dies in the codec (law 7): only `mask` makes a `masked_pan`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_PAN: Final = re.compile(r"[0-9]{8,19}", re.ASCII)
_SPELLED_PAN: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])", re.ASCII)
_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:[ -][0-9]+)*", re.ASCII)
_SEPARATOR: Final = re.compile("([ -])")
_ALREADY_MASKED: Final = re.compile(r"[0-9]{0,6}[^0-9]+[0-9]{0,4}", re.ASCII)

SHORTEST_PAN: Final = 13
LONGEST_PAN: Final = 19
"""Digits of a card number, ISO/IEC 7812."""

KEPT_FIRST: Final = 6
KEPT_LAST: Final = 4
HIDDEN_LEAST: Final = 4
"""So many digits stay hidden at least: with two of them hidden, the check digit would leave ten numbers to try."""


class EntryMode(StrEnum):
    """How the card was read."""

    CONTACT = "contact"
    CONTACTLESS = "contactless"
    MAGSTRIPE = "magstripe"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class CardUse:
    """The card as far as it may be remembered.

    `masked_pan` shows the first six and last four digits at most; `application` is the wire's code of the payment
    application that was used; `aid` is the EMV application identifier in hexadecimal.
    """

    masked_pan: str | None = None
    entry_mode: EntryMode | None = None
    application: str | None = None
    aid: str | None = None

    def __post_init__(self) -> None:
        if self.masked_pan is not None and _ALREADY_MASKED.fullmatch(self.masked_pan) is None:
            # The text itself is left out on purpose: whatever stands in it may be a card number.
            raise ValueError("masked_pan takes what mask() gives")


def mask(pan: str) -> str | None:
    """The first six and last four characters of a card number, the rest as `#`; None where there is no number.

    Of a number too short to hide four digits between those, only the last four are kept.
    A number that the wire has already masked keeps its own digits, never more than six and four of them. Whatever
    else the wire sends in this place (a token, free text) is not trusted to be free of digits and is hidden whole.
    """
    text = pan.strip()
    if not text:
        return None
    if _ALREADY_MASKED.fullmatch(text):
        digits_last = len(text) - len(text.rstrip("0123456789"))
        digits_first = len(text) - len(text.lstrip("0123456789"))
        return text[:digits_first] + "#" * (len(text) - digits_first - digits_last) + text[len(text) - digits_last :]
    if _PAN.fullmatch(text) is None:
        return "#" * min(len(text), 19)
    if len(text) < KEPT_FIRST + HIDDEN_LEAST + KEPT_LAST:
        return "#" * (len(text) - KEPT_LAST) + text[-KEPT_LAST:]
    return text[:KEPT_FIRST] + "#" * (len(text) - KEPT_FIRST - KEPT_LAST) + text[-KEPT_LAST:]


def hide_card_numbers(text: str) -> str:
    """The text of a receipt with each card number in it masked; merchants' receipts used to print them whole (law 7).

    What stands alone and is as long as a card number counts as one, because not every card has a check digit. What
    begins or ends in a letter does so only if its check digit is right: an application identifier must stay readable.
    """
    return _SPELLED_PAN.sub(_hidden, text)


def hide_checked_numbers(text: str) -> str:
    """A till's own number with what must be a card number in it masked: 13 to 19 digits with a right check digit.

    Where a till writes what it likes, long numbers without a right check digit are orders and stay as they came (law 7
    speaks of cards). It is the same for the same text, so that it can stand for it.
    """
    return _DIGIT_GROUPS.sub(_hidden_if_checked, text)


def check_digit_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B: the Luhn formula)."""
    doubled = "".join(str(2 * int(digit)) if place % 2 else digit for place, digit in enumerate(reversed(digits)))
    return sum(int(digit) for digit in doubled) % 10 == 0


def _hidden(found: re.Match[str]) -> str:
    digits = found.group().replace(" ", "").replace("-", "")
    beside = found.string[max(0, found.start() - 1) : found.start()] + found.string[found.end() : found.end() + 1]
    if any(character.isalpha() for character in beside) and not check_digit_holds(digits):
        return found.group()
    return mask(digits) or ""


def _hidden_if_checked(found: re.Match[str]) -> str:
    """Every run of groups is tried: another number may stand in front of a card's, with nothing but a blank between."""
    pieces = _SEPARATOR.split(found.group())
    groups = pieces[::2]
    for first in range(len(groups)):
        for last in range(first + 1, len(groups) + 1):
            digits = "".join(groups[first:last])
            if SHORTEST_PAN <= len(digits) <= LONGEST_PAN and check_digit_holds(digits):
                before, behind = "".join(pieces[: 2 * first]), "".join(pieces[2 * last - 1 :])
                return before + (mask(digits) or "") + hide_checked_numbers(behind)
            if len(digits) > LONGEST_PAN:
                break
    return found.group()
