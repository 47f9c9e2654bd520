"""`tillbridge portal`: what it takes."""

from pathlib import Path
from typing import Annotated

import typer

from tillbridge.cli.portal_keys import app as keys
from tillbridge.cli.portal_options import USUAL, FileOption
from tillbridge.cli.portal_recover import app as recover
from tillbridge.cli.portal_vouchers import app as vouchers

app = typer.Typer(help="Runs the portal and looks after its database.", no_args_is_help=True)
audit = typer.Typer(help="The portal's audit log.", no_args_is_help=True)
app.add_typer(audit, name="audit")
ledger = typer.Typer(help="The ledger of the vouchers.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")

app.add_typer(vouchers, name="vouchers")
app.add_typer(recover, name="recover")
app.add_typer(keys, name="keys")


@app.command()
def serve(
    *,
    config: FileOption = USUAL,
    until_stdin_ends: Annotated[
        bool, typer.Option("--until-stdin-ends", hidden=True, help="Also stop when standard input ends.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", hidden=True, help="Migrate and fill an empty portal first.")] = False,
) -> None:
    """Serves the portal until it is told to stop: Ctrl-C or SIGTERM.

    It prints a line that begins with "ready" once it answers. Several processes may serve one PostgreSQL.
    """
    from tillbridge.cli.portal_running import serve_file  # noqa: PLC0415  # only when it runs: --help answers at once

    serve_file(config, until_stdin_ends=until_stdin_ends, demo=demo)


@app.command()
def migrate(*, config: FileOption = USUAL) -> None:
    """Brings the database up to this version: every step that is missing, or none of them."""
    from tillbridge.cli.portal_running import migrate_file  # noqa: PLC0415  # only when it runs: --help answers at once

    migrate_file(config)


@app.command()
def create_admin(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Where this person reads mail.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", prompt="Name", help="How this person is called.")],
    config: FileOption = USUAL,
) -> None:
    """Makes the first person who runs this portal and prints a link on which that person chooses a password."""
    from tillbridge.cli.portal_running import admin_in_file  # noqa: PLC0415  # only when it runs

    admin_in_file(config, email, name)


@app.command()
def demo_data(*, config: FileOption = USUAL) -> None:
    """Fills an empty portal with two invented merchants, and prints who may sign in."""
    from tillbridge.cli.portal_running import fill_file  # noqa: PLC0415  # only when it runs: --help answers at once

    fill_file(config)


@app.command()
def demo_code() -> None:
    """Prints the one-time password that the demonstration asks for right now."""
    from tillbridge.cli.portal_running import print_demo_code  # noqa: PLC0415  # only when it runs

    print_demo_code()


@app.command()
def voucher_grant(
    system: Annotated[
        str, typer.Argument(metavar="SYSTEM", help="The voucher system, as it stands in the address of its page.")
    ],
    codes: Annotated[int, typer.Argument(metavar="CODES", help="How many more.")],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why. The merchant reads it in the audit log.")],
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Such as 2026-12; this one without it.", show_default=False)
    ] = None,
    config: FileOption = USUAL,
) -> None:
    """Lets a merchant make more voucher codes in one month than a voucher system has by itself."""
    from tillbridge.cli.portal_running import grant_in_file  # noqa: PLC0415  # only when it runs

    grant_in_file(config, system, month, codes, reason)


@audit.command()
def verify(
    *,
    config: FileOption = USUAL,
    anchor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A signed head that was put aside earlier.", show_default=False),
    ] = None,
) -> None:
    """Walks the whole log and says whether anything was changed, added or cut off. Exit code 0: nothing was."""
    from tillbridge.cli.portal_running import verify_file  # noqa: PLC0415  # only when it runs: --help answers at once

    raise typer.Exit(verify_file(config, anchor))


@audit.command()
def anchor(*, config: FileOption = USUAL) -> None:
    """Prints the end of the log, signed. Put it aside where nobody reaches who reaches the portal."""
    from tillbridge.cli.portal_running import anchor_from_file  # noqa: PLC0415  # only when it runs

    anchor_from_file(config)


@ledger.command("verify")
def verify_ledger(
    *,
    config: FileOption = USUAL,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Signed heads that were put aside earlier.", show_default=False),
    ] = None,
) -> None:
    """Holds every voucher against its entries, and all entries against what was signed. Exit code 0: nothing is wrong.

    It names each voucher that is wrong, and the first entry that was changed, cut off or slipped in.
    """
    from tillbridge.cli.portal_ledger import verify_in_file  # noqa: PLC0415  # only when it runs

    raise typer.Exit(verify_in_file(config, against))


@ledger.command("heads")
def ledger_heads(
    *,
    config: FileOption = USUAL,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them to this file, to be put aside.", show_default=False),
    ] = None,
) -> None:
    """Lists the signed days of the ledger. Put them aside where nobody reaches who reaches the portal."""
    from tillbridge.cli.portal_ledger import heads_of_file  # noqa: PLC0415  # only when it runs

    heads_of_file(config, export)
