"""People at work on the console: by mouse, by keyboard, without JavaScript, while payments go on around them."""

from selenium.webdriver.common.keys import Keys

from tests.support.console.chromium import Browser, Width
from tests.support.console.counter import KEY
from tests.support.console.open_shop import OpenShop
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Approved

IN_DOUBT = 1295
SPACE = "\N{NO-BREAK SPACE}"


def enter(browser: Browser, shop: OpenShop) -> None:
    browser.open(shop.entrance)
    browser.until("Live", "#live")


def test_a_person_signs_in_with_the_key_and_out_again(browser: Browser, shop: OpenShop) -> None:
    browser.open(shop.url)
    field = browser.find("#key")
    assert browser.evaluate("return document.activeElement.id") == "key"
    field.send_keys("wrong", Keys.ENTER)
    browser.until("This key is wrong.")
    browser.find("#key").send_keys(KEY, Keys.ENTER)
    browser.until("No payment yet")
    browser.find(".sign-out button").click()
    browser.until("You are signed out.")
    browser.open(shop.url)
    assert browser.driver.current_url == f"{shop.url}/sign-in"


def test_the_key_in_the_address_leaves_it_at_once(browser: Browser, shop: OpenShop) -> None:
    enter(browser, shop)
    assert browser.driver.current_url == f"{shop.url}/"
    assert browser.evaluate("return document.cookie") == ""
    assert browser.faults() == []


def test_an_open_page_follows_a_payment_from_the_till_to_its_end(browser: Browser, shop: OpenShop) -> None:
    enter(browser, shop)
    shop.counter.hold("bar")
    payment = shop.start(5400, "bar", order_id="2026-7")
    browser.until("Waiting for the card", "#rows")
    browser.until(f"Sale 54.00{SPACE}EUR: Waiting for the card", "#terminals")
    browser.until(f"Sale 54.00{SPACE}EUR, bar: Waiting for the card", "#say")
    shop.present_card("bar")
    shop.wait(payment)
    browser.until("Approved", "#rows")
    browser.until(f"Sale 54.00{SPACE}EUR, bar: Approved", "#say")
    assert browser.faults() == []


def test_the_page_of_a_payment_follows_it_too(browser: Browser, shop: OpenShop) -> None:
    shop.counter.hold("front")
    payment = shop.start(1250, "front")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{payment.id}")
    browser.until("Waiting for the card", ".head")
    browser.until("Waiting for the card", "#timeline")
    shop.present_card("front")
    browser.until("Approved", ".head")
    browser.until("The terminal answered: Approved", "#timeline")
    browser.until("497010######7890", "#facts")
    assert browser.all(".abort") == []
    assert browser.faults() == []


def test_a_payment_in_doubt_appears_by_itself_and_is_settled_by_keyboard_alone(
    browser: Browser, shop: OpenShop
) -> None:
    enter(browser, shop)
    doubt = shop.pay(IN_DOUBT, "terrace", order_id="2026-8")
    browser.until("In doubt: please look at the terminal", "#doubts")
    assert browser.driver.title.startswith("(1) Overview")
    tab_to(browser, "The money was taken")
    press(browser, Keys.ENTER)
    browser.until("Confirm: the money was taken")
    assert browser.find("#amount").get_attribute("value") == "12.95"
    tab_to(browser, "by")
    press(browser, "Ada", Keys.TAB, "slip 17", Keys.TAB, Keys.ENTER)
    browser.until("Settled. The terminal is free again.")
    browser.until("Ada looked at the terminal: Approved", "#timeline")
    settled = shop.run(shop.counter.engine.inquire(doubt.id))
    assert settled.outcome == Approved(doubt.amount) if doubt.amount else False
    assert browser.faults() == []


def test_the_skip_link_comes_first_and_leads_to_the_content(browser: Browser, shop: OpenShop) -> None:
    enter(browser, shop)
    press(browser, Keys.TAB)
    assert browser.evaluate("return document.activeElement.textContent") == "Skip to the content"
    assert browser.evaluate("return document.activeElement.getBoundingClientRect().top") >= 0
    press(browser, Keys.ENTER)
    assert browser.evaluate("return document.activeElement.id") == "main"


def test_the_focus_stays_where_it_is_when_the_page_renews_itself(browser: Browser, shop: OpenShop) -> None:
    paid = shop.pay(1250, "front")
    enter(browser, shop)
    tab_to(browser, "Sale")
    focused = "return document.activeElement.getAttribute('href')"
    assert browser.evaluate(focused) == f"/payments/{paid.id}"
    shop.pay(1300, "front")
    browser.until(f"13.00{SPACE}EUR", "#rows")
    assert browser.evaluate(focused) == f"/payments/{paid.id}"


def test_a_button_keeps_the_focus_while_the_terminal_works_on(browser: Browser, shop: OpenShop) -> None:
    shop.counter.hold("front")
    payment = shop.start(1250, "front")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{payment.id}")
    browser.until("Waiting for the card", ".head")
    tab_to(browser, "Ask the terminal to stop")
    desk = shop.counter.terminals["front"].desk
    shop.do(desk.present_card)
    browser.until("Waiting for the PIN", ".head")
    assert browser.evaluate("return document.activeElement.textContent") == "Ask the terminal to stop"
    press(browser, Keys.ENTER)
    browser.until("The terminal was asked to stop")
    shop.do(desk.enter_pin)
    assert shop.wait(payment).stage is Stage.APPROVED


def test_what_a_person_types_is_not_lost_when_payments_go_on(browser: Browser, shop: OpenShop) -> None:
    doubt = shop.pay(IN_DOUBT, "terrace")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{doubt.id}/settle?taken=no")
    browser.until("Live", "#live")
    browser.find("#reason").send_keys("not on the list")
    renewed_by_a_payment(browser, shop)
    assert browser.find("#reason").get_attribute("value") == "not on the list"


def test_a_form_that_came_back_with_a_complaint_stays(browser: Browser, shop: OpenShop) -> None:
    doubt = shop.pay(IN_DOUBT, "terrace")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{doubt.id}/settle?taken=no")
    browser.find("#by").send_keys("Ada")
    browser.find("#reason").send_keys(" ", Keys.TAB, Keys.ENTER)
    browser.until_shown("Write down what you saw.")
    browser.until("Live", "#live")
    renewed_by_a_payment(browser, shop)
    assert "Write down what you saw." in browser.text()
    assert browser.find("#by").get_attribute("value") == "Ada"


def test_a_form_for_what_was_settled_meanwhile_goes_away(browser: Browser, shop: OpenShop) -> None:
    doubt = shop.pay(IN_DOUBT, "terrace")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{doubt.id}/settle?taken=no")
    browser.until("Live", "#live")
    shop.settle_all()
    browser.until("settled in the meantime")
    assert browser.driver.current_url.endswith(f"/payments/{doubt.id}?notice=meanwhile")


def test_everything_works_without_javascript(browser: Browser, shop: OpenShop) -> None:
    doubt = shop.pay(IN_DOUBT, "terrace")
    browser.scripts(allowed=False)
    browser.open(shop.entrance)
    browser.until_shown("does not renew itself")
    browser.find(".doubt a[href$='taken=no']").click()
    browser.find("#by").send_keys("Ada")
    browser.find("#reason").send_keys("not on the list")
    browser.find(".settle button").click()
    browser.until_shown("Settled. The terminal is free again.")
    assert shop.run(shop.counter.engine.inquire(doubt.id)).stage is Stage.DECLINED
    shop.counter.hold("front")
    running = shop.start(1250, "front")
    browser.open(f"{shop.url}/payments/{running.id}")
    browser.find(".abort button").click()
    browser.until_shown("The terminal was asked to stop")
    assert shop.wait(running).stage is Stage.ABORTED


def test_an_empty_field_is_not_sent(browser: Browser, shop: OpenShop) -> None:
    doubt = shop.pay(IN_DOUBT, "terrace")
    enter(browser, shop)
    browser.open(f"{shop.url}/payments/{doubt.id}/settle?taken=yes")
    browser.find(".settle button").click()
    assert browser.evaluate("return document.querySelector('.settle').checkValidity()") is False
    assert browser.driver.current_url.endswith("settle?taken=yes")
    assert shop.do(shop.counter.engine.in_doubt)


def test_a_lost_connection_is_said_and_the_page_catches_up_afterwards(browser: Browser, shop: OpenShop) -> None:
    enter(browser, shop)
    browser.online(connected=False)
    browser.until("No connection to the connector", "#live")
    shop.pay(1250, "front")
    browser.online(connected=True)
    browser.until("Live", "#live")
    browser.until(f"12.50{SPACE}EUR", "#rows")


def test_the_whole_line_of_a_payment_leads_to_it(browser: Browser, shop: OpenShop) -> None:
    paid = shop.pay(1250, "front")
    enter(browser, shop)
    for width in Width:
        browser.set(width=width)
        browser.open(shop.url)
        browser.click_on("#rows .money")
        browser.until("What happened")
        assert browser.driver.current_url == f"{shop.url}/payments/{paid.id}"


def test_the_language_is_the_browsers_until_a_person_switches_it(browser: Browser, shop: OpenShop) -> None:
    paid = shop.pay(123450, "front")
    browser.language("cs-CZ,cs;q=0.9")
    enter_in = {"cs": "Poslední platby", "de": "Letzte Zahlungen", "fr": "Derniers paiements", "en": "Latest payments"}
    browser.open(shop.entrance)
    browser.until(enter_in["cs"])
    browser.until(f"1{SPACE}234,50{SPACE}EUR", "#rows")
    for language in ("de", "fr", "en"):
        browser.find(f".languages a[lang={language}]").click()
        browser.until(enter_in[language])
        assert browser.evaluate("return document.documentElement.lang") == language
    browser.open(f"{shop.url}/payments/{paid.id}")
    browser.until("What happened")


def renewed_by_a_payment(browser: Browser, shop: OpenShop) -> None:
    """Waits until the open page has asked for itself again because a payment was taken elsewhere."""
    asked = "performance.getEntriesByType('resource').filter(one => one.initiatorType === 'fetch' && one.responseEnd)"
    before = browser.evaluate(f"return {asked}.length")
    shop.pay(1250, "front")
    browser.until_true(f"return {asked}.length > {before}")


def tab_to(browser: Browser, wanted: str) -> None:
    """Goes on with the tabulator key until the focus is on what has this text or this id."""
    for _ in range(60):
        press(browser, Keys.TAB)
        text, name = browser.evaluate("return [document.activeElement.textContent.trim(), document.activeElement.id]")
        if wanted in (text, name):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


def press(browser: Browser, *keys: str) -> None:
    for key in keys:
        browser.driver.switch_to.active_element.send_keys(key)
