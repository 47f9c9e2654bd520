"""Writes the pages of docs/reference that are drawn from tables of the code: `make docs`.

The tests compare the pages with the tables, so that neither changes alone.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from scripts import command_line, matrix, native_api, partner_api, postman_native, settings
from scripts.markdown import table
from tillbridge.connector.api import references
from tillbridge.domain.errors import CATALOGUE
from tillbridge.protocols.hipay import openapi as hipay
from tillbridge.protocols.hipay import unattended_openapi
from tillbridge.virtual.scenarios import (
    BY_ENDING,
    DOCUMENT,
    ENDINGS,
    EVERY_WIRE,
    HANDSHAKE,
    MYPOS,
    TOUCHSCREEN,
    Scenario,
)

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"

_WRITTEN: Final = "<!-- Written by `make docs` from the code: change the table there. -->\n"


def errors() -> str:
    """The catalogue of errors."""
    rows = [
        (f"`{code}`", entry.number, str(entry.status), entry.title, entry.action) for code, entry in CATALOGUE.items()
    ]
    return f"""{_WRITTEN}# Errors

Every refusal has one of these codes. A code is stable for ever: it is never renamed and never used for something else.
The native interface answers with the HTTP status and a body of problem+json (RFC 9457); a door translates the code into
its own wire's shape. After a refusal nothing was sent to a terminal; where a payment stands in the way, the answer
names it, and that payment says what is known of the money.

An error of the link between connector and portal has a number too, which is easier to say on the telephone. A number
is never changed and never given anew; programs read the code. Where an answer says how many seconds to wait, it does so
in `retry_after` and in the header Retry-After. `waiting_confirm` is no failure: the office has not yet decided, so it
comes with 202.

{table(("code", "number", "HTTP", "what happened", "what to do"), rows)}"""


def _scenario_rows(scenarios: Iterable[Scenario]) -> list[tuple[str, ...]]:
    return [(f"`{scenario.name}`", scenario.summary) for scenario in scenarios]


def _endings(by_ending: Mapping[int, Scenario]) -> str:
    rows = [(f"x.{ending}", f"`{one.name}`", one.summary) for ending, one in sorted(by_ending.items())]
    return table(("price", "scenario", "what happens"), rows)


def scenarios() -> str:
    """What a virtual terminal can be made to do."""
    heads = ("scenario", "what happens")
    return f"""{_WRITTEN}# Scenarios of the virtual terminal

A virtual terminal approves every price, except those that end like this (in currencies with two decimals):

{_endings(BY_ENDING)}
Every scenario can be asked for by name as well, for the next payment or for all of them: `tillbridge simulate
--scenario NAME`, or through the control interface.

## Endings

{table(heads, _scenario_rows(ENDINGS))}
## Trouble on every wire

{table(heads, _scenario_rows(EVERY_WIRE))}
## Trouble on wires with a handshake

{table(heads, _scenario_rows(HANDSHAKE))}
## Trouble on wires with one document for an answer

{table(heads, _scenario_rows(DOCUMENT))}
## Trouble on the wire of touch-screen terminals

{table(heads, _scenario_rows(TOUCHSCREEN))}
## Trouble on the wire of XML documents

{table(heads, _scenario_rows(MYPOS))}"""


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "cli.md": lambda: _WRITTEN + command_line.page(),
    "errors.md": errors,
    "hipay-openapi.json": hipay.text,
    "hipay-unattended-openapi.json": unattended_openapi.text,
    "matrix.md": lambda: _WRITTEN + matrix.page(),
    "native-api.md": lambda: _WRITTEN + native_api.page(),
    "native-openapi.json": references.native_text,
    partner_api.NAME: partner_api.text,
    "portal-settings.md": lambda: _WRITTEN + settings.portal_page(),
    f"../postman/{postman_native.NAME}": postman_native.text,
    "scenarios.md": scenarios,
    "settings.md": lambda: _WRITTEN + settings.page(),
}
"""What draws each page, by its file name."""


def write() -> None:
    """Writes every page."""
    for name, draw in PAGES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    write()
