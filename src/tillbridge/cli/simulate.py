"""`tillbridge simulate`: a terminal that is not there, for tills and drivers that want one; what it takes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli.errors import Commands

app = typer.Typer(
    name="simulate",
    cls=Commands,
    help="Plays a card terminal, for trying out a till or a driver without one. No money is moved anywhere.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Dialect(StrEnum):
    """What is spoken on the line."""

    E = "e"
    E_PLUS = "e+"
    V3 = "v3"


PtyOption = Annotated[
    Path | None,
    typer.Option("--pty", metavar="LINK", help="A serial line inside this computer, of this name.", show_default=False),
]
TcpOption = Annotated[
    str | None,
    typer.Option(
        "--tcp", metavar="HOST:PORT", help="A TCP port; with port 0 the system chooses one.", show_default=False
    ),
]
DialectOption = Annotated[
    Dialect | None,
    typer.Option("--dialect", help="Without it Concert V2, E and E+ alike.", show_default=False),
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
BaudOption = Annotated[
    int | None,
    typer.Option(
        "--baud",
        metavar="RATE",
        min=300,
        max=115_200,
        help="Carries bytes as slowly as a serial line of this rate.",
        show_default=False,
    ),
]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="The terminal's name in the control API.")]


@app.callback()
def _simulate() -> None:
    """With one wire alone, typer would leave its name out of the command; this keeps it there."""


@app.command()
def concert(  # noqa: PLR0913  # each is an option of the command line
    *,
    pty: PtyOption = None,
    tcp: TcpOption = None,
    dialect: DialectOption = None,
    scenario: ScenarioOption = None,
    control: ControlOption = None,
    delay: DelayOption = 1.0,
    ledger: LedgerOption = None,
    baud: BaudOption = None,
    name: NameOption = "concert",
) -> None:
    """Plays a terminal that speaks Concert, until Ctrl-C.

    Amounts that end in .91 to .99 bring declines, delays and broken lines; every other one is approved.
    """
    # Only when it runs: --help answers at once.
    from tillbridge.cli.running import run  # noqa: PLC0415
    from tillbridge.cli.simulating import Line, Simulation, play  # noqa: PLC0415

    line = Line.from_words(pty, tcp, None if dialect is None else dialect.value)
    simulation = Simulation(name, line, scenario=scenario, delay=delay, ledger=ledger, baud_rate=baud)
    run(play(simulation, control))
