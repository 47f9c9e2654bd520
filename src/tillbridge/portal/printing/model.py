"""What is printed of vouchers, and how it has to look (docs/reference/voucher-printing.md)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

MOST_CODES: Final = 500
"""Codes of one file: it is made and read back within seconds, and a larger batch is printed in parts."""

MOST_LETTERS: Final = 200
"""Letters of one file: a whole page is searched for each code, which takes several times as long as for a card."""

LONGEST_HEADING: Final = 60
LONGEST_TEXT: Final = 1_000
MOST_LINES: Final = 24
"""Lines of a letter's text as typed: with them it still fits above the code."""

LEAST_CONTRAST: Final = 7.0
"""Dark on light, as the web's rules for contrast count it: less than that is refused, because scanners miss it."""

_NEARLY_BLACK: Final = 0.04045
"""Below it a colour's part rises in a straight line (IEC 61966-2-1)."""

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


class Medium(StrEnum):
    """As what codes are handed out: PDF for the first three, single pictures for the others."""

    SHEETS = "sheets"
    CARDS = "cards"
    LETTERS = "letters"
    SVG = "svg"
    PNG = "png"

    @property
    def has_text(self) -> bool:
        """Whether there is more on it than the code."""
        return self in {Medium.SHEETS, Medium.CARDS, Medium.LETTERS}

    @property
    def most(self) -> int:
        """How many codes one file may have."""
        return MOST_LETTERS if self is Medium.LETTERS else MOST_CODES


class Symbology(StrEnum):
    """How a code is drawn."""

    QR = "qr"
    CODE_128 = "code128"


class PinPlace(StrEnum):
    """Where the PIN is: not printed, printed as digits apart from the code, or inside the code behind the number."""

    NONE = "none"
    APART = "apart"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour of a screen, each part 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str, place: str) -> "Colour":
        """A colour written #1a2b3c. `BridgeError(FIELD_INVALID)` names `place` for anything else."""
        if _COLOUR.fullmatch(text) is None:
            raise BridgeError(Code.FIELD_INVALID, "a colour is written #1a2b3c", place=place)
        return cls(*bytes.fromhex(text[1:]))

    @property
    def parts(self) -> tuple[int, int, int]:
        """Red, green and blue."""
        return self.red, self.green, self.blue

    @property
    def luminance(self) -> float:
        """How bright it looks, 0 to 1 (WCAG 2.2, relative luminance)."""
        red, green, blue = (_linear(part / 255) for part in self.parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)


def contrast(dark: Colour, light: Colour) -> float:
    """How much lighter the second is: 1 for equal ones, 21 for black and white, below 1 for light on dark."""
    return (light.luminance + 0.05) / (dark.luminance + 0.05)


@dataclass(frozen=True, slots=True)
class Look:
    """How a code and what stands beside it look. `text` is a letter's."""

    dark: Colour = BLACK
    light: Colour = WHITE
    heading: str = ""
    text: str = ""

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` names what cannot be printed: `dark`, `heading` or `text`."""
        if contrast(self.dark, self.light) < LEAST_CONTRAST:
            raise BridgeError(Code.FIELD_INVALID, "the code is not dark enough on its ground", place="dark")
        if len(self.heading) > LONGEST_HEADING or not self.heading.isprintable():
            raise BridgeError(Code.FIELD_INVALID, f"a heading has {LONGEST_HEADING} characters", place="heading")
        lines = self.text.splitlines()
        if len(self.text) > LONGEST_TEXT or len(lines) > MOST_LINES or not all(line.isprintable() for line in lines):
            raise BridgeError(Code.FIELD_INVALID, f"a text has {LONGEST_TEXT} characters", place="text")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be printed: `first` and `last` are places in a batch, counted from 1."""

    medium: Medium
    symbology: Symbology
    pin: PinPlace = PinPlace.NONE
    look: Look = field(default_factory=Look)
    first: int = 1
    last: int = 1

    @property
    def codes(self) -> int:
        """How many codes that is at most."""
        return self.last - self.first + 1

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` names what cannot be printed: `first`, `last`, `pin` or a part of the look."""
        if self.first < 1:
            raise BridgeError(Code.FIELD_INVALID, "the first one has the number 1", place="first")
        if not 1 <= self.codes <= self.medium.most:
            raise BridgeError(Code.FIELD_INVALID, f"a file has 1 to {self.medium.most} codes", place="last")
        if self.pin is PinPlace.APART and not self.medium.has_text:
            raise BridgeError(Code.FIELD_INVALID, "a picture holds the code alone", place="pin")
        self.look.check()


@dataclass(frozen=True, slots=True)
class Item:
    """A voucher to be printed. `position` is its place in its batch; `pin` None: without it."""

    position: int
    number: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)

    def payload(self, place: PinPlace) -> str:
        """What its code says: 14 digits, or 18 with the PIN inside."""
        return self.number + (self.pin or "") if place is PinPlace.INSIDE else self.number


@dataclass(frozen=True, slots=True)
class Printed:
    """A part of a batch that was handed out."""

    first: int
    last: int
    medium: Medium
    pins: bool
    made_at: datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class PaperWords:
    """What stands on paper beside numbers, in the reader's language."""

    language: str
    title: str
    number: str
    pin: str
    keep: str


def _linear(part: float) -> float:
    return part / 12.92 if part <= _NEARLY_BLACK else ((part + 0.055) / 1.055) ** 2.4
