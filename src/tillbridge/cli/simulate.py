"""`tillbridge simulate`: a terminal or a provider that is not there, for whoever wants one; what it takes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli import simulate_hipay, simulate_mypos, simulate_touchscreen, simulate_voucher_provider
from tillbridge.cli.errors import Commands
from tillbridge.cli.simulate_options import (
    AllowFromOption,
    ControlOption,
    DelayOption,
    LedgerOption,
    NameOption,
    ScenarioOption,
    choice,
)

app = typer.Typer(
    name="simulate",
    cls=Commands,
    help="Plays a card terminal or a payment provider, to try things out without one. No money is moved anywhere.",
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
PersonalityOption = Annotated[
    str | None, choice("--personality", "plain|desk5000|i2200|payxpert", "With --dialect v3: whose manner it has.")
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


@app.command()
def concert(  # noqa: PLR0913  # each is an option of the command line
    *,
    pty: PtyOption = None,
    tcp: TcpOption = None,
    allow_from: AllowFromOption = None,
    dialect: DialectOption = None,
    personality: PersonalityOption = None,
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
    from tillbridge.cli.simulated_lines import ConcertLine  # noqa: PLC0415
    from tillbridge.cli.simulating import Simulation, play  # noqa: PLC0415

    spoken = None if dialect is None else dialect.value
    line = ConcertLine.from_words(pty, tcp, spoken, allow_from=tuple(allow_from or ()), personality=personality)
    simulation = Simulation(name, line, scenario=scenario, delay=delay, ledger=ledger, baud_rate=baud)
    run(play(simulation, control))


app.command("touchscreen")(simulate_touchscreen.touchscreen)
app.command("mypos")(simulate_mypos.mypos)
app.command("hipay")(simulate_hipay.hipay)
app.command("voucher-provider")(simulate_voucher_provider.voucher_provider)
