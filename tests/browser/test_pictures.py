"""The pictures of the console in docs/pictures, which the README shows.

They are made by the test itself, from real payments of virtual terminals. It compares nothing with what is committed,
because fonts differ from one computer to the next. To make them again after the pages have changed:

    CONSOLE_PICTURES=docs/pictures .venv/bin/pytest tests/browser/test_pictures.py
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.console.chromium import SIZES, Browser, Light, Width
from tests.support.console.open_shop import OpenShop
from tests.support.console.shop_day import DAY, shop_day

COMMITTED: Final = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST: Final = 200_000
"""Bytes of a picture: a reader of the README waits for two of them."""

SCALE: Final = 1
PNG_HEAD: Final = struct.Struct(">8s8xII")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    with shop_day(tmp_path_factory.mktemp("day")) as shop:
        yield shop


def width_of(picture: Path) -> int:
    """Pixels across, as the PNG's head has them."""
    signature, across, _ = PNG_HEAD.unpack(picture.read_bytes()[: PNG_HEAD.size])
    assert signature == b"\x89PNG\r\n\x1a\n"
    return int(across)


@pytest.mark.parametrize("light", Light)
def test_a_day_in_the_shop(browser: Browser, day: OpenShop, light: Light, tmp_path: Path) -> None:
    browser.set(light, Width.WIDE, SCALE)
    browser.open(day.entrance)
    browser.until("Live", "#live")
    browser.until("Waiting for the card", "#terminals")
    assert len(browser.all("#rows tr")) == len(DAY) + 1
    states = {badge.text for badge in browser.all("#rows .badge")}
    assert states == {"Approved", "Declined", "Cancelled", "Not started", "In doubt", "Waiting for the card"}
    picture = Path(os.environ.get("CONSOLE_PICTURES", tmp_path)) / f"console-{light}.png"
    browser.picture(picture)
    assert width_of(picture) == SIZES[Width.WIDE][0] * SCALE
    assert picture.stat().st_size < LARGEST


@pytest.mark.parametrize("light", Light)
def test_the_committed_picture_is_there_and_small(light: Light) -> None:
    picture = COMMITTED / f"console-{light}.png"
    assert width_of(picture) == SIZES[Width.WIDE][0] * SCALE
    assert picture.stat().st_size < LARGEST
