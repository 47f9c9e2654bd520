"""The Concert V3 driver against the Concert V3 door over the virtual terminal, on good lines and bad ones.

The virtual terminal's ledger is the judge: whatever the line does, nobody is told a lie and nothing is done twice.
"""

import asyncio

import pytest

from tests.support.concert_v3 import (
    CONNECT,
    JOURNAL,
    REFERENCE,
    TILL,
    TWELVE_FIFTY,
    Journal,
    Network,
    Shop,
    assert_no_lie,
    door_settings,
    driver_settings,
    money_taken,
    operation,
    shop,
    told_to_till,
)
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
from tillbridge.protocols.concert.tlv import decode
from tillbridge.protocols.contract import Fault, HealthState, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import Hostility
from tillbridge.virtual.scenarios import Approves, Cancels, Declines, Scenario
from tillbridge.virtual.script import Step

REQUEST = b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978CF032" + REFERENCE.encode()
ANSWER = (
    b"CZ0040300CJ012012345678901AE00210CA00201CB0041250CC003001CD0010CE003978CI0011AA016497010######7890AL0011"
    b"AC006000001AI014A0000000421010CG0071999403CF032" + REFERENCE.encode()
)
REFUSAL = b"CZ0040300CJ012012345678901AE00201AF00204CA00201CB0041250CD0010CE003978CF032" + REFERENCE.encode()
AFTERWARDS = 400.0
"""Seconds of manual time after the operation in which every wait runs out."""

REFUSING = Step(Scenario("refuse", "declined", Declines()))


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


# ---------------------------------------------------------------- bad lines


@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
@pytest.mark.parametrize(
    "hostility",
    [Hostility(split=(1, 1)), Hostility(delay=(0.01, 0.2)), Hostility(split=(1, 5), delay=(0.0, 0.05))],
    ids=["byte by byte", "delayed", "both"],
)
@pytest.mark.parametrize("seed", range(5))
def test_slow_lines_change_nothing(hostility: Hostility, refusing: bool, seed: int) -> None:
    async def main() -> None:
        async with shop(Network(hostility, seed=seed)) as here:
            if refusing:
                here.desk.script.set(REFUSING)
            outcome = await here.sell()
            assert isinstance(outcome, Declined if refusing else Approved)
            await asyncio.sleep(AFTERWARDS)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("seed", range(20))
def test_pauses_longer_than_the_quiet_time_bring_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(Network(Hostility(split=(1, 30), delay=(0.2, 1.5)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome)

    run_manual(main())


@pytest.mark.parametrize("seed", range(60))
def test_a_line_that_garbles_bytes_brings_no_lie(seed: int) -> None:
    async def main() -> None:
        async with shop(Network(Hostility(garble=0.01, split=(1, 9)), seed=seed)) as here:
            outcome = await here.sell()
            await asyncio.sleep(AFTERWARDS)
            if b"CB0041250CD0010CE003978" in here.network.from_till:
                assert_no_lie(here, outcome)
            assert len(here.desk.ledger.rows) <= 1

    run_manual(main())


async def _sell_on(hostility: Hostility, *, refusing: bool, delay: float) -> Shop:
    async with shop(Network(hostility), delay=delay) as here:
        if refusing:
            here.desk.script.set(REFUSING)
        here.outcome = await here.sell()
        await asyncio.sleep(AFTERWARDS)
        assert_no_lie(here, here.outcome)
        said = await here.terminal.inquire(operation())
        if not isinstance(said, Unanswered):
            assert_no_lie(here, said)
        return here


def _enough(answer: bytes, last_needed: bytes) -> set[int]:
    """Where the answer may end and still prove its outcome: between two elements, behind the last one that counts."""
    ends = [0]
    for element in decode(answer):
        ends.append(ends[-1] + len(element.encoded()))
    return {end for end in ends if end >= answer.index(last_needed) + len(last_needed)}


@pytest.mark.parametrize("delay", [0.0, 5.0], ids=["at once", "after five seconds"])
@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
class TestTheLineCutAtEveryByte:
    def test_toward_the_terminal(self, heard: bool, refusing: bool, delay: float) -> None:
        for place in range(len(REQUEST) + 1):
            hostility = Hostility(cut_after_bytes_out=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place > 0 or not heard:
                assert isinstance(here.outcome, InDoubt), place
            if place < REQUEST.index(b"CF032"):
                assert not here.desk.ledger.rows, place

    def test_toward_the_till(self, heard: bool, refusing: bool, delay: float) -> None:
        answer = REFUSAL if refusing else ANSWER
        for place in range(len(answer) + 1):
            hostility = Hostility(cut_after_bytes_in=place, heard=heard)
            here = run_manual(_sell_on(hostility, refusing=refusing, delay=delay))
            if place in _enough(answer, b"CD0010" if refusing else b"CE003978"):
                assert isinstance(here.outcome, Declined if refusing else Approved), place
            else:
                assert isinstance(here.outcome, InDoubt if place > 0 or not heard else NotStarted), place


# ---------------------------------------------------------------- a simulator's faults

EXPECTED = {
    Fault.DROP_ON_REQUEST: DoubtReason.LINE_LOST,
    Fault.DROP_BEFORE_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_IN_ANSWER: DoubtReason.LINE_LOST,
    Fault.DROP_LAST_BYTE: DoubtReason.LINE_LOST,
    Fault.NEVER_ANSWER: DoubtReason.NO_ANSWER,
    Fault.WRONG_AMOUNT: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_CURRENCY: DoubtReason.ANSWER_MISMATCH,
    Fault.WRONG_REGISTER: DoubtReason.ANSWER_MISMATCH,
    Fault.GARBAGE_BEFORE_ANSWER: DoubtReason.ANSWER_UNREADABLE,
    Fault.BYTE_BY_BYTE: None,
    Fault.HOLD_OPEN: None,
    Fault.SPLIT_BETWEEN_TAGS: None,
    Fault.TRAILING_CRLF: None,
    Fault.UNKNOWN_TAG: None,
    Fault.DUPLICATE_TAG: None,
    Fault.AMOUNT_ABSENT: DoubtReason.ANSWER_UNREADABLE,
    Fault.AMOUNT_ZERO: DoubtReason.ANSWER_MISMATCH,
    Fault.AMOUNT_PADDED: None,
}
"""What one strike of each fault leaves of an approved sale: a doubt, or (None) the approval."""

UNTOLD = {
    Fault.DROP_ON_REQUEST,
    Fault.DROP_BEFORE_ANSWER,
    Fault.DROP_IN_ANSWER,
    Fault.DROP_LAST_BYTE,
    Fault.NEVER_ANSWER,
    Fault.GARBAGE_BEFORE_ANSWER,
}


@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            outcome = await here.sell()
            reason = EXPECTED[fault]
            if reason is None:
                assert isinstance(outcome, Approved)
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


@pytest.mark.parametrize("fault", [Fault.AMOUNT_ABSENT, Fault.AMOUNT_ZERO, Fault.WRONG_AMOUNT, Fault.AMOUNT_PADDED])
def test_a_refusal_with_any_amount_is_a_refusal(fault: Fault) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(DeclineReason.REFUSED, "04")

    run_manual(main())


def test_busy_is_told_and_nothing_is_taken() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.BUSY: 1}) as here:
            assert await here.sell() == Declined(DeclineReason.FAILED, "07")
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_terminal_that_keeps_the_line_costs_one_quiet_time() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.HOLD_OPEN: 1}) as here:
            assert isinstance(await here.sell(), Approved)
            assert asyncio.get_running_loop().time() == pytest.approx(0.6)

    run_manual(main())


# ---------------------------------------------------------------- after a doubt


DOUBTFUL = [fault for fault, reason in EXPECTED.items() if reason is not None and fault is not Fault.DROP_ON_REQUEST]


@pytest.mark.parametrize("refusing", [False, True], ids=["approved", "declined"])
@pytest.mark.parametrize("fault", DOUBTFUL, ids=str)
def test_the_status_settles_a_doubt(fault: Fault, refusing: bool) -> None:
    async def main() -> None:
        async with shop(Network(), {fault: 1}) as here:
            if refusing:
                here.desk.script.set(REFUSING)
            outcome = await here.sell()
            said = await here.terminal.inquire(operation())
            assert isinstance(said, Declined if refusing else Approved)
            assert here.terminal.capabilities.recovery is Recovery.BY_ID
            assert_no_lie(here, outcome)
            assert_no_lie(here, said)

    run_manual(main())


def test_the_status_of_a_running_payment_is_that_it_runs() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, delay=500) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert len(network.ends) == 1
            network.ends[0].cut()
            assert isinstance(await selling, InDoubt)
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert here.terminal.capabilities.recovery is Recovery.BY_ID
            await asyncio.sleep(500)
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_customer_slower_than_the_till_ends_in_a_late_answer() -> None:
    async def main() -> None:
        async with shop(Network(), delay=300) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert asyncio.get_running_loop().time() == 180
            assert (await here.terminal.health()).state is HealthState.BUSY
            await asyncio.sleep(180)
            (late,) = here.late
            assert isinstance(late.outcome, Approved)
            assert (late.register, late.amount, late.wire_reference) == ("01", TWELVE_FIFTY, REFERENCE)
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_whoever_stops_waiting_still_hears_the_answer() -> None:
    async def main() -> None:
        async with shop(Network(), delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            selling.cancel()
            await asyncio.wait({selling})
            assert selling.cancelled()
            assert here.journal.outcomes == []
            await asyncio.sleep(60)
            assert [type(late.outcome) for late in here.late] == [Approved]
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_a_new_operation_ends_the_wait_for_an_old_answer() -> None:
    async def main() -> None:
        async with shop(Network(), {Fault.NEVER_ANSWER: 1}) as here:
            assert isinstance(await here.sell(), InDoubt)
            again = await here.sell(id="op-2", wire_reference="f" * 32)
            assert isinstance(again, Approved)
            assert money_taken(here.desk) == 2 * 1250

    run_manual(main())


# ---------------------------------------------------------------- the journal fails, the line is not there


def test_nothing_is_sent_when_the_intent_cannot_be_kept() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="sending"))
            await asyncio.sleep(AFTERWARDS)
            assert network.trace == []
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_an_outcome_that_cannot_be_kept_is_not_returned() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="outcome"))
            await asyncio.sleep(AFTERWARDS)
            assert money_taken(here.desk) == 1250

    run_manual(main())


def test_a_refused_connection_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            network.answering = None
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
            assert "refused the connection" in outcome.detail
            assert network.trace == [(JOURNAL, "sending"), (CONNECT, None), (JOURNAL, "outcome")]
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE

    run_manual(main())


def test_a_line_that_is_gone_before_the_first_byte_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        async with shop(Network(Hostility(cut_after_bytes_out=0))) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            await asyncio.sleep(AFTERWARDS)
            assert_no_lie(here, outcome)

    run_manual(main())


def test_closing_the_driver_leaves_a_running_payment_in_doubt() -> None:
    async def main() -> None:
        async with shop(Network(), delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            await here.terminal.close()
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.CONNECTOR_STOPPED
            closed = await here.sell(id="op-2")
            assert isinstance(closed, NotStarted)
            assert closed.reason is NotStartedReason.CONNECTOR_STOPPED

    run_manual(main())
