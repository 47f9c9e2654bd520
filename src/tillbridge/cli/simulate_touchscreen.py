"""`tillbridge simulate touchscreen`: what it takes."""

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer

from tillbridge.cli.simulate_options import (
    LOCAL,
    AllowFromOption,
    ControlOption,
    DelayOption,
    HostOption,
    LedgerOption,
    NameOption,
    PortOption,
    ScenarioOption,
    choice,
)

PORT: Final = 33350
"""The wire's own, and that of the door; a test compares them, because --help must not load the door."""

SETTINGS: Final = MappingProxyType(
    {
        "port": "port",
        "host": "host",
        "allow_from": "allow_from",
        "versions": "versions",
        "profile": "profile",
        "terminal_id": "terminal_id",
        "busy": "personality.busy",
        "wrong_secret": "personality.wrong_secret",
        "unknown_id": "personality.unknown_id",
        "duplicate": "personality.duplicate",
        "confirm": "personality.confirm",
        "confirm_seconds": "confirm_seconds",
        "early_result": "personality.early_result",
        "lifetime": "personality.lifetime",
        "texts": "personality.texts",
    }
)
"""The setting of the door that each option stands for."""

VersionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--versions",
        metavar="NAME",
        help="A version that it serves, such as v6 or paya; may be given several times. Without it: all.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option("--profile", metavar="FILE", help="Other facts about the wire, of another maker.", show_default=False),
]
TerminalIdOption = Annotated[
    str | None,
    typer.Option("--terminal-id", metavar="TEXT", help="The number that it tells of itself.", show_default=False),
]
BusyOption = Annotated[
    str | None, choice("--busy", "not_started|conflict|locked", "How it says that something else runs.")
]
WrongSecretOption = Annotated[
    str | None,
    choice("--wrong-secret", "unauthorized|forbidden|not_started", "How it answers a wrong password."),
]
UnknownIdOption = Annotated[
    str | None, choice("--unknown-id", "not_found|text|bad_request", "How it says that it does not know an id.")
]
DuplicateOption = Annotated[
    str | None, choice("--duplicate", "replay|reject|second_charge", "What a second start under the same id does.")
]
ConfirmOption = Annotated[
    str | None, choice("--confirm", "optional|required|absent", "Whether the till has to confirm the outcome.")
]
ConfirmSecondsOption = Annotated[
    float | None,
    typer.Option(
        "--confirm-seconds",
        metavar="SECONDS",
        help="With --confirm required: when it takes back what was not confirmed.",
        show_default=False,
    ),
]
EarlyResultOption = Annotated[
    str | None, choice("--early-result", "allowed|refused", "Whether the result may be read before it is confirmed.")
]
LifetimeOption = Annotated[
    str | None, choice("--lifetime", "kept|lost_on_restart", "Whether results outlive a restart of the terminal.")
]
TextsOption = Annotated[str | None, choice("--texts", "plain|random", "What its status says while it runs.")]


def touchscreen(  # noqa: PLR0913  # each is an option of the command line
    *,
    port: PortOption = PORT,
    host: HostOption = LOCAL,
    allow_from: AllowFromOption = None,
    scenario: ScenarioOption = None,
    control: ControlOption = None,
    delay: DelayOption = 1.0,
    ledger: LedgerOption = None,
    name: NameOption = "touchscreen",
    versions: VersionsOption = None,
    profile: ProfileOption = None,
    terminal_id: TerminalIdOption = None,
    busy: BusyOption = None,
    wrong_secret: WrongSecretOption = None,
    unknown_id: UnknownIdOption = None,
    duplicate: DuplicateOption = None,
    confirm: ConfirmOption = None,
    confirm_seconds: ConfirmSecondsOption = None,
    early_result: EarlyResultOption = None,
    lifetime: LifetimeOption = None,
    texts: TextsOption = None,
) -> None:
    """Plays a touch-screen terminal on the network, until Ctrl-C.

    Amounts that end in .91 to .99 bring declines, delays and broken lines; every other one is approved. The switches
    at the end are for what is not known of real terminals; of each one's values the first is the usual one.
    """
    words = locals()
    from tillbridge.cli.simulated_doors import simulate_door  # noqa: PLC0415  # only when it runs: --help answers at once

    simulate_door("touchscreen", "touch-screen REST", words, SETTINGS)
