"""Payments as tables and lines for a person."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, assert_never

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tillbridge.connector.api.outcome_resources import (
    AbortedResource,
    AmountResource,
    ApprovedResource,
    BatchTotalResource,
    DeclinedResource,
    InDoubtResource,
    NotStartedResource,
)
from tillbridge.connector.api.resources import EventResource, PaymentResource
from tillbridge.domain.operation import RUNNING, Kind, Progress, Stage
from tillbridge.domain.outcome import Side

DOING: Final = MappingProxyType(
    {
        None: "accepted",
        Progress.CONNECTING: "calling the terminal",
        Progress.WAITING_FOR_CARD: "waiting for the card",
        Progress.WAITING_FOR_PIN: "waiting for the PIN",
        Progress.AWAITING_SIGNATURE: "waiting for the signature",
        Progress.AUTHORIZING: "asking the bank",
        Progress.PRINTING: "printing",
    }
)

NOTHING_HAPPENED: Final = MappingProxyType(
    {
        Kind.SALE: "no money was taken",
        Kind.REFUND: "no money was given back",
        Kind.AUTHORIZATION: "no money is held",
        Kind.CAPTURE: "no money was taken",
        Kind.VOID: "nothing was undone",
        Kind.RECONCILIATION: "the terminal's day was not closed",
    }
)
UNKNOWN: Final = MappingProxyType(
    {
        Kind.SALE: "money was taken",
        Kind.REFUND: "money was given back",
        Kind.AUTHORIZATION: "money is held",
        Kind.CAPTURE: "money was taken",
        Kind.VOID: "it was undone",
        Kind.RECONCILIATION: "the terminal's day was closed",
    }
)
SIDES: Final = MappingProxyType(
    {Side.DEBITS: "paid", Side.CREDITS: "given back", Side.ADJUSTMENTS: "adjusted"},
)

COLOURS: Final = MappingProxyType(
    {
        Stage.ACCEPTED: "cyan",
        Stage.SENDING: "cyan",
        Stage.APPROVED: "green",
        Stage.DECLINED: "red",
        Stage.ABORTED: "yellow",
        Stage.NOT_STARTED: "yellow",
        Stage.IN_DOUBT: "bold magenta",
    }
)


NARROWEST: Final = 110
"""Columns of a table of payments: an id that was cut off could not be copied, a line that wraps can."""


def wide_console() -> Console:
    """Standard output, wide enough for whole ids."""
    console = Console(highlight=False)
    return console if console.width >= NARROWEST else Console(highlight=False, width=NARROWEST)


class LiveScreen:
    """`Screen` on standard error: a line that moves on a terminal, a line for each change elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._shown = ""

    def show(self, payment: PaymentResource) -> None:
        """See `Screen.show`."""
        if payment.stage not in RUNNING:
            self.end()
            return
        text = f"{subject(payment)}: {DOING[payment.progress]}"
        if text == self._shown:
            return
        self._shown = text
        if not self._console.is_terminal:
            self._console.print(text, markup=False, soft_wrap=True)
        elif self._status is None:
            self._status = self._console.status(Text(text))
            self._status.start()
        else:
            self._status.update(Text(text))

    def say(self, sentence: str) -> None:
        """See `Screen.say`."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    def end(self) -> None:
        """Takes the moving line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def print_end(payment: PaymentResource) -> None:
    """What came out: lines for the person on standard error, and the one word for programs on standard output."""
    console = Console(stderr=True, highlight=False)
    say = partial(console.print, markup=False, soft_wrap=True)
    say(f"{subject(payment)}: {outcome_words(payment)}")
    if isinstance(payment.outcome, ApprovedResource) and payment.outcome.totals:
        console.print(totals_table(payment.outcome.totals))
    if payment.replayed:
        say("Nothing new was done: this is an earlier payment.")
    if payment.stage is Stage.IN_DOUBT:
        _say_how_to_settle(payment, say)
    sys.stdout.write(f"{payment.stage}\n")


def _say_how_to_settle(payment: PaymentResource, say: Callable[[str], None]) -> None:
    settle = f"tillbridge payments resolve {payment.id} --by NAME --reason TEXT"
    if payment.kind is Kind.RECONCILIATION:
        say(f"Look at the terminal, then: {settle} --not-taken")
        return
    say(f"Look at the terminal, then: {settle} --taken")
    say("or, if it took nothing, the same with --not-taken.")


def print_lost() -> None:
    """The end of a payment that was asked for and never seen again."""
    sys.stderr.write("Look at the terminal, and at `tillbridge payments list`, before you try again.\n")
    sys.stdout.write(f"{Stage.IN_DOUBT}\n")


def subject(payment: PaymentResource) -> str:
    """What is asked of which terminal: "12.50 EUR on counter" is a sale."""
    match payment.kind:
        case Kind.SALE:
            asked = amount_words(payment.amount)
        case Kind.RECONCILIATION:
            asked = "reconciliation"
        case Kind.REFUND | Kind.AUTHORIZATION | Kind.CAPTURE | Kind.VOID:
            asked = f"{payment.kind} of {amount_words(payment.amount)}"
        case _:
            assert_never(payment.kind)
    return f"{asked} on {payment.terminal}"


def outcome_words(payment: PaymentResource) -> str:
    """How it stands, with what is worth knowing of it."""
    nothing, unknown = NOTHING_HAPPENED[payment.kind], UNKNOWN[payment.kind]
    match payment.outcome:
        case None:
            return f"still running, {DOING[payment.progress]}"
        case ApprovedResource() as approved:
            return ", ".join(_approved(approved, payment))
        case DeclinedResource(reason=reason):
            return f"declined ({reason}); {nothing}"
        case AbortedResource(by=by):
            return f"aborted ({by}); {nothing}"
        case NotStartedResource(reason=reason, detail=detail):
            return _with(f"not started ({reason}); {nothing}", detail)
        case InDoubtResource(reason=reason, detail=detail):
            return _with(f"in doubt ({reason}): it is not known whether {unknown}", detail)


def _with(words: str, detail: str) -> str:
    return f"{words} [{detail}]" if detail else words


def _approved(approved: ApprovedResource, payment: PaymentResource) -> Sequence[str]:
    words = ["approved"]
    if payment.amount is not None and approved.amount != payment.amount:
        words.append(f"of it {amount_words(approved.amount)}")
    if approved.authorization_code:
        words.append(f"authorization {approved.authorization_code}")
    if approved.card is not None and approved.card.masked_pan:
        words.append(f"card {approved.card.masked_pan}")
    if approved.signature:
        words.append("signed by the cardholder")
    return words


def totals_table(totals: Sequence[BatchTotalResource]) -> Table:
    """A terminal's own totals at the end of its day."""
    table = Table(box=None, pad_edge=False)
    table.add_column("the terminal's totals", no_wrap=True)
    for name in ("count", "sum"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in totals:
        table.add_row(SIDES[one.side], str(one.count), amount_words(one.amount))
    return table


def amount_words(amount: AmountResource | None) -> str:
    """12.50 EUR."""
    return "no amount" if amount is None else f"{amount.major} {amount.currency}"


def payments_table(payments: Sequence[PaymentResource]) -> Table:
    """One line for each payment."""
    table = Table(box=None, pad_edge=False)
    for name in ("id", "accepted", "terminal", "kind"):
        table.add_column(name, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("stands", no_wrap=True)
    table.add_column("order", overflow="fold")
    for payment in payments:
        table.add_row(
            payment.id,
            f"{payment.accepted_at.astimezone():%Y-%m-%d %H:%M:%S}",
            payment.terminal,
            payment.kind,
            amount_words(payment.amount),
            Text(payment.stage, style=COLOURS[payment.stage]),
            Text(payment.order_id or ""),
        )
    return table


def payment_table(payment: PaymentResource) -> Table:
    """Everything that is kept of one payment."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(payment):
        if text:
            table.add_row(name, Text(text))
    return table


def _facts(payment: PaymentResource) -> Iterator[tuple[str, str]]:
    yield "id", payment.id
    yield "stands", outcome_words(payment)
    yield "money moved", payment.money_moved
    yield "kind", payment.kind
    yield "goes back to", payment.parent or ""
    yield "amount", amount_words(payment.amount)
    yield "terminal", payment.terminal
    yield "asked by", payment.door
    yield "order", payment.order_id or ""
    yield "accepted", f"{payment.accepted_at.astimezone():%Y-%m-%d %H:%M:%S}"
    yield "closed", "" if payment.closed_at is None else f"{payment.closed_at.astimezone():%Y-%m-%d %H:%M:%S}"
    yield "warnings", ", ".join(payment.warnings)
    if isinstance(payment.outcome, ApprovedResource):
        yield "reference", payment.outcome.reference or ""
        for total in payment.outcome.totals:
            yield SIDES[total.side], f"{total.count}, in all {amount_words(total.amount)}"


def events_table(events: Sequence[EventResource]) -> Table:
    """The timeline."""
    table = Table(box=None, pad_edge=False)
    for name in ("at", "what", "why"):
        table.add_column(name, no_wrap=True)
    table.add_column("detail", overflow="fold")
    for event in events:
        detail = ", ".join(f"{name}={value}" for name, value in event.detail.items())
        at = event.at.astimezone()
        table.add_row(f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", event.type, event.cause or "", Text(detail))
    return table
