"""Captures, refunds and voids: which payment is meant, whether it fits, and how much of it is left."""

from pathlib import Path

import pytest

from tests.unit.engine.house import MINUTE, TEN, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Parent, Stage
from tillbridge.domain.outcome import Approved, Declined, Outcome
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Capabilities, Payment, PaymentRequest, Recovery
from tillbridge.runtime.manual import run_manual

EVERYTHING = Capabilities(kinds=frozenset(Kind), recovery=Recovery.BY_ID, max_minor=10**9)
NAMED = Capabilities(
    kinds=frozenset(Kind),
    recovery=Recovery.NONE,
    max_minor=10**9,
    linked=frozenset({Kind.CAPTURE, Kind.VOID}),
    voids=frozenset({Kind.SALE}),
)
HELD = Approved(TEN, reference="4711", authorization_code="A1")


async def run(engine: Engine, puppet: Puppet, request: PaymentRequest, answer: Outcome) -> Payment:
    puppet.answers.put_nowait(answer)
    payment = await engine.start(request)
    return await engine.wait(payment.id, MINUTE)


def euros(minor: int) -> Money:
    return Money(minor, EUR)


def test_a_capture_carries_what_its_terminal_said_of_the_authorization(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(EVERYTHING)
        async with house(tmp_path, puppet) as engine:
            held = await run(engine, puppet, ask(kind=Kind.AUTHORIZATION), HELD)
            captured = await run(
                engine, puppet, ask(euros(400), kind=Kind.CAPTURE, parent=held.id), Approved(euros(400))
            )
            assert (captured.stage, captured.parent, captured.amount) == (Stage.APPROVED, held.id, euros(400))
            assert puppet.taken[-1].parent == Parent(held.id, Kind.AUTHORIZATION, TEN, "4711", "A1")

    run_manual(main())


def test_no_more_than_what_is_left_and_everything_when_no_amount_is_given(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(EVERYTHING)
        async with house(tmp_path, puppet) as engine:
            sale = await run(engine, puppet, ask(), Approved(TEN))
            await run(engine, puppet, ask(euros(400), kind=Kind.REFUND, parent=sale.id), Approved(euros(400)))
            await run(engine, puppet, ask(euros(100), kind=Kind.REFUND, parent=sale.id), Declined())
            with pytest.raises(BridgeError) as refused:
                await engine.start(ask(euros(601), kind=Kind.REFUND, parent=sale.id))
            assert refused.value.code is Code.PARENT_SPENT
            with pytest.raises(BridgeError) as half:
                await engine.start(ask(None, kind=Kind.VOID, parent=sale.id))
            assert half.value.code is Code.PARENT_SPENT
            rest = await run(engine, puppet, ask(None, kind=Kind.REFUND, parent=sale.id), Approved(euros(600)))
            assert rest.amount == euros(600)
            with pytest.raises(BridgeError) as nothing:
                await engine.start(ask(None, kind=Kind.REFUND, parent=sale.id))
            assert nothing.value.code is Code.PARENT_SPENT
            assert len(engine.children(sale.id)) == 3

    run_manual(main())


def test_a_refund_in_doubt_uses_up_its_money(tmp_path: Path) -> None:
    async def main() -> None:
        puppet, other = Puppet(EVERYTHING), Puppet(EVERYTHING)
        async with house(tmp_path, puppet, other) as engine:
            sale = await run(engine, puppet, ask(terminal="t1"), Approved(TEN))
            doubtful = await run(engine, other, ask(kind=Kind.REFUND, parent=sale.id, terminal="t2"), LOST)
            assert doubtful.stage is Stage.IN_DOUBT
            with pytest.raises(BridgeError) as refused:
                await engine.start(ask(euros(1), kind=Kind.REFUND, parent=sale.id, terminal="t1"))
            assert refused.value.code is Code.PARENT_SPENT

    run_manual(main())


def test_a_void_takes_back_all_of_it_on_its_own_terminal_once(tmp_path: Path) -> None:
    async def main() -> None:
        puppet, other = Puppet(EVERYTHING), Puppet(EVERYTHING)
        async with house(tmp_path, puppet, other) as engine:
            sale = await run(engine, puppet, ask(terminal="t1"), Approved(TEN))
            for wrong, code in (
                (ask(None, kind=Kind.VOID, parent=sale.id, terminal="t2"), Code.PARENT_UNFIT),
                (ask(euros(1), kind=Kind.VOID, parent=sale.id), Code.AMOUNT_INVALID),
                (ask(Money(1000, currency("CHF")), kind=Kind.VOID, parent=sale.id), Code.PARENT_UNFIT),
                (ask(None, kind=Kind.CAPTURE, parent=sale.id), Code.PARENT_UNFIT),
                (ask(kind=Kind.SALE, parent=sale.id), Code.PARENT_UNFIT),
                (ask(None, kind=Kind.VOID, parent="0" * 32, terminal="t1"), Code.PAYMENT_UNKNOWN),
                (ask(kind=Kind.CAPTURE, terminal="t1"), Code.PARENT_REQUIRED),
            ):
                with pytest.raises(BridgeError) as refused:
                    await engine.start(wrong)
                assert refused.value.code is code, wrong
            void = await run(engine, puppet, ask(None, kind=Kind.VOID, parent=sale.id), Approved(TEN))
            assert (void.terminal, void.amount, void.stage) == ("t1", TEN, Stage.APPROVED)
            with pytest.raises(BridgeError) as again:
                await engine.start(ask(None, kind=Kind.VOID, parent=sale.id))
            assert again.value.code is Code.PARENT_SPENT
            assert len(puppet.taken) == 2

    run_manual(main())


def test_what_a_terminal_does_not_void_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(NAMED)
        async with house(tmp_path, puppet) as engine:
            held = await run(engine, puppet, ask(kind=Kind.AUTHORIZATION), HELD)
            with pytest.raises(BridgeError) as refused:
                await engine.start(ask(None, kind=Kind.VOID, parent=held.id))
            assert refused.value.code is Code.PARENT_UNFIT
            assert len(puppet.taken) == 1

    run_manual(main())


def test_a_till_that_cannot_name_the_payment_means_the_newest_like_it(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(NAMED)
        async with house(tmp_path, puppet) as engine:
            first = await run(engine, puppet, ask(keyless=True), Approved(TEN))
            await engine.delivered(first.id, "till", reached=True)
            second = await run(engine, puppet, ask(keyless=True), Approved(TEN))
            await engine.delivered(second.id, "till", reached=True)
            assert first.id != second.id
            for meant in (second, first):
                void = await run(engine, puppet, ask(kind=Kind.VOID, keyless=True), Approved(TEN))
                assert void.parent == meant.id
                await engine.delivered(void.id, "till", reached=True)
            with pytest.raises(BridgeError) as nothing:
                await engine.start(ask(kind=Kind.VOID, keyless=True))
            assert nothing.value.code is Code.PARENT_REQUIRED
            with pytest.raises(BridgeError):
                await engine.start(ask(kind=Kind.VOID, key="k"))

    run_manual(main())
