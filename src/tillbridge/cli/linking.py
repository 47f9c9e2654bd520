"""`tillbridge connector pair` and `tillbridge connector link`: what they take."""

from typing import Annotated

import typer

from tillbridge.cli.places import ConfigOption, DataOption, where

app = typer.Typer(help="The connection to the portal: how it stands, and what is wrong with it.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print it for a program.")]


def pair(
    *,
    pin: Annotated[
        str | None,
        typer.Option(
            "--pin",
            metavar="PIN",
            help="The PIN that the portal shows. Without it you are asked, and it is not seen on the screen.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Connects this location with the portal, with the PIN that somebody reads there.

    The running connector does it; its settings or the console's page Portal say where the portal is. One call is one
    try of the PIN. Exit code 0 means that the location is connected.
    """
    from tillbridge.cli.link_asking import pair_with  # noqa: PLC0415  # only when it runs: --help answers at once

    place = where(config, data)
    raise typer.Exit(pair_with(place, typer.prompt("PIN", hide_input=True, err=True) if pin is None else pin))


@app.command()
def status(*, as_json: JsonOption = False, config: ConfigOption = None, data: DataOption = None) -> None:
    """Shows how the connection to the portal stands. Exit code 0 means that it is active."""
    from tillbridge.cli.link_asking import print_status  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(print_status(where(config, data), as_json=as_json))


@app.command()
def doctor(*, as_json: JsonOption = False, config: ConfigOption = None, data: DataOption = None) -> None:
    """Looks at the name, the certificate, the clock, the key, the token, the right and the licences of the connection.

    For each it says whether it is right, and if not, what to do. Exit code 0 means that nothing is wrong.
    """
    from tillbridge.cli.link_asking import print_checks  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(print_checks(where(config, data), as_json=as_json))
