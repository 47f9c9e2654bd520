"""How the pages look: in every state, by day and by night, on a desktop and on the smallest phone.

No eye is in a test, so these hold what can be measured: the rules of axe for everybody who sees, hears or types
differently, no page wider than its window, nothing blocked or missing. With `CONSOLE_PICTURES=FOLDER` each page is
also kept as a picture, to be looked at.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.looks import BY_LANGUAGE, WIDER_THAN_WINDOW, axe_faults, check, everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.operation import Kind, Stage
from tillbridge.protocols.contract import Payment
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.script import Step

LONG_NAME: Final = "counter-by-the-very-long-window"


def _fill(shop: OpenShop) -> dict[str, str]:
    """A busy day; the pages that there are to see after it, by name."""
    paid = shop.pay(4250, "front", order_id="2026-1041")
    made: list[Payment] = [
        paid,
        shop.pay(1891, "front", order_id="2026-1042"),
        shop.pay(123450, LONG_NAME, order_id="an-order-number-of-sixty-four-characters-as-some-web-shops-have-"),
        shop.pay(992, "bar", order_id="2026-1044"),
        shop.pay(2500, "bar", kind=Kind.REFUND),
        shop.pay(994, "bar", order_id="2026-1045"),
        shop.pay(1295, LONG_NAME, order_id="2026-1046"),
    ]
    shop.do(lambda: shop.counter.terminals["front"].desk.script.set(Step(scenario("partial"))))
    part = shop.pay(8000, "front", order_id="2026-1043", partial_allowed=True)
    shop.counter.hold("bar")
    running = shop.start(5400, "bar", order_id="2026-1047")
    by_stage = {shop.run(shop.counter.engine.inquire(one.id)).stage: one.id for one in made}
    pages = {str(stage): f"/payments/{by_stage[stage]}" for stage in by_stage}
    doubt = by_stage[Stage.IN_DOUBT]
    return pages | {
        "payments": "/",
        "older": f"/?before={running.id}",
        "oldest": f"/?before={paid.id}",
        "running": f"/payments/{running.id}",
        "settled": f"/payments/{part.id}?notice=settled",
        "settle_yes": f"/payments/{doubt}/settle?taken=yes",
        "settle_no": f"/payments/{doubt}/settle?taken=no",
        "nowhere": "/nothing",
    }


PAGES: Final = (
    *(str(stage) for stage in (Stage.APPROVED, Stage.DECLINED, Stage.ABORTED, Stage.NOT_STARTED, Stage.IN_DOUBT)),
    *("payments", "older", "oldest", "running", "settle_yes", "settle_no", "settled", "nowhere"),
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenShop, dict[str, str]]]:
    with open_shop(tmp_path_factory.mktemp("busy"), "front", "bar", LONG_NAME) as opened:
        yield opened, _fill(opened)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    """A shop in which nothing has happened yet."""
    with open_shop(tmp_path_factory.mktemp("closed"), "front", "bar") as opened:
        yield opened


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_busy_day(browser: Browser, busy: tuple[OpenShop, dict[str, str]], page: str) -> None:
    shop, pages = busy
    browser.open(shop.entrance)

    def show() -> None:
        browser.open(shop.url + pages[page])
        browser.until("Live", "#live")

    everywhere(browser, page, show, "status of 404" if page == "nowhere" else "nothing")


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
@pytest.mark.parametrize("page", ["payments", "in_doubt", "settle_yes"])
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


def test_the_pages_of_a_shop_that_has_not_opened_yet(browser: Browser, closed: OpenShop) -> None:
    everywhere(browser, "sign_in", lambda: browser.open(closed.url))

    def show_empty() -> None:
        browser.open(closed.entrance)
        browser.until("No payment yet")

    everywhere(browser, "empty", show_empty)


def test_a_form_with_something_wrong_in_it(browser: Browser, busy: tuple[OpenShop, dict[str, str]]) -> None:
    shop, pages = busy
    browser.open(shop.entrance)

    def show() -> None:
        browser.open(shop.url + pages["settle_yes"])
        browser.evaluate("document.querySelector('.settle').noValidate = true")
        browser.find("#amount").send_keys("0")
        browser.find(".settle button").click()
        browser.until("Something is missing or wrong below.")

    everywhere(browser, "settle_wrong", show, "status of 422")


def test_a_wrong_key(browser: Browser, closed: OpenShop) -> None:
    everywhere(browser, "wrong_key", lambda: browser.open(f"{closed.url}/?key=wrong"), "status of 401")


def test_a_lost_connection(browser: Browser, busy: tuple[OpenShop, dict[str, str]]) -> None:
    shop, _ = busy

    def show() -> None:
        browser.online(connected=True)
        browser.open(shop.entrance)
        browser.until("Live", "#live")
        browser.online(connected=False)
        shop.pay(1250, "front")
        browser.until("No connection", "#live")

    everywhere(browser, "lost", show, "ERR_INTERNET_DISCONNECTED")


def test_a_rule_that_is_broken_is_found(browser: Browser, closed: OpenShop) -> None:
    browser.open(closed.url)
    browser.evaluate("document.querySelector('label').remove(); document.body.style.width = '5000px'")
    assert any(broken.startswith("label:") for broken in axe_faults(browser))
    assert browser.evaluate(WIDER_THAN_WINDOW) != []


def test_a_script_in_the_page_itself_would_be_blocked(browser: Browser, closed: OpenShop) -> None:
    browser.open(closed.url)
    browser.evaluate("""
      const planted = document.createElement("script");
      planted.textContent = "window.planted = true";
      document.body.append(planted)""")
    assert browser.evaluate("return window.planted ?? null") is None
    assert any("Content Security Policy" in fault for fault in browser.faults())
