"""`tillbridge simulate voucher-provider`: what it takes, and what it does."""

from typing import Annotated, Final

import typer

from tillbridge.cli.simulate_options import PortOption

PORT: Final = 8590
"""That of the sandbox; a test compares them, because --help must not load it."""

KEY: Final = "sandbox-key"
CARDS: Final = ("27612345678904:5000:0420", "04098765432104:3000:0007", "5512345678901234:2500")

CardOption = Annotated[
    list[str] | None,
    typer.Option(
        "--card",
        metavar="NUMBER:CENTS[:PIN]",
        help="A card that there is; may be given several times. Without it there are three.",
        show_default=False,
    ),
]
KeyOption = Annotated[str, typer.Option("--key", metavar="KEY", help="The branch's key.")]
FinalOption = Annotated[bool, typer.Option("--no-way-back", help="Redemptions are final: nothing is cancelled.")]
ForgetfulOption = Annotated[
    bool, typer.Option("--forgetful", help="A reference_number that comes twice is carried out twice.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="[REQUEST.]NAME[:TIMES[:SECONDS]]",
        help="A fault that is on from the start, for redeem unless balance or cancel is named:"
        " late, twice, other-balance, other-amount, other-code, with-message, cut-before, cut-after, unauthorised,"
        " not-found, conflict, error-before, error-after, broken-json. May be given several times.",
        show_default=False,
    ),
]


def voucher_provider(  # each is an option of the command line
    *,
    port: PortOption = PORT,
    card: CardOption = None,
    key: KeyOption = KEY,
    no_way_back: FinalOption = False,
    forgetful: ForgetfulOption = False,
    fault: FaultOption = None,
) -> None:
    """Plays a voucher provider of another maker on this computer, until Ctrl-C.

    It speaks the documented form for tills of other makers, and no money is moved. Its page shows the cards and has
    the switches of what may go wrong.
    """
    # Only when it runs: --help answers at once.
    from tillbridge.cli.running import run  # noqa: PLC0415
    from tillbridge.cli.simulating_voucher_provider import Wish, play  # noqa: PLC0415

    wish = Wish.of(port, card or CARDS, key, fault or (), takes_back=not no_way_back, remembers=not forgetful)
    run(play(wish))
