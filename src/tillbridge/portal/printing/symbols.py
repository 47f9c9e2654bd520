"""The codes themselves, as modules that are dark or light, and how large they are drawn.

QR (ISO/IEC 18004) of error correction M, Code 128 (ISO/IEC 15417) with two digits for each symbol (set C). The sizes
are generous for the cheapest scanner and the coarsest printer that a shop may have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import segno
from barcode.codex import Code128

from tillbridge.portal.printing.model import Symbology

QR_MODULE: Final = 0.8
"""Millimetres of a module; 0.4 is the least that is printed."""

QR_QUIET: Final = 4
"""Modules on every side that stay light."""

BAR: Final = 0.33
"""Millimetres of the narrowest bar; 0.25 is the least that is printed."""

BAR_HEIGHT: Final = 12.0
"""Millimetres; 10 is the least that is printed."""

BAR_QUIET: Final = 10
"""Narrowest bars before and behind that stay light."""


@dataclass(frozen=True, slots=True)
class Run:
    """Dark modules in a row, in modules from the upper left corner, the quiet zone counted in."""

    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A code as rows of modules with the quiet zone around them; a module is `step` wide and `rise` high (mm)."""

    columns: int
    rows: int
    step: float
    rise: float
    runs: tuple[Run, ...]

    @property
    def width(self) -> float:
        """Millimetres, the quiet zone counted in."""
        return self.columns * self.step

    @property
    def height(self) -> float:
        """Millimetres, the quiet zone counted in."""
        return self.rows * self.rise


def symbol(kind: Symbology, digits: str) -> Symbol:
    """The code of an even number of digits. `ValueError` for anything else: set C has none for it."""
    if not digits.isascii() or not digits.isdigit() or len(digits) % 2:
        raise ValueError("a code has an even number of digits")
    match kind:
        case Symbology.QR:
            return _qr(digits)
        case Symbology.CODE_128:
            return _code_128(digits)


def _qr(digits: str) -> Symbol:
    # A micro code, or a higher correction where there is room, would surprise whoever asked for this one.
    matrix = segno.make_qr(digits, error="m", boost_error=False).matrix
    size = len(matrix) + 2 * QR_QUIET
    runs = tuple(
        Run(QR_QUIET + x, y, width) for y, row in enumerate(matrix, QR_QUIET) for x, width in _dark(tuple(row))
    )
    return Symbol(size, size, QR_MODULE, QR_MODULE, runs)


def _code_128(digits: str) -> Symbol:
    bars = tuple(int(bar) for bar in Code128(digits).build()[0])
    runs = tuple(Run(BAR_QUIET + x, 0, width) for x, width in _dark(bars))
    return Symbol(len(bars) + 2 * BAR_QUIET, 1, BAR, BAR_HEIGHT, runs)


def _dark(row: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Where dark modules begin in a row, and how many there are."""
    begin = None
    for x, dark in enumerate((*row, 0)):
        if dark and begin is None:
            begin = x
        elif not dark and begin is not None:
            yield begin, x - begin
            begin = None
