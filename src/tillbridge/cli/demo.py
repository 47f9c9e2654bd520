"""`tillbridge demo`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep everything here, and go on from it the next time.", show_default=False),
    ] = None,
    port_offset: Annotated[int, typer.Option(metavar="N", min=0, help="Added to every port.")] = 0,
    delay: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            max=600.0,
            help="How long the virtual customer takes: 1, or 0 with --check.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Take one payment on each wire, print the results and stop.")
    ] = False,
) -> None:
    """Runs a whole shop on this computer: the connector, four virtual terminals, doors for tills.

    Everything listens on the loopback only, and no money exists. Prices that end in .91 to .99 make something go wrong
    on purpose.
    """
    from tillbridge.cli.demonstrating import demonstrate  # noqa: PLC0415  # only when it runs: --help answers at once

    usual = 0.0 if check else 1.0
    raise typer.Exit(demonstrate(data, port_offset, usual if delay is None else delay, check=check))
