"""`tillbridge self-test` and `self-update`: what a version does before anybody relies on it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli.exits import Exit

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The settings to try.")]


def self_test(*, config: ConfigOption = None) -> None:
    """Tries this version out: loads all of it, reads the settings, brings a copy of the journal up to date.

    Nothing in use is changed. Exit code 0 means that all is well, 3 that this computer stood in the way.
    """
    from tillbridge.connector.updates.starting import NOT_NOW  # noqa: PLC0415  # only when it runs: --help is quick
    from tillbridge.connector.updates.testing_itself import NotNow, run_self_test  # noqa: PLC0415

    try:
        run_self_test(config)
    except NotNow as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(NOT_NOW) from None
    sys.stdout.write("The self-test passed.\n")


def self_update() -> None:
    """Puts the newest signed version in use, before a connector runs here for the first time; `setup.sh` does this."""
    from tillbridge.cli.self_updating import update_before_setup  # noqa: PLC0415  # only when it runs: --help is quick

    raise typer.Exit(Exit.APPROVED if update_before_setup() else Exit.FAILED)
