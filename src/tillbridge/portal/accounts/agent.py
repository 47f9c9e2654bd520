"""With what somebody asks, as people name it."""

import re
from typing import Final

from starlette.requests import Request

from tillbridge.portal.accounts.tables import AGENT_LENGTH

_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What a browser's own name is, by the mark in its User-Agent; the first that fits, since most name others as well."""

_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def agent_of(request: Request) -> str:
    """The browser and the system, as people call them; else the beginning of what the program says of itself."""
    text = request.headers.get("user-agent", "")[:400]
    browser = next((name for mark, name in _BROWSERS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if browser is not None:
        return f"{browser}, {system}" if system else browser
    return re.sub(r"[^ -~]+", " ", text).strip()[: AGENT_LENGTH // 2]
