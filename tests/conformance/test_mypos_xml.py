"""The myPOS XML driver against the myPOS XML door over the virtual terminal, on good lines.

The virtual terminal's ledger is the judge: nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.mypos import (
    AFTERWARDS,
    PAY,
    TWELVE_FIFTY,
    Network,
    assert_no_lie,
    door_settings,
    driver_settings,
    held,
    operation,
    shop,
)
from tests.support.wires import CONNECT, JOURNAL, TILL
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Parent, Progress
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
from tillbridge.protocols.contract import AbortReply, AbortSupport, Fault, HealthState, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import Cancels, Declines, Scenario
from tillbridge.virtual.script import Step


def test_a_sale_is_approved_and_told_in_order() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            (row,) = here.desk.ledger.rows
            assert (outcome.amount, outcome.reference) == (TWELVE_FIFTY, row.payment_id)
            assert network.trace == [(JOURNAL, "sending"), (CONNECT, None), (TILL, PAY), (JOURNAL, "outcome")]
            assert here.journal.outcomes == [outcome]
            assert here.journal.seen == [Progress.CONNECTING, Progress.WAITING_FOR_CARD]
            await asyncio.sleep(1.0)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_an_answer_is_not_waited_for_any_longer_than_its_end_tag() -> None:
    async def main() -> None:
        async with shop(driver=driver_settings(listen_after_doubt=0)) as here:
            await here.sell()
            assert asyncio.get_running_loop().time() == 0

    run_manual(main())


ENDINGS = [
    *((Declines(reason), Declined) for reason in DeclineReason),
    *((Cancels(by), Aborted) for by in AbortedBy),
]


@pytest.mark.parametrize(("ending", "kind"), ENDINGS, ids=str)
def test_what_the_terminal_says_is_what_the_till_hears(ending: Declines | Cancels, kind: type[Outcome]) -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(Scenario("ends", "as told", ending)))
            outcome = await here.sell()
            assert isinstance(outcome, kind)
            if isinstance(outcome, Declined) and isinstance(ending, Declines):
                told = {DeclineReason.FAILED, DeclineReason.CONFIGURATION} & {ending.reason}
                assert outcome.reason is (told.pop() if told else DeclineReason.REFUSED)
            await asyncio.sleep(1.0)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_a_refund_needs_no_earlier_payment() -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.sell(kind=Kind.REFUND)
            assert isinstance(outcome, Approved)
            (row,) = here.desk.ledger.rows
            assert (row.kind, row.movement, row.minor, row.parent) == (Kind.REFUND, Movement.REFUNDED, 1250, None)

    run_manual(main())


@pytest.mark.parametrize("captured", [1250, 1])
def test_a_hold_is_captured_whole_or_in_part(captured: int) -> None:
    async def main() -> None:
        async with shop() as here:
            hold = await here.sell(kind=Kind.AUTHORIZATION)
            outcome = await here.sell(kind=Kind.CAPTURE, amount=Money(captured, EUR), parent=held(hold), id="op-2")
            assert isinstance(outcome, Approved)
            assert outcome.amount == Money(captured, EUR)
            assert [row.movement for row in here.desk.ledger.rows] == [Movement.HELD, Movement.CAPTURED]
            assert here.desk.ledger.rows[1].minor == captured
            assert here.desk.ledger.rows[1].parent == here.desk.ledger.rows[0].payment_id

    run_manual(main())


@pytest.mark.parametrize("amount", [TWELVE_FIFTY, None])
def test_a_hold_is_let_go(amount: Money | None) -> None:
    async def main() -> None:
        async with shop() as here:
            hold = await here.sell(kind=Kind.AUTHORIZATION)
            outcome = await here.sell(kind=Kind.VOID, amount=amount, parent=held(hold), id="op-2")
            assert isinstance(outcome, Approved)
            assert outcome.amount == TWELVE_FIFTY
            assert [row.movement for row in here.desk.ledger.rows] == [Movement.HELD, Movement.RELEASED]

    run_manual(main())


@pytest.mark.parametrize(("first", "then"), [(Kind.CAPTURE, Kind.CAPTURE), (Kind.CAPTURE, Kind.VOID)])
@pytest.mark.parametrize("status", [3, 5])
def test_a_hold_that_is_used_up_is_refused_by_the_terminal(first: Kind, then: Kind, status: int) -> None:
    async def main() -> None:
        async with shop(faults={}, door=door_settings(personality={"preauth_refusal": status})) as here:
            parent = held(await here.sell(kind=Kind.AUTHORIZATION))
            assert isinstance(await here.sell(kind=first, parent=parent, id="op-2"), Approved)
            outcome = await here.sell(kind=then, parent=parent, id="op-3")
            assert isinstance(outcome, Declined)
            assert (outcome.wire_reason or "").startswith(f"{status} ")
            assert [row.movement for row in here.desk.ledger.rows][:2] == [Movement.HELD, Movement.CAPTURED]
            assert sum(row.minor for row in here.desk.ledger.rows[2:]) == 0

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.VOID])
def test_a_code_that_stands_for_nothing_is_refused(kind: Kind) -> None:
    async def main() -> None:
        async with shop() as here:
            parent = Parent("x", Kind.AUTHORIZATION, TWELVE_FIFTY, "004711")
            outcome = await here.sell(kind=kind, parent=parent)
            assert isinstance(outcome, Declined)
            assert outcome.wire_reason == "5 NO_DATA_FOUND"
            assert here.desk.ledger.rows == []

    run_manual(main())


@pytest.mark.parametrize(
    "different",
    [
        {"kind": Kind.RECONCILIATION, "amount": None},
        {"kind": Kind.CAPTURE},
        {"kind": Kind.CAPTURE, "parent": Parent("x", Kind.AUTHORIZATION, TWELVE_FIFTY)},
        {"kind": Kind.CAPTURE, "parent": Parent("x", Kind.AUTHORIZATION, TWELVE_FIFTY, "  ")},
        {"kind": Kind.CAPTURE, "parent": Parent("x", Kind.AUTHORIZATION, TWELVE_FIFTY, "a\nb")},
        {"kind": Kind.CAPTURE, "parent": Parent("x", Kind.AUTHORIZATION, Money(1249, EUR), "1111")},
        {"kind": Kind.VOID, "parent": Parent("x", Kind.SALE, TWELVE_FIFTY, "1111")},
        {"kind": Kind.VOID, "parent": Parent("x", Kind.AUTHORIZATION, Money(2000, EUR), "1111")},
        {"amount": None},
        {"amount": Money(0, EUR)},
        {"amount": Money(1250, currency("USD"))},
        {"wire_reference": "with blank"},
    ],
    ids=str,
)
def test_what_this_wire_cannot_say_is_never_sent(different: dict[str, object]) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            outcome = await here.sell(**different)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert outcome.detail
            assert network.trace == []

    run_manual(main())


@pytest.mark.parametrize(
    ("kind", "setting"),
    [(Kind.REFUND, "refund_enabled"), *((kind, "preauth_enabled") for kind in (Kind.AUTHORIZATION, Kind.CAPTURE))],
)
def test_what_the_account_does_not_allow_is_refused_before_anything_is_sent(kind: Kind, setting: str) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(**{setting: False})) as here:
            outcome = await here.sell(kind=kind)
            assert isinstance(outcome, NotStarted)
            assert "myPOS" in outcome.detail
            assert setting in outcome.detail
            assert network.trace == []
            assert kind not in here.terminal.capabilities.kinds

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.AUTHORIZATION])
def test_a_terminal_without_them_refuses_what_its_account_does_not_allow(kind: Kind) -> None:
    async def main() -> None:
        async with shop(door=door_settings(refund_enabled=False, preauth_enabled=False)) as here:
            outcome = await here.sell(kind=kind)
            assert outcome == Declined(DeclineReason.FAILED, "5 OPERATION_UNSUPPORTED")
            assert here.desk.ledger.rows == []

    run_manual(main())


def test_what_the_terminal_can_do_is_said() -> None:
    async def main() -> None:
        async with shop() as here:
            said = here.terminal.capabilities
            assert said.kinds == {Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID}
            assert (said.recovery, said.abort) == (Recovery.NONE, AbortSupport.NONE)
            assert said.linked == {Kind.CAPTURE, Kind.VOID}
            assert said.voids == {Kind.AUTHORIZATION}
            assert said.currencies == frozenset({"EUR"})
        async with shop(driver=driver_settings(refund_enabled=False, preauth_enabled=False)) as here:
            assert here.terminal.capabilities.kinds == {Kind.SALE}

    run_manual(main())


@pytest.mark.parametrize(
    ("code", "minor", "written"),
    [("HUF", 150000, b"<sum>1500</sum>"), ("EUR", 5, b"<sum>0.05</sum>"), ("JPY", 1500, b"<sum>1500</sum>")],
)
def test_amounts_are_those_of_their_currency(code: str, minor: int, written: bytes) -> None:
    async def main() -> None:
        network = Network()
        amount = Money(minor, currency(code))
        async with shop(network, driver=driver_settings(currency=code), door=door_settings(currency=code)) as here:
            outcome = await here.sell(amount=amount)
            assert isinstance(outcome, Approved)
            assert outcome.amount == amount
            assert written in network.from_till
            (row,) = here.desk.ledger.rows
            assert (row.minor, row.currency) == (minor, code)

    run_manual(main())


def test_parts_of_a_forint_are_refused_and_not_rounded() -> None:
    async def main() -> None:
        async with shop(driver=driver_settings(currency="HUF"), door=door_settings(currency="HUF")) as here:
            outcome = await here.sell(amount=Money(150050, currency("HUF")))
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
        with_decimals = driver_settings(currency="HUF", decimals=2), door_settings(currency="HUF", decimals=2)
        async with shop(driver=with_decimals[0], door=with_decimals[1]) as here:
            assert isinstance(await here.sell(amount=Money(150050, currency("HUF"))), Approved)
            assert money_taken(here.desk) == 150050

    run_manual(main())


@pytest.mark.parametrize("keep_alive", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_sales_follow_each_other_without_a_pause(keep_alive: bool, kept: bool) -> None:
    async def main() -> None:
        network = Network()
        settings = driver_settings(keep_alive=keep_alive)
        async with shop(network, driver=settings, door=door_settings(personality={"keep_alive": kept})) as here:
            for number in range(5):
                outcome = await here.sell(id=f"op-{number}", wire_reference=f"{number:032x}")
                assert isinstance(outcome, Approved)
            assert money_taken(here.desk) == 5 * 1250
            assert network.connections == (1 if keep_alive and kept else 5)
            assert told_to_till(here.desk)[:-1] == [True] * 4
            open_line = HealthState.READY if keep_alive and kept else HealthState.UNKNOWN
            assert (await here.terminal.health()).state is open_line

    run_manual(main())


@pytest.mark.parametrize("layout", ["one_line", "lines", "bare"])
@pytest.mark.parametrize("answered", ["one_line", "lines", "bare"])
def test_every_layout_is_understood_by_both_sides(layout: str, answered: str) -> None:
    async def main() -> None:
        door = door_settings(personality={"layout": answered, "declaration": answered == "bare"})
        async with shop(driver=driver_settings(layout=layout), door=door) as here:
            hold = await here.sell(kind=Kind.AUTHORIZATION)
            assert isinstance(await here.sell(kind=Kind.CAPTURE, parent=held(hold), id="op-2"), Approved)

    run_manual(main())


@pytest.mark.parametrize("personality", [{}, {"failure_blanks": True}, {"end_tag_blanks": False}])
@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.VOID])
@pytest.mark.parametrize("refusing", [False, True])
def test_every_spelling_of_an_end_is_understood(personality: dict[str, object], kind: Kind, refusing: bool) -> None:
    async def main() -> None:
        async with shop(door=door_settings(personality=personality)) as here:
            parent = held(await here.sell(kind=Kind.AUTHORIZATION))
            if refusing:
                here.desk.script.set(Step(Scenario("refuse", "declined", Declines())))
            outcome = await here.sell(kind=kind, parent=parent, id="op-2")
            assert type(outcome) is (Declined if refusing else Approved)

    run_manual(main())


def test_a_till_that_half_closes_is_answered_and_not_proven() -> None:
    async def main() -> None:
        door = door_settings(proof_of_delivery="write")
        for settings, proven in ((door_settings(), False), (door, True)):
            async with shop(driver=driver_settings(half_close=True), door=settings) as here:
                assert isinstance(await here.sell(), Approved)
                await asyncio.sleep(AFTERWARDS)
                assert told_to_till(here.desk) == [proven]

    run_manual(main())


def test_nothing_can_be_asked_or_stopped() -> None:
    async def main() -> None:
        async with shop(delay=30) as here:
            assert await here.terminal.abort("op-1") is AbortReply.NOT_RUNNING
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            assert await here.terminal.abort("op-1") is AbortReply.CANNOT
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert (await here.terminal.health()).state is HealthState.BUSY
            assert isinstance(await selling, Approved)
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            await here.terminal.settle(operation())

    run_manual(main())


def test_a_busy_terminal_says_so_and_takes_nothing() -> None:
    async def main() -> None:
        async with shop(faults={Fault.BUSY: 1}) as here:
            assert await here.sell() == Declined(DeclineReason.FAILED, "3 TERMINAL_BUSY")
            assert here.desk.ledger.rows == []

    run_manual(main())
