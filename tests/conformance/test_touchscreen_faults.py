"""Every fault of a simulated touch-screen terminal: never two payments, and every doubt can be resolved."""

import asyncio

import pytest

from tests.support.touchscreen import (
    GONE,
    REFUSED,
    WIRE_ID,
    assert_no_lie,
    failing,
    operation,
    shop,
    taken,
    void_of,
)
from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import (
    Aborted,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import Fault, Unanswered
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import ALWAYS, SCENARIOS, Cancels, Declines, Scenario
from tillbridge.virtual.script import Step

ONE_STRIKE: dict[Fault, type[Outcome] | DoubtReason] = {
    Fault.DROP_ON_REQUEST: Approved,
    Fault.DROP_START_ANSWER: Approved,
    Fault.DROP_BEFORE_ANSWER: Approved,
    Fault.DROP_IN_ANSWER: Approved,
    Fault.DROP_LAST_BYTE: Approved,
    Fault.DROP_CONFIRM_ANSWER: Approved,
    Fault.NEVER_ANSWER: Approved,
    Fault.SLOW_ANSWER: Approved,
    Fault.GARBAGE_BEFORE_ANSWER: Approved,
    Fault.TRUNCATED_JSON: Approved,
    Fault.BYTE_BY_BYTE: Approved,
    Fault.AMOUNT_ABSENT: Approved,
    Fault.PAPER_OUT: Approved,
    Fault.HOST_OFFLINE: Approved,
    Fault.WRONG_AMOUNT: DoubtReason.ANSWER_MISMATCH,
    Fault.AMOUNT_ZERO: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_CURRENCY: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_ID: DoubtReason.ANSWER_MISMATCH,
    Fault.NO_CODE: DoubtReason.ANSWER_UNREADABLE,
    Fault.ALREADY_REVERSED: DoubtReason.ANSWER_CONTRADICTORY,
    Fault.CALL_REVERSAL: DoubtReason.REVERSAL_ASKED,
}
"""What one strike of each fault leaves of an approved sale: the approval, because results can be asked for again, or a
doubt where the terminal said something that does not fit."""


@pytest.mark.parametrize("fault", ONE_STRIKE, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        # The customer takes his time, so that a start that was lost has not ended when the first status is asked for.
        async with shop({fault: 1}, delay=4.0) as here:
            # A dropped probe would use up the one strike before there is a sale.
            await here.terminal.health()
            outcome = await here.sell()
            wanted = ONE_STRIKE[fault]
            if fault is Fault.DROP_ON_REQUEST:
                # The terminal never heard of the sale; the driver cannot know that, and does not send it again.
                assert isinstance(outcome, InDoubt)
                assert taken(here.desk) == 0
                assert here.network.asked.count("payment") == 1
                return
            if isinstance(wanted, DoubtReason):
                assert isinstance(outcome, InDoubt)
                assert outcome.reason is wanted
                assert outcome.detail
            else:
                assert type(outcome) is wanted
            assert here.journal.outcomes == [outcome]
            assert here.network.asked.count("payment") == 1
            assert_no_lie(here.desk, outcome)
            assert taken(here.desk) == 1250
            resolved = await here.terminal.inquire(operation())
            assert isinstance(resolved, Approved)
            assert_no_lie(here.desk, resolved)

    run_manual(main())


@pytest.mark.parametrize("fault", [fault for fault in ONE_STRIKE if fault is not Fault.CALL_REVERSAL], ids=str)
@pytest.mark.parametrize("ending", [Declines(), Cancels()], ids=["declined", "cancelled"])
def test_a_refusal_stays_a_refusal(fault: Fault, ending: Declines | Cancels) -> None:
    async def main() -> None:
        async with shop({fault: 1}, delay=4.0) as here:
            await here.terminal.health()
            here.desk.script.set(Step(Scenario("ends", "as told", ending)))
            outcome = await here.sell()
            if fault in (Fault.DROP_ON_REQUEST, Fault.WRONG_ID, Fault.NO_CODE):
                assert isinstance(outcome, InDoubt)
            else:
                assert isinstance(outcome, Declined if isinstance(ending, Declines) else Aborted)
            assert taken(here.desk) == 0
            if fault is not Fault.DROP_ON_REQUEST:
                assert isinstance(await here.terminal.inquire(operation()), Declined | Aborted)

    run_manual(main())


RESOLVED = {
    "never_answer": None,
    "wrong_amount": None,
    "wrong_currency": None,
    "amount_zero": None,
    "garbage": None,
    "call_reversal": None,
    "already_reversed": None,
    "reboot_forgets": None,
    "drop_before": None,
    "approve_then_drop": Approved,
    "drop_in_answer": Approved,
    "drop_last_byte": Approved,
    "drop_start_answer": Approved,
    "drop_confirm_answer": Approved,
    "slow_answer": Approved,
    "truncated_json": Approved,
    "wrong_id": Approved,
    "no_code": Approved,
    "amount_absent": Approved,
    "byte_by_byte": Approved,
    "paper_out": Approved,
    "signature": Approved,
    "slow": Approved,
    "card_beats_abort": Approved,
    "reboot_taken": Approved,
    "reboot_lost": Declined,
    "reboot_reversed": Declined,
    "host_offline": Declined,
    "customer_cancels": Aborted,
    "cashier_cancels": Aborted,
    "customer_leaves": Aborted,
    "slow_3": Approved,
    "slow_6": Approved,
    "cancel_without_amount": Aborted,
    "partial": None,
}
"""What is known of each scenario in the end, by asking alone. None: the terminal goes on saying what does not fit, or
does not know the sale, so that a person has to look."""


@pytest.mark.parametrize("name", RESOLVED)
def test_each_scenario_ends_in_the_truth_or_in_doubt(name: str) -> None:
    async def main() -> None:
        async with shop(delay=4.0) as here:
            await here.terminal.health()
            here.desk.script.set(Step(SCENARIOS[name]))
            said: object = await here.sell()
            assert here.network.asked.count("payment") == 1
            if isinstance(said, InDoubt):
                await asyncio.sleep(400.0)
                said = await here.terminal.inquire(operation())
            wanted = RESOLVED[name]
            if wanted is None:
                assert isinstance(said, InDoubt | Unanswered)
                assert taken(here.desk) == {"drop_before": 0, "partial": 625}.get(name, 1250)
            else:
                assert type(said) is wanted
                assert isinstance(said, Approved | Declined | Aborted)
                assert_no_lie(here.desk, said)

    run_manual(main())


def test_a_busy_terminal_takes_nothing() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["busy"], ALWAYS))
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert "busy" in outcome.detail
            assert not here.desk.ledger.rows
            assert "confirm" not in here.network.asked

    run_manual(main())


def test_a_host_that_is_offline_is_seen_by_a_sign_of_life() -> None:
    async def main() -> None:
        async with shop({Fault.HOST_OFFLINE: 1}) as here:
            assert "offline" in (await here.terminal.health()).detail

    run_manual(main())


# ---------------------------------------------------------------- a till's own network


@pytest.mark.parametrize("name", ["info", "payment"])
def test_what_never_left_was_never_started(name: str) -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.deny = failing(name, REFUSED)
            outcome = await here.sell()
            assert outcome == NotStarted(NotStartedReason.NETWORK_UNAVAILABLE, "refused")
            assert here.journal.outcomes == [outcome]
            assert not here.desk.ledger.rows
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_a_probe_that_is_lost_starts_nothing() -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.lose = failing("info", GONE)
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_SILENT
            assert "payment" not in here.network.asked

    run_manual(main())


@pytest.mark.parametrize("name", ["payment", "status", "result", "confirm"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_lost_request_or_answer_is_asked_again_and_never_sent_again(name: str, where: str) -> None:
    async def main() -> None:
        async with shop(delay=4.0) as here:
            if where == "before":
                here.network.deny = failing(name, GONE)
            else:
                here.network.lose = failing(name, GONE)
            outcome = await here.sell()
            if (name, where) == ("payment", "before"):
                assert isinstance(outcome, InDoubt)
                assert not here.desk.ledger.rows
                assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            else:
                assert isinstance(outcome, Approved)
                assert taken(here.desk) == 1250
            assert here.network.asked.count("payment") == 1

    run_manual(main())


@pytest.mark.parametrize("name", ["status", "result"])
def test_a_network_that_is_gone_for_long_ends_in_doubt_and_is_cleared_up(name: str) -> None:
    async def main() -> None:
        async with shop(delay=4.0) as here:
            here.network.deny = failing(name, REFUSED, 1000)
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.LINE_LOST
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert "confirm" not in here.network.asked
            here.network.deny = lambda _: None
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            await here.terminal.settle(operation())
            assert here.network.asked.count("confirm") == 1

    run_manual(main())


def test_a_confirmation_that_does_not_get_through_is_repeated_and_holds_up_nobody() -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.deny = failing("confirm", REFUSED, 4)
            loop = asyncio.get_running_loop()
            assert isinstance(await here.sell(), Approved)
            assert loop.time() <= built_in().timing.poll
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            await asyncio.sleep(60.0)
            told = [body["transactionId"] for body in here.network.bodies("confirm")]
            assert len(told) == 6
            assert told.count(WIRE_ID) >= 2
            await asyncio.sleep(600.0)
            assert here.network.asked.count("confirm") == 6

    run_manual(main())


# ---------------------------------------------------------------- signatures and reversals


def test_a_signature_is_asked_for_before_the_outcome_is_known() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["signature"]))
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert outcome.signature
            assert here.journal.signed == [outcome]
            assert here.journal.seen[-1] is Progress.AWAITING_SIGNATURE
            assert here.network.asked[-4:] == ["result", "signature", "outcome", "confirm"]

    run_manual(main())


def test_a_wrong_signature_leaves_a_doubt_that_a_void_closes() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["signature"]))
            outcome = await here.perform(operation(), accepts=False)
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.SIGNATURE_REFUSED
            assert here.network.asked[-1] == "confirm"
            assert isinstance(await here.perform(void_of()), Approved)
            assert here.desk.ledger.balance("EUR") == 0

    run_manual(main())


def test_a_reversal_that_is_asked_for_is_left_to_the_engine() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["call_reversal"]))
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.REVERSAL_ASKED
            assert here.network.asked[-1] == "confirm"
            assert "reverse" not in here.network.asked
            said = await here.terminal.inquire(operation())
            assert isinstance(said, InDoubt)
            assert isinstance(await here.perform(void_of()), Approved)
            assert here.movements == [("taken", 1250), ("reversed", 1250)]

    run_manual(main())


def test_a_declined_refund_for_want_of_a_host() -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(SCENARIOS["host_offline"]))
            outcome = await here.sell()
            assert isinstance(outcome, Declined)
            assert outcome.reason is DeclineReason.FAILED

    run_manual(main())
