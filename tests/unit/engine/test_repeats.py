"""Law 3 and the order rule: what a till may send twice, and what it then gets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.house import MINUTE, PAID, SETTINGS, TEN, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Aborted, Declined, NotStarted, NotStartedReason, Outcome
from tillbridge.engine.engine import Engine
from tillbridge.engine.rules import OrderIdsRepeat
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.manual import run_manual

DAY = 86_400.0
NEVER = SETTINGS.model_copy(update={"order_ids_repeat": OrderIdsRepeat.NEVER})


async def ended(engine: Engine, puppet: Puppet, request: PaymentRequest, answer: Outcome = PAID) -> Payment:
    puppet.answers.put_nowait(answer)
    return await engine.wait((await engine.start(request)).id, MINUTE)


def test_fifty_at_once_with_one_order_are_one_payment(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            async with asyncio.TaskGroup() as group:
                tills = [group.create_task(engine.start(ask(order_id="9"))) for _ in range(50)]
            payments = [till.result() for till in tills]
            assert len({payment.id for payment in payments}) == 1
            assert [payment.replayed for payment in payments].count(False) == 1
            puppet.answers.put_nowait(PAID)
            ends = [await engine.wait(payment.id, MINUTE) for payment in payments]
            assert {end.outcome for end in ends} == {PAID}
            assert len(puppet.taken) == 1

    run_manual(main())


@pytest.mark.parametrize("restart", [False, True])
def test_a_key_is_the_same_payment_for_ever(tmp_path: Path, restart: bool) -> None:
    request = ask(key="k")

    async def repeat(engine: Engine, first: Payment) -> None:
        again = await engine.start(request)
        assert (again.id, again.replayed, again.outcome) == (first.id, True, PAID)
        with pytest.raises(BridgeError) as refusal:
            await engine.start(replace(request, fingerprint="other"))
        assert (refusal.value.code, refusal.value.payment_id) == (Code.KEY_CONFLICT, first.id)
        assert not (await engine.start(replace(request, caller="hipay:other"))).replayed

    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, request)
            await asyncio.sleep(400 * DAY)
            if not restart:
                await repeat(engine, first)
        if restart:
            async with house(tmp_path, Puppet(), seed=1) as engine:
                await repeat(engine, first)

    run_manual(main())


def test_a_key_joins_the_running_payment(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await engine.start(ask(key="k"))
            again = await engine.start(ask(key="k"))
            assert (again.id, again.replayed) == (first.id, True)
            with pytest.raises(BridgeError) as refusal:
                await engine.start(ask(key="k", fingerprint="other"))
            assert refusal.value.code is Code.KEY_CONFLICT

    run_manual(main())


def test_a_key_is_kept_also_for_a_declined_payment(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, ask(key="k"), Declined())
            assert (await engine.start(ask(key="k"))).id == first.id
            # Split payments of one order carry a key each and are not one payment.
            assert (await ended(engine, puppet, ask(key="k2", order_id="5"))).id != first.id
            assert not (await engine.start(ask(Money(7, EUR), key="k3", order_id="5"))).replayed

    run_manual(main())


@pytest.mark.parametrize("answer", [PAID, LOST], ids=["approved", "in doubt"])
def test_a_counting_order_is_returned_or_conflicts(tmp_path: Path, answer: Outcome) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, ask(order_id="9"), answer)
            again = await engine.start(ask(order_id="9"))
            assert (again.id, again.replayed, again.closed_at) == (first.id, True, first.closed_at)
            for other in (Money(1001, EUR), Money(1000, currency("USD"))):
                with pytest.raises(BridgeError) as refusal:
                    await engine.start(ask(other, order_id="9"))
                assert (refusal.value.code, refusal.value.payment_id) == (Code.ORDER_CONFLICT, first.id)
            assert len(puppet.taken) == 1

    run_manual(main())


@pytest.mark.parametrize(
    "answer", [Declined(), Aborted(), NotStarted(NotStartedReason.TERMINAL_SILENT)], ids=lambda a: type(a).__name__
)
def test_an_order_that_took_no_money_may_be_tried_again(tmp_path: Path, answer: Outcome) -> None:
    async def main() -> None:
        puppet = Puppet(sends=not isinstance(answer, NotStarted))
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, ask(order_id="9"), answer)
            second = await ended(engine, puppet, ask(Money(1200, EUR), order_id="9"), answer)
            assert second.id != first.id
            assert not second.replayed

    run_manual(main())


def test_order_numbers_may_start_again_each_business_day(tmp_path: Path) -> None:
    async def main(settings: object, folder: str, expected: bool) -> None:
        (tmp_path / folder).mkdir()
        puppet = Puppet()
        async with house(tmp_path / folder, puppet, settings=settings) as engine:  # type: ignore[arg-type]
            # Manual time starts at 03:04 UTC: before the business day's first hour, so this belongs to the day before.
            await ended(engine, puppet, ask(order_id="1"))
            await asyncio.sleep(50 * MINUTE)
            assert (await engine.start(ask(order_id="1"))).replayed
            await asyncio.sleep(10 * MINUTE)
            assert (await engine.start(ask(order_id="1"))).replayed is expected

    run_manual(main(SETTINGS, "daily", False))
    run_manual(main(NEVER, "never", True))


def test_an_order_in_doubt_never_expires(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, ask(order_id="1"), LOST)
            await asyncio.sleep(3 * DAY)
            again = await engine.start(ask(order_id="1"))
            assert (again.id, again.replayed) == (first.id, True)

    run_manual(main())


def test_orders_belong_to_their_caller_and_kind(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, ask(order_id="1"))
            second = await ended(engine, puppet, ask(order_id="1", caller="hipay:other"))
            third = await ended(engine, puppet, ask(order_id="1", kind=Kind.REFUND))
            assert len({first.id, second.id, third.id}) == 3

    run_manual(main())


# ------------------------------------------------------------ doors without keys


KEYLESS = ask(keyless=True, door="concert", caller="concert:01")


def test_a_till_without_keys_gets_the_answer_that_it_lost(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, KEYLESS)
            await engine.delivered(first.id, "concert", reached=False)
            await asyncio.sleep(1)
            again = await engine.start(KEYLESS)
            assert (again.id, again.replayed) == (first.id, True)
            await engine.delivered(first.id, "concert", reached=True)
            # The next customer may buy the same a moment later: the note of the delivery may not be on disk yet.
            assert (await engine.start(KEYLESS)).id != first.id

    run_manual(main())


@pytest.mark.parametrize(
    ("different", "later"),
    [({"amount": Money(999, EUR)}, 1.0), ({"register": "02"}, 1.0), ({"kind": Kind.REFUND}, 1.0), ({}, 121.0)],
)
def test_an_undelivered_approval_holds_its_door_for_anything_else(
    tmp_path: Path, different: dict[str, object], later: float
) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            first = await ended(engine, puppet, KEYLESS)
            await asyncio.sleep(later)
            with pytest.raises(BridgeError) as refusal:
                await engine.start(replace(KEYLESS, **different))  # type: ignore[arg-type]
            assert (refusal.value.code, refusal.value.payment_id) == (Code.DOOR_HELD, first.id)
            # Another door is not held.
            await ended(engine, puppet, replace(KEYLESS, door="concert-2"))
            await engine.keep_undelivered(first.id, by="Anna", reason="noted by hand")
            assert (await engine.start(replace(KEYLESS, **different))).stage is Stage.ACCEPTED  # type: ignore[arg-type]

    run_manual(main())


def test_a_declined_result_holds_no_door(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            await ended(engine, puppet, KEYLESS, Declined())
            assert not (await engine.start(replace(KEYLESS, amount=TEN))).replayed

    run_manual(main())
