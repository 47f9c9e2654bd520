"""Reads every page and picture back before it is handed out: what cannot be read here is read at no till.

A page is drawn by another library than the one that wrote it and searched for codes of every kind, so that a second one
in the scan area is found as well. It is drawn coarsely first, which is quick; where a code is not found so, finer.
"""

import io
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pypdfium2
import zxingcpp
from fpdf import FPDF
from PIL import Image

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.documents.paper import finished
from tillbridge.portal.printing.model import Symbology

RESOLUTIONS: Final = {Symbology.QR: (150, 300, 400), Symbology.CODE_128: (200, 300, 400)}
"""Dots per inch at which a page is read back, one after the other until every code was read; printers have 600."""

_POINTS: Final = 72
_ROOM: Final = 10.0
"""Millimetres of paper around a picture that is read back."""

FORMATS: Final = {Symbology.QR: zxingcpp.BarcodeFormat.QRCode, Symbology.CODE_128: zxingcpp.BarcodeFormat.Code128}

_pdfium: Final = threading.Lock()
"""PDFium works for one thread at a time."""


def proofread_page(pdf: bytes, number: int, kind: Symbology, expected: Sequence[str]) -> None:
    """Nothing if this page of the file (from 1) holds these codes, each once, and no other; else `BridgeError`."""
    proofread_codes(pdf, number, [(kind, text) for text in expected])


def proofread_codes(pdf: bytes, number: int, expected: Sequence[tuple[Symbology, str]]) -> None:
    """The same for a page with codes of several kinds."""
    wanted = Counter((str(FORMATS[kind]), text) for kind, text in expected)
    for resolution in max(RESOLUTIONS[kind] for kind, _ in expected):
        found = Counter(read_all(_rendered(pdf, number, resolution)))
        if found == wanted:
            return
        if found - wanted:
            break
    raise not_read_back(number)


def proofread_svg(svg: bytes, size: tuple[float, float], number: int, kind: Symbology, expected: str) -> None:
    """Nothing if the picture, drawn in this size (mm), holds this code alone; else `BridgeError` names its `number`."""
    width, height = size
    sheet = FPDF(unit="mm", format=(width + 2 * _ROOM, height + 2 * _ROOM))
    sheet.set_auto_page_break(False)
    sheet.add_page()
    sheet.image(io.BytesIO(svg), x=_ROOM, y=_ROOM, w=width, h=height)
    try:
        proofread_page(finished(sheet), 1, kind, (expected,))
    except BridgeError:
        raise not_read_back(number) from None


def proofread_png(png: bytes, number: int, kind: Symbology, expected: str) -> None:
    """Nothing if the picture holds this code alone; else `BridgeError` names its `number` in the file."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        found = read_all(picture.convert("L"))
    if found != [(str(FORMATS[kind]), expected)]:
        raise not_read_back(number)


def read_all(picture: Image.Image) -> list[tuple[str, str]]:
    """Every code in a picture, of whatever kind: its kind and what it says."""
    return [(str(one.format), one.text) for one in zxingcpp.read_barcodes(picture)]


def not_read_back(page: int) -> BridgeError:
    """The refusal of a file of which this page cannot be read."""
    said = f"page {page} could not be read back; nothing was handed out"
    return BridgeError(Code.RECORD_CONFLICT, said, place="page", members={"page": page})


def _rendered(pdf: bytes, number: int, resolution: int) -> Image.Image:
    with _pdfium:
        document = pypdfium2.PdfDocument(pdf)
        try:
            picture: Image.Image = document[number - 1].render(scale=resolution / _POINTS, grayscale=True).to_pil()
        finally:
            document.close()
    return picture
