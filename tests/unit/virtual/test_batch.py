"""The virtual terminal's closing: what its ledger has since the last one, by column and currency."""

from pathlib import Path

from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, BatchTotal, Side
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.terminal import VirtualTerminal

CHF = currency("CHF")


async def run(
    terminal: VirtualTerminal, kind: Kind, amount: Money | None = None, parent: str | None = None
) -> tuple[str, Approved]:
    payment = await terminal.start(PaymentRequest(kind, amount, "till", "door", parent=parent))
    payment = await terminal.wait(payment.id, 60)
    assert isinstance(payment.outcome, Approved), payment
    return payment.id, payment.outcome


def test_the_totals_are_the_ledgers(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "ledger.jsonl"
        ledger = Ledger(path)
        terminal = VirtualTerminal(runtime=manual_runtime(), ledger=ledger)
        _, empty = await run(terminal, Kind.RECONCILIATION)
        assert (empty.amount.minor, empty.totals) == (0, ())
        first, _ = await run(terminal, Kind.SALE, Money(1000, EUR))
        await run(terminal, Kind.SALE, Money(250, EUR))
        await run(terminal, Kind.VOID, parent=first)
        await run(terminal, Kind.REFUND, Money(100, EUR))
        held, _ = await run(terminal, Kind.AUTHORIZATION, Money(700, CHF))
        await run(terminal, Kind.CAPTURE, Money(300, CHF), parent=held)
        closing, closed = await run(terminal, Kind.RECONCILIATION)
        assert closed.totals == (
            BatchTotal(Side.DEBITS, 1, Money(300, CHF)),
            BatchTotal(Side.CREDITS, 0, Money(0, CHF)),
            BatchTotal(Side.ADJUSTMENTS, 0, Money(0, CHF)),
            BatchTotal(Side.DEBITS, 2, Money(1250, EUR)),
            BatchTotal(Side.CREDITS, 1, Money(100, EUR)),
            BatchTotal(Side.ADJUSTMENTS, 1, Money(1000, EUR)),
        )
        assert ledger.balance("EUR") == 1250 - 100 - 1000
        await run(terminal, Kind.SALE, Money(5, EUR))
        _, again = await run(terminal, Kind.RECONCILIATION)
        assert again.totals[0] == BatchTotal(Side.DEBITS, 1, Money(5, EUR))
        ledger.close()
        later = VirtualTerminal(runtime=manual_runtime(), ledger=Ledger(path))
        assert (await later.inquire(closing)).outcome == closed

    run_manual(main())


def test_a_void_without_an_amount_takes_back_all_of_it() -> None:
    async def main() -> None:
        terminal = VirtualTerminal(runtime=manual_runtime())
        sale, _ = await run(terminal, Kind.SALE, Money(1000, EUR))
        _, void = await run(terminal, Kind.VOID, parent=sale)
        assert void.amount == Money(1000, EUR)
        assert terminal.ledger.balance("EUR") == 0

    run_manual(main())
