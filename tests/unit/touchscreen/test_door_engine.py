"""The touch-screen door over the engine: doubts, repeats and reversals as a till sees them.

In the second half the engine drives a simulated touch-screen terminal, so that a till's request passes both sides of
the wire: till, door, engine, driver, simulator.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.touchscreen import (
    GONE,
    WIRE_ID,
    Shop,
    about,
    call,
    failing,
    lone_door,
    shop,
    start_of,
    taken,
)
from tests.unit.engine.house import SETTINGS, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.protocols.touchscreen.door import TouchScreenDoor
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step

BASE = "/api/switchio/pay/v6"
OTHER_ID = "11111111-2222-4333-8444-555555555555"
PRICE = Money(1250, EUR)


class Till:
    """A till that speaks this wire, as simple as they are."""

    def __init__(self, door: TouchScreenDoor) -> None:
        self._door = door

    async def ask(self, path: str, body: Any) -> tuple[int, Any]:
        return await call(self._door.app, f"{BASE}/{path}", body)

    async def status(self, id_: str = WIRE_ID) -> str:
        status, body = await self.ask("status", about(id_))
        assert status == 200
        return str(body["status"])

    async def finished(self, id_: str = WIRE_ID, patience: float = 200.0) -> dict[str, Any]:
        """Polls until it is told the end, and reads the result."""
        async with asyncio.timeout(patience):
            while await self.status(id_) != "Finished":
                await asyncio.sleep(1.0)
        status, body = await self.ask("result", about(id_))
        assert status == 200
        found: dict[str, Any] = body
        return found


# ---------------------------------------------------------------- outcomes


ENDS: list[tuple[Outcome, str, str]] = [
    (Approved(PRICE), "OK", "Approved"),
    (Declined(DeclineReason.REFUSED), "DECLINED", "refused"),
    (Declined(DeclineReason.FAILED), "FAILED", "failed"),
    (Declined(), "UNDEFINED", "unspecified"),
    (Aborted(AbortedBy.CUSTOMER), "CANCELLED", "customer"),
    (Aborted(), "CANCELLED", "unspecified"),
    (Aborted(AbortedBy.CASHIER), "CANCELLED_BY_CASHIER", "cashier"),
    (Aborted(AbortedBy.TIMEOUT), "CUSTOMER_TIMEOUT", "timeout"),
    (NotStarted(NotStartedReason.TERMINAL_BUSY, "192.168.1.4"), "UNDEFINED", "Terminal busy"),
    (NotStarted(NotStartedReason.TERMINAL_SILENT, "192.168.1.4"), "UNDEFINED", "terminal_silent"),
]


@pytest.mark.parametrize(("outcome", "code", "words"), ENDS, ids=str)
def test_every_outcome_has_its_code(tmp_path: Path, outcome: Outcome, code: str, words: str) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = Till(lone_door(engine))
            puppet.answers.put_nowait(outcome)
            assert (await till.ask("payment", start_of()))[1]["isStarted"] is True
            body = await till.finished()
            assert body["responseCode"] == code
            assert words in body["responseMessage"]
            assert "192.168" not in body["responseMessage"]
            assert ("amount" in body) == isinstance(outcome, Approved)

    run_manual(main())


def test_a_doubt_is_still_running_until_the_tills_patience_ends_and_then_unknown(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = Till(lone_door(engine, patience=180.0))
            puppet.answers.put_nowait(LOST)
            await till.ask("payment", start_of())
            await asyncio.sleep(100.0)
            assert await till.status() == "Unclear"
            assert (await till.ask("result", about()))[0] == 409
            await asyncio.sleep(81.0)
            body = await till.finished()
            assert body["responseCode"] == "UNKNOWN"
            assert "not known whether the card was charged" in body["responseMessage"]
            assert "amount" not in body
            (payment,) = engine.in_doubt()
            settled = await engine.resolve(payment.id, taken=True, by="Anna", reason="it is on the journal roll")
            assert settled.stage is Stage.APPROVED
            assert (await till.finished())["responseCode"] == "OK"

    run_manual(main())


def test_a_locked_terminal_is_busy_for_the_next_sale(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = Till(lone_door(engine))
            puppet.answers.put_nowait(LOST)
            await till.ask("payment", start_of())
            await asyncio.sleep(1.0)
            status, body = await till.ask("payment", start_of(OTHER_ID))
            assert (status, body["isStarted"], body["status"]) == (200, False, "Terminal busy")
            assert len(puppet.taken) == 1

    run_manual(main())


def test_the_tills_id_is_the_key_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            till = Till(lone_door(engine))
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(till.ask("payment", start_of(invoiceNumber="7"))) for _ in range(20)]
                await asyncio.sleep(1.0)
                puppet.answers.put_nowait(Approved(PRICE))
            assert {call.result()[1]["isStarted"] for call in calls} == {True}
            assert len(puppet.taken) == 1
            await till.finished()
            other_door = Till(lone_door(engine))
            assert (await other_door.ask("payment", start_of(invoiceNumber="7")))[1]["status"] == "Finished"
            refused = (await other_door.ask("payment", start_of(amount=1251, invoiceNumber="7")))[1]
            assert refused["isStarted"] is False
            assert len(puppet.taken) == 1

    run_manual(main())


def test_what_the_terminal_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            status, body = await Till(lone_door(engine)).ask("closing", {**about(), "request": {"transactionId": "c1"}})
            assert (status, body["isStarted"]) == (200, False)
            assert not puppet.taken

    run_manual(main())


def test_another_tills_payment_does_not_exist(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(Approved(PRICE))
            await Till(lone_door(engine, name="one")).ask("payment", start_of())
            assert (await Till(lone_door(engine, name="two")).ask("status", about()))[0] == 404

    run_manual(main())


def test_a_signature_is_left_to_the_till_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet(signs=True)
        async with house(tmp_path, puppet) as engine:
            till = Till(lone_door(engine))
            puppet.answers.put_nowait(Approved(PRICE, signature=True))
            await till.ask("payment", start_of())
            body = await till.finished(patience=5.0)
            assert (body["responseCode"], body["cvmTypeList"]) == ("OK", ["SIGNATURE"])

    run_manual(main())


# ---------------------------------------------------------------- both sides of the wire


@asynccontextmanager
async def bridge(folder: Path, **different: Any) -> AsyncIterator[tuple[Till, Engine, Shop]]:
    """A till, the door, the engine, the driver, and a simulated terminal."""
    async with shop(**different) as behind:
        setups = [TerminalSetup("counter", "touchscreen", behind.terminal)]
        async with open_engine(folder, setups, SETTINGS, manual_runtime(), InlineCommitter) as engine:
            yield Till(lone_door(engine)), engine, behind


def test_a_day_through_both_sides(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path, delay=8.0) as (till, _, behind):
            await till.ask("payment", start_of())
            assert (await till.finished())["amount"] == 1250
            await till.ask("reverse", {**about(), "request": {"transactionId": "v1", "originalTransactionId": WIRE_ID}})
            assert (await till.finished("v1"))["responseCode"] == "OK"
            await till.ask("refund", start_of("r1", 300))
            assert (await till.finished("r1"))["transactionType"] == "REFUND"
            await till.ask("closing", {**about(), "request": {"transactionId": "c1"}})
            totals = (await till.finished("c1"))["batchTotals"]
            assert totals == {
                "debitsCount": 1,
                "debitsAmount": 1250,
                "creditsCount": 1,
                "creditsAmount": 300,
                "adjsCount": 1,
                "adjsAmount": 1250,
            }
            assert behind.movements == [("taken", 1250), ("reversed", 1250), ("refunded", 300)]

    run_manual(main())


def test_a_reversal_that_the_terminal_asks_for_is_an_operation_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path) as (till, engine, behind):
            behind.desk.script.set(Step(SCENARIOS["call_reversal"]))
            await till.ask("payment", start_of())
            body = await till.finished()
            assert body["responseCode"].startswith("CANCELLED")
            assert behind.movements == [("taken", 1250), ("reversed", 1250)]
            sale = await engine.find_key("touchscreen:till", WIRE_ID)
            (void,) = engine.children(sale.id)
            assert (sale.stage, void.stage) == (Stage.ABORTED, Stage.APPROVED)

    run_manual(main())


def test_a_reversal_whose_start_is_lost_is_not_started_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path) as (till, _, behind):
            behind.desk.script.set(Step(SCENARIOS["call_reversal"]))
            behind.network.lose = failing("reverse", GONE)
            await till.ask("payment", start_of())
            assert (await till.finished())["responseCode"].startswith("CANCELLED")
            assert behind.movements == [("taken", 1250), ("reversed", 1250)]
            assert behind.network.asked.count("reverse") == 1

    run_manual(main())


@pytest.mark.parametrize(
    "name", ["approve_then_drop", "drop_start_answer", "drop_confirm_answer", "wrong_id", "no_code"]
)
def test_a_doubt_clears_up_by_itself_before_the_tills_patience_ends(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with bridge(tmp_path, delay=4.0) as (till, _, behind):
            await behind.terminal.health()
            behind.desk.script.set(Step(SCENARIOS[name]))
            await till.ask("payment", start_of())
            assert (await till.finished())["responseCode"] == "OK"
            assert taken(behind.desk) == 1250

    run_manual(main())


def test_a_till_that_cancels_is_told_what_came_of_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path, delay=60.0) as (till, _, behind):
            await till.ask("payment", start_of())
            await asyncio.sleep(5.0)
            assert (await till.ask("cancel", about()))[0] == 200
            assert (await till.finished(patience=5.0))["responseCode"] == "CANCELLED_BY_CASHIER"
            assert taken(behind.desk) == 0

    run_manual(main())
