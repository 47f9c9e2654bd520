"""`tillbridge vouchers`: what it takes."""

from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, where

app = typer.Typer(
    help="Looks up, redeems and loads vouchers, over the running connector and its portal.", no_args_is_help=True
)

CodeArgument = Annotated[
    str,
    typer.Argument(
        metavar="CODE", help="The voucher as it is scanned or typed: 14 digits, 18 with its PIN.", show_default=False
    ),
]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 12.50.", show_default=False)]
CurrencyOption = Annotated[str, typer.Option("--currency", metavar="CODE", help="Of the voucher.")]
ReceiptOption = Annotated[
    str, typer.Option("--receipt", metavar="TEXT", help="The number of the receipt.", show_default=False)
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Names this action for ever: with the same key it is never done twice. Made up if left out.",
        show_default=False,
    ),
]


@app.command()
def balance(
    code: CodeArgument, *, currency: CurrencyOption = "EUR", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Prints what is on a voucher."""
    from tillbridge.cli.voucher_asking import print_balance  # noqa: PLC0415  # only when it runs: --help answers at once

    print_balance(where(config, data), code, currency)


@app.command()
def redeem(  # noqa: PLR0913  # each is an option of the command line
    code: CodeArgument,
    amount: AmountArgument,
    *,
    receipt: ReceiptOption,
    pin: Annotated[
        str | None,
        typer.Option(
            "--pin",
            metavar="PIN",
            help="Without it you are asked, and it is not seen on the screen.",
            show_default=False,
        ),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="All of the amount or nothing.")] = False,
    currency: CurrencyOption = "EUR",
    key: KeyOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Pays with a voucher: takes the smaller of the amount and the balance.

    Exit code 0 means that it was taken, 20 that it is not known yet.
    """
    from tillbridge.cli.voucher_asking import (  # noqa: PLC0415  # only when it runs: --help answers at once
        Booking,
        has_pin,
        redeem_one,
    )

    if pin is None and not has_pin(code):
        pin = typer.prompt("PIN", hide_input=True, err=True)
    raise typer.Exit(redeem_one(where(config, data), Booking(code, amount, currency, receipt, key), pin, exact=exact))


@app.command()
def load(
    code: CodeArgument,
    amount: AmountArgument,
    *,
    receipt: ReceiptOption,
    currency: CurrencyOption = "EUR",
    key: KeyOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Puts money on a voucher. Exit code 0 means that it is there, 20 that it is not known yet."""
    from tillbridge.cli.voucher_asking import Booking, load_one  # noqa: PLC0415  # only when it runs

    raise typer.Exit(load_one(where(config, data), Booking(code, amount, currency, receipt, key)))


@app.command()
def put_back(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the payment.", show_default=False)],
    *,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Gives back what a payment took. It arrives in the end, however long the portal is away."""
    from tillbridge.cli.voucher_asking import put_back_one  # noqa: PLC0415  # only when it runs

    put_back_one(where(config, data), key)


@app.command("list")
def list_open(*, config: ConfigOption = None, data: DataOption = None) -> None:
    """Lists what is open: payments of open receipts, cases for a person, and what waits for the portal."""
    from tillbridge.cli.voucher_asking import print_open  # noqa: PLC0415  # only when it runs: --help answers at once

    print_open(where(config, data))
