"""The page on which a person says that a terminal has another address: how it looks, and that it works by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.counter import Around
from tests.support.console.looks import BY_LANGUAGE, check, everywhere
from tests.support.console.open_shop import OpenShop, open_shop
from tests.support.touchscreen import Network, door_settings, driver_settings
from tillbridge.domain.cashier_texts import Language
from tillbridge.engine.engine import TerminalSetup
from tillbridge.protocols.contract import HealthState
from tillbridge.protocols.touchscreen.door import TouchScreenDoor
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

PAGE = "/terminals/bar/address"


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[OpenShop]:
    """A shop one of whose terminals answers at another address than the settings say, and proves nothing."""
    network = Network()
    network.apps["10.0.0.5"] = TouchScreenDoor(door_settings(), built_in(), VirtualTerminal("bar"), Runtime()).app
    settings = driver_settings(host="10.0.0.2", search=["10.0.0.0/29"])
    terminal = TouchScreenTerminal(settings, built_in(), network)
    around = Around(setups=(TerminalSetup("bar", "touchscreen", terminal),))
    with open_shop(tmp_path, "front", around=around) as shop:
        shop.run(terminal.health())
        yield shop


def test_the_form_looks_right(browser: Browser, moved: OpenShop) -> None:
    browser.open(moved.entrance)
    everywhere(browser, "address", lambda: browser.open(moved.url + PAGE))
    everywhere(browser, "terminals-moved", lambda: browser.open(moved.url + "/terminals?notice=moved"))


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
def test_longer_languages_fit_too(browser: Browser, moved: OpenShop, language: Language) -> None:
    browser.language(language)
    browser.open(moved.entrance)
    browser.set(Light.LIGHT, Width.NARROW)
    browser.open(moved.url + PAGE)
    assert browser.evaluate("return document.documentElement.lang") == language
    check(browser, f"address-{language}", rules=BY_LANGUAGE)


def test_a_person_finds_the_form_and_chooses_the_terminal_that_was_seen(browser: Browser, moved: OpenShop) -> None:
    browser.open(moved.entrance)
    browser.open(moved.url + "/terminals")
    browser.until("10.0.0.5:33350")
    browser.find(f'a[href="{PAGE}"]').click()
    browser.until("Terminal bar has a new address")
    browser.find('input[name="candidate"][value="10.0.0.5:33350"]').click()
    browser.find("#by").send_keys("Ada")
    browser.find("#reason").send_keys("read from its screen")
    browser.find("form.settle .primary").click()
    browser.until("10.0.0.5:33350 (in the settings: 10.0.0.2:33350)")
    assert moved.run(moved.counter.engine.terminals())[1].health.state is HealthState.READY
    assert browser.faults() == []
