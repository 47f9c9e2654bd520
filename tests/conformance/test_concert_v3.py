"""The Concert V3 driver against the Concert V3 door over the virtual terminal, on good lines.

The virtual terminal's ledger is the judge: nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_v3 import (
    REFERENCE,
    REQUEST,
    TWELVE_FIFTY,
    Network,
    assert_no_lie,
    door_settings,
    driver_settings,
    money_taken,
    shop,
    told_to_till,
)
from tests.support.wires import CONNECT, JOURNAL, TILL
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind, Progress
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import Approves, Cancels, Declines, Scenario
from tillbridge.virtual.script import Step


def test_a_sale_is_approved_and_told_in_order() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert (outcome.amount, outcome.authorization_code) == (TWELVE_FIFTY, "000001")
            assert network.trace == [
                (JOURNAL, "sending"),
                (CONNECT, None),
                (TILL, REQUEST),
                (JOURNAL, "outcome"),
            ]
            assert here.journal.outcomes == [outcome]
            assert here.journal.seen == [Progress.CONNECTING, Progress.WAITING_FOR_CARD]
            await asyncio.sleep(1.0)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_an_answer_with_its_close_is_not_waited_for_any_longer() -> None:
    async def main() -> None:
        async with shop(Network()) as here:
            await here.sell()
            # The door waits for one quiet time behind the request, the driver for none behind the answer.
            assert asyncio.get_running_loop().time() == pytest.approx(0.3)

    run_manual(main())


ENDINGS = [
    *((Declines(reason), Declined) for reason in DeclineReason),
    *((Cancels(by), Aborted) for by in AbortedBy),
]


@pytest.mark.parametrize(("ending", "kind"), ENDINGS, ids=str)
def test_what_the_terminal_says_is_what_the_till_hears(ending: Declines | Cancels, kind: type[Outcome]) -> None:
    async def main() -> None:
        async with shop(Network()) as here:
            here.desk.script.set(Step(Scenario("ends", "as told", ending)))
            outcome = await here.sell()
            assert isinstance(outcome, kind)
            if isinstance(outcome, Declined) and isinstance(ending, Declines):
                assert outcome.reason is ending.reason
            if isinstance(outcome, Aborted) and isinstance(ending, Cancels):
                assert outcome.by is (AbortedBy.CUSTOMER if ending.by is AbortedBy.UNSPECIFIED else ending.by)
            await asyncio.sleep(1.0)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("personality", ["plain", "desk5000", "i2200", "payxpert"])
@pytest.mark.parametrize("ending", [Approves(), Declines(), Cancels()], ids=str)
def test_every_personality_is_understood(personality: str, ending: Approves | Declines | Cancels) -> None:
    async def main() -> None:
        async with shop(Network(), door=door_settings(personality=personality)) as here:
            here.desk.script.set(Step(Scenario("ends", "as told", ending)))
            outcome = await here.sell()
            assert type(outcome) is {Approves: Approved, Declines: Declined, Cancels: Aborted}[type(ending)]
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.SALE, Kind.REFUND, Kind.VOID])
def test_every_kind_reaches_the_desk_as_itself(kind: Kind) -> None:
    async def main() -> None:
        async with shop(Network(), driver=driver_settings(cancel=True)) as here:
            await here.sell(kind=kind, register="42", online=True)
            (row,) = here.desk.ledger.rows
            assert (row.kind, row.register_number, row.asked_minor) == (kind, "42", 1250)
            assert (row.caller, row.order_id, row.online) == ("concert-v3:42", REFERENCE, True)

    run_manual(main())


@pytest.mark.parametrize("kind", [Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID, Kind.RECONCILIATION])
def test_what_this_wire_cannot_say_is_never_sent(kind: Kind) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            outcome = await here.sell(kind=kind)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert kind not in here.terminal.capabilities.kinds
            assert network.trace == []

    run_manual(main())


def test_an_amount_is_as_large_as_twelve_digits() -> None:
    async def main() -> None:
        async with shop(Network()) as here:
            assert here.terminal.capabilities.max_minor == 999_999_999_999
            largest = await here.sell(amount=Money(999_999_999_999, EUR))
            assert isinstance(largest, Approved)
            assert isinstance(await here.sell(amount=Money(10**12, EUR)), NotStarted)
            assert isinstance(await here.sell(amount=Money(0, EUR)), NotStarted)

    run_manual(main())


def test_a_currency_without_decimals_is_not_multiplied() -> None:
    async def main() -> None:
        network = Network()
        yen = Money(1250, currency("JPY"))
        async with shop(network) as here:
            outcome = await here.sell(amount=yen)
            assert isinstance(outcome, Approved)
            assert outcome.amount == yen
            assert b"CB0041250CD0010CE003392" in network.from_till

    run_manual(main())


@pytest.mark.parametrize(("allowed", "sent"), [(True, True), (True, False), (False, False)])
def test_a_lesser_amount_is_approved_only_where_that_was_allowed(allowed: bool, sent: bool) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(partial=sent)) as here:
            here.desk.script.set(Step(Scenario("less", "less", Approves(minor=1000))))
            outcome = await here.sell(partial_allowed=allowed)
            assert here.terminal.capabilities.partial == sent
            assert (b"BF0011" in network.from_till) == (allowed and sent)
            if not allowed:
                assert isinstance(outcome, InDoubt)
                assert outcome.reason is DoubtReason.ANSWER_MISMATCH
            else:
                assert isinstance(outcome, Approved)
                assert outcome.amount == Money(1000, EUR)
            assert money_taken(here.desk) == 1000

    run_manual(main())


def test_sales_follow_each_other_without_a_pause() -> None:
    async def main() -> None:
        async with shop(Network(), door=door_settings(reference_is_order=False)) as here:
            for number in range(5):
                outcome = await here.sell(id=f"op-{number}", wire_reference=f"{number:032x}")
                assert isinstance(outcome, Approved)
            assert money_taken(here.desk) == 5 * 1250
            assert told_to_till(here.desk)[:-1] == [True] * 4

    run_manual(main())
