"""The door over the engine: order numbers, doubts and locks as a till sees them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.house import house
from tests.unit.engine.puppet import CAPABILITIES, Puppet
from tests.unit.hipay.till import Reply, Till
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, Declined, DeclineReason, DoubtReason, InDoubt
from tillbridge.engine.engine import Engine
from tillbridge.runtime.manual import manual_runtime, run_manual

TEN = Money(1000, EUR)


def at_the_till(engine: Engine, **different: Any) -> Till:
    return Till(engine, manual_runtime(seed=1), **different)


def test_the_same_order_sent_fifty_times_at_once_is_one_payment(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(till.order(amount=10, order_id="A")) for _ in range(50)]
                await asyncio.sleep(1)
                puppet.answers.put_nowait(Approved(TEN))
            bodies = [call.result().json for call in calls]
            assert len(puppet.taken) == 1
            assert len({body["payment_id"] for body in bodies}) == 1
            assert [body["replayed"] for body in bodies].count(False) == 1
            again = (await till.order(amount="10,00", order_id="A")).json
            assert (again["paymentStatus"], again["replayed"], again["amount"]) == ("SUCCESS", True, "10,00")
            assert again["paid_at"] == bodies[0]["paid_at"]

    run_manual(main())


def test_the_same_order_with_another_amount_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            puppet.answers.put_nowait(Approved(TEN))
            paid = (await till.order(amount=10, order_id="A")).json
            other = await till.order(amount=11, order_id="A")
            assert (other.status, other.json["code"]) == (409, "order_conflict")
            assert other.json["payment_id"] == paid["payment_id"]
            assert len(puppet.taken) == 1

    run_manual(main())


@pytest.mark.parametrize(("allowed", "outcome"), [(False, "unknown"), (True, "approved")])
def test_a_part_is_in_doubt_unless_the_settings_allow_it(tmp_path: Path, allowed: bool, outcome: str) -> None:
    async def main() -> None:
        puppet = Puppet(replace(CAPABILITIES, partial=True))
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(Money(500, EUR)))
            body = (await at_the_till(engine, partial_approval=allowed).order(amount=10, order_id="A")).json
            assert body["outcome"] == outcome

    run_manual(main())


def test_a_key_is_the_same_payment_after_the_door_got_another_terminal(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(TEN))
            first = (await at_the_till(engine).order(amount=10, key="k")).json
            again = await at_the_till(engine, terminal="bar").order(amount=10, key="k")
            assert (again.status, again.json["payment_id"]) == (200, first["payment_id"])
            assert len(puppet.taken) == 1

    run_manual(main())


def test_a_bill_is_split_by_keys(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            for key in ("k1", "k2", "k1"):
                puppet.answers.put_nowait(Approved(TEN))
                assert (await till.order(amount=10, order_id="A", key=key)).json["paymentStatus"] == "SUCCESS"
            assert len(puppet.taken) == 2

    run_manual(main())


def test_a_declined_order_may_be_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            puppet.answers.put_nowait(Declined(DeclineReason.REFUSED, "05"))
            puppet.answers.put_nowait(Approved(TEN))
            first = (await till.order(amount=10, order_id="A")).json
            assert (first["errorDescription"], first["retryable"]) == ("Cancelled (Prohibited)", True)
            second = (await till.order(amount=10, order_id="A")).json
            assert (second["paymentStatus"], second["replayed"]) == ("SUCCESS", False)
            assert (await till.get("/order/A")).json["payment_id"] == second["payment_id"]

    run_manual(main())


def test_a_doubt_locks_the_terminal_and_stays_one(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            puppet.answers.put_nowait(InDoubt(DoubtReason.LINE_LOST, "the line was cut"))
            first = (await till.order(amount=10, order_id="A")).json
            assert (first["paymentStatus"], first["errorCode"]) == ("FAILURE", "1001")
            assert (first["outcome"], first["money_moved"], first["device_locked"]) == ("unknown", "unknown", True)
            again = (await till.order(amount=10, order_id="A")).json
            assert (again["replayed"], again["money_moved"]) == (True, "unknown")
            other = await till.order(amount=5, order_id="B")
            assert (other.status, other.json["code"]) == (409, "terminal_locked")
            assert (other.json["device_locked"], other.json["payment_id"]) == (True, first["payment_id"])
            assert len(puppet.taken) == 1

    run_manual(main())


def test_patience_ends_before_the_payment_does(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            body = (await till.order(amount=10, order_id="A")).json
            assert (body["code"], body["money_moved"]) == ("still_running", "unknown")
            puppet.answers.put_nowait(Approved(TEN))
            again = (await till.order(amount=10, order_id="A")).json
            assert (again["paymentStatus"], again["payment_id"]) == ("SUCCESS", body["payment_id"])
            assert len(puppet.taken) == 1

    run_manual(main())


def test_a_terminal_that_cannot_be_told_gives_a_warning(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(replace(CAPABILITIES, online_flag=False))
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(TEN))
            body = (await at_the_till(engine).order(amount=10, force_authorization=True)).json
            assert body["paymentStatus"] == "SUCCESS"
            assert [one["code"] for one in body["warnings"]] == ["online_authorization_left_to_terminal"]

    run_manual(main())


def test_what_the_terminal_lacks_is_refused(tmp_path: Path) -> None:
    async def refused(engine: Engine, **fields: Any) -> Reply:
        reply = await at_the_till(engine).order(**fields)
        assert reply.json["money_moved"] == "no"
        return reply

    async def main() -> None:
        puppet = Puppet(replace(CAPABILITIES, kinds=frozenset({Kind.SALE}), currencies=frozenset({"EUR"})))
        async with house(tmp_path, puppet) as engine:
            dollars = await refused(engine, amount=10, currency="USD")
            assert (dollars.status, dollars.json["code"]) == (400, "currency_unsupported")
            large = await refused(engine, amount="1000000.00")
            assert (large.status, large.json["code"]) == (400, "amount_too_large")
            credit = await at_the_till(engine).order(amount=10, transaction_type="Credit", key="k")
            assert (credit.status, credit.json["code"]) == (400, "operation_unsupported")
            assert puppet.taken == []

    run_manual(main())


def test_the_echo_survives_the_journal(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = at_the_till(engine)
            puppet.answers.put_nowait(Approved(TEN))
            more = b'"custom_data": {"rate": 1.50, "vip": true}, "cart": {"x": 8.990}'
            first = await till.order(b'{"amount": "10,00", "order_id": "A", %b}' % more)
        async with house(tmp_path, Puppet()) as engine:
            again = await at_the_till(engine).get("/order/A")
            for part in ('"amount":"10,00"', '"customData":{"rate":1.50,"vip":true}', '"cart":{"x":8.990}'):
                assert part in first.text
                assert part in again.text

    run_manual(main())
