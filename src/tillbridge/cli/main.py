"""The command line: `tillbridge`, and the same as `python -m tillbridge`.

Each command loads what it needs when it runs, so that `--help` answers at once.
"""

import sys
from typing import Annotated

import typer

import tillbridge
from tillbridge.cli import (
    connector,
    demo,
    doctor,
    pay,
    payments,
    portal,
    release,
    self_testing,
    service,
    simulate,
    supervise,
    upstream,
    vouchers,
)
from tillbridge.cli.errors import Commands

app = typer.Typer(
    name="tillbridge",
    cls=Commands,
    help="One open bridge between any till and any card terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tillbridge {tillbridge.__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


app.command("pay")(pay.pay)
app.add_typer(payments.app, name="payments")
app.add_typer(vouchers.app, name="vouchers")
app.add_typer(upstream.app, name="upstream")
app.add_typer(connector.app, name="connector")
app.command("supervise")(supervise.supervise)
app.add_typer(service.app, name="service")
app.command("doctor")(doctor.doctor)
app.add_typer(simulate.app, name="simulate")
if not getattr(sys, "frozen", False):
    # A packaged connector comes without the portal and the demo, and nobody publishes releases from a shop.
    app.add_typer(portal.app, name="portal")
    app.command("demo")(demo.demo)
    app.add_typer(release.app, name="release")
app.command("self-test", hidden=True)(self_testing.self_test)
app.command("self-update", hidden=True)(self_testing.self_update)
