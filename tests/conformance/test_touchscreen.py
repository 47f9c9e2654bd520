"""The touch-screen driver against the touch-screen door over the virtual terminal, on a good network.

The virtual terminal's ledger is the judge: nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.touchscreen import (
    REFERENCE,
    SECRET,
    TWELVE_FIFTY,
    VOIDING,
    WIRE_ID,
    Journal,
    assert_no_lie,
    operation,
    shop,
    taken,
    void_of,
)
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Parent, Progress
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
    Side,
)
from tillbridge.protocols.contract import AbortReply, AbortSupport, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import SCENARIOS, Cancels, Declines, Scenario
from tillbridge.virtual.script import Step


def test_a_sale_is_told_in_order_and_confirmed_last() -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert (outcome.amount, outcome.authorization_code, outcome.reference) == (
                TWELVE_FIFTY,
                "000001",
                "R000001",
            )
            assert outcome.card is not None
            assert outcome.card.masked_pan == "497010######7890"
            asked = [step for step in here.network.asked if step != "status"]
            assert asked == ["sending", "info", "payment", "result", "outcome", "confirm"]
            assert here.network.bodies("payment") == [
                {
                    "secureString": SECRET,
                    "request": {"transactionId": WIRE_ID, "amount": 1250, "currencyCode": 978},
                }
            ]
            assert here.network.bodies("confirm") == [
                {"secureString": SECRET, "transactionId": WIRE_ID, "confirm": True}
            ]
            assert here.journal.outcomes == [outcome]
            assert_no_lie(here.desk, outcome)

    run_manual(main())


def test_the_customer_is_followed() -> None:
    async def main() -> None:
        async with shop(delay=30.0) as here:
            assert isinstance(await here.sell(), Approved)
            assert here.journal.seen == [
                Progress.CONNECTING,
                Progress.WAITING_FOR_CARD,
                Progress.WAITING_FOR_PIN,
                Progress.AUTHORIZING,
                Progress.PRINTING,
            ]
            assert asyncio.get_running_loop().time() == pytest.approx(30.0, abs=0.6)

    run_manual(main())


def test_any_text_but_one_means_that_it_runs() -> None:
    async def main() -> None:
        async with shop(delay=20.0, personality={"texts": "random"}) as here:
            for number in range(5):
                outcome = await here.sell(id=f"op-{number}", wire_reference=f"{number:032x}")
                assert isinstance(outcome, Approved)
            assert here.network.asked.count("status") == 5 * 41
            assert taken(here.desk) == 5 * 1250

    run_manual(main())


ENDINGS = [
    *((Declines(reason), Declined(reason)) for reason in DeclineReason),
    *((Cancels(by), Aborted(by)) for by in AbortedBy if by is not AbortedBy.UNSPECIFIED),
]


@pytest.mark.parametrize(("ending", "wanted"), ENDINGS, ids=str)
def test_what_the_terminal_says_is_what_the_till_hears(ending: Declines | Cancels, wanted: Outcome) -> None:
    async def main() -> None:
        async with shop() as here:
            here.desk.script.set(Step(Scenario("ends", "as told", ending)))
            outcome = await here.sell()
            assert type(outcome) is type(wanted)
            if isinstance(outcome, Declined) and isinstance(wanted, Declined):
                assert outcome.reason is wanted.reason
                assert outcome.wire_reason is not None
            if isinstance(outcome, Aborted) and isinstance(wanted, Aborted):
                assert outcome.by is wanted.by
            assert here.network.asked[-1] == "confirm"
            assert_no_lie(here.desk, outcome)

    run_manual(main())


# ---------------------------------------------------------------- the other operations


def test_a_void_gives_all_of_a_sale_back() -> None:
    async def main() -> None:
        async with shop() as here:
            assert isinstance(await here.sell(), Approved)
            outcome = await here.perform(void_of())
            assert isinstance(outcome, Approved)
            assert outcome.amount == TWELVE_FIFTY
            assert here.movements == [("taken", 1250), ("reversed", 1250)]
            (body,) = here.network.bodies("reverse")
            assert body["request"] == {
                "transactionId": "fedcba98-7654-3210-fedc-ba9876543210",
                "originalTransactionId": WIRE_ID,
            }

    run_manual(main())


def test_a_void_of_nothing_is_refused_by_the_terminal() -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.perform(void_of())
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
            assert not here.movements

    run_manual(main())


@pytest.mark.parametrize(
    "parent",
    [None, Parent(REFERENCE, Kind.REFUND, TWELVE_FIFTY), Parent(REFERENCE, Kind.SALE, Money(1251, EUR))],
    ids=["none", "refund", "part"],
)
def test_a_void_that_the_wire_cannot_say_is_never_sent(parent: Parent | None) -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.perform(operation(kind=Kind.VOID, wire_reference=VOIDING, parent=parent))
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert here.network.trace == []

    run_manual(main())


def test_a_refund_pays_out() -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.sell(kind=Kind.REFUND)
            assert isinstance(outcome, Approved)
            assert here.movements == [("refunded", 1250)]

    run_manual(main())


def test_a_closing_tells_the_ledgers_totals() -> None:
    async def main() -> None:
        async with shop() as here:
            for number in range(3):
                await here.sell(id=f"op-{number}", wire_reference=f"{number:032x}")
            await here.sell(kind=Kind.REFUND, amount=Money(200, EUR), id="op-r", wire_reference="e" * 32)
            await here.perform(void_of(f"{1:032x}"))
            outcome = await here.sell(amount=None, kind=Kind.RECONCILIATION, id="op-c", wire_reference="c" * 32)
            assert isinstance(outcome, Approved)
            assert outcome.amount == Money(0, EUR)
            assert outcome.totals == (
                BatchTotal(Side.DEBITS, 3, Money(3750, EUR)),
                BatchTotal(Side.CREDITS, 1, Money(200, EUR)),
                BatchTotal(Side.ADJUSTMENTS, 1, Money(1250, EUR)),
            )
            assert here.desk.ledger.balance("EUR") == 3750 - 200 - 1250

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.AUTHORIZATION, Kind.CAPTURE])
def test_what_nobody_knows_how_to_say_is_never_sent(kind: Kind) -> None:
    async def main() -> None:
        async with shop() as here:
            outcome = await here.sell(kind=kind)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert kind not in here.terminal.capabilities.kinds
            assert here.network.trace == []

    run_manual(main())


def test_capabilities() -> None:
    async def main() -> None:
        async with shop(driver={"currencies": ["CZK", "EUR"]}) as here:
            able = here.terminal.capabilities
            assert able.kinds == {Kind.SALE, Kind.REFUND, Kind.VOID, Kind.RECONCILIATION}
            assert (able.recovery, able.abort) == (Recovery.BY_ID, AbortSupport.UNTIL_CARD)
            assert (able.linked, able.voids) == (frozenset({Kind.VOID}), frozenset({Kind.SALE}))
            assert (able.max_minor, able.currencies) == (999_999_999, frozenset({"CZK", "EUR"}))
            assert not able.partial
            assert not able.online_flag
            for amount in (Money(10**9, EUR), Money(0, EUR), Money(100, currency("USD"))):
                assert isinstance(await here.sell(amount=amount), NotStarted)
            assert here.network.trace == []

    run_manual(main())


@pytest.mark.parametrize("code", ["CZK", "JPY", "KWD"])
def test_minor_units_are_never_converted(code: str) -> None:
    async def main() -> None:
        async with shop() as here:
            asked = Money(1250, currency(code))
            outcome = await here.sell(amount=asked)
            assert isinstance(outcome, Approved)
            assert outcome.amount == asked
            (row,) = here.desk.ledger.rows
            assert (row.minor, row.currency) == (1250, code)

    run_manual(main())


# ---------------------------------------------------------------- stopping


def test_an_abort_in_time_ends_without_money() -> None:
    async def main() -> None:
        async with shop(delay=60.0) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.sell())
            await asyncio.sleep(5.0)
            assert await here.terminal.abort("another") is AbortReply.NOT_RUNNING
            assert await here.terminal.abort("op-1") is AbortReply.REQUESTED
            outcome = await selling
            assert isinstance(outcome, Aborted)
            assert outcome.by is AbortedBy.CASHIER
            assert_no_lie(here.desk, outcome)
            assert await here.terminal.abort("op-1") is AbortReply.NOT_RUNNING

    run_manual(main())


def test_the_card_beats_an_abort() -> None:
    async def main() -> None:
        async with shop(delay=60.0) as here, asyncio.TaskGroup() as group:
            here.desk.script.set(Step(SCENARIOS["card_beats_abort"]))
            selling = group.create_task(here.sell())
            await asyncio.sleep(5.0)
            assert await here.terminal.abort("op-1") is AbortReply.REQUESTED
            outcome = await selling
            assert isinstance(outcome, Approved)
            assert_no_lie(here.desk, outcome)

    run_manual(main())


def test_an_abort_before_the_start_sends_nothing() -> None:
    async def main() -> None:
        async with shop() as here:
            journal = Journal(here.network.trace)
            replies: list[AbortReply] = []

            async def abort() -> None:
                replies.append(await here.terminal.abort("op-1"))

            journal.meanwhile = abort
            outcome = await here.terminal.perform(operation(), journal)
            assert replies == [AbortReply.REQUESTED]
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.ABORTED_FIRST
            assert "payment" not in here.network.asked
            assert not here.desk.ledger.rows

    run_manual(main())


def test_an_operation_that_takes_too_long_is_stopped_by_its_till() -> None:
    async def main() -> None:
        async with shop(delay=900.0) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Aborted)
            assert asyncio.get_running_loop().time() == pytest.approx(180.5, abs=0.6)
            assert_no_lie(here.desk, outcome)

    run_manual(main())


def test_an_operation_that_cannot_be_stopped_ends_in_doubt_and_is_found_later() -> None:
    async def main() -> None:
        async with shop(delay=300.0) as here:
            here.desk.script.set(Step(SCENARIOS["card_beats_abort"]))
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert "confirm" not in here.network.asked
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            await asyncio.sleep(120.0)
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            await here.terminal.settle(operation())
            assert here.network.asked[-1] == "confirm"
            assert taken(here.desk) == 1250

    run_manual(main())
