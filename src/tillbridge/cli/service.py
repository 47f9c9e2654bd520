"""`tillbridge service`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Has the connector started with the computer, and kept up.", no_args_is_help=True)

FileOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TILLBRIDGE_CONFIG", metavar="FILE", help="The connector's settings file."),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="systemd, systemd-user, task (Windows) or cron. Without it: what fits this computer.",
        show_default=False,
    ),
]


@app.command()
def install(
    *,
    config: FileOption = Path("connector.yml"),
    kind: KindOption = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whom it runs as, for systemd and task. Without it: this user."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written and done.")] = False,
) -> None:
    """Makes the service and starts it: a systemd unit, a task of Windows, or a line of the crontab."""
    from tillbridge.cli import servicing  # noqa: PLC0415  # only when it runs: --help answers at once

    servicing.install(config, kind, account, dry_run=dry_run)


@app.command()
def remove(*, config: FileOption = Path("connector.yml"), kind: KindOption = None) -> None:
    """Takes the service away. Settings, journal and what was paid stay as they are."""
    from tillbridge.cli import servicing  # noqa: PLC0415  # only when it runs: --help answers at once

    servicing.remove(config, kind)


@app.command()
def restart(*, config: FileOption = Path("connector.yml")) -> None:
    """Has the connector that runs started again with the settings as they are now, once nobody pays."""
    from tillbridge.cli import servicing  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(servicing.restart(config))


@app.command()
def status(*, config: FileOption = Path("connector.yml"), kind: KindOption = None) -> None:
    """Says whether the service is there, and what its supervisor is doing. Exit code 0: payments are taken."""
    from tillbridge.cli import servicing  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(servicing.status(config, kind))
