"""The options that every `tillbridge simulate` takes, whatever wire it speaks."""

from pathlib import Path
from typing import Annotated, Final

import typer

LOCAL: Final = "127.0.0.1"

PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="The TCP port; with 0 the system chooses one.")
]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; loopback unless said.")]
AllowFromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-from",
        metavar="NETWORK",
        help="Whom it serves beyond this computer, such as 192.168.1.0/24; may be given several times.",
        show_default=False,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        metavar="NAME",
        help="What becomes of every payment, whatever its amount (docs/reference/scenarios.md).",
        show_default=False,
    ),
]
ControlOption = Annotated[
    str | None,
    typer.Option("--control", metavar="HOST:PORT", help="Where the HTTP control API listens.", show_default=False),
]
DelayOption = Annotated[
    float,
    typer.Option("--delay", metavar="SECONDS", min=0.0, max=600.0, help="How long a customer takes; 0 for at once."),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", metavar="FILE", help="The terminal's books, kept from one start to the next.", show_default=False
    ),
]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="The terminal's name in the control API.")]


def choice(option: str, choices: str, meaning: str) -> typer.models.OptionInfo:
    """An option that takes one of `choices` ("a|b"), the usual one first; its door checks the word."""
    # Not an enumeration: it would be a second copy of the door's own, which --help must not load.
    info: typer.models.OptionInfo = typer.Option(option, metavar=choices, help=meaning, show_default=False)
    return info
