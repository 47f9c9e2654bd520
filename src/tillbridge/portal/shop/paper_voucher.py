"""A voucher on paper: one A4 page with its design, what it is worth, its codes and its PIN, to be folded or shown.

Names and messages are drawn as plain text: nothing in them is markup, and a character that the font lacks is a box.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos

from tillbridge.portal.documents.paper import FAMILY, finished, paper
from tillbridge.portal.printing.model import Symbology
from tillbridge.portal.printing.proofreading import proofread_codes
from tillbridge.portal.printing.sheets import drop
from tillbridge.portal.printing.symbols import Symbol, symbol
from tillbridge.portal.vouchers.batches_model import grouped

_LEFT: Final = 25.0
_WIDE: Final = 160.0
_PICTURE: Final = (96.0, 60.0)
_TEXT_TOP: Final = 92.0
_CODES_TOP: Final = 178.0
_BAR_LEFT: Final = 112.0
_FOOT_TOP: Final = 252.0
_RISE: Final = 0.45
_INK: Final = (22, 32, 43)
_MUTED: Final = (84, 97, 111)
_DEEP: Final = (11, 79, 108)
_WARM: Final = (213, 138, 0)
_MESSAGE_SIZES: Final = (13, 12, 11, 10, 9)
_FOOT_SIZES: Final = (8, 7, 6)


@dataclass(frozen=True, slots=True)
class PaperVoucher:
    """What stands on one page; every text is in the buyer's language."""

    shop: str
    design: str
    value: str
    recipient: str = field(repr=False)
    message: str = field(repr=False)
    sender: str = field(repr=False)
    number: str = field(repr=False)
    pin: str = field(repr=False)
    picture: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class PaperTexts:
    """What stands beside it."""

    language: str
    title: str
    to: str
    sender: str
    number: str
    pin: str
    hint: str
    terms: str


def vouchers_pdf(vouchers: list[PaperVoucher], texts: PaperTexts) -> bytes:
    """The file, of which every page was read back. `BridgeError(RECORD_CONFLICT)` if a code could not be read."""
    document = paper(texts.title, language=texts.language)
    document.set_auto_page_break(False)
    document.set_margin(0)
    try:
        for one in vouchers:
            document.add_page()
            _page(document, one, texts)
        content = finished(document)
    finally:
        drop(document)
    for number, one in enumerate(vouchers, 1):
        proofread_codes(content, number, [(Symbology.QR, one.number), (Symbology.CODE_128, one.number)])
    return content


def _page(document: FPDF, one: PaperVoucher, texts: PaperTexts) -> None:
    _look(document, one)
    document.set_text_color(*_INK)
    beside = _LEFT + _PICTURE[0] + 8
    document.set_xy(beside, 26)
    _lines(document, one.shop, _LEFT + _WIDE - beside, 11, most=3, bold=True)
    document.set_xy(beside, document.get_y() + 2)
    document.set_text_color(*_MUTED)
    _lines(document, one.design, _LEFT + _WIDE - beside, 10, most=3)
    document.set_text_color(*_DEEP)
    document.set_xy(beside, 64)
    _fitted(document, one.value, _LEFT + _WIDE - beside, (26, 22, 18, 15, 12))
    document.set_text_color(*_INK)
    document.set_xy(_LEFT, _TEXT_TOP)
    if one.recipient:
        _fitted(document, f"{texts.to} {one.recipient}", _WIDE, (16, 14, 12, 10, 9, 8))
    _message(document, one.message, document.get_y() + 4)
    if one.sender:
        document.set_xy(_LEFT, document.get_y() + 3)
        _fitted(document, f"{texts.sender} {one.sender}", _WIDE, (11, 10, 9, 8))
    _codes(document, one, texts)
    document.set_text_color(*_MUTED)
    _foot(document, texts)


def _look(document: FPDF, one: PaperVoucher) -> None:
    """The picture, or a drawing of our own: a parcel with its ribbon."""
    wide, high = _PICTURE
    top = 20.0
    if one.picture is not None:
        document.image(io.BytesIO(one.picture), x=_LEFT, y=top, w=wide, h=high)
        return
    document.set_fill_color(*_DEEP)
    document.rect(_LEFT, top, wide, high, style="F", round_corners=True, corner_radius=3)
    document.set_fill_color(*_WARM)
    document.rect(_LEFT + 24, top, 9, high, style="F")
    document.rect(_LEFT, top + high - 26, wide, 7, style="F")
    document.set_draw_color(*_WARM)
    document.set_line_width(2.4)
    for shift in (-15.0, 1.0):
        document.ellipse(_LEFT + 28.5 + shift, top + high - 40, 14, 12, style="D")


def _codes(document: FPDF, one: PaperVoucher, texts: PaperTexts) -> None:
    document.set_draw_color(190)
    document.set_line_width(0.2)
    document.line(_LEFT, _CODES_TOP - 8, _LEFT + _WIDE, _CODES_TOP - 8)
    document.set_fill_color(0)
    qr, bars = symbol(Symbology.QR, one.number), symbol(Symbology.CODE_128, one.number)
    _code(document, qr, _LEFT, _CODES_TOP)
    _code(document, bars, _BAR_LEFT, _CODES_TOP + 6)
    below = _CODES_TOP + max(qr.height, bars.height + 6) + 4
    for left, label, said in (
        (_LEFT, texts.number, grouped(one.number)),
        (_BAR_LEFT, texts.pin, one.pin),
    ):
        document.set_xy(left, below)
        document.set_text_color(*_MUTED)
        _lines(document, label, 80, 9, most=1)
        document.set_text_color(*_INK)
        document.set_xy(left, document.get_y() + 1)
        _lines(document, said, 80, 15, most=1, bold=True)
    document.set_xy(_LEFT, document.get_y() + 4)
    document.set_text_color(*_MUTED)
    _lines(document, texts.hint, _WIDE, 9, most=2)


def _code(document: FPDF, one: Symbol, left: float, top: float) -> None:
    for run in one.runs:
        document.rect(left + run.x * one.step, top + run.y * one.rise, run.width * one.step, one.rise, style="F")


def _message(document: FPDF, text: str, top: float) -> None:
    """In the largest size in which it stays above the codes."""
    if not text:
        return
    _block(document, text.split("\n"), top, _CODES_TOP - 8 - 12 - top, _MESSAGE_SIZES)


def _foot(document: FPDF, texts: PaperTexts) -> None:
    """The terms, as far as they fit; the whole of them stands on the shop's page."""
    rows = [row for row in texts.terms.splitlines() if row.strip()]
    _block(document, rows, _FOOT_TOP, 297 - 12 - _FOOT_TOP, _FOOT_SIZES)


def _block(  # where it stands, and how high and how large it may be
    document: FPDF, rows: Sequence[str], top: float, room: float, sizes: tuple[int, ...]
) -> None:
    """Some lines in the largest size in which they fit; of the smallest, as many as do."""
    lines: list[str] = []
    size = sizes[-1]
    for size in sizes:
        document.set_font(FAMILY, size=size)
        lines = [part for row in rows for part in _wrapped(document, row, _WIDE)]
        if len(lines) * size * _RISE <= room:
            break
    document.set_xy(_LEFT, top)
    for row in lines[: int(room / (size * _RISE))]:
        document.cell(_WIDE, size * _RISE, row, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)


def _fitted(document: FPDF, text: str, width: float, sizes: tuple[int, ...]) -> None:
    """A line in the largest of these sizes in which it is one; two lines of the smallest if there is none."""
    size = sizes[-1]
    for each in sizes:
        document.set_font(FAMILY, "B", each)
        if document.get_string_width(text) <= width:
            size = each
            break
    _lines(document, text, width, size, most=2, bold=True)


def _lines(  # where it stands, how wide and how large it may be
    document: FPDF, text: str, width: float, size: int, *, most: int, bold: bool = False
) -> None:
    document.set_font(FAMILY, "B" if bold else "", size)
    for row in _wrapped(document, text, width)[:most]:
        document.cell(width, size * _RISE, row, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)


def _wrapped(document: FPDF, line: str, width: float) -> list[str]:
    # A line that is empty would be left out by the paper's own wrapping.
    parts = document.multi_cell(width, text=line or " ", dry_run=True, output=MethodReturnValue.LINES)
    return [str(part) for part in parts] if isinstance(parts, list) else []
