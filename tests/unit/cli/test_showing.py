"""What a person reads about a payment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import CAPABILITIES, LOST, Puppet
from tillbridge.cli.showing import (
    NOTHING_HAPPENED,
    SIDES,
    UNKNOWN,
    events_table,
    outcome_words,
    payment_table,
    payments_table,
    print_end,
    subject,
)
from tillbridge.connector.api.resources import EventResource, PaymentResource
from tillbridge.domain.card import CardUse
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    Outcome,
    Side,
)
from tillbridge.runtime.manual import run_manual


def paid_with(folder: Path, outcome: Outcome, **request: Any) -> tuple[PaymentResource, list[EventResource]]:
    async def main() -> tuple[PaymentResource, list[EventResource]]:
        terminal = Puppet(replace(CAPABILITIES, kinds=frozenset(Kind)))
        async with house(folder, terminal) as engine:
            terminal.answers.put_nowait(outcome)
            payment = await engine.start(ask(**request))
            ended = await engine.wait(payment.id, 10)
            return PaymentResource.of(ended), [EventResource.of(event) for event in engine.events(payment.id)]

    return run_manual(main())


def text(*tables: object) -> str:
    console = Console(width=150, highlight=False)
    with console.capture() as captured:
        for table in tables:
            console.print(table)
    return captured.get()


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (PAID, "approved"),
        (
            Approved(PAID.amount, CardUse("497010######7890"), "123456"),
            "approved, authorization 123456, card 497010######7890",
        ),
        (Approved(Money(700, EUR)), "approved, of it 7.00 EUR"),
        (Declined(DeclineReason.REFUSED), "declined (refused); no money was taken"),
        (Aborted(AbortedBy.CUSTOMER), "aborted (customer); no money was taken"),
        (LOST, "in doubt (line_lost): it is not known whether money was taken [the line was cut]"),
    ],
)
def test_an_outcome_in_words(tmp_path: Path, outcome: Outcome, words: str) -> None:
    payment, _ = paid_with(tmp_path, outcome, partial_allowed=True)
    assert outcome_words(payment) == words


def test_the_last_word_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    payment, _ = paid_with(tmp_path, LOST)
    print_end(payment)
    printed = capsys.readouterr()
    assert printed.out == "in_doubt\n"
    assert f"tillbridge payments resolve {payment.id} --by NAME --reason TEXT --taken\n" in printed.err


def test_the_tables_hold_what_is_known(tmp_path: Path) -> None:
    payment, events = paid_with(tmp_path, PAID, order_id="[bold]5[/bold]")
    listed = text(payments_table([payment]))
    assert f"{payment.id}  2026-01-02" in listed
    assert "[bold]5[/bold]" in listed, "what a till sends is no markup"
    shown = text(payment_table(payment), events_table(events))
    for words in ("10.00 EUR", "money moved  yes", "accepted", "intent_on_disk", "outcome"):
        assert words in shown


CLOSED = Approved(
    Money(0, EUR), totals=(BatchTotal(Side.DEBITS, 3, Money(4500, EUR)), BatchTotal(Side.CREDITS, 1, Money(250, EUR)))
)


def test_a_reconciliation_shows_the_terminals_own_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    payment, _ = paid_with(tmp_path, CLOSED, kind=Kind.RECONCILIATION, amount=None)
    print_end(payment)
    printed = capsys.readouterr()
    assert printed.out == "approved\n"
    lines = [line.split() for line in printed.err.splitlines()]
    assert lines == [
        ["reconciliation", "on", "t1:", "approved"],
        ["the", "terminal's", "totals", "count", "sum"],
        ["paid", "3", "45.00", "EUR"],
        ["given", "back", "1", "2.50", "EUR"],
    ]
    shown = text(payment_table(payment))
    assert "paid         3, in all 45.00 EUR" in shown
    assert "money moved  no" in shown


def test_a_reconciliation_in_doubt_can_only_be_settled_one_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payment, _ = paid_with(tmp_path, InDoubt(DoubtReason.NO_ANSWER), kind=Kind.RECONCILIATION, amount=None)
    print_end(payment)
    told = capsys.readouterr().err
    assert "whether the terminal's day was closed" in told
    assert "--not-taken\n" in told
    assert "--taken" not in told


@pytest.mark.parametrize(
    ("kind", "about", "declined"),
    [
        (Kind.SALE, "10.00 EUR on t1", "declined (refused); no money was taken"),
        (Kind.REFUND, "refund of 10.00 EUR on t1", "declined (refused); no money was given back"),
        (Kind.AUTHORIZATION, "authorization of 10.00 EUR on t1", "declined (refused); no money is held"),
    ],
)
def test_each_kind_is_told_in_its_own_words(tmp_path: Path, kind: Kind, about: str, declined: str) -> None:
    payment, _ = paid_with(tmp_path, Declined(DeclineReason.REFUSED), kind=kind)
    assert (subject(payment), outcome_words(payment)) == (about, declined)


def test_nothing_is_left_without_words() -> None:
    assert set(NOTHING_HAPPENED) == set(UNKNOWN) == set(Kind)
    assert set(SIDES) == set(Side)
