"""Cards and letters as PDF: where everything stands on the paper, in millimetres."""

from collections.abc import Iterator, Sequence
from typing import Final

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.documents.paper import FAMILY, paper
from tillbridge.portal.printing.model import WHITE, Item, Look, Medium, PaperWords, PinPlace, Symbology, Wish
from tillbridge.portal.printing.symbols import Symbol, symbol
from tillbridge.portal.vouchers.batches_model import grouped

CARD: Final = (85.6, 54.0)
"""A card as banks have it (ISO/IEC 7810, ID-1)."""

A4: Final = (210.0, 297.0)
COLUMNS: Final = 2
ROWS: Final = 5
ON_SHEET: Final = COLUMNS * ROWS

_MARGIN: Final = 5.0
_MARK: Final = 4.0
_MARK_GAP: Final = 2.0
_MARK_WIDTH: Final = 0.1
_HEADING_TOP: Final = 5.0
_CODE_TOP: Final = 16.0
_LETTER_MARGIN: Final = 25.0
_LETTER_CODE_TOP: Final = 150.0
_LETTER_PIN_TOP: Final = 225.0
_LETTER_TEXT_TOP: Final = 48.0

_RISE: Final = 0.45
"""Millimetres from one line to the next for each point of the letters' size."""

_SIZES: Final = (14, 12, 10, 9, 8, 7)
"""Points of a heading, the largest that fits; with the smallest it may take two lines."""

_TEXT_SIZES: Final = (11, 10, 9, 8)


def pages_of(wish: Wish, items: Sequence[Item]) -> list[Sequence[Item]]:
    """What stands on each page."""
    each = ON_SHEET if wish.medium is Medium.SHEETS else 1
    return [items[begin : begin + each] for begin in range(0, len(items), each)]


def empty(wish: Wish, words: PaperWords) -> FPDF:
    """The document before its first page."""
    document = paper(words.title, language=words.language, form=CARD if wish.medium is Medium.CARDS else "a4")
    document.set_auto_page_break(False)
    document.set_margin(0)
    return document


def drop(document: FPDF) -> None:
    """Closes the files of its fonts; a document that is finished has closed them itself."""
    for font in document.fonts.values():
        if isinstance(font, TTFFont):
            font.close()


def draw_page(document: FPDF, wish: Wish, items: Sequence[Item], words: PaperWords) -> None:
    """Adds one page with these vouchers on it."""
    document.add_page()
    match wish.medium:
        case Medium.SHEETS:
            _cut_marks(document)
            for item, (left, top) in zip(items, _places(), strict=False):
                _card(document, wish, item, words, (left, top))
        case Medium.CARDS:
            _card(document, wish, items[0], words, (0.0, 0.0))
        case Medium.LETTERS:
            _letter(document, wish, items[0], words)
        case Medium.SVG | Medium.PNG:
            raise ValueError("a picture is no page")


def _places() -> Iterator[tuple[float, float]]:
    left, top = _corner()
    for place in range(ON_SHEET):
        yield left + place % COLUMNS * CARD[0], top + place // COLUMNS * CARD[1]


def _corner() -> tuple[float, float]:
    return (A4[0] - COLUMNS * CARD[0]) / 2, (A4[1] - ROWS * CARD[1]) / 2


def _cut_marks(document: FPDF) -> None:
    """Where to cut, outside the cards, so that nothing of a mark stays on one."""
    left, top = _corner()
    right, bottom = A4[0] - left, A4[1] - top
    document.set_draw_color(0)
    document.set_line_width(_MARK_WIDTH)
    near, far = _MARK_GAP, _MARK_GAP + _MARK
    for column in range(COLUMNS + 1):
        x = left + column * CARD[0]
        document.line(x, top - far, x, top - near)
        document.line(x, bottom + near, x, bottom + far)
    for row in range(ROWS + 1):
        y = top + row * CARD[1]
        document.line(left - far, y, left - near, y)
        document.line(right + near, y, right + far, y)


def _card(document: FPDF, wish: Wish, item: Item, words: PaperWords, corner: tuple[float, float]) -> None:
    left, top = corner
    wide = CARD[0] - 2 * _MARGIN
    document.set_text_color(0)
    _heading(document, wish.look.heading, (left + _MARGIN, top + _HEADING_TOP), wide)
    code = symbol(wish.symbology, item.payload(wish.pin))
    match wish.symbology:
        case Symbology.QR:
            _code(document, code, wish.look, left + _MARGIN, top + _CODE_TOP)
            beside = left + _MARGIN + code.width + 3
            _number(document, item, wish.pin, words, (beside, top + _CODE_TOP + 4), left + CARD[0] - _MARGIN - beside)
        case Symbology.CODE_128:
            _code(document, code, wish.look, left + (CARD[0] - code.width) / 2, top + _CODE_TOP)
            below = top + _CODE_TOP + code.height + 3
            _number(document, item, wish.pin, words, (left + _MARGIN, below), wide)


def _number(
    document: FPDF, item: Item, pin: PinPlace, words: PaperWords, corner: tuple[float, float], width: float
) -> None:
    left, top = corner
    document.set_xy(left, top)
    _line(document, words.number, width, size=7)
    _line(document, grouped(item.number), width, size=11, bold=True)
    if pin is PinPlace.APART and item.pin is not None:
        document.set_xy(left, document.get_y() + 2)
        _line(document, words.pin, width, size=7)
        _line(document, item.pin, width, size=11, bold=True)


def _letter(document: FPDF, wish: Wish, item: Item, words: PaperWords) -> None:
    wide = A4[0] - 2 * _LETTER_MARGIN
    document.set_text_color(0)
    _heading(document, wish.look.heading, (_LETTER_MARGIN, 30.0), wide, sizes=(20, 18, 16, 14, 12))
    _text(document, wish.look.text, wide)
    code = symbol(wish.symbology, item.payload(wish.pin))
    _code(document, code, wish.look, _LETTER_MARGIN, _LETTER_CODE_TOP)
    document.set_xy(_LETTER_MARGIN, _LETTER_CODE_TOP + code.height + 5)
    _line(document, words.number, wide, size=9)
    _line(document, grouped(item.number), wide, size=14, bold=True)
    if wish.pin is not PinPlace.APART or item.pin is None:
        return
    document.set_draw_color(128)
    document.set_line_width(_MARK_WIDTH)
    document.set_dash_pattern(dash=2, gap=2)
    document.line(_LETTER_MARGIN, _LETTER_PIN_TOP - 8, A4[0] - _LETTER_MARGIN, _LETTER_PIN_TOP - 8)
    document.set_dash_pattern()
    document.set_xy(_LETTER_MARGIN, _LETTER_PIN_TOP)
    _line(document, words.pin, wide, size=9)
    _line(document, item.pin, wide, size=14, bold=True)
    document.set_xy(_LETTER_MARGIN, document.get_y() + 2)
    document.set_font(FAMILY, size=9)
    document.multi_cell(wide, text=words.keep, align=Align.L)


def _code(document: FPDF, one: Symbol, look: Look, left: float, top: float) -> None:
    if look.light != WHITE:
        document.set_fill_color(*look.light.parts)
        document.rect(left, top, one.width, one.height, style="F")
    document.set_fill_color(*look.dark.parts)
    for run in one.runs:
        document.rect(left + run.x * one.step, top + run.y * one.rise, run.width * one.step, one.rise, style="F")


def _heading(  # where it stands, how wide and how large it may be
    document: FPDF, text: str, corner: tuple[float, float], width: float, sizes: Sequence[int] = _SIZES
) -> None:
    size = sizes[-1]
    for each in sizes:
        document.set_font(FAMILY, "B", each)
        if document.get_string_width(text) <= width:
            size = each
            break
    document.set_xy(*corner)
    document.multi_cell(width, size * _RISE, text, align=Align.L)


def _text(document: FPDF, text: str, width: float) -> None:
    """A letter's text in the largest size in which it stays above the code. `BridgeError` if there is none."""
    room = _LETTER_CODE_TOP - _LETTER_TEXT_TOP - _MARGIN
    for size in _TEXT_SIZES:
        document.set_font(FAMILY, size=size)
        lines = [part for line in text.split("\n") for part in _wrapped(document, line, width)]
        if len(lines) * size * _RISE <= room:
            break
    else:
        raise BridgeError(Code.FIELD_INVALID, "the text is too long for a letter", place="text")
    document.set_xy(_LETTER_MARGIN, _LETTER_TEXT_TOP)
    for line in lines:
        document.cell(width, size * _RISE, line, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)


def _wrapped(document: FPDF, line: str, width: float) -> list[str]:
    # A line that is empty would be left out by the paper's own wrapping.
    parts = document.multi_cell(width, text=line or " ", dry_run=True, output=MethodReturnValue.LINES)
    return [str(part) for part in parts] if isinstance(parts, list) else []


def _line(document: FPDF, text: str, width: float, *, size: int, bold: bool = False) -> None:
    document.set_font(FAMILY, "B" if bold else "", size)
    high = size * 0.5
    document.cell(width, high, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
