"""The codes: their sizes on paper, their colours, and what a reader makes of them."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.portal.printing.drawing import NUMBER
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import number_of
from tillbridge.portal.printing.model import BLACK, WHITE, Colour, Look, Medium, PinPlace, Symbology, Wish, contrast
from tillbridge.portal.printing.pictures import MM_PER_INCH, png, svg
from tillbridge.portal.printing.proofreading import proofread_png, proofread_svg
from tillbridge.portal.printing.symbols import symbol

NAVY, CREAM, GOLD, GREY = Colour(0, 0, 80), Colour(255, 250, 230), Colour(212, 175, 55), Colour(118, 118, 118)


@pytest.mark.parametrize("digits", [NUMBER, NUMBER + "0420"])
def test_a_qr_code_has_modules_and_room_enough(digits: str) -> None:
    code = symbol(Symbology.QR, digits)
    assert min(code.step, code.rise) >= 0.4
    assert (code.columns, code.rows) == (21 + 2 * 4, 21 + 2 * 4)
    assert all(run.x >= 4 and run.x + run.width <= code.columns - 4 for run in code.runs)
    assert all(4 <= run.y < code.rows - 4 for run in code.runs)
    assert {4, code.rows - 5} <= {run.y for run in code.runs}


@pytest.mark.parametrize(("digits", "pairs"), [(NUMBER, 7), (NUMBER + "0420", 9)])
def test_code_128_draws_two_digits_at_a_time(digits: str, pairs: int) -> None:
    code = symbol(Symbology.CODE_128, digits)
    # A start, the pairs, the check and the stop, and ten narrow bars of room on each side.
    assert code.columns == 11 * (1 + pairs + 1) + 13 + 2 * 10
    assert (code.step >= 0.25, code.rise >= 10) == (True, True)
    assert (code.runs[0].x, code.runs[-1].x + code.runs[-1].width) == (10, code.columns - 10)
    assert code.width < 85.6


@pytest.mark.parametrize("digits", ["2761234567890", "", "2761234567890x", "٢٧٦١٢٣٤٥٦٧٨٩٠٤"])
def test_what_no_code_can_be_made_of(digits: str) -> None:
    for kind in Symbology:
        with pytest.raises(ValueError, match="even number"):
            symbol(kind, digits or "1")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(0, 10**10 - 1), st.integers(-1, 9999), st.sampled_from(Symbology))
def test_every_picture_is_read_back(country: int, serial: int, pin: int, kind: Symbology) -> None:
    digits = number_of(f"{country:03d}", f"{serial:010d}") + ("" if pin < 0 else f"{pin:04d}")
    code, look = symbol(kind, digits), Look(NAVY, CREAM)
    proofread_png(png(code, look), 1, kind, digits)
    proofread_svg(svg(code, look), (code.width, code.height), 1, kind, digits)


def test_a_png_says_how_large_it_is() -> None:
    for kind in Symbology:
        code = symbol(kind, NUMBER)
        with Image.open(io.BytesIO(png(code, Look()))) as picture:
            dots = picture.info["dpi"][0]
            assert dots >= 299.9
            # Rounded to whole dots, a module stays within a tenth of its size.
            assert picture.width / dots * MM_PER_INCH == pytest.approx(code.width, rel=0.1)


def test_an_svg_has_its_size_in_millimetres_and_its_colours() -> None:
    text = svg(symbol(Symbology.QR, NUMBER), Look(NAVY, CREAM)).decode()
    assert re.search(r'width="23\.20mm" height="23\.20mm" viewBox="0 0 29 29"', text)
    assert ('fill="#000050"' in text, 'fill="#fffae6"' in text, NUMBER in text) == (True, True, False)


def test_equal_codes_are_equal_bytes() -> None:
    for kind in Symbology:
        one, other = symbol(kind, NUMBER), symbol(kind, NUMBER)
        assert (svg(one, Look()), png(one, Look())) == (svg(other, Look()), png(other, Look()))


def test_contrast_is_counted_as_the_web_counts_it() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, BLACK) == pytest.approx(1 / 21)
    # WCAG's own example: this grey on white is just enough for usual text.
    assert contrast(GREY, WHITE) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(
    ("look", "place"),
    [
        (Look(GREY, WHITE), "dark"),
        (Look(WHITE, BLACK), "dark"),
        (Look(Colour(90, 60, 0), GOLD), "dark"),
        (Look(heading="x" * 61), "heading"),
        (Look(heading="a\nb"), "heading"),
        (Look(text="x" * 1001), "text"),
        (Look(text="\n" * 25), "text"),
        (Look(text="a\x07b"), "text"),
    ],
)
def test_a_look_that_is_refused(look: Look, place: str) -> None:
    with pytest.raises(BridgeError) as refused:
        look.check()
    assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, place)


def test_a_look_that_is_taken() -> None:
    for look in (Look(), Look(NAVY, CREAM, "Bäckerei Sommer", "Guten Tag,\n\nalles Gute.")):
        look.check()


@pytest.mark.parametrize(
    "text", ["#12345", "123456", "#12345g", "#1234567", "red", "#\uff11\uff12\uff13\uff14\uff15\uff16"]
)
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(BridgeError) as refused:
        Colour.parse(text, "light")
    assert refused.value.place == "light"
    assert str(Colour.parse("#0a1B2c", "light")) == "#0a1b2c"


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        (Wish(Medium.SHEETS, Symbology.QR, first=0, last=1), "first"),
        (Wish(Medium.SHEETS, Symbology.QR, first=3, last=2), "last"),
        (Wish(Medium.SHEETS, Symbology.QR, first=1, last=501), "last"),
        (Wish(Medium.LETTERS, Symbology.QR, first=1, last=201), "last"),
        (Wish(Medium.SVG, Symbology.QR, PinPlace.APART), "pin"),
    ],
)
def test_a_wish_that_is_refused(wish: Wish, place: str) -> None:
    with pytest.raises(BridgeError) as refused:
        wish.check()
    assert refused.value.place == place
    Wish(Medium.SHEETS, Symbology.QR, first=101, last=600).check()
