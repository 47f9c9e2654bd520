"""`tillbridge pay`: what it takes."""

from dataclasses import dataclass
from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, UrlOption, where

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In major units: 12.50 or 12,50.", show_default=False)]
TerminalOption = Annotated[
    str | None,
    typer.Option("--terminal", metavar="NAME", help="Without it: the first of the settings.", show_default=False),
]
CurrencyOption = Annotated[str, typer.Option("--currency", metavar="CODE", help="An ISO 4217 code.")]
OrderOption = Annotated[
    str | None,
    typer.Option("--order-id", metavar="TEXT", help="An order number, kept with the payment.", show_default=False),
]
DriverOption = Annotated[
    str | None,
    typer.Option(
        "--driver",
        metavar="NAME",
        help="Without any settings file: concert (which is concert-v2), or concert-v3. Needs --data.",
        show_default=False,
    ),
]
SerialOption = Annotated[
    str | None,
    typer.Option("--serial", metavar="PORT", help="With --driver: /dev/ttyUSB0 or COM3.", show_default=False),
]
TcpOption = Annotated[
    str | None,
    typer.Option("--tcp", metavar="HOST:PORT", help="With --driver: the terminal's address.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class PayOptions:
    """The command line's words, as they were written."""

    amount: str
    currency: str
    terminal: str | None
    order_id: str | None
    driver: str | None
    serial: str | None
    tcp: str | None


def pay(  # noqa: PLR0913  # each is an option of the command line
    amount: Amount,
    *,
    terminal: TerminalOption = None,
    currency: CurrencyOption = "EUR",
    order_id: OrderOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    driver: DriverOption = None,
    serial: SerialOption = None,
    tcp: TcpOption = None,
) -> None:
    """Takes a payment and prints the outcome in one word.

    It asks the connector that runs; if none does, this process takes its place for as long as the payment lasts. Either
    way the payment is journalled. Ctrl-C asks the terminal to stop and waits for the end; a second one stops waiting.

    Exit codes: 0 approved, 10 declined, 11 aborted, 12 not started, 13 refused before it began, 20 in doubt (look at
    the terminal before anything is repeated), 2 wrong usage, 1 anything else.
    """
    from tillbridge.cli.taking import take  # noqa: PLC0415  # only when it runs: --help answers at once

    options = PayOptions(amount, currency, terminal, order_id, driver, serial, tcp)
    raise typer.Exit(take(where(config, data, url), options))
