"""`tillbridge portal vouchers`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli.portal_options import USUAL, FileOption

app = typer.Typer(
    help="Looks at the vouchers in the portal's database, and blocks them. PINs are never shown.", no_args_is_help=True
)

CodeArgument = Annotated[
    str,
    typer.Argument(metavar="NUMBER", help="The voucher's number, as scanned or typed, or its id.", show_default=False),
]
SystemOption = Annotated[
    str, typer.Option("--system", metavar="ID", help="Of one voucher system: its id, or the end of it.")
]
BatchOption = Annotated[str, typer.Option("--batch", metavar="ID", help="Of one batch: its id, or the end of it.")]
StateOption = Annotated[
    str,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Those that stand so: produced, activated, loaded, emptied, expired, blocked or retired.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
FullOption = Annotated[
    bool, typer.Option("--full", help="With whole numbers; otherwise only their first three and last four digits.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.", show_default=False)
]


@app.command("list")
def list_vouchers(  # noqa: PLR0913  # each is an option of the command line
    *,
    system: SystemOption = "",
    batch: BatchOption = "",
    state: StateOption = "",
    after: Annotated[str, typer.Option("--after", metavar="ID", help="Those made after the one with this id.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.", min=1, max=10_000)] = 50,
    full: FullOption = False,
    as_json: JsonOption = False,
    config: FileOption = USUAL,
) -> None:
    """Lists vouchers in the order in which they were made. With --full it is noted in the audit log."""
    from tillbridge.cli.portal_voucher_work import Asked, print_list  # noqa: PLC0415  # only when it runs

    print_list(config, Asked(system, batch, state, after, limit), full=full, as_json=as_json)


@app.command()
def show(
    number: CodeArgument,
    *,
    system: SystemOption = "",
    full: FullOption = False,
    as_json: JsonOption = False,
    config: FileOption = USUAL,
) -> None:
    """Shows one voucher with the newest part of its history."""
    from tillbridge.cli.portal_voucher_work import print_one  # noqa: PLC0415  # only when it runs

    print_one(config, number, system, full=full, as_json=as_json)


@app.command()
def block(number: CodeArgument, *, reason: ReasonOption, system: SystemOption = "", config: FileOption = USUAL) -> None:
    """Blocks a voucher: it can be neither loaded nor spent; what goes back on it still does."""
    from tillbridge.cli.portal_voucher_work import set_blocked  # noqa: PLC0415  # only when it runs

    set_blocked(config, number, reason, system, blocked=True)


@app.command()
def unblock(
    number: CodeArgument, *, reason: ReasonOption, system: SystemOption = "", config: FileOption = USUAL
) -> None:
    """Lets a blocked voucher be used again."""
    from tillbridge.cli.portal_voucher_work import set_blocked  # noqa: PLC0415  # only when it runs

    set_blocked(config, number, reason, system, blocked=False)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write.", show_default=False)],
    *,
    system: SystemOption = "",
    batch: BatchOption = "",
    state: StateOption = "",
    config: FileOption = USUAL,
) -> None:
    """Writes vouchers with their whole numbers into a new file, without PINs. It is noted in the audit log."""
    from tillbridge.cli.portal_voucher_work import Asked, export_to  # noqa: PLC0415  # only when it runs

    export_to(config, Asked(system, batch, state), target)


@app.command()
def batches(*, system: SystemOption = "", as_json: JsonOption = False, config: FileOption = USUAL) -> None:
    """Lists the voucher systems with their batches of codes."""
    from tillbridge.cli.portal_voucher_work import print_batches  # noqa: PLC0415  # only when it runs

    print_batches(config, system, as_json=as_json)
