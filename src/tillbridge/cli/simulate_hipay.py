"""`tillbridge simulate hipay`: what it takes."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tillbridge.cli.simulate_options import PortOption, choice

PORT: Final = 8580
"""That of the sandbox; a test compares them, because --help must not load it."""

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Keep transactions and credentials here; forgotten without.", show_default=False
    ),
]
CredentialsOption = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        metavar="FILE",
        help="The account's credentials, as the file credentials.json of --data has them.",
        show_default=False,
    ),
]
NotifyOption = Annotated[
    str | None,
    typer.Option("--notify", metavar="URL", help="Where signed notifications are sent.", show_default=False),
]
StyleOption = Annotated[str | None, choice("--notify-as", "form|json|xml", "How a notification is written.")]
DigestOption = Annotated[
    str | None, choice("--notify-digest", "sha256|sha1|sha512", "The hash of a notification's signature.")
]
TerminalOption = Annotated[
    str | None,
    choice("--terminal", "approve|refuse|expire|wait", "What becomes of an order that is given to a terminal."),
]
DelayOption = Annotated[
    float | None,
    typer.Option(
        "--delay", metavar="SECONDS", help="How long such a terminal takes; 2 unless said.", show_default=False
    ),
]
CreditOption = Annotated[
    str | None, choice("--credit-status", "166|168|169", "The status that a recorded credit ends in.")
]
OnlyFromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only-from",
        metavar="NETWORK",
        help="Whose orders the account takes, such as 127.0.0.1; may be given several times.",
        show_default=False,
    ),
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="NAME[:TIMES[:SECONDS]]",
        help="A fault that is on from the start, such as down:3; may be given several times.",
        show_default=False,
    ),
]
ReleasesOption = Annotated[
    Path | None,
    typer.Option(
        "--releases", metavar="DIR", help="The folder of installer archives and signed updates.", show_default=False
    ),
]


def hipay(  # noqa: PLR0913  # each is an option of the command line
    *,
    port: PortOption = PORT,
    data: DataOption = None,
    credentials: CredentialsOption = None,
    notify: NotifyOption = None,
    notify_as: StyleOption = None,
    notify_digest: DigestOption = None,
    terminal: TerminalOption = None,
    delay: DelayOption = None,
    credit_status: CreditOption = None,
    only_from: OnlyFromOption = None,
    fault: FaultOption = None,
    releases: ReleasesOption = None,
) -> None:
    """Plays the payment provider's published interfaces on this computer, until Ctrl-C.

    It is not HiPay, and no money is moved. Its page shows the transactions and has the switches of all that may go
    wrong at a provider.
    """
    words = locals()
    from tillbridge.cli.simulating_hipay import simulate_provider  # noqa: PLC0415  # only when it runs

    simulate_provider(words)
