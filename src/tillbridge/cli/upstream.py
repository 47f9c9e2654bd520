"""`tillbridge upstream`: what it takes."""

from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, UrlOption, where

app = typer.Typer(
    help="Shows whom payments are reported to and what waits, and sends again what was not accepted.",
    no_args_is_help=True,
)

ReceiverArgument = Annotated[
    str, typer.Argument(metavar="RECEIVER", help="Its name in the settings.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def status(
    *, as_json: JsonOption = False, config: ConfigOption = None, data: DataOption = None, url: UrlOption = None
) -> None:
    """Shows every receiver: how it stands, what waits and for how long, and what needs a person."""
    from tillbridge.cli.reporting import print_receivers  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(print_receivers(where(config, data, url), as_json=as_json))


@app.command()
def dead(
    receiver: ReceiverArgument,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 50,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Lists the reports that a receiver did not accept, with the reason."""
    from tillbridge.cli.reporting import print_dead  # noqa: PLC0415  # only when it runs: --help answers at once

    print_dead(where(config, data, url), receiver, limit)


@app.command()
def replay(
    receiver: ReceiverArgument,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Their numbers.", show_default=False)
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that were not accepted.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Sends reports again. What has arrived already is not doubled."""
    from tillbridge.cli.reporting import replay_some  # noqa: PLC0415  # only when it runs: --help answers at once

    if bool(numbers) == everything:
        raise typer.BadParameter("give the numbers of reports, or --all")
    replay_some(where(config, data, url), receiver, numbers)
