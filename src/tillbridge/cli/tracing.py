"""`tillbridge connector trace`: what it takes."""

from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, where

app = typer.Typer(
    help="Writes down for a while what passes between the running connector and a terminal, masked.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="TERMINAL", help="The terminal's name in the settings.")]


@app.command()
def start(
    terminal: NameArgument,
    *,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="It ends by itself after these.")] = 60,
    by: Annotated[str | None, typer.Option("--by", help="Who asks for it; without it, who is logged in.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Starts a trace. It ends by itself, also over a restart, and when its file is full."""
    from tillbridge.cli.tracing_work import start_trace  # noqa: PLC0415  # only when it runs: --help answers at once

    start_trace(where(config, data), terminal, minutes, by)


@app.command()
def stop(terminal: NameArgument, *, config: ConfigOption = None, data: DataOption = None) -> None:
    """Ends a trace before its time."""
    from tillbridge.cli.tracing_work import stop_trace  # noqa: PLC0415  # only when it runs: --help answers at once

    stop_trace(where(config, data), terminal)


@app.command()
def show(
    terminal: NameArgument,
    *,
    lines: Annotated[int, typer.Option("--lines", min=0, max=500, help="So many of the newest pieces.")] = 50,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Shows whether a trace runs, and its newest pieces, oldest first."""
    from tillbridge.cli.tracing_work import show_trace  # noqa: PLC0415  # only when it runs: --help answers at once

    show_trace(where(config, data), terminal, lines)
