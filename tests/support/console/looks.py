"""What can be measured of how a page looks: axe's rules, its width, and what the browser complains about.

With `CONSOLE_PICTURES=FOLDER` each page is also kept as a picture, to be looked at.
"""

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tests.support.console.chromium import Browser, Light, Width

AXE: Final = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
PICTURES: Final = os.environ.get("CONSOLE_PICTURES")
WIDER_THAN_WINDOW: Final = """
return [...document.querySelectorAll("body *")]
  .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1
    && !one.closest(".unseen, thead, .slip, .scroll, .wire"))
  .map(one => one.outerHTML.slice(0, 80))"""


def check(browser: Browser, name: str, expected: str = "nothing") -> None:
    """`expected` is a part of what the browser complains about where it was meant to get an error."""
    wider = browser.evaluate(WIDER_THAN_WINDOW)
    broken = axe_faults(browser)
    if PICTURES is not None:
        browser.picture(Path(PICTURES) / f"{name}.png")
    assert wider == [], wider
    assert broken == [], broken
    faults = [fault for fault in browser.faults() if expected not in fault]
    assert faults == [], faults


def axe_faults(browser: Browser) -> list[str]:
    """The rules that the page breaks, with the first place of each."""
    browser.evaluate(AXE)
    found: dict[str, Any] = browser.driver.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run({resultTypes: ['violations']}).then(done)"
    )
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']} {rule['nodes'][0].get('failureSummary')}"
        for rule in found["violations"]
    ]


def everywhere(browser: Browser, name: str, show: Callable[[], None], expected: str = "nothing") -> None:
    for light in Light:
        for width in Width:
            browser.set(light, width)
            show()
            check(browser, f"{name}-{light}-{width}", expected)
