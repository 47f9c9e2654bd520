"""What people do at a keyboard, and the authenticator in their computer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.portal.open_portal import OpenPortal
from tests.support.console.chromium import Browser

MOST_STOPS: Final = 80
"""A group of rights has two boxes for each area: no other page has as much to stop at."""


def fill(browser: Browser, **fields: str) -> None:
    """Types into the fields of these names."""
    for name, text in fields.items():
        field = browser.find(f"[name={name}]:not([type=hidden])")
        field.clear()
        field.send_keys(text)


def go(browser: Browser, button: WebElement) -> None:
    """Presses a button that leads to another page, and waits until that one is there."""
    browser.evaluate("window.left = false")
    button.click()
    browser.until_true("return window.left === undefined && document.readyState === 'complete'")


def send(browser: Browser, selector: str = "main .primary") -> None:
    """Presses the button of a form."""
    go(browser, browser.find(selector))


def sign_in(browser: Browser, portal: OpenPortal, email: str, path: str = "/") -> None:
    """Signs in by the form, as far as a password leads."""
    browser.open(portal.url + path)
    assert browser.driver.current_url.startswith(f"{portal.url}/sign-in")
    fill(browser, email=email, password=portal.passwords[email])
    send(browser, "form[action='/sign-in'] .primary")


def tab_to(browser: Browser, wanted: str) -> int:
    """Goes on with the tabulator key until the focus is on what has this text or id; returns how often it took."""
    focused = "const one = document.activeElement; return [one.textContent.trim(), one.id]"
    for presses in range(1, MOST_STOPS):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        if wanted in browser.evaluate(focused):
            return presses
    raise AssertionError(f"the keyboard does not reach {wanted}")


@contextmanager
def authenticator(browser: Browser) -> Iterator[None]:
    """A computer that knows its owner by a finger, and keeps passkeys."""
    options = VirtualAuthenticatorOptions(
        protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
        transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
        has_resident_key=True,
        has_user_verification=True,
        is_user_verified=True,
    )
    browser.driver.add_virtual_authenticator(options)
    try:
        yield
    finally:
        browser.driver.remove_virtual_authenticator()
