"""Pictures of designs: whatever is uploaded is drawn anew, in one size, and nothing of the file itself is kept."""

import io
import threading
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from tillbridge.domain.errors import BridgeError, Code

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a file that is uploaded: a telephone's usual photograph has half of it."""

MOST_DOTS: Final = 50_000_000

SIZE: Final = (800, 500)
"""Dots, in the shape of the cards on the shop's page."""

SMALLER: Final = (400, 250)
"""For the rare picture that is nothing but noise."""

MOST_KEPT: Final = 40 * 1024
"""Bytes that are kept: a page with two pictures stays small on a telephone at the edge of a village."""

MEDIA_TYPE: Final = "image/jpeg"

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_QUALITIES: Final = (82, 74, 66, 58, 50, 40, 30, 20)

_one_at_a_time: Final = threading.Lock()
"""A large picture takes some hundred megabytes for a moment: never two of them at once."""


def redrawn(content: bytes) -> bytes:
    """The picture as a JPEG of our own. `BridgeError(FILE_UNREADABLE)` for what is no picture, or too large."""
    if not content or len(content) > LARGEST:
        raise BridgeError(Code.FILE_UNREADABLE, f"a picture has at most {LARGEST // 2**20} MiB", place="picture")
    with _one_at_a_time:
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if opened.width * opened.height > MOST_DOTS:
                    raise BridgeError(Code.FILE_UNREADABLE, "the picture has too many dots", place="picture")
                upright = ImageOps.exif_transpose(opened).convert("RGBA")
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise BridgeError(Code.FILE_UNREADABLE, "this is no picture that can be read", place="picture") from error
        fitted = ImageOps.fit(upright, SIZE)
    ground = Image.new("RGB", SIZE, (255, 255, 255))
    ground.paste(fitted, mask=fitted.getchannel("A"))
    for size in (SIZE, SMALLER):
        for quality in _QUALITIES:
            page = io.BytesIO()
            ground.resize(size).save(page, "JPEG", quality=quality, optimize=True, progressive=True)
            if page.tell() <= MOST_KEPT:
                return page.getvalue()
    raise BridgeError(Code.FILE_UNREADABLE, "the picture has too much in it to be made small", place="picture")
