"""Reads the codes in a picture that somebody took of a card, and says what is odd about how they look.

The picture is opened as PNG, JPEG or WebP alone, within a bounded number of dots, and forgotten afterwards.
"""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import zxingcpp
from PIL import Image, ImageOps, UnidentifiedImageError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.printing.mirrored import mirrored

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a picture: a telephone's usual photograph has half of it."""

MOST_DOTS: Final = 50_000_000
"""Dots of a picture; the largest that telephones usually take has as many."""

FORMATS: Final = ("PNG", "JPEG", "WEBP")

_SIDE: Final = 2_400
"""Dots of the longer side at which a picture is searched: finer ones take long and show nothing more of a card."""

_POOR: Final = 3.0
"""Below this the code's light and dark parts are too near to each other, even for a photograph."""

_DARKEST, _LIGHTEST = 0.1, 0.9
"""Where in the order of its dots a code's dark and light are taken from: a few stray ones must not count."""

_one_at_a_time: Final = threading.Lock()
"""A large picture takes some hundred megabytes for a moment: never two of them at once."""


class Oddity(StrEnum):
    """What is wrong with how a code looks, although it could be read."""

    INVERTED = "inverted"
    MIRRORED = "mirrored"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Seen:
    """A code in a picture: what it says, of which kind it is ("QR Code"), and what is odd about it."""

    text: str = field(repr=False)
    kind: str
    oddities: tuple[Oddity, ...] = ()


def read_picture(content: bytes) -> tuple[Seen, ...]:
    """The codes in a picture; none if there is none that can be read.

    `BridgeError(FILE_UNREADABLE)` for what is no picture, or too large.
    """
    if len(content) > LARGEST:
        raise _unreadable(f"a picture has at most {LARGEST} bytes")
    with _one_at_a_time:
        return _search(_opened(content))


def _opened(content: bytes) -> Image.Image:
    """The picture in shades of grey, no larger than it is searched."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_DOTS:
                raise _unreadable(f"a picture has at most {MOST_DOTS} dots")
            # A JPEG is unpacked no finer than it is needed, which saves most of the memory.
            picture.draft("L", (_SIDE, _SIDE))
            picture.thumbnail((_SIDE, _SIDE))
            return _on_white(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unreadable(f"a picture has at most {MOST_DOTS} dots") from error
    except UnidentifiedImageError as error:
        raise _unreadable("it is no PNG, JPEG or WebP") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise _unreadable("the picture is damaged") from error


def _on_white(picture: Image.Image) -> Image.Image:
    """What is transparent is paper."""
    if not picture.has_transparency_data:
        return picture.convert("L")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture.convert("RGBA")).convert("L")


def _search(picture: Image.Image) -> tuple[Seen, ...]:
    """As most scanners see it first; then light on dark; then with the contrast that it lacks."""
    plain = zxingcpp.read_barcodes(picture, try_invert=False)
    if plain:
        return tuple(_seen(picture, one) for one in plain)
    inverted = ImageOps.invert(picture)
    if turned := zxingcpp.read_barcodes(inverted, try_invert=False):
        return tuple(_seen(inverted, one, Oddity.INVERTED) for one in turned)
    stretched = ImageOps.autocontrast(picture, cutoff=1)
    found = zxingcpp.read_barcodes(stretched, try_invert=False)
    return tuple(Seen(one.text, str(one.format), (Oddity.FAINT,)) for one in found)


def _seen(picture: Image.Image, one: zxingcpp.Barcode, *oddities: Oddity) -> Seen:
    odd = list(oddities)
    if mirrored(picture, one):
        odd.append(Oddity.MIRRORED)
    if _contrast(picture, one) < _POOR:
        odd.append(Oddity.FAINT)
    return Seen(one.text, str(one.format), tuple(odd))


def _contrast(picture: Image.Image, one: zxingcpp.Barcode) -> float:
    """How much lighter the code's light parts are in this picture than its dark ones."""
    place = one.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    left, right = min(each.x for each in corners), max(each.x for each in corners)
    top, bottom = min(each.y for each in corners), max(each.y for each in corners)
    counts = picture.crop((left, top, right + 1, bottom + 1)).histogram()
    dark, light = _at(counts, _DARKEST), _at(counts, _LIGHTEST)
    return (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)


def _at(counts: Sequence[int], part: float) -> int:
    """The shade below which this part of the dots lies."""
    wanted, so_far = sum(counts) * part, 0
    for shade, count in enumerate(counts):
        so_far += count
        if so_far >= wanted:
            return shade
    return len(counts) - 1


def _luminance(shade: int) -> float:
    """How bright a shade of grey looks, 0 to 1; as a screen's gamma has it."""
    return float((shade / 255) ** 2.2)


def _unreadable(why: str) -> BridgeError:
    return BridgeError(Code.FILE_UNREADABLE, why, place="picture")
