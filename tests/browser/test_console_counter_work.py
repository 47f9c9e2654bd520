"""People at work on the till page and the wire tester in a real browser."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.console.chromium import Browser
from tests.support.console.counter import Around
from tests.support.console.looks import everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tests.support.console.opened_doors import doors
from tillbridge.domain.operation import Stage
from tillbridge.protocols import registry
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

SPACE = "\N{NO-BREAK SPACE}"
START_SECONDS = 30.0


def at_till(browser: Browser, shop: OpenShop, path: str = "/till") -> None:
    browser.open(shop.entrance)
    browser.open(shop.url + path)
    browser.until("Live", "#live")


def test_a_sale_by_keyboard_from_the_amount_to_the_sentence(browser: Browser, shop: OpenShop) -> None:
    at_till(browser, shop)
    assert browser.evaluate("return document.activeElement.id") == "amount"
    shop.counter.hold("front")
    browser.driver.switch_to.active_element.send_keys("12.50", Keys.ENTER)
    browser.until("Waiting for the card", "#standing")
    shop.present_card("front")
    browser.until("The payment is approved.", "#standing")
    browser.until("12.50", "#standing h1")
    browser.find("#onward .primary").click()
    browser.until("Take the payment")
    assert browser.faults() == []


def test_a_double_click_and_a_way_back_take_the_money_once(browser: Browser, shop: OpenShop) -> None:
    at_till(browser, shop)
    browser.find("#amount").send_keys("8.00")
    browser.evaluate("const f = document.querySelector('form.till'); f.submit(); f.submit();")
    browser.until("The payment is approved.", "#standing")
    browser.driver.refresh()
    browser.until("The payment is approved.", "#standing")
    assert len(shop.do(shop.counter.engine.payments)) == 1


def test_a_running_payment_is_stopped_from_the_till(browser: Browser, shop: OpenShop) -> None:
    shop.counter.hold("bar")
    at_till(browser, shop, "/till?terminal=bar")
    browser.find("#amount").send_keys("5", Keys.ENTER)
    browser.until("Waiting for the card", "#standing")
    browser.find("#stopping button").click()
    browser.until("Cancelled", "#standing")
    assert browser.all("#stopping button") == []


def test_a_cashier_compares_the_signature(browser: Browser, shop: OpenShop) -> None:
    shop.do(lambda: shop.counter.terminals["front"].desk.script.set(Step(scenario("signature"))))
    at_till(browser, shop)
    browser.find("#amount").send_keys("12.50", Keys.ENTER)
    browser.until("Is the signature that of the card?", "#signing")
    here = browser.driver.current_url

    def show() -> None:
        browser.open(here)
        browser.until("Is the signature that of the card?", "#signing")

    everywhere(browser, "till_sign", show)
    browser.find("#sign-by").send_keys("Ada")
    browser.find("#signing .primary").click()
    browser.until("The payment is approved.", "#standing")
    assert browser.all("#signing form") == []


def test_the_till_works_without_javascript(browser: Browser, shop: OpenShop) -> None:
    browser.scripts(allowed=False)
    browser.open(shop.entrance)
    browser.open(f"{shop.url}/till")
    browser.find("#amount").send_keys("3.20")
    browser.find("form.till button").click()
    browser.until_shown("does not renew itself")
    shop.until_quiet()
    browser.driver.refresh()
    browser.until_shown("The payment is approved.")


def test_an_entry_for_the_till_is_copied(browser: Browser, tmp_path: Path) -> None:
    with open_shop(tmp_path, "front", around=Around(doors=doors())) as shop:
        at_till(browser, shop, "/doors")
        browser.find("[data-copy='8080']").click()
        browser.until("Copied", "#say")
        assert browser.faults() == []
        browser.scripts(allowed=False)
        browser.open(f"{shop.url}/doors")
        browser.until_shown("8080")
        assert not any(button.is_displayed() for button in browser.all("[data-copy]"))


@contextmanager
def listening_terminal() -> Iterator[tuple[VirtualTerminal, int]]:
    """A virtual terminal that speaks Concert V3 in a thread of its own."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), []
    machine = VirtualTerminal("machine", Runtime(), delay=0.0)
    maker = registry.door("concert-v3")
    settings = maker.settings.model_validate({"port": 0, "reference_is_order": True})
    door = maker.open(settings, machine, Runtime(), behaviour=ScriptedBehaviour(machine))

    def on_ready() -> None:
        port.append(int(door.address.rpartition(":")[2]))
        ready.set()

    async def live() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await door.serve(on_ready)

    def run() -> None:
        try:
            loop.run_until_complete(live())
        except asyncio.CancelledError:
            loop.close()

    tasks: list[asyncio.Task[None]] = []
    thread = threading.Thread(target=run, name="terminal")
    thread.start()
    try:
        assert ready.wait(START_SECONDS)
        yield machine, port[0]
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(START_SECONDS)


@pytest.fixture
def under_test(browser: Browser, shop: OpenShop) -> Iterator[None]:
    """A terminal under test, with its page in the browser."""
    with listening_terminal() as (_, port):
        at_till(browser, shop, "/tester?wire=concert-v3")
        browser.find("[id='s.host']").send_keys("127.0.0.1")
        browser.find("[id='s.port']").send_keys(str(port), Keys.ENTER)
        browser.until("Ready", "#under-test")
        yield
        shop.run(shop.counter.tester.close())


@pytest.mark.usefixtures("under_test")
def test_a_technician_sees_what_passes_over_the_wire(browser: Browser, shop: OpenShop) -> None:
    browser.find("form[action='/tester/pay'] button").click()
    browser.until("Approved", "#tried")
    browser.until("CB003100", "#bytes")
    browser.until("received", "#bytes")

    def show() -> None:
        browser.open(f"{shop.url}/tester")
        browser.until("received", "#bytes")

    everywhere(browser, "tester", show)
    assert shop.do(shop.counter.engine.payments) == []


@pytest.mark.usefixtures("under_test")
def test_a_technician_is_led_through_an_acceptance_test(browser: Browser, shop: OpenShop) -> None:
    browser.open(f"{shop.url}/tester/acceptance")
    browser.find("#by").send_keys("Ada", Keys.ENTER)
    browser.until("Sign of life", "#steps")
    browser.find("#step-connect .primary").click()
    browser.until("Please look at the terminal", "#step-connect")
    browser.find("#remark-connect").send_keys("all well")
    browser.find("#step-connect button[value=yes]").click()
    browser.until("Passed", "#step-connect")
    browser.until("all well", "#step-connect")
    browser.find("#step-approve .primary").click()
    browser.until("Please look at the terminal", "#step-approve")

    def show() -> None:
        browser.open(f"{shop.url}/tester/acceptance")
        browser.until("Please look at the terminal", "#step-approve")

    everywhere(browser, "acceptance", show)
    test_line = shop.counter.tester.under_test().engine
    assert [one.stage for one in shop.do(test_line.payments)] == [Stage.APPROVED]
