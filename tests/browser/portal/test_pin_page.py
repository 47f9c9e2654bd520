"""The page on which a shop is connected: its digits, its clock, and that it tells what happens at the till."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.portal.hands import send, tab_to
from tests.browser.portal.life import CAFE, link_of, numbers, paired, till
from tests.browser.portal.open_portal import OpenPortal
from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.looks import check
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.links.service import Links
from tillbridge.portal.pages.site import CATALOGUES

OWNER: Final = "owner@cafe.example"
said = CATALOGUES[Language.EN]


@pytest.fixture
def page(portal: OpenPortal) -> str:
    return f"/interfaces/{portal.run(numbers(portal))[CAFE][0]}"


@contextmanager
def running_till(portal: OpenPortal, folder: Path) -> Iterator[PortalDesk]:
    """The café's till, in the portal's loop, for as long as the block lasts."""
    number = portal.run(numbers(portal))[CAFE][1]
    opened: list[PortalDesk] = []
    ready, leave = portal.run(_events())

    async def live() -> None:
        async with till(portal, folder, number) as desk:
            opened.append(desk)
            ready.set()
            await leave.wait()

    living = asyncio.run_coroutine_threadsafe(live(), portal.loop)
    portal.run(ready.wait())
    try:
        yield opened[0]
    finally:
        portal.loop.call_soon_threadsafe(leave.set)
        living.result()


async def _events() -> tuple[asyncio.Event, asyncio.Event]:
    return asyncio.Event(), asyncio.Event()


async def suspend(portal: OpenPortal, location_id: str) -> None:
    links = Links(portal.house)
    async with portal.house.database.writing() as connection:
        await links.suspend(connection, await link_of(portal, location_id), PORTAL, "the test says so")


def test_the_digits_are_large_and_the_page_leaves_when_the_till_is_connected(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None], page: str, tmp_path: Path
) -> None:
    be(OWNER)
    browser.set(Light.LIGHT, Width.NARROW)
    browser.open(portal.url + page)
    send(browser, "form.make-pin .primary")
    digits = browser.find(".pin").text.split()
    assert len(digits) == 4
    assert browser.find(".pin").get_attribute("aria-label") == ", ".join(digits)
    assert browser.evaluate("return parseFloat(getComputedStyle(document.querySelector('.pin')).fontSize)") >= 48
    check(browser, "pin-narrow")
    before = browser.find(".left").text
    assert re.fullmatch(r"(23:59|24:00):\d\d", before)
    browser.until_true(f"return document.querySelector('.left').textContent < {before!r}")
    browser.set(Light.DARK, Width.WIDE)
    check(browser, "pin-wide")
    with running_till(portal, tmp_path / "till") as desk:
        portal.run(paired(desk, "".join(digits)))
        browser.until(said("links.state.active"), "#standing")
        # The digits are gone, and going back does not bring them again.
        assert browser.driver.current_url == portal.url + page
        assert "".join(digits) not in browser.text().replace(" ", "")
        assert browser.text(".link-rows")
        # From here on the page changes in place.
        browser.evaluate("window.same = true")
        portal.run(suspend(portal, page.rpartition("/")[2]))
        browser.until(said("links.state.suspended"), "#standing")
        assert browser.evaluate("return window.same") is True
        assert said("links.state.suspended") in browser.evaluate("return document.getElementById('say').textContent")
        check(browser, "interfaces-suspended")


def test_a_pin_is_made_and_withdrawn_by_keyboard(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None], page: str
) -> None:
    be(OWNER)
    browser.open(portal.url + page)
    make = said("interfaces.make")
    for box in browser.all("form.make-pin [type=checkbox]"):
        box.send_keys(Keys.SPACE)
    if not browser.all("form.make-pin [type=checkbox]"):
        assert tab_to(browser, make) < 40
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until_shown(said("interfaces.pin.once"))
    tab_to(browser, said("interfaces.withdraw"))
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until_shown(said("interfaces.done.withdrawn"))
    assert browser.faults() == []


def test_a_pin_is_made_without_javascript(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None], page: str
) -> None:
    be(OWNER)
    browser.scripts(allowed=False)
    browser.open(portal.url + page)
    for box in browser.all("form.make-pin [type=checkbox]"):
        box.click()
    browser.find("form.make-pin .primary").click()
    browser.until_shown(said("interfaces.pin.once"))
    assert not browser.find("[data-countdown]").is_displayed()
    browser.find(".pin-card a.button").click()
    browser.until_shown(said("interfaces.open"))
