"""`tillbridge connector`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli import linking, native_keys
from tillbridge.cli.places import ConfigOption, DataOption, where

app = typer.Typer(help="Runs the connector, checks its settings, opens its console.", no_args_is_help=True)
app.add_typer(native_keys.app, name="key")
app.command("pair")(linking.pair)
app.add_typer(linking.app, name="link")

FileOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TILLBRIDGE_CONFIG", metavar="FILE", help="The settings file."),
]


@app.command("run")
def run_connector(
    *,
    config: FileOption = Path("connector.yml"),
    until_stdin_ends: Annotated[
        bool, typer.Option("--until-stdin-ends", hidden=True, help="Also stop when standard input ends.")
    ] = False,
) -> None:
    """Runs the connector until it is told to stop: Ctrl-C, SIGTERM, or a till that may.

    It prints a line that begins with "ready" once it takes payments. It never stops in the middle of a payment by
    itself: it refuses new ones, waits for the running one, and then goes.
    """
    from tillbridge.cli.connecting import run_file  # noqa: PLC0415  # only when it runs: --help answers at once

    run_file(config, until_stdin_ends=until_stdin_ends)


@app.command()
def check(*, config: FileOption = Path("connector.yml")) -> None:
    """Checks the settings, the data folder, the ports, and whether each terminal gives a sign of life.

    It names each door that other computers reach, and whom it serves. Nothing is shown on a terminal and no money can
    move. Exit code 0 means that nothing is wrong.
    """
    from tillbridge.cli.checking import check_file  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(check_file(config))


@app.command()
def console(*, config: ConfigOption = None, data: DataOption = None) -> None:
    """Prints the link that opens the console of the running connector, signed in. Keep it to yourself."""
    from tillbridge.cli.connecting import print_link  # noqa: PLC0415  # only when it runs: --help answers at once

    print_link(where(config, data))


@app.command()
def hash_password() -> None:
    """Asks for a password and prints what stands in the settings in its place."""
    from tillbridge.cli.connecting import print_hash  # noqa: PLC0415  # only when it runs: --help answers at once

    print_hash(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
