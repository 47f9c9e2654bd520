"""`tillbridge supervise`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.runtime.loading import collecting_later

FileOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TILLBRIDGE_CONFIG", metavar="FILE", help="The connector's settings file."),
]


def supervise(
    *,
    config: FileOption = Path("connector.yml"),
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Do nothing where one is at work, or where a till has stopped the connector."),
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Say what the supervisor is doing, and end.")] = False,
) -> None:
    """Keeps the connector up: starts it, starts it again after a crash, and updates it when nobody pays.

    Ctrl-C or SIGTERM stops both; a running payment is waited for. A second one does not wait. A data folder has one
    supervisor; another one says which process that is. With --status, exit code 0 means that payments are taken.
    """
    with collecting_later():
        from tillbridge.cli import supervising  # noqa: PLC0415  # only when it runs: --help answers at once

    if status:
        raise typer.Exit(supervising.show_status(config))
    raise typer.Exit(supervising.supervise_file(config, if_needed=if_needed))
