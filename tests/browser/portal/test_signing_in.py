"""Signing in as people do: by the form, with an app on the telephone, with a finger on the computer."""

import pyotp
from sqlalchemy import update

from tests.browser.portal.hands import authenticator, fill, go, send, sign_in
from tests.browser.portal.life import FRANCHISE, numbers
from tests.browser.portal.open_portal import OWNER, OpenPortal
from tests.support.console.chromium import Browser
from tests.support.console.looks import check
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.tables import session
from tillbridge.portal.accounts.totp import STEP_SECONDS
from tillbridge.portal.demo_plan import GENERATOR
from tillbridge.portal.pages.site import CATALOGUES

ACCOUNTING = "accounting@bakery.example"
MANAGER = "manager@bakery.example"
FRANCHISEE = "franchise@bakery.example"
said = CATALOGUES[Language.EN]


def test_a_wrong_password_is_said_and_the_address_stays(browser: Browser, portal: OpenPortal) -> None:
    browser.open(f"{portal.url}/sign-in")
    fill(browser, email=ACCOUNTING, password="not this one")
    send(browser)
    assert said("accounts.wrong.sign_in") in browser.text(".problem")
    assert browser.find("#email").get_attribute("value") == ACCOUNTING
    assert browser.find("#password").get_attribute("value") == ""
    check(browser, "door-wrong", expected="Failed to load resource")


def test_an_app_on_the_telephone_is_added_and_asked_for(browser: Browser, portal: OpenPortal) -> None:
    sign_in(browser, portal, ACCOUNTING, "/profile/factors")
    assert browser.driver.current_url == f"{portal.url}/profile/factors"
    fill(browser, password=portal.passwords[ACCOUNTING])
    send(browser, "form[action='/profile/factors/totp'] .primary")
    check(browser, "factor-totp")
    assert browser.evaluate("return document.querySelector('.qr').naturalWidth") > 0
    telephone = pyotp.TOTP(browser.text(".settle .code").replace(" ", ""))
    # Each code counts once, and the portal takes those of the steps beside its own: so nobody waits here.
    now = portal.house.runtime.clock.now().timestamp()
    fill(browser, code=telephone.at(int(now) - STEP_SECONDS))
    send(browser)
    assert len(browser.all(".codes li")) == 10
    check(browser, "factor-codes")
    send(browser)
    browser.until_shown(said("accounts.factors.totp"))
    go(browser, browser.find(".sign-out button"))
    assert said("accounts.sign_in.done.signed_out") in browser.text()
    sign_in(browser, portal, ACCOUNTING, "/licences")
    assert "/sign-in/factor" in browser.driver.current_url
    check(browser, "door-factor")
    fill(browser, code="000000")
    send(browser, "form[action='/sign-in/factor'] .primary")
    assert browser.find("#code").get_attribute("aria-invalid") == "true"
    fill(browser, code=telephone.at(int(now)))
    send(browser, "form[action='/sign-in/factor'] .primary")
    assert browser.find(".who").text == "Ines Vogel"


def test_a_finger_on_the_computer_is_enough(browser: Browser, portal: OpenPortal) -> None:
    with authenticator(browser):
        sign_in(browser, portal, MANAGER, "/profile/factors")
        fill(browser, name="Laptop")
        browser.find("[data-passkey=enrol] [type=password]").send_keys(portal.passwords[MANAGER])
        send(browser, "[data-passkey=enrol] .primary")
        assert len(browser.all(".codes li")) == 10
        browser.open(f"{portal.url}/profile/factors")
        assert "Laptop" in browser.text()
        check(browser, "factor-passkey")
        go(browser, browser.find(".sign-out button"))
        browser.open(f"{portal.url}/interfaces")
        browser.driver.set_user_verified(False)  # another finger
        browser.find("[data-passkey=sign_in] button").click()
        browser.until(said("accounts.passkey.stopped"), "[data-passkey=sign_in]")
        browser.driver.set_user_verified(True)
        send(browser, "[data-passkey=sign_in] button")
        assert browser.driver.current_url == f"{portal.url}/interfaces"
        assert browser.find(".who").text == "Jonas Brandt"
        assert browser.faults() == []


def test_a_delicate_step_leads_to_a_second_factor_and_back(browser: Browser, portal: OpenPortal) -> None:
    page = f"/interfaces/{portal.run(numbers(portal))[FRANCHISE][0]}"
    sign_in(browser, portal, FRANCHISEE, page)
    send(browser, "form.make-pin .primary")
    assert "/profile/factors" in browser.driver.current_url
    assert said("accounts.factors.done.needed") in browser.text()
    with authenticator(browser):
        fill(browser, name="Till computer")
        browser.find("[data-passkey=enrol] [type=password]").send_keys(portal.passwords[FRANCHISEE])
        send(browser, "[data-passkey=enrol] .primary")
        send(browser)
        assert browser.driver.current_url == portal.url + page
        send(browser, "form.make-pin .primary")
        assert len(browser.find(".pin").text.split()) == 4


def test_a_proof_that_is_old_is_asked_for_again(browser: Browser, portal: OpenPortal) -> None:
    """By the code that the demonstration gives to whoever tries it out."""
    page = f"/interfaces/{portal.run(numbers(portal))[FRANCHISE][0]}"
    sign_in(browser, portal, OWNER, page)
    now = int(portal.house.runtime.clock.now().timestamp())
    fill(browser, code=pyotp.TOTP(GENERATOR).at(now))
    send(browser, "form[action='/sign-in/factor'] .primary")
    portal.run(forget_proofs(portal))
    send(browser, "form.make-pin .primary")
    assert "/step-up" in browser.driver.current_url
    check(browser, "door-step-up")
    fill(browser, code=pyotp.TOTP(GENERATOR).at(now + STEP_SECONDS))
    send(browser, "form[action='/step-up'] .primary")
    assert browser.driver.current_url == portal.url + page
    send(browser, "form.make-pin .primary")
    assert browser.text(".pin")


async def forget_proofs(portal: OpenPortal) -> None:
    """As if five minutes had gone by since anybody was asked."""
    async with portal.house.database.writing() as connection:
        await connection.execute(update(session).values(stepped_up_at=None))
