"""The virtual terminal as a desk: one operation at a time, each with a definite end that its ledger knows."""

import asyncio
from dataclasses import replace

import pytest

from tests.unit.virtual.desk import PATIENCE, at_counter, euros, pay, refusal, scripted, wish
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import HealthState, PaymentRequest
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual import memory
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import ALWAYS
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.terminal import ENDED_SHOWN


def test_a_sale_is_approved_and_the_money_is_in_the_ledger() -> None:
    async def main() -> None:
        terminal = at_counter()
        payment = await pay(terminal, wish(1250, order_id="order 7", register="02"))
        assert isinstance(payment.outcome, Approved)
        assert (payment.stage, payment.outcome.amount) == (Stage.APPROVED, euros(1250))
        (row,) = terminal.ledger.of(payment.id)
        assert (row.movement, row.minor, row.asked_minor, row.currency) == (Movement.TAKEN, 1250, 1250, "EUR")
        assert (row.order_id, row.register_number, row.payment_id) == ("order 7", "02", payment.id)
        assert terminal.ledger.balance("EUR") == 1250

    run_manual(main())


def test_the_ledger_keeps_what_the_wire_said_and_no_more_than_a_terminal_would() -> None:
    async def main() -> None:
        terminal = at_counter()
        notes = {"reference": "abc", "cart": [1, 2], "long": "x" * 100} | {f"n{place}": "y" for place in range(20)}
        payment = await pay(terminal, replace(wish(), notes=notes))
        assert payment.notes == notes
        assert terminal.ledger.of(payment.id)[0].notes == {"reference": "abc"} | {
            f"n{place}": "y" for place in range(7)
        }

    run_manual(main())


def test_the_customer_takes_the_time_that_was_set_and_every_screen_is_seen() -> None:
    async def main() -> list[tuple[Screen, Progress | None]]:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        seen: list[tuple[Screen, Progress | None]] = []
        for pause in (4.9, 0.2, 2.3, 0.2, 1.8, 0.2):
            await asyncio.sleep(pause)
            seen.append((terminal.screen, (await terminal.inquire(payment.id)).progress))
            assert terminal.shown_amount == euros(1250)
        over = await terminal.wait(payment.id, PATIENCE)
        assert over.closed_at is not None
        assert (over.closed_at - over.accepted_at).total_seconds() == pytest.approx(10.0)
        return seen

    assert run_manual(main()) == [
        (Screen.WAITING_FOR_CARD, Progress.WAITING_FOR_CARD),
        (Screen.WAITING_FOR_PIN, Progress.WAITING_FOR_PIN),
        (Screen.WAITING_FOR_PIN, Progress.WAITING_FOR_PIN),
        (Screen.AUTHORIZING, Progress.AUTHORIZING),
        (Screen.AUTHORIZING, Progress.AUTHORIZING),
        (Screen.PRINTING, Progress.PRINTING),
    ]


def test_without_a_delay_it_is_over_at_once() -> None:
    async def main() -> None:
        terminal = at_counter()
        payment = await terminal.start(wish())
        assert payment.running
        await asyncio.sleep(0)
        assert (await terminal.inquire(payment.id)).stage is Stage.APPROVED
        assert asyncio.get_running_loop().time() == 0

    run_manual(main())


def test_the_result_stays_on_the_screen_for_a_while_and_then_it_is_idle() -> None:
    async def main() -> None:
        terminal = at_counter()
        await pay(terminal, wish())
        assert (terminal.screen, terminal.shown_amount) == (Screen.ENDED, euros(1250))
        await asyncio.sleep(ENDED_SHOWN + 0.01)
        assert (terminal.screen, terminal.shown_amount, terminal.current) == (Screen.IDLE, None, None)

    run_manual(main())


def test_a_new_payment_may_start_while_the_last_result_is_shown() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        await pay(terminal, wish(100))
        second = await terminal.start(wish(200))
        await asyncio.sleep(ENDED_SHOWN + 0.01)
        assert terminal.screen is Screen.WAITING_FOR_CARD
        assert (await terminal.wait(second.id, PATIENCE)).stage is Stage.APPROVED

    run_manual(main())


def test_a_second_operation_is_refused_while_one_runs() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        first = await terminal.start(wish(100))
        with pytest.raises(BridgeError) as error:
            await terminal.start(wish(200))
        assert (refusal(error), error.value.payment_id) == (Code.TERMINAL_BUSY, first.id)
        (status,) = await terminal.terminals()
        assert status.health.state is HealthState.BUSY
        assert status.occupied_by is not None
        assert status.occupied_by.id == first.id
        await terminal.wait(first.id, PATIENCE)
        assert [row.asked_minor for row in terminal.ledger.rows] == [100]
        (status,) = await terminal.terminals()
        assert (status.health.state, status.occupied_by) == (HealthState.READY, None)

    run_manual(main())


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(wish(), terminal="another"), Code.TERMINAL_UNKNOWN),
        (replace(wish(), amount=None), Code.AMOUNT_INVALID),
        (wish(0), Code.AMOUNT_INVALID),
    ],
)
def test_what_it_cannot_do_is_refused_and_nothing_happens(request_: PaymentRequest, code: Code) -> None:
    async def main() -> None:
        terminal = at_counter()
        with pytest.raises(BridgeError) as error:
            await terminal.start(request_)
        assert refusal(error) is code
        assert (terminal.screen, list(terminal.ledger.rows)) == (Screen.IDLE, [])

    run_manual(main())


def test_waiting_ends_with_the_patience_and_the_payment_goes_on() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        still = await terminal.wait(payment.id, 4.0)
        assert (still.running, asyncio.get_running_loop().time()) == (True, 4.0)
        assert (await terminal.wait(payment.id, PATIENCE)).stage is Stage.APPROVED

    run_manual(main())


def test_whoever_waits_and_is_cancelled_leaves_the_payment_alone() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        payment = await terminal.start(wish())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await terminal.wait(payment.id, PATIENCE)
        assert (await terminal.wait(payment.id, PATIENCE)).stage is Stage.APPROVED

    run_manual(main())


def test_the_same_key_joins_the_running_payment_and_gets_the_stored_answer_later() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        first = await terminal.start(wish(key="k", fingerprint="f"))
        joined = await terminal.start(wish(key="k", fingerprint="f"))
        assert (joined.id, joined.replayed, joined.running) == (first.id, True, True)
        await terminal.wait(first.id, PATIENCE)
        stored = await terminal.start(wish(key="k", fingerprint="f"))
        assert (stored.id, stored.replayed, stored.stage) == (first.id, True, Stage.APPROVED)
        assert len(terminal.ledger.rows) == 1

    run_manual(main())


@pytest.mark.parametrize("other", [wish(key="k", fingerprint="g"), wish(1300, key="k", fingerprint="f")])
def test_the_same_key_for_something_else_is_refused(other: PaymentRequest) -> None:
    async def main() -> None:
        terminal = at_counter()
        await pay(terminal, wish(key="k", fingerprint="f"))
        with pytest.raises(BridgeError) as error:
            await terminal.start(other)
        assert refusal(error) is Code.KEY_CONFLICT
        assert len(terminal.ledger.rows) == 1

    run_manual(main())


def test_without_a_key_the_same_request_is_a_new_payment() -> None:
    async def main() -> None:
        terminal = at_counter()
        first, second = await pay(terminal, wish()), await pay(terminal, wish())
        assert first.id != second.id
        assert terminal.ledger.balance("EUR") == 2500

    run_manual(main())


def test_an_order_is_found_by_its_caller_and_number_the_newest_first() -> None:
    async def main() -> None:
        terminal = at_counter()
        await pay(terminal, wish(1291, order_id="7"))
        second = await pay(terminal, wish(1250, order_id="7"))
        assert (await terminal.find_order("concert:till", "7")).id == second.id
        for caller, order in (("concert:other", "7"), ("concert:till", "8")):
            with pytest.raises(BridgeError) as error:
                await terminal.find_order(caller, order)
            assert refusal(error) is Code.PAYMENT_UNKNOWN

    run_manual(main())


def test_an_unknown_payment_is_unknown_to_every_question() -> None:
    async def main() -> None:
        terminal = at_counter()
        for question in (
            terminal.inquire("x"),
            terminal.wait("x", 1.0),
            terminal.abort("x"),
            terminal.delivered("x", "till", reached=True),
        ):
            with pytest.raises(BridgeError) as error:
                await question
            assert refusal(error) is Code.PAYMENT_UNKNOWN

    run_manual(main())


def test_a_script_goes_before_the_amount_for_as_many_payments_as_it_says() -> None:
    async def main() -> None:
        terminal = scripted("decline_referral", times=2)
        stages = [(await pay(terminal, wish(minor))).stage for minor in (1250, 1299, 1250)]
        assert stages == [Stage.DECLINED, Stage.DECLINED, Stage.APPROVED]
        terminal = scripted("partial", times=ALWAYS)
        for _ in range(3):
            outcome = (await pay(terminal, wish(1251))).outcome
            assert isinstance(outcome, Approved)
            assert outcome.amount == euros(625)
        assert terminal.ledger.balance("EUR") == 3 * 625

    run_manual(main())


def test_what_became_of_an_answer_is_remembered() -> None:
    async def main() -> None:
        terminal = at_counter()
        lost, told, late = [await pay(terminal, wish()) for _ in range(3)]
        await terminal.delivered(lost.id, "till", reached=False)
        await terminal.delivered(told.id, "till", reached=True)
        await terminal.delivered(late.id, "till", reached=False)
        assert [payment.id for payment in terminal.undelivered()] == [lost.id, late.id]
        await terminal.delivered(late.id, "till", reached=True)
        await terminal.delivered(late.id, "till", reached=False)
        assert [payment.id for payment in terminal.undelivered()] == [lost.id]

    run_manual(main())


def test_totals_are_counted_from_the_ledger_since_a_moment() -> None:
    async def main() -> None:
        terminal = at_counter(delay=10.0)
        early = await pay(terminal, wish(100))
        for request in (wish(200), wish(300), wish(1291)):
            await pay(terminal, request)
        last = await pay(terminal, wish(50, Kind.REFUND))
        everything = {total.kind: (total.count, total.minor) for total in await terminal.totals(early.accepted_at)}
        assert everything == {Kind.SALE: (3, 600), Kind.REFUND: (1, 50)}
        only_last = await terminal.totals(last.accepted_at)
        assert [(total.kind, total.minor, total.terminal) for total in only_last] == [(Kind.REFUND, 50, "counter")]

    run_manual(main())


def test_it_forgets_its_oldest_payments_but_the_ledger_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_REMEMBERED", 3)

    async def main() -> None:
        terminal = at_counter()
        done = [await pay(terminal, wish(key=f"k{place % 4}", order_id=f"o{place % 4}")) for place in range(4)]
        with pytest.raises(BridgeError) as error:
            await terminal.inquire(done[0].id)
        assert refusal(error) is Code.PAYMENT_UNKNOWN
        with pytest.raises(BridgeError):
            await terminal.find_order("concert:till", "o0")
        assert [(await terminal.inquire(payment.id)).id for payment in done[1:]] == [each.id for each in done[1:]]
        again = await pay(terminal, wish(key="k0", order_id="o0"))
        assert not again.replayed
        assert (await terminal.find_order("concert:till", "o0")).id == again.id
        assert len(terminal.ledger.rows) == 5

    run_manual(main())
