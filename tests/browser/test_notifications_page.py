"""The page of reports in a real browser: readable in every light and width, and usable without a mouse."""

import asyncio
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.counter import Around
from tests.support.console.looks import BY_LANGUAGE, check, everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tests.support.reports import SECRET, settings
from tests.support.shop import free_port
from tillbridge.domain.cashier_texts import Language

CONTRACT = {"payment_application": "001", "merchant_id": "1234567"}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    """HiPay refuses the contract, an address that nobody answers at has something waiting, and a file is well."""
    hipay = {
        "kind": "hipay",
        "enabled_by_merchant": True,
        "base_url": f"http://127.0.0.1:{free_port()}",
        "login": "94654727",
        "password": "p",
        "hashkey": "h",
        "contract": {"proxy": CONTRACT},
    }
    books = {"kind": "webhook", "name": "books", "url": f"https://localhost:{free_port()}/told", "secret": SECRET}
    chosen = settings(hipay, books, {"kind": "file", "name": "diary", "path": "diary.jsonl"})
    with open_shop(tmp_path_factory.mktemp("shop"), "front", around=Around(upstream=chosen)) as inside:
        # It lasts as long as the block, which is in another thread than its loop.
        telling = inside.do(lambda: asyncio.create_task(inside.counter.features.tell()))  # noqa: TID251  # ended below
        inside.pay(1250, "front", order_id="47")
        yield inside
        inside.do(telling.cancel)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    with open_shop(tmp_path_factory.mktemp("quiet"), "front") as inside:
        yield inside


def test_the_page_shows_what_needs_a_person(browser: Browser, troubled: OpenShop) -> None:
    browser.open(troubled.entrance)

    def show() -> None:
        browser.open(f"{troubled.url}/notifications")
        browser.until("Send again", "#receiver-hipay")
        assert "1009" in browser.text("#receiver-hipay")

    browser.open(f"{troubled.url}/notifications")
    while not browser.all("#receiver-hipay button"):
        browser.open(f"{troubled.url}/notifications")  # the report is dead a moment after the payment
    everywhere(browser, "notifications", show)


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
def test_longer_languages_fit_too(browser: Browser, troubled: OpenShop, language: Language) -> None:
    browser.language(language)
    browser.open(troubled.entrance)
    browser.set(Light.LIGHT, Width.NARROW)
    browser.open(f"{troubled.url}/notifications")
    check(browser, f"notifications-{language}", rules=BY_LANGUAGE)


def test_with_nobody_to_tell_it_says_so(browser: Browser, quiet: OpenShop) -> None:
    browser.open(quiet.entrance)

    def show() -> None:
        browser.open(f"{quiet.url}/notifications")
        browser.until("Nobody is told")

    everywhere(browser, "notifications-none", show)


def test_a_person_sends_it_again_without_a_mouse(browser: Browser, troubled: OpenShop) -> None:
    browser.open(troubled.entrance)
    browser.open(f"{troubled.url}/notifications")
    browser.until("Send again", "#receiver-hipay")
    # The page renews itself and keeps the focus, but an element that was found a moment ago may be gone.
    browser.until_true("""
        document.querySelector('#receiver-hipay button')?.focus();
        return document.activeElement.matches('#receiver-hipay button')""")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until("The notification is being sent again.")
