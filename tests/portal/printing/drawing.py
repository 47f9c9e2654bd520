"""Codes and cards for tests."""

import io
import random
from collections.abc import Sequence

from PIL import Image

from tillbridge.domain.voucher_code import number_of
from tillbridge.portal.documents.paper import finished
from tillbridge.portal.printing.model import Item, Look, PaperWords, Symbology, Wish
from tillbridge.portal.printing.pictures import png
from tillbridge.portal.printing.sheets import draw_page, drop, empty, pages_of
from tillbridge.portal.printing.symbols import symbol

WORDS = PaperWords("de", "Gutscheine", "Nummer", "PIN", "Bewahren Sie die PIN getrennt auf.")
NUMBER = "27612345678904"


def items(count: int, seed: int = 1) -> list[Item]:
    """Vouchers of three countries; the PIN of the first is 0420."""
    chance = random.Random(seed)
    return [
        Item(place + 1, number_of(("276", "040", "756")[place % 3], f"{chance.randrange(10**10):010d}"), f"{pin:04d}")
        for place, pin in enumerate([420, *(chance.randrange(10**4) for _ in range(count - 1))])
    ]


def pdf(wish: Wish, some: Sequence[Item]) -> bytes:
    document = empty(wish, WORDS)
    try:
        for page in pages_of(wish, some):
            draw_page(document, wish, page, WORDS)
        return finished(document)
    finally:
        drop(document)


def code(digits: str = NUMBER, kind: Symbology = Symbology.QR) -> Image.Image:
    """A code in shades of grey, as large as it is printed."""
    return Image.open(io.BytesIO(png(symbol(kind, digits), Look()))).convert("L")


def file(picture: Image.Image, form: str = "PNG") -> bytes:
    page = io.BytesIO()
    picture.save(page, form)
    return page.getvalue()
