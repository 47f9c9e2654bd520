"""How every page looks: to axe by day and by night, on a desktop and on the smallest phone.

No eye is in a test, so these hold what can be measured. With `CONSOLE_PICTURES=FOLDER` each page is also kept as a
picture, to be looked at.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.browser.portal.life import Life
from tests.browser.portal.open_portal import OpenPortal
from tests.browser.portal.where import PAGES, Page
from tests.support.console.chromium import SIZES, Browser, Light, Width
from tests.support.console.looks import AXE, WIDER_THAN_WINDOW

PICTURES: Final = os.environ.get("CONSOLE_PICTURES")
LANGUAGES: Final = ("de", "fr", "cs", "en")
MISSING: Final = "Failed to load resource"
"""What the browser says of an error page, which is answered as an error."""

_ACROSS: Final = "return document.documentElement.scrollWidth"
_AXE: Final = """
const [rules, done] = arguments;
axe.run({...(rules && {runOnly: rules}), resultTypes: ['violations'], preload: false}).then(
  (found) => done(found.violations.flatMap((one) => one.nodes.map((node) => node.html + node.failureSummary))))"""


def broken(browser: Browser, *rules: str) -> list[str]:
    """The places that break these rules of axe; without rules named, any of them. axe must be on the page."""
    found: list[str] = browser.driver.execute_async_script(_AXE, list(rules) or None)
    return found


def fits(browser: Browser, width: Width) -> None:
    """A page that does not fit makes a phone's window wider: both are held to what was asked for."""
    assert browser.evaluate(WIDER_THAN_WINDOW) == []
    assert browser.evaluate(_ACROSS) <= SIZES[width][0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_looks_right_everywhere(
    browser: Browser, portal: OpenPortal, life: Life, be: Callable[[str | None], None], page: Page
) -> None:
    language = LANGUAGES[PAGES.index(page) % len(LANGUAGES)]
    browser.language(language)
    browser.set(Light.DARK, Width.NARROW)
    be(page.who)
    browser.open(portal.url + page.at(life))
    assert browser.evaluate("return document.documentElement.lang") == language
    assert browser.driver.current_url == portal.url + page.at(life)
    fits(browser, Width.NARROW)
    browser.evaluate(AXE)
    assert broken(browser) == []
    keep(browser, f"{page.name}-{language}-dark-narrow")
    browser.set(Light.LIGHT, Width.WIDE)
    fits(browser, Width.WIDE)
    # Nothing but the light has changed since.
    assert broken(browser, "color-contrast") == []
    keep(browser, f"{page.name}-{language}-light-wide")
    assert [one for one in browser.faults() if page.status == 200 or MISSING not in one] == []


@pytest.mark.parametrize("language", ["de", "fr"])
@pytest.mark.parametrize("name", ["interfaces-active", "people-group-new", "customers-old", "licences-list"])
def test_the_longest_words_fit_on_the_smallest_phone(
    browser: Browser, portal: OpenPortal, life: Life, be: Callable[[str | None], None], name: str, language: str
) -> None:
    page = next(one for one in PAGES if one.name == name)
    browser.language(language)
    browser.set(Light.LIGHT, Width.NARROW)
    be(page.who)
    browser.open(portal.url + page.at(life))
    fits(browser, Width.NARROW)


def keep(browser: Browser, name: str) -> None:
    if PICTURES is not None:
        browser.picture(Path(PICTURES) / f"{name}.png")
