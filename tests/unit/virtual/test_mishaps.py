"""What a customer, a cashier, a restart and the amount do to a payment at the virtual terminal."""

import asyncio

import pytest

from tests.unit.virtual.desk import PATIENCE, at_counter, movements, pay, refusal, scripted, shown, wish
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Aborted, AbortedBy, Declined, DeclineReason, NotStarted, Outcome
from tillbridge.protocols.contract import AbortReply
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import MINUTE
from tillbridge.virtual.screen import HAND_PATIENCE, Screen
from tillbridge.virtual.terminal import REBOOT_SECONDS


def test_an_abort_stops_it_until_the_card_is_read() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        await asyncio.sleep(4.9)
        assert await terminal.abort(payment.id) is AbortReply.REQUESTED
        over = await terminal.wait(payment.id, PATIENCE)
        assert over.outcome == Aborted(AbortedBy.CASHIER)
        assert movements(terminal, over) == [Movement.NOTHING]
        assert await terminal.abort(payment.id) is AbortReply.NOT_RUNNING

    run_manual(main())


def test_once_the_card_is_read_an_abort_comes_too_late() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        await asyncio.sleep(5.1)
        assert await terminal.abort(payment.id) is AbortReply.CANNOT
        assert (await terminal.wait(payment.id, PATIENCE)).stage is Stage.APPROVED

    run_manual(main())


def test_the_card_can_beat_an_abort_that_came_in_time() -> None:
    async def main() -> None:
        terminal = scripted("card_beats_abort", delay=10.0)
        payment = await terminal.start(wish())
        assert await terminal.abort(payment.id) is AbortReply.REQUESTED
        assert (await terminal.wait(payment.id, PATIENCE)).stage is Stage.APPROVED

    run_manual(main())


def test_a_person_plays_the_customer_in_a_manual_scenario() -> None:
    async def main() -> None:
        terminal = scripted("manual")
        payment = await terminal.start(wish())
        await asyncio.sleep(HAND_PATIENCE - 1)
        assert shown(terminal) is Screen.WAITING_FOR_CARD
        terminal.present_card()
        assert shown(terminal) is Screen.WAITING_FOR_PIN
        with pytest.raises(BridgeError, match="waiting_for_pin"):
            terminal.present_card()
        terminal.enter_pin()
        over = await terminal.wait(payment.id, PATIENCE)
        assert (over.stage, terminal.ledger.balance("EUR")) == (Stage.APPROVED, 1250)

    run_manual(main())


@pytest.mark.parametrize("with_card", [False, True])
def test_a_manual_scenario_without_a_customer_ends_by_itself(with_card: bool) -> None:
    async def main() -> None:
        terminal = scripted("manual")
        payment = await terminal.start(wish())
        await asyncio.sleep(1)
        if with_card:
            terminal.present_card()
        over = await terminal.wait(payment.id, PATIENCE)
        assert over.outcome == Aborted(AbortedBy.TIMEOUT)
        assert asyncio.get_running_loop().time() == HAND_PATIENCE + (1 if with_card else 0)

    run_manual(main())


def test_a_card_can_be_presented_before_a_slow_customer_would() -> None:
    async def main() -> None:
        terminal = scripted("slow")
        payment = await terminal.start(wish())
        await asyncio.sleep(1)
        terminal.present_card()
        await terminal.wait(payment.id, PATIENCE)
        assert asyncio.get_running_loop().time() == pytest.approx(1 + MINUTE / 2)

    run_manual(main())


def test_the_red_key_stops_it_at_the_card_and_at_the_pin_and_nowhere_else() -> None:
    async def main() -> None:
        for with_card in (False, True):
            terminal = scripted("manual")
            payment = await terminal.start(wish())
            if with_card:
                terminal.present_card()
            terminal.press_cancel()
            assert (await terminal.wait(payment.id, PATIENCE)).outcome == Aborted(AbortedBy.CUSTOMER)
            with pytest.raises(BridgeError, match="the red key"):
                terminal.press_cancel()
            assert len(terminal.ledger.rows) == 1

    run_manual(main())


def test_buttons_that_nothing_waits_for_say_so() -> None:
    async def main() -> None:
        terminal = at_counter()
        for press in (terminal.present_card, terminal.enter_pin, terminal.press_cancel):
            with pytest.raises(BridgeError, match="idle") as error:
                press()
            assert refusal(error) is Code.PAYMENT_UNKNOWN

    run_manual(main())


@pytest.mark.parametrize(
    ("scenario", "stage", "moved", "balance"),
    [
        ("reboot_lost", Stage.DECLINED, [Movement.NOTHING], 0),
        ("reboot_taken", Stage.APPROVED, [Movement.TAKEN], 1250),
        ("reboot_reversed", Stage.DECLINED, [Movement.TAKEN, Movement.REVERSED], 0),
    ],
)
def test_a_restart_in_the_middle_leaves_a_definite_end(
    scenario: str, stage: Stage, moved: list[Movement], balance: int
) -> None:
    async def main() -> None:
        terminal = scripted(scenario, delay=10.0)
        over = await pay(terminal, wish())
        assert (over.stage, movements(terminal, over)) == (stage, moved)
        assert terminal.ledger.balance("EUR") == balance
        assert shown(terminal) is Screen.REBOOTING
        with pytest.raises(BridgeError) as error:
            await terminal.start(wish())
        assert refusal(error) is Code.TERMINAL_BUSY
        await asyncio.sleep(REBOOT_SECONDS + 0.01)
        assert shown(terminal) is Screen.IDLE
        assert (await pay(terminal, wish(200))).stage is Stage.APPROVED

    run_manual(main())


@pytest.mark.parametrize(("after", "stage", "balance"), [(1.0, Stage.DECLINED, 0), (9.8, Stage.APPROVED, 1250)])
def test_a_restart_by_hand_loses_what_is_not_authorised_and_nothing_else(
    after: float, stage: Stage, balance: int
) -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        await asyncio.sleep(after)
        terminal.reboot()
        assert (await terminal.wait(payment.id, PATIENCE)).stage is stage
        assert terminal.ledger.balance("EUR") == balance

    run_manual(main())


@pytest.mark.parametrize(
    ("minor", "stage", "outcome", "balance"),
    [
        (1290, Stage.APPROVED, None, 1290),
        (1291, Stage.DECLINED, Declined(DeclineReason.REFUSED), 0),
        (1292, Stage.ABORTED, Aborted(AbortedBy.CUSTOMER), 0),
        (1293, Stage.APPROVED, None, 1293),
        (1295, Stage.APPROVED, None, 1295),
        (1297, Stage.APPROVED, None, 1297),
        (1298, Stage.APPROVED, None, 1298),
        (1299, Stage.APPROVED, None, 1299),
        (1200, Stage.APPROVED, None, 1200),
    ],
)
def test_the_amount_decides(minor: int, stage: Stage, outcome: Outcome | None, balance: int) -> None:
    async def main() -> float:
        terminal = at_counter()
        over = await pay(terminal, wish(minor))
        assert over.stage is stage
        assert outcome is None or over.outcome == outcome
        assert terminal.ledger.balance("EUR") == balance
        assert len(terminal.ledger.of(over.id)) == 1
        return asyncio.get_running_loop().time()

    assert run_manual(main()) == pytest.approx(MINUTE if minor == 1293 else 0)


def test_a_busy_amount_is_refused_every_time_and_leaves_no_trace() -> None:
    async def main() -> None:
        terminal = at_counter()
        for _ in range(3):
            with pytest.raises(BridgeError) as error:
                await terminal.start(wish(1294))
            assert refusal(error) is Code.TERMINAL_BUSY
        assert (list(terminal.ledger.rows), terminal.screen) == ([], Screen.IDLE)

    run_manual(main())


def test_a_request_on_which_the_line_drops_never_starts_and_the_ledger_says_so() -> None:
    async def main() -> None:
        terminal = at_counter()
        payment = await terminal.start(wish(1296))
        assert isinstance(payment.outcome, NotStarted)
        assert movements(terminal, payment) == [Movement.NOTHING]
        assert terminal.ledger.balance("EUR") == 0
        assert (await terminal.start(wish(100))).running

    run_manual(main())
