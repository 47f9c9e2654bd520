"""The switches that a simulator's door asks for: each fault as often as its scenario says, and no other."""

import asyncio

import pytest

from tests.unit.virtual.desk import at_counter, pay, scripted, wish
from tillbridge.domain.operation import Stage
from tillbridge.protocols.contract import Fault
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import ALWAYS, BY_ENDING, SCENARIOS
from tillbridge.virtual.terminal import REBOOT_SECONDS

ASKED = 5


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if Fault.BUSY not in each.faults])
def test_a_scenario_strikes_its_payment_as_often_as_it_says(name: str) -> None:
    async def main() -> None:
        terminal = scripted(name)
        behaviour = ScriptedBehaviour(terminal)
        payment = await terminal.start(wish())
        if name == "manual":
            await asyncio.sleep(0)
            terminal.present_card()
            terminal.enter_pin()
        await terminal.wait(payment.id, 3600.0)
        for fault in Fault:
            struck = sum(behaviour.strikes(fault, payment.id) for _ in range(ASKED))
            said = SCENARIOS[name].faults.get(fault, 0)
            if SCENARIOS[name].reboot is not None and fault is Fault.DROP_BEFORE_ANSWER:
                said = 1
            assert struck == (ASKED if said == ALWAYS else said), fault

    run_manual(main())


def test_every_fault_has_a_scenario_of_its_own() -> None:
    covered = {fault for each in SCENARIOS.values() for fault in each.faults}
    assert covered == set(Fault)


@pytest.mark.parametrize(
    ("minor", "fault"),
    [
        (1295, Fault.DROP_BEFORE_ANSWER),
        (1296, Fault.DROP_ON_REQUEST),
        (1297, Fault.NEVER_ANSWER),
        (1298, Fault.WRONG_AMOUNT),
        (1299, Fault.BYTE_BY_BYTE),
    ],
)
def test_an_amount_brings_its_fault(minor: int, fault: Fault) -> None:
    async def main() -> None:
        terminal = at_counter()
        behaviour = ScriptedBehaviour(terminal)
        assert not behaviour.strikes(fault)
        payment = await pay(terminal, wish(minor))
        assert behaviour.strikes(fault, payment.id)
        assert not any(behaviour.strikes(other, payment.id) for other in Fault if other is not fault)
        harmless = await pay(terminal, wish(100))
        assert not any(behaviour.strikes(any_, harmless.id) for any_ in Fault)

    run_manual(main())


def test_a_scripted_fault_strikes_before_there_is_a_payment_and_then_no_more() -> None:
    async def main() -> None:
        terminal = scripted("nak_frame_once")
        behaviour = ScriptedBehaviour(terminal)
        assert [behaviour.strikes(Fault.NAK_FRAME) for _ in range(2)] == [True, False]
        payment = await pay(terminal, wish())
        assert not behaviour.strikes(Fault.NAK_FRAME, payment.id)
        assert not behaviour.strikes(Fault.NAK_FRAME)
        assert payment.stage is Stage.APPROVED

    run_manual(main())


def test_each_payment_of_a_script_has_its_own_strikes() -> None:
    async def main() -> None:
        terminal = scripted("bad_lrc_once", times=2)
        behaviour = ScriptedBehaviour(terminal)
        for expected in (1, 1, 0):
            payment = await pay(terminal, wish())
            assert sum(behaviour.strikes(Fault.BAD_LRC, payment.id) for _ in range(ASKED)) == expected

    run_manual(main())


def test_a_fault_that_keeps_every_payment_away_stays_until_the_script_is_replaced() -> None:
    async def main() -> None:
        terminal = scripted("silent_to_enq")
        behaviour = ScriptedBehaviour(terminal)
        assert all(behaviour.strikes(Fault.SILENT_TO_ENQ) for _ in range(ASKED))
        terminal.script.set()
        assert not behaviour.strikes(Fault.SILENT_TO_ENQ)

    run_manual(main())


def test_nobody_listens_while_it_restarts() -> None:
    async def main() -> None:
        terminal = at_counter()
        behaviour = ScriptedBehaviour(terminal)
        terminal.reboot()
        assert behaviour.strikes(Fault.SILENT_TO_ENQ)
        assert behaviour.strikes(Fault.DROP_ON_REQUEST)
        await asyncio.sleep(REBOOT_SECONDS + 0.01)
        assert not any(behaviour.strikes(fault) for fault in Fault)

    run_manual(main())


def test_a_pulled_line_carries_neither_a_request_nor_an_answer() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        behaviour = ScriptedBehaviour(terminal)
        payment = await terminal.start(wish())
        behaviour.pull_line()
        assert behaviour.strikes(Fault.SILENT_TO_ENQ)
        assert behaviour.strikes(Fault.NEVER_ANSWER, payment.id)
        assert not behaviour.strikes(Fault.WRONG_AMOUNT, payment.id)
        assert (await terminal.wait(payment.id, 60.0)).stage is Stage.APPROVED
        behaviour.plug_line()
        assert not behaviour.strikes(Fault.NEVER_ANSWER, payment.id)

    run_manual(main())


def test_a_payment_that_is_unknown_has_no_faults() -> None:
    async def main() -> None:
        behaviour = ScriptedBehaviour(scripted("never_answer", times=ALWAYS))
        assert not any(behaviour.strikes(fault, "unknown") for fault in Fault)

    run_manual(main())


def test_the_table_has_a_scenario_for_each_ending_and_no_other() -> None:
    assert list(BY_ENDING) == list(range(91, 100))
    assert all(SCENARIOS[each.name] is each for each in BY_ENDING.values())
