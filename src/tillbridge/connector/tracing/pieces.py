"""What passes over one terminal's wire, cut into pieces and masked before anything of it is kept.

A piece goes on for as long as nothing comes the other way, so that no split hides a card number. The bytes of a piece
that is not over lie in memory and nowhere else.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from tillbridge.connector.doctor.searching import hides_card_number
from tillbridge.connector.tracing.files import TraceLine
from tillbridge.connector.wiretest.trace import LARGEST_PIECE, readable, spellings
from tillbridge.runtime.effects import Clock
from tillbridge.transports.tap import Direction

SEVEN_BITS: Final = 0x7F

_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}", re.ASCII)
"""What may be base64 or hexadecimal, as receipts are sent on some wires; fields of fixed length look like it, too."""

_DIGITS: Final = re.compile(rb"[0-9](?:[ -]?[0-9]){11,}")
_LONG_ROW: Final = re.compile(r"[0-9]{16,}", re.ASCII)
"""Longer than any row of fixed fields without a card in it (src/tillbridge/protocols/concert/README.md, section 3)."""

KEPT: Final = 4
"""Digits of a hidden row that may be shown, as on every receipt."""

EDGE_DIGITS: Final = b"0123456789 -"


class Pieces:
    """One conversation; `observe` is an `Observer`. `keep` gets each piece once it is over."""

    def __init__(self, terminal: str, clock: Clock, secrets: Iterable[str], keep: Callable[[TraceLine], None]) -> None:
        self._terminal = terminal
        self._clock = clock
        self._secrets = tuple(spellings(secrets))
        self._keep = keep
        self._raw = bytearray()
        self._size = 0
        self._direction: Direction | None = None
        self._at: datetime | None = None
        self._whole = True

    def observe(self, direction: Direction, passed: bytes) -> None:
        """Takes in bytes."""
        if direction is not self._direction:
            self._end(cut=False)
            self._direction, self._at, self._whole = direction, self._clock.now(), True
        self._size += len(passed)
        self._raw += passed[: max(0, LARGEST_PIECE - len(self._raw))]

    def cut(self) -> None:
        """Ends the piece that goes on: the trace is over, or nothing has come for long.

        What stands at the cut may be half of a number, so that its digits are left out on both sides of it.
        """
        direction = self._direction
        self._end(cut=True)
        self._direction, self._at, self._whole = direction, self._clock.now(), False

    def _end(self, *, cut: bool) -> None:
        raw, size, direction, at = bytes(self._raw), self._size, self._direction, self._at
        self._raw.clear()
        self._size = 0
        if not size or direction is None or at is None:
            return
        if cut or size > len(raw):
            raw = raw.rstrip(EDGE_DIGITS)
        if not self._whole:
            raw = raw.lstrip(EDGE_DIGITS)
        text = safe_text(raw, direction, self._secrets)
        stamp = at.isoformat(timespec="milliseconds")
        self._keep(TraceLine(stamp, self._terminal, direction, size, size - len(raw), text))


def safe_text(raw: bytes, direction: Direction, hidden: tuple[str, ...]) -> str:
    """The bytes as the wire tester shows them, with less left: this lies on a disk and is sent to supporters.

    What is no text, or hides digits, is looked at without the highest bit: on a line of another parity it is set in
    every second digit. A long row of digits that came from a terminal is hidden also where its check digit is wrong.
    """
    if not raw.isascii():
        bare = bytes(byte & SEVEN_BITS for byte in raw)
        if not _is_text(raw) or _DIGITS.search(bare):
            raw = bare
    text = readable(raw, direction, hidden)
    if direction is Direction.RECEIVED:
        text = _LONG_ROW.sub(lambda found: "#" * (len(found.group()) - KEPT) + found.group()[-KEPT:], text)
    return _ENCODED.sub(_unless_harmless, text)


def _unless_harmless(found: re.Match[str]) -> str:
    """The row as it is, unless a card number shows in it once its coding is undone."""
    row = found.group()
    return f"<{len(row)} characters>" if hides_card_number(row) else row


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
