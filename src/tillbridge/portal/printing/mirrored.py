"""Whether a QR code in a picture is its own mirror image: a slide the wrong way round, a film stuck behind glass.

Readers of photographs read it all the same; many scanners do not. Beside the upper left corner each code says twice how
it is masked and corrected, once along a row and once along a column, in opposite order. What was read says which
fifteen modules are right there; in a mirror image the row has those of the column.
"""

from typing import Final

import zxingcpp
from PIL import Image

_GENERATOR: Final = 0b10100110111
_MASK: Final = 0b101010000010010
_BITS: Final = 15
_LEVELS: Final = {"L": 0b01, "M": 0b00, "Q": 0b11, "H": 0b10}
_ROW: Final = 8
_COLUMNS: Final = (0, 1, 2, 3, 4, 5, 7, 8)
"""Where the first eight of the fifteen stand in row 8; in a mirror image they stand in column 8."""

_SIZE_OF_FIRST: Final = 21
_MORE_EACH: Final = 4


def mirrored(picture: Image.Image, one: zxingcpp.Barcode) -> bool:
    """Whether this code, found in this picture in shades of grey, is a QR code that is mirrored."""
    extra = one.extra if isinstance(one.extra, dict) else {}
    if one.format != zxingcpp.BarcodeFormat.QRCode or extra.get("ECLevel") not in _LEVELS or "DataMask" not in extra:
        return False
    size = _SIZE_OF_FIRST + _MORE_EACH * (int(extra["Version"]) - 1)
    said = _said(_LEVELS[str(extra["ECLevel"])], int(extra["DataMask"]))
    right = [bool(said >> (_BITS - 1 - place) & 1) for place in range(len(_COLUMNS))]
    middle = _middle(picture, one, size)
    row = [_shade(picture, one, size, column, _ROW) < middle for column in _COLUMNS]
    turned = [_shade(picture, one, size, _ROW, column) < middle for column in _COLUMNS]
    return turned == right != row


def _said(level: int, mask: int) -> int:
    """The fifteen bits for a level of correction and a mask (ISO/IEC 18004, 7.9)."""
    word = level << 3 | mask
    rest = word << 10
    for bit in range(_BITS - 1, 9, -1):
        if rest >> bit & 1:
            rest ^= _GENERATOR << (bit - 10)
    return (word << 10 | rest) ^ _MASK


def _middle(picture: Image.Image, one: zxingcpp.Barcode, size: int) -> float:
    """Between dark and light: the finder in the upper left corner has both, at its rim and just inside of it."""
    dark = [_shade(picture, one, size, place, 0) for place in range(7)]
    light = [_shade(picture, one, size, place, 1) for place in range(1, 6)]
    return (sum(dark) / len(dark) + sum(light) / len(light)) / 2


def _shade(picture: Image.Image, one: zxingcpp.Barcode, size: int, column: int, row: int) -> float:
    """How light the middle of a module is, 0 to 255."""
    across, down, place = (column + 0.5) / size, (row + 0.5) / size, one.position
    top = (_between(place.top_left.x, place.top_right.x, across), _between(place.top_left.y, place.top_right.y, across))
    low = (
        _between(place.bottom_left.x, place.bottom_right.x, across),
        _between(place.bottom_left.y, place.bottom_right.y, across),
    )
    x, y = round(_between(top[0], low[0], down)), round(_between(top[1], low[1], down))
    found = picture.getpixel((min(max(x, 0), picture.width - 1), min(max(y, 0), picture.height - 1)))
    return float(found) if isinstance(found, (int, float)) else 0.0


def _between(first: float, second: float, part: float) -> float:
    return first + (second - first) * part
