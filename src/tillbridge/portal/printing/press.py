"""Makes a file of codes, page by page, and reads each page back before the file is handed out."""

import asyncio
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.documents.paper import finished
from tillbridge.portal.printing.model import Item, Medium, PaperWords, Wish
from tillbridge.portal.printing.pictures import png, svg
from tillbridge.portal.printing.proofreading import proofread_page, proofread_png, proofread_svg
from tillbridge.portal.printing.sheets import draw_page, drop, empty, pages_of
from tillbridge.portal.printing.symbols import symbol

PATIENCE: Final = 30.0
"""Seconds that somebody waits for the file of somebody else; one of 500 cards takes a third of it."""

RETRY_AFTER: Final = 30

PDF_TYPE: Final = "application/pdf"
_TYPES: Final = {Medium.SVG: "image/svg+xml", Medium.PNG: "image/png"}
_ZIP_TYPE: Final = "application/zip"
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The format wants a date, and one that moves would make two files of the same contents differ."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was read back; `suffix` is how its name ends."""

    content: bytes
    media_type: str
    suffix: str


class Press:
    """Makes one file at a time: it takes a processor and some memory, and tills are served beside it."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def make(self, wish: Wish, items: Sequence[Item], words: PaperWords) -> Made:
        """The file. `BridgeError`: OVERLOADED if others are printing; RECORD_CONFLICT names a page as unreadable."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise BridgeError(Code.OVERLOADED, "another file is being made", retry_after=RETRY_AFTER) from None
        try:
            if wish.medium.has_text:
                return Made(await _paper(wish, items, words), PDF_TYPE, "pdf")
            return await _pictures(wish, items)
        finally:
            self._one_at_a_time.release()


async def _paper(wish: Wish, items: Sequence[Item], words: PaperWords) -> bytes:
    # A page at a time: whoever goes away meanwhile stops the work, and nobody else waits for it.
    document = await asyncio.to_thread(empty, wish, words)
    pages = pages_of(wish, items)
    try:
        for page in pages:
            await asyncio.to_thread(draw_page, document, wish, page, words)
        content = await asyncio.to_thread(finished, document)
    finally:
        drop(document)
    for number, page in enumerate(pages, 1):
        expected = [item.payload(wish.pin) for item in page]
        await asyncio.to_thread(proofread_page, content, number, wish.symbology, expected)
    return content


async def _pictures(wish: Wish, items: Sequence[Item]) -> Made:
    drawn = [await asyncio.to_thread(_picture, wish, item) for item in items]
    if len(items) == 1:
        return Made(drawn[0], _TYPES[wish.medium], wish.medium.value)
    page = io.BytesIO()
    with zipfile.ZipFile(page, "w") as archive:
        for item, content in zip(items, drawn, strict=True):
            entry = zipfile.ZipInfo(f"{item.position:05d}-{item.number}.{wish.medium}", _ZIP_DATE)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return Made(page.getvalue(), _ZIP_TYPE, "zip")


def _picture(wish: Wish, item: Item) -> bytes:
    payload = item.payload(wish.pin)
    code = symbol(wish.symbology, payload)
    if wish.medium is Medium.SVG:
        drawing = svg(code, wish.look)
        proofread_svg(drawing, (code.width, code.height), item.position, wish.symbology, payload)
        return drawing
    picture = png(code, wish.look)
    proofread_png(picture, item.position, wish.symbology, payload)
    return picture
