"""`tillbridge connector key`: what it takes."""

from enum import StrEnum
from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, where

app = typer.Typer(
    help="Keys of the native interface, each with a name and with what it may do. A running connector takes up changes"
    " at once.",
    no_args_is_help=True,
)


class ScopeWord(StrEnum):
    """The scopes as words of the command line; `connector.api.scopes.Scope` says what they mean."""

    READ = "read"
    PAY = "pay"
    REFUND = "refund"
    SETTLE = "settle"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Who has the key: a till, a program.")]


@app.command()
def add(
    *,
    name: NameArgument,
    scope: Annotated[
        list[ScopeWord],
        typer.Option("--scope", "-s", help="What it may do; may be given several times."),
    ],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Makes a key and prints it, this once: only a digest of it is kept.

    read: list payments and totals, watch them. pay: take money, stop and sign what runs. refund: give money back.
    settle: close the day, settle what is in doubt. admin: set up webhooks.
    """
    from tillbridge.cli.key_keeping import add_key  # noqa: PLC0415  # only when it runs: --help answers at once

    add_key(where(config, data), name, frozenset(map(str, scope)))


@app.command("list")
def list_keys(*, config: ConfigOption = None, data: DataOption = None) -> None:
    """Lists the keys: their names, what they may do, and since when they are there."""
    from tillbridge.cli.key_keeping import print_keys  # noqa: PLC0415  # only when it runs: --help answers at once

    print_keys(where(config, data))


@app.command()
def remove(*, name: NameArgument, config: ConfigOption = None, data: DataOption = None) -> None:
    """Takes a key away. Whoever uses it is refused from then on."""
    from tillbridge.cli.key_keeping import remove_key  # noqa: PLC0415  # only when it runs: --help answers at once

    remove_key(where(config, data), name)
