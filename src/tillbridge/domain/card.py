"""What is kept of a card. The full number dies in the codec (law 7): only `mask` makes a `masked_pan`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_PAN: Final = re.compile(r"[0-9]{8,19}", re.ASCII)
_ALREADY_MASKED: Final = re.compile(r"[0-9]{0,6}[^0-9]+[0-9]{0,4}", re.ASCII)

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
