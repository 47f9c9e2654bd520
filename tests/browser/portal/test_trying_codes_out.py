"""A card is printed, photographed and tried out, in a browser that runs no script of ours as well."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.browser.portal.hands import fill, send
from tests.browser.portal.life import Life
from tests.browser.portal.open_portal import OWNER, OpenPortal
from tests.browser.portal.test_every_page import broken, fits
from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.looks import AXE
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.demo_access import VOUCHERS
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.printing.model import Look, Symbology
from tillbridge.portal.printing.pictures import png
from tillbridge.portal.printing.symbols import symbol

PICTURES: Final = os.environ.get("CONSOLE_PICTURES")

said = CATALOGUES[Language.EN]


def test_a_photograph_without_scripts(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None], tmp_path: Path
) -> None:
    number, pin = VOUCHERS[0]
    card = tmp_path / "card.png"
    card.write_bytes(png(symbol(Symbology.QR, number + pin), Look()))
    browser.language("en")
    be(OWNER)
    browser.scripts(allowed=False)
    try:
        browser.open(f"{portal.url}/vouchers/test-code")
        browser.find("#picture").send_keys(str(card))
        browser.find("form[enctype] button").click()
        browser.until_shown(said("printing.test.known"))
    finally:
        browser.scripts(allowed=True)
    page = browser.text()
    assert ("QR Code" in page, said("printing.test.pin.inside") in page) == (True, True)
    assert f"{number}{pin}" not in page


def test_a_typed_code(browser: Browser, portal: OpenPortal, life: Life, be: Callable[[str | None], None]) -> None:
    browser.language("en")
    be(OWNER)
    browser.open(f"{portal.url}/vouchers/test-code")
    browser.set(Light.LIGHT, Width.NARROW)
    fill(browser, code="27612345678905")
    send(browser, ".ways .primary")
    browser.until_shown(said("printing.test.wrong"))
    fits(browser, Width.NARROW)
    looked_at(browser, "vouchers-tested-narrow")
    browser.set(Light.LIGHT, Width.WIDE)
    fill(browser, code=VOUCHERS[0][0])
    send(browser, ".ways .primary")
    browser.until_shown(said("printing.test.open"))
    looked_at(browser, "vouchers-tested-wide")
    send(browser, ".verdict a")
    assert browser.driver.current_url == portal.url + life.paths["voucher"]


def looked_at(browser: Browser, name: str) -> None:
    """Nothing of the page breaks a rule of axe; with `CONSOLE_PICTURES=FOLDER` it is kept as a picture."""
    browser.evaluate(AXE)
    assert broken(browser) == []
    if PICTURES is not None:
        browser.picture(Path(PICTURES) / f"{name}.png")
