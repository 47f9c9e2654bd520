"""The portal without a mouse: the way past the menu, what has the focus, and where the keys lead."""

from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.portal.hands import tab_to
from tests.browser.portal.life import Life
from tests.browser.portal.open_portal import OWNER, STAFF, OpenPortal
from tests.support.console.chromium import Browser, Width
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.pages.site import CATALOGUES

said = CATALOGUES[Language.EN]

MAIN_ACTIONS = {
    "/sign-in": (None, "accounts.sign_in.title"),
    "/interfaces/{office}": (OWNER, "interfaces.make"),
    "/interfaces/{harbour}": (OWNER, "interfaces.consent.accept"),
    "/locations/new": (OWNER, "locations.save"),
    "/people/invite": (OWNER, "people.invite.send"),
    "/people/groups/new": (OWNER, "people.save"),
    "/customers/new": (OWNER, "customers.save"),
    "/maintenance/windows/new": (OWNER, "maintenance.save"),
    "/connectors/{office}": (OWNER, "commands.pay.start"),
    "/operator/new": (STAFF, "people.merchants.make"),
}


@pytest.mark.parametrize("path", MAIN_ACTIONS)
def test_the_keys_reach_what_a_page_is_for(
    browser: Browser,
    portal: OpenPortal,
    life: Life,
    be: Callable[[str | None], None],
    path: str,
) -> None:
    who, key = MAIN_ACTIONS[path]
    be(who)
    browser.open(portal.url + path.format(office=life.at["Backstube Lindenhof"], harbour=life.at["Filiale Hafen"]))
    tab_to(browser, said(key))
    focus = browser.evaluate("return getComputedStyle(document.activeElement).outlineStyle")
    assert focus == "solid"


def test_one_key_leads_past_the_menu(browser: Browser, portal: OpenPortal, be: Callable[[str | None], None]) -> None:
    be(OWNER)
    browser.open(f"{portal.url}/locations")
    assert tab_to(browser, said("nav.skip")) == 1
    assert browser.find(".skip").rect["y"] >= 0
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.evaluate("return document.activeElement.id") == "main"
    assert tab_to(browser, said("locations.new")) == 1


@pytest.mark.parametrize("width", Width)
def test_the_menu_says_where_one_is_and_shows_every_entry(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None], width: Width
) -> None:
    be(OWNER)
    browser.set(width=width)
    browser.open(f"{portal.url}/customers/bases")
    assert [one.text for one in browser.all(".menu [aria-current=page]")] == [said("customers.menu")]
    # In every language the line is one line where there is room for it, and nothing is lost behind "More".
    for language in Language:
        browser.open(f"{portal.url}/language/{language}?back=/customers/bases")
        tops = {round(one.rect["y"]) for one in browser.all(".menu > ul > li")}
        assert len(tops) == 1 or width is Width.NARROW, language
    browser.open(f"{portal.url}/language/en?back=/customers/bases")
    tab_to(browser, said("nav.more"))
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.evaluate("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert all(one.is_displayed() and one.rect["height"] >= 24 for one in browser.all(".menu a"))
    browser.find(".menu a[href='/audit']").click()
    browser.until_shown(said("audit.title"))
    more = browser.find(".menu summary")
    assert (more.text, more.get_attribute("aria-current")) == (f"{said('nav.more')}: {said('audit.menu')}", "true")


def test_somebody_signs_in_with_the_keys_alone(browser: Browser, portal: OpenPortal) -> None:
    who = "auditor@bakery.example"
    browser.open(f"{portal.url}/audit")
    assert browser.evaluate("return document.activeElement.id") == "email"
    browser.driver.switch_to.active_element.send_keys(who, Keys.TAB, portal.passwords[who], Keys.ENTER)
    browser.until_shown(said("audit.title"), "h1")
    assert browser.driver.current_url == f"{portal.url}/audit"


def test_somebody_signs_in_without_javascript(browser: Browser, portal: OpenPortal) -> None:
    who = "editor@bakery.example"
    browser.scripts(allowed=False)
    browser.open(portal.url)
    assert not any(one.is_displayed() for one in browser.all("[data-passkey]"))
    browser.find("#email").send_keys(who)
    browser.find("#password").send_keys(portal.passwords[who])
    browser.find("main .primary").click()
    browser.until_shown("Mila Roth", ".who")
    browser.find(".sign-out button").click()
    browser.until_shown(said("accounts.sign_in.done.signed_out"))


def test_the_language_is_switched_on_every_page(
    browser: Browser, portal: OpenPortal, be: Callable[[str | None], None]
) -> None:
    be(OWNER)
    browser.open(f"{portal.url}/licences")
    for language in (Language.DE, Language.FR, Language.CS, Language.EN):
        browser.find(f".languages a[lang={language}]").click()
        browser.until_shown(CATALOGUES[language]("licences.title"), "h1")
        assert browser.driver.current_url == f"{portal.url}/licences"
