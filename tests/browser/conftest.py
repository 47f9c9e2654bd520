"""One browser for all tests of a worker, for it takes a while to open, and a shop for each that wants one."""

from collections.abc import Iterator

import pytest

from tests.support.console.chromium import Browser, Light, Width, chromium
from tests.support.console.open_shop import OpenShop, open_shop


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """A browser that remembers nothing of the test before."""
    window.open("about:blank")
    window.driver.delete_all_cookies()
    window.command("Network.enable")
    window.command("Network.clearBrowserCookies")
    window.command("Emulation.setTimezoneOverride", timezoneId="Europe/Paris")
    window.set(Light.LIGHT, Width.WIDE)
    window.language("en")
    window.scripts(allowed=True)
    window.online(connected=True)
    window.faults()
    yield window
    # A page that stays open goes on asking for news, of a server that is gone.
    window.online(connected=True)
    window.scripts(allowed=True)
    window.open("about:blank")


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    with open_shop(tmp_path_factory.mktemp("shop"), "front", "bar", "terrace") as opened:
        yield opened
