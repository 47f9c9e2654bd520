"""`tillbridge doctor`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.domain.cashier_texts import Language

FileOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="TILLBRIDGE_CONFIG", metavar="FILE", help="The settings file."),
]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE.zip",
        help="Also write what a supporter needs into this file. It is searched for card numbers and secrets first.",
        show_default=False,
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="MEMBER", help="Leave this part of the bundle out.", show_default=False),
]
LanguageOption = Annotated[
    Language | None,
    typer.Option("--language", help="Of the texts; without it, that of the system.", show_default=False),
]


def doctor(
    *,
    config: FileOption = Path("connector.yml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    bundle: BundleOption = None,
    without: WithoutOption = None,
    language: LanguageOption = None,
) -> None:
    """Finds out what is wrong: each line says OK, or what is wrong and what to do.

    It looks at the settings, the disk, the journal, the clock, the ports, the terminals, the doors, the payment
    provider, the portal and what keeps the connector up. Nothing is shown on a terminal, no money can move, and a
    running connector is not disturbed. Exit code 0 means that nothing is wrong.
    """
    from tillbridge.cli.examining import examine_file  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(examine_file(config, as_json=as_json, bundle=bundle, without=without or (), language=language))
