"""`tillbridge connector export`, `import` and `day-report`: what they take."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tillbridge.cli.places import ConfigOption, DataOption, where

PASSPHRASE_VARIABLE: Final = "TILLBRIDGE_BACKUP_PASSPHRASE"  # noqa: S105  # the name of a variable

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"The passphrase is the first line of this file. Without it: {PASSPHRASE_VARIABLE}, or it is asked for.",
        show_default=False,
    ),
]


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup; no such file may be there yet.")],
    *,
    passphrase_file: PassphraseOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Writes everything of a connector into one sealed file, while it runs or not. Payments go on meanwhile.

    Journal, settings, stored passwords, keys, vouchers and the connection with the portal: whoever has the file and its
    passphrase has the connector.
    """
    from tillbridge.cli.keeping_work import export_to  # noqa: PLC0415  # only when it runs: --help answers at once

    export_to(where(config, data), file, passphrase_file)


def import_(  # noqa: PLR0913  # each is an option of the command line
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup that `export` has written.")],
    *,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who restores it.", show_default=False)],
    gap_settled: Annotated[
        bool,
        typer.Option(
            "--gap-settled",
            help="Nothing since the backup is open at the till any more: what the command else asks about.",
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="What is there is kept aside, in a folder of the data folder.")
    ] = False,
    without_link: Annotated[
        bool,
        typer.Option("--without-link", help="The other computer goes on: leave out the connection with the portal."),
    ] = False,
    passphrase_file: PassphraseOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Puts a backup in the place of a connector that is lost: whole, or not at all. The connector must not run.

    --config says where the settings file belongs, and the settings say where the data folder is; with --data the
    settings are left out. Payments that ran when the backup was made are asked about at the next start.
    """
    from tillbridge.cli.keeping_work import Answers, import_from  # noqa: PLC0415  # only when it runs

    import_from(where(config, data), file, passphrase_file, Answers(by, gap_settled, replace, without_link))


def day_report(
    *,
    day: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="A business day of the shop, such as 2026-05-16; else today's.", show_default=False
        ),
    ] = None,
    psp_csv: Annotated[
        Path | None,
        typer.Option(
            "--psp-csv",
            metavar="FILE",
            help="What the payment service lists of that day, as downloaded from it.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="As the native interface writes it.")] = False,
    csv_: Annotated[bool, typer.Option("--csv", help="As a table for a spreadsheet.")] = False,
    config: ConfigOption = None,
) -> None:
    """Compares a business day: the journal, the terminals' own totals, and the payment service. Names what differs.

    It reads the journal and changes nothing, while the connector runs or not. Exit code 0 means that all agrees, 1 that
    something differs.
    """
    from tillbridge.cli.day_reporting import Shape, report_day  # noqa: PLC0415  # only when it runs

    if json_ and csv_:
        raise typer.BadParameter("give --json or --csv, not both")
    shape = Shape.JSON if json_ else Shape.CSV if csv_ else Shape.TEXT
    raise typer.Exit(report_day(where(config, None), day, psp_csv, shape))
