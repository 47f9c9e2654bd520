"""`tillbridge connector trace`: what it does, by asking the running connector."""

import getpass
import sys
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from tillbridge.cli.link_asking import connector_at
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.connector.api.traces import TraceResource

_ARROWS: Final = {"sent": "→", "received": "←"}


def start_trace(place: Where, terminal: str, minutes: int, by: str | None) -> None:
    """Starts it, and says until when it runs."""
    found = run(_ask(place, "POST", terminal, {"minutes": minutes, "by": by or _who()}))
    until = "?" if found.until is None else found.until.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    sys.stdout.write(f"Tracing {found.terminal} until {until}; card numbers and passwords are hidden.\n")


def stop_trace(place: Where, terminal: str) -> None:
    """Ends it."""
    found = run(_ask(place, "DELETE", terminal))
    sys.stdout.write(f"No trace of {found.terminal} runs.\n")


def show_trace(place: Where, terminal: str, lines: int) -> None:
    """Prints the newest pieces."""
    found = run(_ask(place, "GET", terminal, lines=lines))
    console = Console(highlight=False, soft_wrap=True)
    state = "runs" if found.running else f"does not run ({found.ended})" if found.ended else "does not run"
    console.print(Text(f"The trace of {found.terminal} {state}."))
    for piece in found.pieces:
        console.print(Text(f"{piece.at} {_ARROWS[piece.direction]} {piece.size} bytes"))
        console.print(Text(piece.text))


async def _ask(
    place: Where, method: str, terminal: str, body: Mapping[str, Any] | None = None, lines: int | None = None
) -> TraceResource:
    query = "" if lines is None else f"?lines={lines}"
    async with connector_at(place) as asker:
        told = None if body is None else dict(body)
        return await asker.ask(method, f"terminals/{quote(terminal, safe='')}/trace{query}", TraceResource, told)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody of that number is known to the system
        return "command line"
