"""`tillbridge payments`: what it takes."""

from enum import StrEnum
from typing import Annotated

import typer

from tillbridge.cli.pay import KindWord
from tillbridge.cli.places import ConfigOption, DataOption, UrlOption, where

app = typer.Typer(
    help="Looks at payments, and settles the ones in doubt. Asks the running connector, or reads its journal.",
    no_args_is_help=True,
)


class StageWord(StrEnum):
    """The stages as words of the command line; `domain.operation.Stage` says what they mean."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    APPROVED = "approved"
    DECLINED = "declined"
    ABORTED = "aborted"
    NOT_STARTED = "not_started"
    IN_DOUBT = "in_doubt"


KindFilter = Annotated[KindWord | None, typer.Option("--kind", help="Only this operation.", show_default=False)]
StageFilter = Annotated[StageWord | None, typer.Option("--stage", help="Only what stands so.", show_default=False)]
TerminalFilter = Annotated[
    str | None, typer.Option("--terminal", metavar="NAME", help="Only on this terminal.", show_default=False)
]
OrderFilter = Annotated[
    str | None, typer.Option("--order", metavar="TEXT", help="Only with this order number.", show_default=False)
]
SinceFilter = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="MOMENT",
        help="Only what was accepted then or later: 2026-03-01, or 2026-03-01T14:30 in this computer's time.",
        show_default=False,
    ),
]
SearchFilter = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="TEXT",
        help="Only with this order number or amount, or with an id that begins like this.",
        show_default=False,
    ),
]
PaymentId = Annotated[str, typer.Argument(metavar="ID", help="The payment's id.", show_default=False)]
NameOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.", show_default=False)]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="What was seen, such as the slip's number.", show_default=False)
]
TakenOption = Annotated[
    bool, typer.Option("--taken/--not-taken", help="Whether the customer's money was taken.", show_default=False)
]
AmountOption = Annotated[
    str | None,
    typer.Option("--amount", metavar="AMOUNT", help="With --taken: less than was asked for.", show_default=False),
]


@app.command("list")
def list_payments(  # noqa: PLR0913  # each is an option of the command line
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="The last id of the page before.", show_default=False)
    ] = None,
    kind: KindFilter = None,
    stage: StageFilter = None,
    terminal: TerminalFilter = None,
    order: OrderFilter = None,
    since: SinceFilter = None,
    search: SearchFilter = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Lists payments, newest first: all, or those that fit everything that is asked for."""
    from tillbridge.cli.filtering import wanted  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.cli.looking import list_page  # noqa: PLC0415  # only when it runs: --help answers at once

    asked = wanted(kind=kind, stage=stage, terminal=terminal, order=order, since=since, search=search)
    list_page(where(config, data, url), before, limit, asked)


@app.command()
def show(payment_id: PaymentId, *, config: ConfigOption = None, data: DataOption = None, url: UrlOption = None) -> None:
    """Shows one payment with its timeline."""
    from tillbridge.cli.looking import show_one  # noqa: PLC0415  # only when it runs: --help answers at once

    show_one(where(config, data, url), payment_id)


@app.command()
def resolve(  # noqa: PLR0913  # each is an option of the command line
    payment_id: PaymentId,
    *,
    taken: TakenOption,
    by: NameOption,
    reason: ReasonOption,
    amount: AmountOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Settles a payment in doubt, once somebody has looked at the terminal. The name and the reason stay for ever."""
    from tillbridge.cli.looking import Finding, settle  # noqa: PLC0415  # only when it runs: --help answers at once

    settle(where(config, data, url), payment_id, Finding(taken, by, reason, amount))
