"""Cards and letters: what stands on them, and that each page is read back before anybody gets it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pypdfium2
import pytest

from tests.portal.printing.drawing import WORDS, items, pdf
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.documents.paper import finished
from tillbridge.portal.printing import sheets
from tillbridge.portal.printing.model import Colour, Item, Look, Medium, PinPlace, Symbology, Wish
from tillbridge.portal.printing.proofreading import proofread_page
from tillbridge.portal.printing.sheets import pages_of
from tillbridge.portal.printing.symbols import symbol
from tillbridge.portal.vouchers.batches_model import grouped

LOOK: Final = Look(Colour(0, 0, 80), Colour(255, 250, 230), "Bäckerei Sommer, Gutschein", "Guten Tag,\n\nalles Gute!")
MM: Final = 72 / 25.4


def read_back(content: bytes, wish: Wish, some: Sequence[Item]) -> None:
    for number, page in enumerate(pages_of(wish, some), 1):
        proofread_page(content, number, wish.symbology, [one.payload(wish.pin) for one in page])


def texts(content: bytes) -> list[str]:
    """What can be read on each page."""
    with pypdfium2.PdfDocument(content) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def size(content: bytes) -> tuple[float, float]:
    with pypdfium2.PdfDocument(content) as document:
        width, height = document[0].get_size()
        return round(width / MM, 1), round(height / MM, 1)


@pytest.mark.parametrize("kind", Symbology)
@pytest.mark.parametrize("pin", PinPlace)
@pytest.mark.parametrize(
    ("medium", "pages", "paper"),
    [(Medium.SHEETS, 2, (210, 297)), (Medium.CARDS, 2, (85.6, 54)), (Medium.LETTERS, 2, (210, 297))],
)
def test_every_page_is_read_back(
    kind: Symbology, pin: PinPlace, medium: Medium, pages: int, paper: tuple[float, float]
) -> None:
    some = items(11 if medium is Medium.SHEETS else 2)
    wish = Wish(medium, kind, pin, LOOK, 1, len(some))
    content = pdf(wish, some)
    read_back(content, wish, some)
    said = texts(content)
    assert (len(said), size(content)) == (pages, paper)
    for page, held in zip(said, pages_of(wish, some), strict=True):
        for one in held:
            assert grouped(one.number) in page
        assert ("Bäckerei Sommer" in page, "PIN" in page) == (True, pin is PinPlace.APART)
        assert ("0420" in page) == (pin is PinPlace.APART and held[0].position == 1)
        assert ("alles Gute!" in page) == (medium is Medium.LETTERS)


def test_equal_wishes_are_equal_bytes() -> None:
    for medium in (Medium.SHEETS, Medium.LETTERS):
        wish = Wish(medium, Symbology.QR, PinPlace.APART, LOOK, 1, 3)
        assert pdf(wish, items(3)) == pdf(wish, items(3))


WISH: Final = Wish(Medium.SHEETS, Symbology.QR, PinPlace.NONE, LOOK, 1, 12)


@pytest.mark.parametrize("kind", Symbology)
def test_a_page_that_says_something_else_is_not_handed_out(kind: Symbology) -> None:
    wish, some = replace(WISH, symbology=kind), items(12)
    content = pdf(wish, some)
    another = items(13)[-1]
    for expected in (
        [*some[:9], another],
        some[:9],
        [*some[:9], some[8]],
    ):
        with pytest.raises(BridgeError) as refused:
            proofread_page(content, 1, kind, [one.number for one in expected])
        assert (refused.value.code, refused.value.members) == (Code.RECORD_CONFLICT, {"page": 1})
    with pytest.raises(BridgeError) as refused:
        proofread_page(content, 2, kind, [one.number for one in some[:2]])
    assert refused.value.members == {"page": 2}


def test_a_second_code_in_the_scan_area_is_found() -> None:
    wish, some = replace(WISH, medium=Medium.CARDS), items(1)
    document = sheets.empty(wish, WORDS)
    sheets.draw_page(document, wish, some, WORDS)
    bars = symbol(Symbology.CODE_128, "123456")
    sheets._code(document, bars, Look(), 40, 40)
    with pytest.raises(BridgeError, match="page 1 could not be read back"):
        proofread_page(finished(document), 1, Symbology.QR, [some[0].number])


@pytest.mark.parametrize("kind", Symbology)
def test_a_code_of_another_kind_does_not_count(kind: Symbology) -> None:
    wish, some = replace(WISH, symbology=kind), items(2)
    other = Symbology.QR if kind is Symbology.CODE_128 else Symbology.CODE_128
    with pytest.raises(BridgeError):
        proofread_page(pdf(wish, some), 1, other, [one.number for one in some])


def test_a_text_that_does_not_fit_is_refused() -> None:
    look = Look(text="W " * 480 + "\n" * 22 + "M")
    look.check()
    with pytest.raises(BridgeError) as refused:
        pdf(Wish(Medium.LETTERS, Symbology.QR, look=look), items(1))
    assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, "text")


@pytest.mark.parametrize("kind", Symbology)
@pytest.mark.parametrize("heading", ["W" * 60, "ÄÖÜ ěščřž €", "‖▌▌│█ ▌║▌║█│▌", ""])
def test_no_heading_spoils_a_code(kind: Symbology, heading: str) -> None:
    wish, some = Wish(Medium.CARDS, kind, PinPlace.APART, Look(heading=heading)), items(1)
    read_back(pdf(wish, some), wish, some)


@pytest.mark.soak
@pytest.mark.parametrize("kind", Symbology)
@pytest.mark.parametrize("pin", PinPlace)
def test_thousands_of_cards_are_read_back(kind: Symbology, pin: PinPlace) -> None:
    for seed in range(4):
        some = items(500, seed)
        wish = Wish(Medium.SHEETS, kind, pin, LOOK, 1, 500)
        read_back(pdf(wish, some), wish, some)
