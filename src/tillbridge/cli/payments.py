"""`tillbridge payments`: what it takes."""

from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, UrlOption, where

app = typer.Typer(
    help="Looks at payments, and settles the ones in doubt. Asks the running connector, or reads its journal.",
    no_args_is_help=True,
)

PaymentId = Annotated[str, typer.Argument(metavar="ID", help="The payment's id.", show_default=False)]
NameOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.", show_default=False)]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="What was seen, such as the slip's number.", show_default=False)
]
TakenOption = Annotated[
    bool, typer.Option("--taken/--not-taken", help="Whether the customer's money was taken.", show_default=False)
]
AmountOption = Annotated[
    str | None,
    typer.Option("--amount", metavar="AMOUNT", help="With --taken: less than was asked for.", show_default=False),
]


@app.command("list")
def list_payments(
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="The last id of the page before.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Lists payments, newest first."""
    from tillbridge.cli.looking import list_page  # noqa: PLC0415  # only when it runs: --help answers at once

    list_page(where(config, data, url), before, limit)


@app.command()
def show(payment_id: PaymentId, *, config: ConfigOption = None, data: DataOption = None, url: UrlOption = None) -> None:
    """Shows one payment with its timeline."""
    from tillbridge.cli.looking import show_one  # noqa: PLC0415  # only when it runs: --help answers at once

    show_one(where(config, data, url), payment_id)


@app.command()
def resolve(  # noqa: PLR0913  # each is an option of the command line
    payment_id: PaymentId,
    *,
    taken: TakenOption,
    by: NameOption,
    reason: ReasonOption,
    amount: AmountOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Settles a payment in doubt, once somebody has looked at the terminal. The name and the reason stay for ever."""
    from tillbridge.cli.looking import Finding, settle  # noqa: PLC0415  # only when it runs: --help answers at once

    settle(where(config, data, url), payment_id, Finding(taken, by, reason, amount))
