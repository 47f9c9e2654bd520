"""The receipt page in a real browser: how it looks, and a cashier who prints."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console.chromium import Browser
from tests.support.console.counter import Around
from tests.support.console.looks import BY_LANGUAGE, check, everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.domain.cashier_texts import Language

HEADER = ["Müller & Co.", "Ringstraße 1, Brünn"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[OpenShop]:
    receipts = ReceiptSettings.model_validate({"header": HEADER, "printer": {"path": folder / "paper"}})
    with open_shop(folder, "front", around=Around(receipts=receipts)) as opened:
        yield opened


def test_a_cashier_prints_the_receipt_of_a_payment_and_then_a_copy(
    browser: Browser, shop: OpenShop, folder: Path
) -> None:
    paid = shop.pay(4250, "front", order_id="2026-1041")
    browser.open(shop.entrance)
    browser.open(f"{shop.url}/payments/{paid.id}")
    browser.until("Live", "#live")
    browser.find(f"#onward [href='/payments/{paid.id}/receipt']").click()
    browser.until("Customer copy", "#receipt")

    def show() -> None:
        browser.open(f"{shop.url}/payments/{paid.id}/receipt?copy=merchant")
        browser.until("42.50", "#receipt")

    everywhere(browser, "receipt", show)
    browser.find("main form .primary").click()
    browser.until("The receipt was printed.")
    assert b"42.50" in (folder / "paper").read_bytes()
    browser.until("COPY", "#receipt")
    browser.find("main form .primary").click()
    browser.until("marked as a copy", ".notice")
    assert b"COPY" in (folder / "paper").read_bytes()


@pytest.mark.parametrize("language", Language)
def test_each_language_fits(browser: Browser, shop: OpenShop, language: Language) -> None:
    paid = shop.pay(1250, "front")
    browser.language(language)
    browser.open(shop.entrance)
    browser.open(f"{shop.url}/payments/{paid.id}/receipt?language={language}")
    browser.until("12", "#receipt")
    check(browser, f"receipt-{language}", rules=BY_LANGUAGE)


def test_the_paper_holds_the_receipt_and_nothing_else(browser: Browser, shop: OpenShop) -> None:
    paid = shop.pay(1250, "front")
    browser.open(shop.entrance)
    browser.open(f"{shop.url}/payments/{paid.id}/receipt/paper?language=cs")
    assert "Účtenka pro zákazníka" in browser.text("main.receipt")
    assert browser.all("header, nav, script") == []
    check(browser, "receipt-paper")
