"""What refunds, captures and voids may move: what is there, and never more."""

from dataclasses import replace

import pytest

from tests.unit.virtual.desk import at_counter, pay, scripted, wish
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

Step = tuple[Kind, int, Stage]


async def walk(terminal: VirtualTerminal, *steps: Step, parent: str | None = None) -> list[Payment]:
    """Each step goes back to the first payment, by the reference that `parent` names, or by none."""
    done: list[Payment] = []
    for kind, minor, stage in steps:
        if done:
            reference = {"id": done[0].id, "order": "order 7", "key": "key 7", "note": "note 7"}.get(parent or "")
            request = wish(minor, kind, parent=reference)
        else:
            request = replace(wish(minor, kind, order_id="order 7", key="key 7"), notes={"reference": "note 7"})
        over = await pay(terminal, request)
        assert over.stage is stage, (kind, minor)
        done.append(over)
    return done


@pytest.mark.parametrize("parent", ["id", "order", "key", "note"])
def test_refunds_of_a_payment_stop_at_what_was_taken(parent: str) -> None:
    async def main() -> None:
        terminal = at_counter()
        await walk(
            terminal,
            (Kind.SALE, 1000, Stage.APPROVED),
            (Kind.REFUND, 400, Stage.APPROVED),
            (Kind.REFUND, 601, Stage.DECLINED),
            (Kind.REFUND, 600, Stage.APPROVED),
            (Kind.REFUND, 1, Stage.DECLINED),
            parent=parent,
        )
        assert terminal.ledger.balance("EUR") == 0

    run_manual(main())


def test_a_refund_without_a_reference_pays_out_what_another_day_took() -> None:
    async def main() -> None:
        terminal = at_counter()
        await walk(terminal, (Kind.REFUND, 400, Stage.APPROVED))
        assert terminal.ledger.balance("EUR") == -400

    run_manual(main())


@pytest.mark.parametrize("parent", ["id", "order", None])
def test_a_void_gives_back_a_sale_once_and_as_a_whole(parent: str | None) -> None:
    async def main() -> None:
        terminal = at_counter()
        done = await walk(
            terminal,
            (Kind.SALE, 1000, Stage.APPROVED),
            (Kind.VOID, 999, Stage.DECLINED),
            (Kind.VOID, 1000, Stage.APPROVED),
            (Kind.VOID, 1000, Stage.DECLINED),
            parent=parent,
        )
        (row,) = terminal.ledger.of(done[2].id)
        assert (row.movement, row.parent) == (Movement.REVERSED, done[0].id)
        assert terminal.ledger.balance("EUR") == 0

    run_manual(main())


@pytest.mark.parametrize("parent", ["id", None])
def test_a_sale_that_was_refunded_in_part_cannot_be_voided(parent: str | None) -> None:
    async def main() -> None:
        terminal = at_counter()
        sale = await pay(terminal, wish(1000))
        await pay(terminal, wish(1, Kind.REFUND, parent=sale.id))
        void = await pay(terminal, wish(1000, Kind.VOID, parent=sale.id if parent else None))
        assert (void.stage, terminal.ledger.balance("EUR")) == (Stage.DECLINED, 999)

    run_manual(main())


def test_a_void_without_a_reference_takes_the_newest_of_its_own_register() -> None:
    async def main() -> None:
        terminal = at_counter()
        first, second, _ = [await pay(terminal, wish(1000, register=register)) for register in ("01", "01", "02")]
        for expected in (second, first):
            void = await pay(terminal, wish(1000, Kind.VOID))
            assert terminal.ledger.of(void.id)[0].parent == expected.id
        assert (await pay(terminal, wish(1000, Kind.VOID))).stage is Stage.DECLINED
        assert terminal.ledger.balance("EUR") == 1000

    run_manual(main())


@pytest.mark.parametrize("parent", ["id", None])
def test_captures_stop_at_what_is_held(parent: str | None) -> None:
    async def main() -> None:
        terminal = at_counter()
        await walk(
            terminal,
            (Kind.AUTHORIZATION, 1000, Stage.APPROVED),
            (Kind.CAPTURE, 700, Stage.APPROVED),
            (Kind.CAPTURE, 301, Stage.DECLINED),
            (Kind.CAPTURE, 300, Stage.APPROVED),
            (Kind.CAPTURE, 1, Stage.DECLINED),
            parent=parent,
        )
        assert (terminal.ledger.balance("EUR"), terminal.ledger.held("EUR")) == (1000, 0)

    run_manual(main())


def test_a_void_of_an_authorisation_releases_what_is_left_of_it() -> None:
    async def main() -> None:
        terminal = at_counter()
        done = await walk(
            terminal,
            (Kind.AUTHORIZATION, 1000, Stage.APPROVED),
            (Kind.CAPTURE, 700, Stage.APPROVED),
            (Kind.VOID, 1000, Stage.APPROVED),
            (Kind.VOID, 1000, Stage.DECLINED),
            (Kind.CAPTURE, 1, Stage.DECLINED),
            parent="id",
        )
        released = done[2].outcome
        assert isinstance(released, Approved)
        assert released.amount.minor == 300
        assert (terminal.ledger.balance("EUR"), terminal.ledger.held("EUR")) == (700, 0)

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.CAPTURE, Kind.VOID])
@pytest.mark.parametrize("change", ["currency", "parent"])
def test_another_currency_or_an_unknown_payment_moves_nothing(kind: Kind, change: str) -> None:
    async def main() -> None:
        terminal = at_counter()
        first = await pay(terminal, wish(1000, Kind.AUTHORIZATION if kind is Kind.CAPTURE else Kind.SALE))
        request: PaymentRequest = wish(1000, kind, parent=first.id)
        if change == "currency":
            request = replace(request, amount=Money(1000, currency("USD")))
        else:
            request = replace(request, parent="unknown")
        assert (await pay(terminal, request)).stage is Stage.DECLINED
        assert terminal.ledger.balance("USD") == 0

    run_manual(main())


@pytest.mark.parametrize(("minor", "expected"), [(1, 1), (2, 1), (3, 1), (1001, 500)])
def test_half_of_a_price_is_at_least_one_minor_unit(minor: int, expected: int) -> None:
    async def main() -> None:
        terminal = scripted("partial")
        await pay(terminal, wish(minor))
        assert terminal.ledger.balance("EUR") == expected

    run_manual(main())
