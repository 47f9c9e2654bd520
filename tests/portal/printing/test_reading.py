"""Pictures of cards: what is read in them, and what is said of how they look."""

import io
import zlib

import pytest
from PIL import Image, ImageOps

from tests.portal.printing.drawing import NUMBER, code, file
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.printing import reading
from tillbridge.portal.printing.model import Symbology
from tillbridge.portal.printing.reading import Oddity, Seen, read_picture


def seen(picture: Image.Image, form: str = "PNG") -> list[tuple[str, str, tuple[Oddity, ...]]]:
    return [(one.kind, one.text, one.oddities) for one in read_picture(file(picture, form))]


KINDS = {Symbology.QR: "QR Code", Symbology.CODE_128: "Code 128"}


@pytest.mark.parametrize("kind", Symbology)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_each_kind(kind: Symbology, form: str) -> None:
    for turned in (0, 90, 180):
        picture = code(NUMBER + "0420", kind).rotate(turned, expand=True)
        assert seen(picture, form) == [(KINDS[kind], NUMBER + "0420", ())]


@pytest.mark.parametrize("serial", range(8))
def test_a_mirror_image_is_known_from_a_turned_one(serial: int) -> None:
    """Whatever the number, and with it the mask and the modules beside the corner."""
    picture = code(f"{10_000_000_000_000 + serial * 1_234_567_891_011}")
    for turned in (0, 90, 180, 270, 20):
        straight = picture.rotate(turned, expand=True, fillcolor=255)
        mirrored = ImageOps.mirror(picture).rotate(turned, expand=True, fillcolor=255)
        assert [one.oddities for one in read_picture(file(straight))] == [()], turned
        assert [one.oddities for one in read_picture(file(mirrored))] == [(Oddity.MIRRORED,)], turned


@pytest.mark.parametrize("kind", Symbology)
def test_light_on_dark_is_read_and_said(kind: Symbology) -> None:
    assert seen(ImageOps.invert(code(kind=kind))) == [(KINDS[kind], NUMBER, (Oddity.INVERTED,))]


def test_light_on_dark_and_mirrored() -> None:
    assert seen(ImageOps.invert(ImageOps.mirror(code()))) == [("QR Code", NUMBER, (Oddity.INVERTED, Oddity.MIRRORED))]


@pytest.mark.parametrize("kind", Symbology)
@pytest.mark.parametrize(("dark", "faint"), [(0, False), (90, False), (170, True), (190, True)])
def test_poor_contrast_is_said(kind: Symbology, dark: int, *, faint: bool) -> None:
    picture = code(kind=kind).point(lambda shade: dark if shade < 128 else 200)
    assert seen(picture) == [(KINDS[kind], NUMBER, (Oddity.FAINT,) if faint else ())]


def test_two_codes_are_both_told() -> None:
    one, other = code(), code(kind=Symbology.CODE_128)
    both = Image.new("L", (other.width + 100, one.height + other.height + 200), 255)
    both.paste(one, (50, 50))
    both.paste(other, (50, one.height + 150))
    assert sorted(kind for kind, _, _ in seen(both)) == ["Code 128", "QR Code"]


def test_a_picture_without_a_code() -> None:
    assert read_picture(file(Image.new("L", (600, 400), 255))) == ()
    assert read_picture(file(Image.effect_noise((600, 400), 80))) == ()
    half = code()
    assert read_picture(file(half.crop((0, 0, half.width, half.height // 2)))) == ()


def test_what_is_transparent_is_paper() -> None:
    grey = code()
    clear = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    clear.putalpha(ImageOps.invert(grey))
    assert seen(clear) == [("QR Code", NUMBER, ())]


def test_a_large_photograph_is_made_smaller() -> None:
    photograph = Image.new("RGB", (6000, 4000), (180, 170, 160))
    photograph.paste(code().convert("RGB").resize((1500, 1500)), (2000, 1200))
    assert [one.text for one in read_picture(file(photograph, "JPEG"))] == [NUMBER]


def bomb() -> bytes:
    """A few kilobytes that would unpack to gigabytes."""
    content = bytearray(file(Image.new("1", (64, 64))))
    content[16:24] = (60_000).to_bytes(4, "big") * 2

    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture at all",
        file(Image.new("L", (20, 20)), "GIF"),
        file(Image.new("L", (20, 20)), "BMP"),
        file(Image.new("L", (20, 20)), "TIFF"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        file(code())[:300],
        file(code(), "JPEG")[:150],
        bomb(),
        file(Image.new("1", (8000, 7000))),
        b"\x89PNG\r\n\x1a\n" + bytes(reading.LARGEST),
    ],
    ids=["empty", "text", "gif", "bmp", "tiff", "svg", "eps", "half", "half jpeg", "bomb", "dots", "bytes"],
)
def test_what_is_no_picture_for_us_is_refused(content: bytes) -> None:
    with pytest.raises(BridgeError) as refused:
        read_picture(content)
    assert (refused.value.code, refused.value.place) == (Code.FILE_UNREADABLE, "picture")


def test_a_code_shows_nowhere_what_it_says() -> None:
    assert NUMBER not in repr(Seen(NUMBER, "QR Code"))


def test_a_damaged_picture_is_refused_in_full() -> None:
    whole = file(code())
    page = io.BytesIO(whole[: len(whole) // 2] + whole[len(whole) // 2 + 9 :])
    with pytest.raises(BridgeError):
        read_picture(page.getvalue())
