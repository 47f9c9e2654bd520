"""A receipt as lines of text of a fixed width, for a printer or for a till that prints by itself."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from tillbridge.domain.receipt import Heading, Line, Pair, Receipt, Rule, SignatureLine, Words

ROOM_TO_SIGN: Final = 3
"""Empty lines above the one that is signed on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the paper, at most as wide as it; `strong` stands out where the paper can show that."""

    text: str = ""
    strong: bool = False


def lay_out(receipt: Receipt, columns: int) -> list[Row]:
    """The rows from top to bottom."""
    return [row for line in receipt.lines for row in _rows(line, columns)]


def lay_out_ticket(ticket: str) -> list[Row]:
    """The terminal's own slip, line by line as it came; it knows how wide it wants to be."""
    return [Row(line) for line in ticket.splitlines()]


def render_text(rows: list[Row]) -> str:
    """The rows as plain text, without blanks at the end of a line."""
    return "".join(f"{row.text.rstrip()}\n" for row in rows)


def _rows(line: Line, columns: int) -> Iterator[Row]:
    match line:
        case Heading(text):
            yield from (Row(one.center(columns), strong=True) for one in _folded(text, columns))
        case Words(text):
            yield from (Row(one.center(columns)) for one in _folded(text, columns))
        case Pair():
            yield from _pair(line, columns)
        case Rule():
            yield Row("-" * columns)
        case SignatureLine(label):
            yield from [Row()] * ROOM_TO_SIGN
            yield Row("_" * columns)
            yield Row(label.center(columns))
        case _:
            assert_never(line)


def _pair(pair: Pair, columns: int) -> Iterator[Row]:
    gap = columns - len(pair.label) - len(pair.value)
    if gap > 0:
        yield Row(pair.label + " " * gap + pair.value, pair.strong)
        return
    yield from (Row(one, pair.strong) for one in _folded(pair.label, columns))
    yield from (Row(one.rjust(columns), pair.strong) for one in _folded(pair.value, columns))


def _folded(text: str, columns: int) -> list[str]:
    """Broken between words where it can be; an empty line stays one."""
    return textwrap.wrap(text, columns) or [""]
