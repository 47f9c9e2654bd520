"""The virtual terminal driven without a wire: each way in which an operation can end, with its ledger as the judge."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation, Parent, Progress
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import (
    AbortReply,
    Capabilities,
    HealthState,
    LateResult,
    OperationLog,
    Recovery,
    Unanswered,
)
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.driver import ANSWER_SECONDS, DRIVER, DirectTerminal, VirtualSettings
from tillbridge.virtual.scenarios import Scenario
from tillbridge.virtual.script import Step

BY_HAND = Scenario("by_hand", "the test presents the card", manual=True)


@dataclass
class Written:
    """A journal that keeps what it was told, in order."""

    lines: list[object] = field(default_factory=list)

    async def sending(self) -> None:
        self.lines.append("sending")

    def progress(self, progress: Progress) -> None:
        self.lines.append(progress)

    async def signature(self, approved: Approved) -> bool:
        raise AssertionError(f"nobody signs here: {approved}")

    async def outcome(self, outcome: Outcome) -> None:
        self.lines.append(outcome)


def operation(minor: int = 1250, name: str = "op1", **more: Any) -> Operation:
    return Operation(name, more.pop("kind", Kind.SALE), Money(minor, EUR), f"ref{name}", **more)


def play(scene: Callable[[DirectTerminal], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        terminal = DRIVER.connect(VirtualSettings(**{"delay": 0, **settings}), manual_runtime())
        assert isinstance(terminal, DirectTerminal)
        await scene(terminal)
        await terminal.close()

    run_manual(main())


async def perform(terminal: DirectTerminal, minor: int = 1250, name: str = "op1") -> Outcome:
    log: OperationLog = Written()
    return await terminal.perform(operation(minor, name), log)


def balance(terminal: DirectTerminal) -> int:
    return terminal.desk.ledger.balance("EUR")


def test_the_journal_hears_of_it_before_the_terminal_and_of_the_end_before_anybody() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        log = Written()
        outcome = await terminal.perform(operation(), log)
        assert isinstance(outcome, Approved)
        assert outcome.amount == Money(1250, EUR)
        assert (log.lines[0], log.lines[-1]) == ("sending", outcome)
        assert balance(terminal) == 1250
        assert terminal.desk.undelivered() == []

    play(scene)


def test_nothing_is_sent_that_is_not_on_disk() -> None:
    class Full(Written):
        async def sending(self) -> None:
            raise OSError("the disk is full")

    async def scene(terminal: DirectTerminal) -> None:
        with pytest.raises(OSError, match="full"):
            await terminal.perform(operation(), Full())
        assert not terminal.desk.ledger.rows

    play(scene)


def test_every_screen_is_told() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        log = Written()
        await terminal.perform(operation(), log)
        seen = [line for line in log.lines if isinstance(line, Progress)]
        assert list(dict.fromkeys(seen)) == [
            Progress.WAITING_FOR_CARD,
            Progress.WAITING_FOR_PIN,
            Progress.AUTHORIZING,
            Progress.PRINTING,
        ]

    play(scene, delay=10)


@pytest.mark.parametrize(
    ("minor", "outcome", "taken"),
    [
        (1291, Declined, 0),
        (1292, Aborted, 0),
        (1294, NotStarted, 0),
        (1295, InDoubt, 1295),
        (1296, InDoubt, 0),
        (1297, InDoubt, 1297),
        (1299, Approved, 1299),
    ],
)
def test_each_ending_of_the_table(minor: int, outcome: type[Outcome], taken: int) -> None:
    async def scene(terminal: DirectTerminal) -> None:
        log = Written()
        ended = await terminal.perform(operation(minor), log)
        assert type(ended) is outcome
        assert log.lines[-1] == ended
        assert balance(terminal) == taken

    play(scene)


def test_a_wrong_amount_comes_through_as_it_is() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        ended = await perform(terminal, 1298)
        assert isinstance(ended, Approved)
        assert ended.amount.minor == 1299
        assert balance(terminal) == 1298

    play(scene)


def test_what_is_in_doubt_is_known_again_by_asking() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        assert isinstance(await perform(terminal, 1295), InDoubt)
        found = await terminal.inquire(operation(1295))
        assert isinstance(found, Approved)
        await terminal.settle(operation(1295))
        assert await terminal.inquire(operation(name="op2")) is Unanswered.NOT_FOUND
        terminal.behaviour.pull_line()
        assert await terminal.inquire(operation(1295)) is Unanswered.CANNOT_ASK
        assert balance(terminal) == 1295

    play(scene)


@pytest.mark.parametrize("recovery", [Recovery.NONE, Recovery.LAST_RESULT])
def test_a_terminal_that_cannot_be_asked_by_id_says_so(recovery: Recovery) -> None:
    async def scene(terminal: DirectTerminal) -> None:
        capabilities: Capabilities = terminal.capabilities
        assert capabilities.recovery is recovery
        await perform(terminal, 1295)
        assert await terminal.inquire(operation(1295)) is Unanswered.CANNOT_ASK

    play(scene, recovery=recovery)


def test_a_pulled_line_is_seen_before_anything_is_sent() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        terminal.behaviour.pull_line()
        log = Written()
        ended = await terminal.perform(operation(), log)
        assert isinstance(ended, NotStarted)
        assert ended.reason is NotStartedReason.TERMINAL_SILENT
        assert log.lines == []
        assert (await terminal.health()).state is HealthState.UNREACHABLE
        terminal.behaviour.plug_line()
        assert (await terminal.health()).state is HealthState.READY

    play(scene)


def test_a_customer_who_is_too_slow_is_heard_late_and_heard_again_until_it_is_kept() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        terminal.desk.script.set(Step(BY_HAND))
        loop = asyncio.get_running_loop()
        assert await perform(terminal) == InDoubt(DoubtReason.NO_ANSWER, "no answer within 420 s")
        assert loop.time() == ANSWER_SECONDS
        assert await terminal.inquire(operation()) is Unanswered.STILL_RUNNING
        terminal.desk.present_card()
        terminal.desk.enter_pin()
        unkept = terminal.late()
        first: LateResult = await anext(unkept)
        await unkept.aclose()
        kept = terminal.late()
        again = await anext(kept)
        assert again == first
        assert isinstance(again.outcome, Approved)
        assert (again.wire_reference, again.amount, again.register) == ("refop1", Money(1250, EUR), "01")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_next(kept))
            await asyncio.sleep(0)
            assert not waiting.done()
            await terminal.close()
        assert waiting.result() is None

    play(scene)


async def _next(results: Any) -> LateResult | None:
    found: LateResult | None = await anext(results, None)
    return found


def test_an_operation_whose_caller_goes_away_is_heard_late() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        terminal.desk.script.set(Step(BY_HAND))
        async with asyncio.TaskGroup() as group:
            performing = group.create_task(perform(terminal))
            while terminal.desk.current is None:
                await asyncio.sleep(0)
            performing.cancel()
        terminal.desk.present_card()
        terminal.desk.enter_pin()
        assert isinstance((await anext(terminal.late())).outcome, Approved)

    play(scene)


def test_giving_up_the_line_in_the_middle_leaves_it_in_doubt() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        terminal.desk.script.set(Step(BY_HAND))
        async with asyncio.TaskGroup() as group:
            performing = group.create_task(perform(terminal))
            while terminal.desk.current is None:
                await asyncio.sleep(0)
            await terminal.close()
        assert isinstance(performing.result(), InDoubt)

    play(scene)


def test_only_the_running_operation_can_be_aborted() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        terminal.desk.script.set(Step(BY_HAND))
        assert await terminal.abort("op1") is AbortReply.NOT_RUNNING
        async with asyncio.TaskGroup() as group:
            performing = group.create_task(perform(terminal))
            while terminal.desk.current is None:
                await asyncio.sleep(0)
            assert await terminal.abort("op2") is AbortReply.NOT_RUNNING
            assert await terminal.abort("op1") is AbortReply.REQUESTED
        assert performing.result() == Aborted(AbortedBy.CASHIER)

    play(scene)


def test_a_refund_goes_back_to_the_sale_by_its_reference() -> None:
    async def scene(terminal: DirectTerminal) -> None:
        await perform(terminal)
        refund = operation(1000, "op2", kind=Kind.REFUND, parent=Parent("refop1", Kind.SALE, Money(1250, EUR)))
        assert isinstance(await terminal.perform(refund, Written()), Approved)
        assert balance(terminal) == 250
        assert terminal.desk.ledger.rows[-1].parent == terminal.desk.ledger.rows[0].payment_id
        unknown = operation(1000, "op3", kind=Kind.REFUND, parent=Parent("refop9", Kind.SALE, Money(1250, EUR)))
        assert isinstance(await terminal.perform(unknown, Written()), NotStarted)

    play(scene)
