"""A headless Chromium, as people use it: wide or narrow, by day or by night, with or without JavaScript.

The one that has no window at all: it draws the same pages with half of the work.
"""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE: Final = 20.0
"""Seconds for something to appear on a busy machine; what appears is waited for, never the time."""

LOOK_SECONDS: Final = 0.03
"""Between two looks whether it is there: half a second, as usual, would be most of the time of a test."""

PASSING: Final = (NoSuchElementException, StaleElementReferenceException)
"""What an element says that a new page has not drawn yet, or has just replaced."""

_PLAIN: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")
_TO_ITSELF: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""It asks nobody for news of its own: where there is no way out, it would ask again and again."""

OWN_FAULTS: Final = frozenset({"SEVERE", "WARNING"})


class Light(StrEnum):
    """What the computer is set to."""

    LIGHT = "light"
    DARK = "dark"


class Width(StrEnum):
    """The window: a desktop, or the smallest phone still in use."""

    WIDE = "wide"
    NARROW = "narrow"


SIZES: Final = {Width.WIDE: (1280, 900), Width.NARROW: (360, 740)}


class Browser:
    """One window."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def _waiting(self, passing: tuple[type[Exception], ...] = ()) -> WebDriverWait[Chrome]:
        return WebDriverWait(self.driver, PATIENCE, LOOK_SECONDS, passing)

    def set(self, light: Light = Light.LIGHT, width: Width = Width.WIDE, scale: int = 1) -> None:
        """Chooses the colours and the size of the window."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": light}])
        across, down = SIZES[width]
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=across,
            height=down,
            deviceScaleFactor=scale,
            mobile=width is Width.NARROW,
        )

    def scripts(self, *, allowed: bool) -> None:
        """Switches JavaScript of the pages on or off."""
        self.command("Emulation.setScriptExecutionDisabled", value=not allowed)

    def language(self, tag: str) -> None:
        """What the browser asks for in Accept-Language."""
        self.command("Network.enable")
        self.command("Network.setExtraHTTPHeaders", headers={"Accept-Language": tag})

    def online(self, *, connected: bool) -> None:
        """Cuts the browser's network, or mends it."""
        self.command("Network.enable")
        self.command(
            "Network.emulateNetworkConditions",
            offline=not connected,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def find(self, selector: str) -> WebElement:
        """The first element of this CSS selector, once it is there."""
        return self._waiting().until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "main") -> str:
        return self.find(selector).text

    def click_on(self, selector: str) -> None:
        """Moves the mouse there and presses its button, whatever lies on top."""
        ActionChains(self.driver).click(self.find(selector)).perform()

    def until_shown(self, words: str, selector: str = "main") -> None:
        """Waits until these words can be seen there. Needs no JavaScript of the page."""
        waiting = self._waiting(PASSING)
        waiting.until(lambda driver: words in driver.find_element(By.CSS_SELECTOR, selector).text)

    def until(self, words: str, selector: str = "main") -> None:
        """Waits until these words stand there."""
        self.until_true(f"return document.querySelector({selector!r})?.innerText.includes({words!r}) ?? false")

    def until_true(self, script: str) -> None:
        """Waits until this JavaScript says so."""
        self._waiting().until(lambda driver: driver.execute_script(script))

    def evaluate(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A picture of the page, not only of what fits into the window."""
        content = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(content["data"]))

    def faults(self) -> list[str]:
        """What the browser complained about since the last question: a blocked script, a missing file, a bad style."""
        log: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["level"] in OWN_FAULTS]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A fresh browser without any memory."""
    found, driver = shutil.which("chromium-headless-shell"), shutil.which("chromedriver")
    assert found, "chromium-headless-shell is missing: make system"
    assert driver, "chromedriver is missing: make system"
    options = ChromeOptions()
    options.binary_location = found
    for argument in (*_PLAIN, *_TO_ITSELF):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = Chrome(options=options, service=ChromeService(executable_path=driver))
    try:
        yield Browser(window)
    finally:
        window.quit()
