"""`tillbridge connector`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli import keeping, linking, native_keys, setup, tracing
from tillbridge.cli.places import ConfigOption, DataOption, where
from tillbridge.runtime.loading import collecting_later

app = typer.Typer(help="Runs the connector, checks its settings, opens its console.", no_args_is_help=True)
app.add_typer(native_keys.app, name="key")
app.add_typer(tracing.app, name="trace")
app.command("setup")(setup.setup)
app.command("import-hipay")(setup.import_hipay)
app.command("export")(keeping.export)
app.command("import")(keeping.import_)
app.command("day-report")(keeping.day_report)
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
    supervised: Annotated[
        bool, typer.Option("--supervised", hidden=True, help="Started by tillbridge supervise: takes orders from it.")
    ] = False,
) -> None:
    """Runs the connector until it is told to stop: Ctrl-C, SIGTERM, or a till that may.

    It prints a line that begins with "ready" once it takes payments. It never stops in the middle of a payment by
    itself: it refuses new ones, waits for the running one, and then goes.
    """
    with collecting_later():
        # Only when it runs: --help answers at once.
        from tillbridge.cli.connecting import run_file  # noqa: PLC0415
        from tillbridge.cli.supervised import run_supervised  # noqa: PLC0415

    if supervised:
        raise typer.Exit(run_supervised(config))
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
