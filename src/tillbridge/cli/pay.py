"""`tillbridge pay`: what it takes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, UrlOption, where


class KindWord(StrEnum):
    """The operations as words of the command line; `domain.operation.Kind` says what they mean."""

    SALE = "sale"
    REFUND = "refund"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    VOID = "void"
    RECONCILIATION = "reconciliation"


Amount = Annotated[
    str | None,
    typer.Argument(
        metavar="AMOUNT",
        help="In major units: 12.50 or 12,50. Without it: all that is left of the --parent; a reconciliation has none.",
        show_default=False,
    ),
]
KindOption = Annotated[KindWord, typer.Option("--kind", help="What is asked of the terminal.")]
ParentOption = Annotated[
    str | None,
    typer.Option(
        "--parent",
        metavar="ID",
        help="The payment that a capture, a void or a refund goes back to.",
        show_default=False,
    ),
]
TerminalOption = Annotated[
    str | None,
    typer.Option(
        "--terminal",
        metavar="NAME",
        help="Without it: that of the --parent, the one that the rules give, or the first of the settings.",
        show_default=False,
    ),
]
CurrencyOption = Annotated[
    str | None,
    typer.Option(
        "--currency",
        metavar="CODE",
        help="An ISO 4217 code. Without it: that of the --parent, or EUR.",
        show_default=False,
    ),
]
OrderOption = Annotated[
    str | None,
    typer.Option("--order-id", metavar="TEXT", help="An order number, kept with the payment.", show_default=False),
]
DriverOption = Annotated[
    str | None,
    typer.Option(
        "--driver",
        metavar="NAME",
        help="Without any settings file: concert (that is concert-v2), concert-v3, touchscreen or mypos. Needs --data.",
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

    kind: str
    amount: str | None
    parent: str | None
    currency: str | None
    terminal: str | None
    order_id: str | None
    driver: str | None
    serial: str | None
    tcp: str | None


def pay(  # noqa: PLR0913  # each is an option of the command line
    amount: Amount = None,
    *,
    kind: KindOption = KindWord.SALE,
    parent: ParentOption = None,
    terminal: TerminalOption = None,
    currency: CurrencyOption = None,
    order_id: OrderOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    driver: DriverOption = None,
    serial: SerialOption = None,
    tcp: TcpOption = None,
) -> None:
    """Takes a payment, or gives money back, and prints the outcome in one word.

    A sale, unless --kind says otherwise. A capture takes what an authorization holds, a void undoes a payment, a refund
    gives money back: each of them goes back to its --parent. A reconciliation closes the terminal's day and shows the
    terminal's own totals.

    It asks the connector that runs; if none does, this process takes its place for as long as the payment lasts. Either
    way the payment is journalled. Ctrl-C asks the terminal to stop and waits for the end; a second one stops waiting.

    Exit codes: 0 approved, 10 declined, 11 aborted, 12 not started, 13 refused before it began, 20 in doubt (look at
    the terminal before anything is repeated), 2 wrong usage, 1 anything else.
    """
    from tillbridge.cli.taking import take  # noqa: PLC0415  # only when it runs: --help answers at once

    options = PayOptions(kind.value, amount, parent, currency, terminal, order_id, driver, serial, tcp)
    raise typer.Exit(take(where(config, data, url), options))
