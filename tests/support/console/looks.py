"""What can be measured of how a page looks: axe's rules, its width, and what the browser complains about.

With `CONSOLE_PICTURES=FOLDER` each page is also kept as a picture, to be looked at.
"""

import os
from collections.abc import Callable, Sequence
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

_RUN: Final = """
const [rules, done] = arguments;
axe.run({...(rules && {runOnly: rules}), resultTypes: ['violations'], preload: false}).then(done)"""
BY_LIGHT: Final = ("color-contrast",)
"""What of axe's rules depends on the light."""

BY_LANGUAGE: Final = ("html-has-lang", "html-lang-valid", "valid-lang")
"""What depends on the language."""


def check(browser: Browser, name: str, expected: str = "nothing", rules: Sequence[str] = ()) -> None:
    """`expected` is a part of what the browser complains about where it was meant to get an error.

    `rules` are the rules of axe that are asked for; none named asks for all.
    """
    wider = browser.evaluate(WIDER_THAN_WINDOW)
    broken = axe_faults(browser, rules)
    if PICTURES is not None:
        browser.picture(Path(PICTURES) / f"{name}.png")
    assert wider == [], wider
    assert broken == [], broken
    faults = [fault for fault in browser.faults() if expected not in fault]
    assert faults == [], faults


def axe_faults(browser: Browser, rules: Sequence[str] = ()) -> list[str]:
    """The rules that the page breaks, with the first place of each."""
    browser.evaluate(AXE)
    found: dict[str, Any] = browser.driver.execute_async_script(_RUN, list(rules) or None)
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']} {rule['nodes'][0].get('failureSummary')}"
        for rule in found["violations"]
    ]


def everywhere(browser: Browser, name: str, show: Callable[[], None], expected: str = "nothing") -> None:
    """By night on a phone, and by day on a desktop, where axe is asked for what depends on the light alone."""
    for light, width in ((Light.DARK, Width.NARROW), (Light.LIGHT, Width.WIDE)):
        browser.set(light, width)
        show()
        check(browser, f"{name}-{light}-{width}", expected, by(light))


def by(light: Light) -> Sequence[str]:
    """The rules to ask for: all by night, those that depend on the light by day."""
    return () if light is Light.DARK else BY_LIGHT
