"""Paper as PDF: letters, lists and cards with the fonts that every script of our languages needs.

A document says nothing of when or with what it was made but what its author puts in, so that equal contents are equal
bytes.
"""

from datetime import UTC, datetime
from importlib.resources import as_file, files
from typing import Final, Literal

from fpdf import FPDF

FAMILY: Final = "DejaVu"
"""Regular and bold. A character that it lacks is drawn as a box, never dropped."""

_NO_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The format wants a date, and one that moves would make two files of the same contents differ."""

_FOLDER: Final = files("tillbridge.portal.documents") / "fonts"


def paper(
    title: str,
    *,
    language: str,
    form: tuple[float, float] | Literal["a4"] = "a4",
    orientation: Literal["portrait", "landscape"] = "portrait",
) -> FPDF:
    """An empty document in millimetres, with no page yet; `form` is the width and height of a page that is no A4."""
    document = FPDF(orientation=orientation, unit="mm", format=form)
    document.set_title(title)
    document.set_lang(language)
    document.set_creation_date(_NO_DATE)
    with as_file(_FOLDER) as folder:
        document.add_font(FAMILY, "", folder / "DejaVuSans.ttf")
        document.add_font(FAMILY, "B", folder / "DejaVuSans-Bold.ttf")
    document.set_font(FAMILY, size=10)
    return document


def finished(document: FPDF) -> bytes:
    """The bytes of the file."""
    return bytes(document.output())
