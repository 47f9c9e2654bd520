"""What passed over the wire, as a person may see it: card numbers and passwords hidden, control characters named.

The bytes themselves are kept in memory for as long as they are shown, and nowhere else.
"""

import base64
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tillbridge.domain.card import check_digit_holds, hide_card_numbers, mask
from tillbridge.runtime.effects import Clock
from tillbridge.runtime.scrubbing import REDACTED, scrub_text
from tillbridge.transports.tap import Direction

MOST_PIECES: Final = 200
"""Pieces that are kept: a payment has about ten on the wires of the field, and a page of more is not read."""

LARGEST_PIECE: Final = 16 * 1024
"""Bytes kept of one piece: the longest message with its receipt is a few KiB."""

_NAMED: Final = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)
_NAMES: Final = {
    code: f"\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}{name}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
    for code, name in (*enumerate(_NAMED), (0x7F, "DEL"))
}
_NAMES[0x0A] += "\n"
_HIDDEN: Final = re.compile(
    r"((?:secure_?string|pass(?:word|wd|phrase)|\bpin|token|secret|api_?key|authorization)[\"']?\s*[:=>]\s*[\"']?)"
    r"([^\"'&\s,}<]+)",
    re.IGNORECASE,
)


_ROW: Final = re.compile(r"(?<![0-9])[0-9]{13,19}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Piece:
    """What went one way before anything came the other way. `size` counts bytes, `left_out` those not shown."""

    number: int
    at: datetime
    direction: Direction
    text: str
    size: int
    left_out: int


@dataclass(slots=True)
class _Kept:
    number: int
    at: datetime
    direction: Direction
    size: int = 0
    raw: bytearray = field(default_factory=bytearray)


class Trace:
    """The newest pieces of one conversation; an `Observer` of its line."""

    def __init__(self, clock: Clock, secrets: Iterable[str]) -> None:
        self._clock = clock
        self._secrets = tuple(spellings(secrets))
        self._kept: deque[_Kept] = deque(maxlen=MOST_PIECES)
        self._count = 0

    def observe(self, direction: Direction, passed: bytes) -> None:
        """Takes in bytes. What goes on in the same direction is one piece, so that no split hides a card number."""
        if not self._kept or self._kept[-1].direction is not direction:
            self._count += 1
            self._kept.append(_Kept(self._count, self._clock.now(), direction))
        newest = self._kept[-1]
        newest.size += len(passed)
        newest.raw += passed[: max(0, LARGEST_PIECE - len(newest.raw))]

    def pieces(self) -> list[Piece]:
        """What passed, oldest first."""
        return [self._shown(one) for one in self._kept]

    def clear(self) -> None:
        """Forgets what has passed."""
        self._kept.clear()

    def _shown(self, kept: _Kept) -> Piece:
        left_out = kept.size - len(kept.raw)
        # A card number that was cut off in the middle would not be known for one.
        raw = bytes(kept.raw).rstrip(b"0123456789") if left_out else bytes(kept.raw)
        return Piece(
            kept.number, kept.at, kept.direction, readable(raw, kept.direction, self._secrets), kept.size, left_out
        )


def readable(raw: bytes, direction: Direction, hidden: Sequence[str]) -> str:
    """The bytes as a person may see them. `hidden` are secrets in every spelling; see `spellings`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    for secret in hidden:
        text = text.replace(secret, REDACTED)
    text = _HIDDEN.sub(rf"\1{REDACTED}", text)
    if direction is Direction.SENT:
        # A till knows no card number; its fixed fields put amount, currency and flags into one row of digits.
        return _ROW.sub(_masked_if_checked, text).translate(_NAMES)
    text = hide_card_numbers(text)
    text = "\n".join(scrub_text(line) if _worth_scrubbing(line) else line for line in text.split("\n"))
    return text.translate(_NAMES)


def _worth_scrubbing(line: str) -> bool:
    """Whether there may be anything to hide; a line without digits and without an equals sign or colon has nothing."""
    return any(character.isdigit() or character in "=:" for character in line)


def _masked_if_checked(row: re.Match[str]) -> str:
    return mask(row[0]) or "" if check_digit_holds(row[0]) else row[0]


def spellings(secrets: Iterable[str]) -> Iterable[str]:
    """Each secret as it may stand on a wire: as it is, and as HTTP Basic has it."""
    for secret in secrets:
        yield secret
        yield base64.b64encode(secret.encode()).decode()
