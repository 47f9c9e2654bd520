"""The myPOS XML driver against a simulator's faults: each ends in the truth or in doubt, judged by the ledger."""

import asyncio

import pytest

from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.mypos import (
    AFTERWARDS,
    REFUSING,
    Network,
    assert_no_lie,
    door_settings,
    driver_settings,
    held,
    shop,
)
from tillbridge.domain.operation import Kind
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
from tillbridge.protocols.contract import Fault
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import MYPOS, SCENARIOS, Approves, Scenario
from tillbridge.virtual.script import Step

EXPECTED = {
    Fault.DROP_ON_REQUEST: DoubtReason.LINE_LOST,
    Fault.DROP_BEFORE_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_IN_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_LAST_BYTE: DoubtReason.LINE_LOST,
    Fault.RESET_IN_ANSWER: DoubtReason.LINE_LOST,
    Fault.NEVER_ANSWER: DoubtReason.NO_ANSWER,
    Fault.ANSWER_ON_NEXT_LINE: DoubtReason.NO_ANSWER,
    Fault.GARBAGE_BEFORE_ANSWER: DoubtReason.ANSWER_UNREADABLE,
    Fault.DOCTYPE: DoubtReason.ANSWER_UNREADABLE,
    Fault.ENTITY_BOMB: DoubtReason.ANSWER_UNREADABLE,
    Fault.ENDLESS_TEXT: DoubtReason.ANSWER_UNREADABLE,
    Fault.DEEP_NESTING: DoubtReason.ANSWER_UNREADABLE,
    Fault.STATUS_0: DoubtReason.ANSWER_CONTRADICTORY,
    Fault.STATUS_8: DoubtReason.ANSWER_NOT_FINAL,
    Fault.STATUS_10: DoubtReason.ANSWER_NOT_FINAL,
    Fault.STATUS_99: DoubtReason.ANSWER_UNREADABLE,
    Fault.NO_STATUS: DoubtReason.ANSWER_UNREADABLE,
    Fault.EMPTY_STATUS: DoubtReason.ANSWER_UNREADABLE,
    Fault.STATUS_BESIDE_OK: DoubtReason.ANSWER_CONTRADICTORY,
    Fault.OTHER_ANSWER_BEHIND: DoubtReason.ANSWER_CONTRADICTORY,
    Fault.CONFLICTING_TAG: DoubtReason.ANSWER_CONTRADICTORY,
    Fault.WRONG_ROOT: DoubtReason.ANSWER_MISMATCH,
    Fault.BYTE_BY_BYTE: None,
    Fault.HOLD_OPEN: None,
    Fault.SPLIT_BETWEEN_TAGS: None,
    Fault.SPLIT_IN_TAG: None,
    Fault.TRAILING_CRLF: None,
    Fault.TRAILING_NUL: None,
    Fault.LEADING_MARK: None,
    Fault.LEADING_BLANK_LINE: None,
    Fault.LEADING_DECLARATION: None,
    Fault.ANSWER_TWICE: None,
    Fault.UNKNOWN_TAG: None,
    Fault.DUPLICATE_TAG: None,
    Fault.PADDED_VALUES: None,
    Fault.UPPER_CASE: None,
    Fault.BLANKS_IN_TAGS: None,
    Fault.NO_REFERENCE: None,
}
"""What one strike of each fault leaves of an approved sale: a doubt, or (None) the approval."""

UNTOLD = {
    Fault.DROP_BEFORE_ANSWER,
    Fault.DROP_IN_ANSWER,
    Fault.DROP_LAST_BYTE,
    Fault.RESET_IN_ANSWER,
    Fault.NEVER_ANSWER,
    Fault.ANSWER_ON_NEXT_LINE,
    Fault.GARBAGE_BEFORE_ANSWER,
}


@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        async with shop(faults={fault: 1}) as here:
            outcome = await here.sell()
            reason = EXPECTED[fault]
            if reason is None:
                assert isinstance(outcome, Approved)
                assert (outcome.reference is None) == (fault is Fault.NO_REFERENCE)
            else:
                assert isinstance(outcome, InDoubt)
                assert outcome.reason is reason
                assert outcome.detail
            assert here.journal.outcomes == [outcome]
            await asyncio.sleep(2 * AFTERWARDS)
            assert_no_lie(here, outcome)
            assert money_taken(here.desk) == (0 if fault is Fault.DROP_ON_REQUEST else 1250)
            if fault is not Fault.DROP_ON_REQUEST:
                assert told_to_till(here.desk) == [fault not in UNTOLD]

    run_manual(main())


def test_every_fault_of_this_wire_is_tried() -> None:
    tried = EXPECTED.keys() | {Fault.BAD_XML, Fault.BAD_XML_SPLIT}
    tried |= {Fault.STATUS_5, Fault.STATUS_6, Fault.STATUS_7, Fault.STATUS_9}
    assert {fault for scenario in MYPOS for fault in scenario.faults} <= tried


NO_LIES_ABOUT = [fault for fault, reason in EXPECTED.items() if reason is None]


@pytest.mark.parametrize("fault", NO_LIES_ABOUT, ids=str)
def test_a_refusal_in_an_odd_spelling_is_a_refusal(fault: Fault) -> None:
    async def main() -> None:
        async with shop(faults={fault: 1}) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(DeclineReason.REFUSED, "2 TRANSACTION_DECLINED")

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID])
@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_the_other_kinds_are_judged_alike(fault: Fault, kind: Kind) -> None:
    async def main() -> None:
        async with shop(faults={}) as here:
            parent = held(await here.sell(kind=Kind.AUTHORIZATION, id="op-0"))
            linked = {"parent": parent} if kind in (Kind.CAPTURE, Kind.VOID) else {}
            here.desk.script.set(Step(Scenario("spoilt", "spoilt", Approves(), faults={fault: 1})))
            behaviour = ScriptedBehaviour(here.desk)
            async with shop(here.network, desk=here.desk, behaviour=lambda _: behaviour) as spoilt:
                outcome = await spoilt.sell(kind=kind, id="op-1", **linked)
                reason = EXPECTED[fault]
                if reason is None:
                    assert isinstance(outcome, Approved)
                else:
                    assert isinstance(outcome, InDoubt)
                    assert outcome.reason is reason
                assert len(here.desk.ledger.rows) <= 2

    run_manual(main())


@pytest.mark.parametrize("encoding", ["utf-8", "cp1250"])
@pytest.mark.parametrize("fault", [Fault.BAD_XML, Fault.BAD_XML_SPLIT])
@pytest.mark.parametrize("kind", [Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION])
def test_a_message_that_the_terminal_cannot_use_never_started(encoding: str, fault: Fault, kind: Kind) -> None:
    async def main() -> None:
        door = door_settings(personality={"bad_xml_encoding": encoding})
        async with shop(faults={fault: 1}, door=door) as here:
            outcome = await here.sell(kind=kind)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
            assert here.desk.ledger.rows == []
            assert isinstance(await here.sell(kind=kind, id="op-2"), Approved)

    run_manual(main())


SAID: dict[int, Outcome] = {
    5: Declined(DeclineReason.FAILED, "5 NO_DATA_FOUND"),
    6: Declined(DeclineReason.CONFIGURATION, "6 INVALID_CURRENCY"),
    7: Declined(DeclineReason.FAILED, "7 INVALID_AMOUNT"),
    9: Declined(DeclineReason.FAILED, "9 INVALID_E_RECEIPT_CREDENTIAL"),
}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_every_scenario_tells_no_lie(scenario: str) -> None:
    async def main() -> None:
        async with shop(behaviour=ScriptedBehaviour) as here:
            here.desk.script.set(Step(SCENARIOS[scenario]))
            outcome = await here.sell()
            await asyncio.sleep(2 * AFTERWARDS)
            assert len(here.desk.ledger.rows) <= 2
            taken = money_taken(here.desk)
            match outcome:
                case Approved():
                    assert taken == 1250
                case Declined() | Aborted() | NotStarted():
                    assert taken == 0 or scenario == "reboot_reversed"
                case InDoubt():
                    assert outcome.detail
            name, _, code = scenario.rpartition("_")
            if name == "status" and int(code) in SAID:
                assert outcome == SAID[int(code)]

    run_manual(main())


@pytest.mark.parametrize("refusing", [False, True])
def test_failed_can_be_taken_for_unknown(refusing: bool) -> None:
    async def main() -> None:
        async with shop(faults={}, driver=driver_settings(failed_is_unknown=True)) as here:
            here.desk.script.set(Step(SCENARIOS["decline_failed" if not refusing else "decline_refused"]))
            outcome = await here.sell()
            assert isinstance(outcome, Declined if refusing else InDoubt)

    run_manual(main())


def test_a_late_answer_that_looks_like_the_current_one_is_never_taken_for_it() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, {Fault.ANSWER_ON_NEXT_LINE: 1}) as here:
            assert isinstance(await here.sell(), InDoubt)
            here.desk.script.set(REFUSING)
            outcome = await here.sell(id="op-2", wire_reference="f" * 32)
            # The old approval came first on the new connection; the new sale was refused.
            assert isinstance(outcome, Declined)
            assert network.connections == 3
            (late,) = here.late
            assert isinstance(late.outcome, InDoubt)
            assert late.outcome.reason is DoubtReason.ANSWER_MISMATCH
            assert "<payresp>" in late.outcome.detail
            assert "OK" in late.outcome.detail
            assert (late.amount, late.wire_reference, late.register) == (None, None, None)
            assert money_taken(here.desk) == 1250
            assert "said when nobody asked" in (await here.terminal.health()).detail

    run_manual(main())


def test_an_approval_that_comes_too_soon_for_a_card_is_not_believed() -> None:
    async def main() -> None:
        async with shop(driver=driver_settings(fastest_approval=1.0)) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert "too soon" in outcome.detail
        async with shop(driver=driver_settings(fastest_approval=1.0), delay=2.0) as here:
            assert isinstance(await here.sell(), Approved)
        async with shop(driver=driver_settings(fastest_approval=1.0)) as here:
            here.desk.script.set(REFUSING)
            assert isinstance(await here.sell(), Declined)

    run_manual(main())
