"""The pictures of the portal in docs/pictures, which the documentation shows.

They are made by the test itself, from the demonstration. It compares nothing with what is committed, because fonts
differ from one computer to the next. To make them again after the pages have changed:

    PORTAL_PICTURES=docs/pictures .venv/bin/pytest tests/browser/portal/test_pictures.py
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.browser.portal.hands import send
from tests.browser.portal.life import FRANCHISE, Life
from tests.browser.portal.open_portal import OWNER, OpenPortal
from tests.support.console.chromium import SIZES, Browser, Light, Width
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.pages.site import CATALOGUES

COMMITTED: Final = Path(__file__).parents[3] / "docs" / "pictures"
LARGEST: Final = 200_000
"""Bytes of a picture: a reader of the documentation waits for each of them."""

PNG_HEAD: Final = struct.Struct(">8s8xII")
NAMES: Final = tuple(f"portal-{page}-{light}.png" for page in ("start", "pin") for light in Light)

said = CATALOGUES[Language.EN]


def width_of(picture: Path) -> int:
    """Pixels across, as the PNG's head has them."""
    signature, across, _ = PNG_HEAD.unpack(picture.read_bytes()[: PNG_HEAD.size])
    assert signature == b"\x89PNG\r\n\x1a\n"
    return int(across)


def right(picture: Path) -> bool:
    return width_of(picture) == SIZES[Width.WIDE][0] and picture.stat().st_size < LARGEST


def test_the_start_page_and_a_pin(
    browser: Browser, portal: OpenPortal, life: Life, be: Callable[[str | None], None], tmp_path: Path
) -> None:
    folder = Path(os.environ.get("PORTAL_PICTURES", tmp_path))
    be(OWNER)
    browser.open(portal.url)
    browser.until_shown(said("dashboard.tasks.licences"))
    for light in Light:
        browser.set(light, Width.WIDE)
        browser.picture(folder / f"portal-start-{light}.png")
    browser.open(f"{portal.url}/interfaces/{life.at[FRANCHISE]}")
    send(browser, "form.make-pin .primary")
    browser.until_shown(said("interfaces.pin.once"))
    for light in Light:
        browser.set(light, Width.WIDE)
        browser.picture(folder / f"portal-pin-{light}.png")
    assert all(right(folder / name) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_picture_is_there_and_small(name: str) -> None:
    assert right(COMMITTED / name)
