"""A receipt as the bytes of a receipt printer (ESC/POS), through the library python-escpos.

The library is loaded when the first slip is made: it knows hundreds of printers and takes a moment to read about them.
"""

import os
import shutil
from functools import cache
from typing import Any, Final

from tillbridge.connector.receipts.text import Row
from tillbridge.domain.errors import BridgeError, Code

ANY_PRINTER: Final = "default"

CODE_PAGES: Final = ("CP437", "CP850", "CP858", "CP1252", "CP852", "CP1250")
"""The ones that printers in Europe have, the commonest first. The library would choose for every letter by itself, also
a Greek page for the euro sign, and Japanese letters of two bytes, where many printers have something else."""

ASCII: Final = "ascii"


def render_escpos(rows: list[Row], profile: str = ANY_PRINTER) -> bytes:
    """The bytes for a printer of this profile, with a cut at the end.

    What none of `CODE_PAGES` has comes out as a question mark. `BridgeError(PRINTER_UNAVAILABLE)` for a
    profile that the library does not know.
    """
    library = _library()
    try:
        printer = library.Dummy(profile=profile)
    except KeyError:
        raise BridgeError(
            Code.PRINTER_UNAVAILABLE, f"there is no printer profile {profile!r}", place="profile"
        ) from None
    known = [page for page in CODE_PAGES if page in printer.magic.encoder.codepages]
    printer.hw("INIT")
    strong, used = False, ""
    for row in rows:
        text = row.text.rstrip()
        page = _page(text, known)
        if row.strong is not strong:
            strong = row.strong
            printer.set(bold=strong)
        if page != used and page in known:
            used = page
            printer.charcode(page)
        printer.textln(_writable(text, page))
    printer.cut()
    made: bytes = printer.output
    return made


def _page(text: str, known: list[str]) -> str:
    """The first code page that has every letter of the row; where none has, the last one, which has the most.

    A printer of which none is known gets ASCII, which needs no page.
    """
    return next((page for page in known if _writable(text, page) == text), known[-1] if known else ASCII)


def _writable(text: str, page: str) -> str:
    """The text with question marks for what the page lacks, and for control characters: those are commands."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain.encode(page, errors="replace").decode(page)


@cache
def _library() -> Any:  # noqa: ANN401  # it ships no types
    from escpos import capabilities, printer  # type: ignore[import-untyped]  # noqa: PLC0415  # loaded when needed

    if "ESCPOS_CAPABILITIES_PICKLE_DIR" not in os.environ:
        # It has made a folder for a copy that only a later start of the same process could use.
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return printer
