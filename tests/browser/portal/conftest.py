"""One portal for the whole folder: it takes a while to open."""

from collections.abc import Callable, Iterator

import pytest

from tests.browser.portal.life import Life, life_in
from tests.browser.portal.open_portal import OpenPortal, open_portal
from tests.support.console.chromium import Browser
from tillbridge.portal.accounts.sessions import NAME


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenPortal]:
    with open_portal(tmp_path_factory.mktemp("portal")) as opened:
        yield opened


@pytest.fixture(scope="session")
def life(portal: OpenPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The same portal, with shops that are connected and shops that wait."""
    with life_in(portal, tmp_path_factory.mktemp("tills")) as begun:
        yield begun


@pytest.fixture
def be(browser: Browser, portal: OpenPortal) -> Callable[[str | None], None]:
    """Lets the browser be somebody who signed in a moment ago: for tests of what comes afterwards."""

    def become(email: str | None) -> None:
        browser.command("Network.clearBrowserCookies")
        if email is None:
            return
        cookie = {"name": NAME, "value": portal.session(email), "url": portal.url}
        browser.driver.execute_cdp_cmd("Network.setCookie", cookie)

    return become
