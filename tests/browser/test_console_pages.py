"""The pages beside the overview: how they look by day and by night, wide and narrow, with and without anything in them.

The pictures of a real day are kept with `CONSOLE_PICTURES=FOLDER`, as in `test_console_looks.py`.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.counter import Around
from tests.support.console.looks import BY_LANGUAGE, check, everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tests.support.console.opened_doors import doors
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.operation import Kind

REFERENCES: Final = (
    ("hipay-openapi.json", "application/json", b"{}" * 900),
    ("native-openapi.json", "application/json", b"{}"),
)
PAGES: Final = {
    "till": "/till",
    "till_refund": "/till?kind=refund",
    "till_choose": "/till?kind=void",
    "till_nothing": "/till?kind=capture",
    "list": "/payments",
    "list_none": "/payments?q=nothing-like-this&state=declined",
    "list_wrong": "/payments?day=2026-13-40",
    "reconciliation": "/reconciliation",
    "day_report": "/reconciliation/day",
    "doors": "/doors",
    "terminals": "/terminals",
    "tester_open": "/tester?wire=concert-v3",
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenShop, dict[str, str]]]:
    around = Around(doors=doors(), references=REFERENCES)
    with open_shop(tmp_path_factory.mktemp("busy"), "front", "bar", "terrace", around=around) as shop:
        yield shop, _fill(shop)


def _fill(shop: OpenShop) -> dict[str, str]:
    paid = shop.pay(4250, "front", order_id="2026-1041")
    for minor, terminal in ((123450, "bar"), (1891, "front"), (9900, "terrace"), (992, "bar")):
        shop.pay(minor, terminal)
    shop.pay(3000, "bar", kind=Kind.REFUND)
    shop.pay(2200, "front", kind=Kind.SALE, unit="CHF")
    lost = shop.pay(5600, "front", keyless=True, caller="concert:till-2", door="concert-v2", order_id=None)
    closing = shop.pay(None, "front", kind=Kind.RECONCILIATION)
    shop.counter.hold("bar")
    running = shop.start(5400, "bar", order_id="2026-1047", caller="console:till", door="console")
    return PAGES | {
        "till_parent": f"/till?kind=refund&parent={paid.id}",
        "till_over": f"/till/{paid.id}",
        "till_running": f"/till/{running.id}",
        "approved": f"/payments/{paid.id}",
        "keep": f"/payments/{lost.id}/undelivered?answer=keep",
        "reverse": f"/payments/{lost.id}/undelivered?answer=reverse",
        "reconciled": f"/reconciliation/{closing.id}",
        "home": "/",
    }


MADE: Final = ("till_parent", "till_over", "till_running", "approved", "keep", "reverse", "reconciled", "home")


@pytest.mark.parametrize("page", [*PAGES, *MADE])
def test_a_page_of_a_busy_day(browser: Browser, busy: tuple[OpenShop, dict[str, str]], page: str) -> None:
    shop, pages = busy
    browser.open(shop.entrance)

    def show() -> None:
        browser.open(shop.url + pages[page])
        browser.until("Live", "#live")

    everywhere(browser, page, show)


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
@pytest.mark.parametrize("page", ["till", "list", "reconciliation", "doors", "terminals", "till_running", "reconciled"])
def test_longer_languages_fit_too(
    browser: Browser, busy: tuple[OpenShop, dict[str, str]], page: str, language: Language
) -> None:
    shop, pages = busy
    browser.language(language)
    browser.open(shop.entrance)
    browser.set(Light.LIGHT, Width.NARROW)
    browser.open(shop.url + pages[page])
    assert browser.evaluate("return document.documentElement.lang") == language
    check(browser, f"{page}-{language}", rules=BY_LANGUAGE)
