"""What a person reads about a payment."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.cli.showing import events_table, outcome_words, payment_table, payments_table, print_end
from tillbridge.connector.api.resources import EventResource, PaymentResource
from tillbridge.domain.card import CardUse
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Aborted, AbortedBy, Approved, Declined, DeclineReason, Outcome
from tillbridge.runtime.manual import run_manual


def paid_with(folder: Path, outcome: Outcome, **request: Any) -> tuple[PaymentResource, list[EventResource]]:
    async def main() -> tuple[PaymentResource, list[EventResource]]:
        terminal = Puppet()
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
