"""Finding payments: by key, by what a person types, by what changed; and rules that choose a terminal."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.house import MINUTE, PAID, TEN, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, BatchTotal, Declined, MoneyMoved, NotStartedReason, Side
from tillbridge.engine.journal.reading import Filter
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.rules import EngineSettings, Route
from tillbridge.protocols.contract import Capabilities, Health, HealthState, Recovery
from tillbridge.runtime.manual import run_manual

CHF = currency("CHF")


def test_a_payment_is_found_by_its_key_while_it_runs_and_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            payment = await engine.start(ask(key="k1"))
            assert (await engine.find_key("hipay:log", "k1")).id == payment.id
            puppet.answers.put_nowait(PAID)
            await engine.wait(payment.id, MINUTE)
            assert (await engine.find_key("hipay:log", "k1")).stage is Stage.APPROVED
            for caller, key in (("hipay:log", "k2"), ("native:main", "k1")):
                with pytest.raises(BridgeError) as unknown:
                    await engine.find_key(caller, key)
                assert unknown.value.code is Code.PAYMENT_UNKNOWN

    run_manual(main())


def test_lists_show_what_fits(tmp_path: Path) -> None:
    async def main() -> None:
        first, second = Puppet(), Puppet()
        async with house(tmp_path, first, second) as engine:
            for puppet, terminal, minor, order, answer in (
                (first, "t1", 1250, "A1", Approved(Money(1250, EUR))),
                (second, "t2", 12500, "A2", Declined()),
                (first, "t1", 12, "A3", Approved(Money(12, EUR))),
            ):
                puppet.answers.put_nowait(answer)
                payment = await engine.start(ask(Money(minor, EUR), terminal=terminal, order_id=order))
                await engine.wait(payment.id, MINUTE)
                await asyncio.sleep(MINUTE)
            newest = engine.payments()
            at = newest[1].accepted_at

            def orders(where: Filter) -> list[str | None]:
                return [found.order_id for found in engine.payments(where=where)]

            assert orders(Filter()) == ["A3", "A2", "A1"]
            assert orders(Filter(terminal="t1")) == ["A3", "A1"]
            assert orders(Filter(stage=Stage.DECLINED)) == ["A2"]
            assert orders(Filter(kind=Kind.REFUND)) == []
            assert orders(Filter(order_id="A2", door="door")) == ["A2"]
            assert orders(Filter(since=at)) == ["A3", "A2"]
            assert orders(Filter(until=at)) == ["A1"]
            assert orders(Filter(since=at, until=at + timedelta(seconds=1))) == ["A2"]
            assert orders(Filter(text="A2")) == ["A2"]
            assert orders(Filter(text=newest[2].id[:-2].upper())) == ["A1"]
            assert orders(Filter(text="12.50")) == orders(Filter(text="12,5")) == ["A2", "A1"]
            assert orders(Filter(text="12")) == ["A3"]
            assert orders(Filter(text="nothing'; DROP TABLE operation")) == []
            assert [found.order_id for found in engine.payments(newest[0].id, 1, Filter(terminal="t1"))] == ["A1"]

    run_manual(main())


def test_changes_are_read_from_where_a_reader_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            assert engine.last_change() == 0
            puppet.answers.put_nowait(PAID)
            payment = await engine.start(ask())
            await engine.wait(payment.id, MINUTE)
            changes = engine.changes(0)
            assert [change.type for change in changes] == [EventType.ACCEPTED, EventType.SENDING, EventType.OUTCOME]
            assert {change.payment.stage for change in changes} == {Stage.APPROVED}
            assert engine.last_change() == changes[-1].seq
            assert engine.changes(changes[1].seq) == changes[2:]
            assert engine.changes(0, limit=1) == changes[:1]

    run_manual(main())


ROUTES: tuple[dict[str, Any], ...] = (
    {"terminal": "t2", "register": "02"},
    {"terminal": "t3", "currency": "CHF", "kind": "sale"},
    {"terminal": "t2", "caller": "native:kiosk", "door": "native"},
    {"terminal": "t1"},
)


@pytest.mark.parametrize(
    ("request_", "terminal"),
    [
        (ask(), "t1"),
        (ask(register="02"), "t2"),
        (ask(Money(5, CHF)), "t3"),
        (ask(Money(5, CHF), kind=Kind.REFUND), "t1"),
        (ask(caller="native:kiosk", door="native"), "t2"),
        (ask(register="02", terminal="t3"), "t3"),
    ],
)
def test_a_rule_chooses_the_terminal(request_: Any, terminal: str, tmp_path: Path) -> None:
    async def main() -> None:
        routes = tuple(Route.model_validate(route) for route in ROUTES)
        settings = EngineSettings(time_zone="UTC", probe_seconds=0, routes=routes)
        async with house(tmp_path, Puppet(), Puppet(), Puppet(), settings=settings) as engine:
            assert (await engine.start(request_)).terminal == terminal

    run_manual(main())


def test_without_a_rule_a_terminal_must_be_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet(), Puppet()) as engine:
            with pytest.raises(BridgeError, match="no terminal is named") as refused:
                await engine.start(ask())
            assert refused.value.code is Code.TERMINAL_UNKNOWN

    run_manual(main())


def test_a_reconciliation_keeps_the_terminals_totals_and_moves_no_money(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(Capabilities(frozenset({Kind.RECONCILIATION}), Recovery.BY_ID, 10**9))
        totals = (BatchTotal(Side.DEBITS, 3, TEN), BatchTotal(Side.CREDITS, 0, Money(0, EUR)))
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(Money(0, EUR), totals=totals))
            payment = await engine.start(ask(None, kind=Kind.RECONCILIATION, key="close"))
            payment = await engine.wait(payment.id, MINUTE)
            assert payment.money_moved is MoneyMoved.NO
        async with house(tmp_path, puppet) as engine:
            stored = await engine.inquire(payment.id)
            assert isinstance(stored.outcome, Approved)
            assert stored.outcome.totals == totals
            assert list(await engine.totals(stored.accepted_at - timedelta(days=1))) == []

    run_manual(main())


@pytest.mark.parametrize("there", [True, False])
def test_a_terminal_that_was_long_silent_is_woken_before_money_moves(there: bool, tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        settings = EngineSettings(time_zone="UTC", probe_seconds=0, wake_seconds=60)
        async with house(tmp_path, puppet, settings=settings) as engine:
            puppet.answers.put_nowait(PAID)
            await engine.wait((await engine.start(ask())).id, MINUTE)
            assert puppet.signs_of_life == 0
            await asyncio.sleep(2 * MINUTE)
            puppet.answers.put_nowait(PAID)
            if not there:
                puppet.health_now = Health(HealthState.UNREACHABLE, "no route to 192.168.1.9")
            payment = await engine.wait((await engine.start(ask())).id, MINUTE)
            assert puppet.signs_of_life == (1 if there else 2)
            assert payment.stage is (Stage.APPROVED if there else Stage.NOT_STARTED)
            assert len(puppet.taken) == (2 if there else 1)
            if not there:
                assert getattr(payment.outcome, "reason", None) is NotStartedReason.TERMINAL_SILENT

    run_manual(main())
