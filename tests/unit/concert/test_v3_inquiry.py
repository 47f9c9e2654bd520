"""What the driver asks a terminal besides payments, and how little it believes: terminals with canned answers."""

import asyncio
from typing import Any

import pytest

from tests.support.concert_v3 import TWELVE_FIFTY, operation
from tests.support.concert_v3_canned import (
    HEAD,
    MONEY,
    NO_SUCH,
    OTHERS,
    OURS,
    PAID,
    PONG,
    SILENT,
    house,
    status_answers,
)
from tests.support.wires import Journal
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt
from tillbridge.protocols.contract import AbortReply, HealthState, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual

# ---------------------------------------------------------------- the class, before and after


def test_nothing_is_proven_before_it_was_asked() -> None:
    async def main() -> None:
        async with house(status_answers(PAID, OURS)) as here:
            assert here.recovery is Recovery.NONE
            await here.terminal.health()
            assert here.recovery is Recovery.NONE
            assert here.asked == ["I"]

    run_manual(main())


def test_a_status_with_our_reference_and_the_payments_own_fields_settles_and_proves() -> None:
    async def main() -> None:
        async with house(status_answers(PAID, OURS)) as here:
            said = await here.terminal.inquire(operation())
            assert isinstance(said, Approved)
            assert (said.amount, said.authorization_code) == (TWELVE_FIFTY, "184117")
            assert here.recovery is Recovery.BY_ID
            assert here.asked == ["I", "T"]

    run_manual(main())


@pytest.mark.parametrize(("af", "kind"), [(b"AF00204", Declined), (b"AF00206", Aborted), (b"AF00211", Aborted)])
def test_a_status_that_names_the_money_of_a_refusal_is_one(af: bytes, kind: type[Declined] | type[Aborted]) -> None:
    async def main() -> None:
        async with house(status_answers(b"AE00201", af, MONEY, OURS)) as here:
            assert type(await here.terminal.inquire(operation())) is kind
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


@pytest.mark.parametrize(
    "parts",
    [
        (PAID,),  # no reference
        (PAID, OTHERS),
        (PAID, b"CF0101010000000"),
        (b"AE00210", MONEY, OURS),  # "done" may mean that the status request was done
        (b"AE00210CC003001", OURS),
        (b"AE00210CC003001CB0041251CE003978", OURS),
        (b"AE00210CC003001CB0041250CE003840", OURS),
        (b"AE00210CC003001AF00204", MONEY, OURS),
        (b"AE00201AF00204", OURS),  # a refusal of what: the payment or the question?
        (b"AE00201AF00204CB00200CE003978", OURS),
        (b"AE00201", MONEY, OURS),
        (b"AE00201AF00200", MONEY, OURS),  # unknown: the payment's end, or the payment?
        (b"AE00201AF00207", MONEY, OURS),  # not completed: it may still run
        (b"AE00201AF00209", MONEY, OURS),
        (b"AE00201AF00210", MONEY, OURS),
        (b"AE00201AF00201", MONEY, OURS),
        (b"AE00299", MONEY, OURS),
    ],
)
def test_a_status_that_could_mean_something_else_proves_nothing(parts: tuple[bytes, ...]) -> None:
    async def main() -> None:
        async with house(status_answers(*parts)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.recovery is Recovery.NONE

    run_manual(main())


def test_a_payment_that_was_taken_into_account_still_runs() -> None:
    async def main() -> None:
        async with house(status_answers(b"AE00211", OURS)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


def test_not_found_is_said_only_by_a_terminal_that_has_found_before() -> None:
    async def main() -> None:
        async with house(status_answers(b"AE00201AF00210", OURS)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            here.answers |= status_answers(PAID, OURS)
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            here.answers |= status_answers(b"AE00201AF00210", OURS)
            assert await here.terminal.inquire(operation()) is Unanswered.NOT_FOUND
            for unable in (b"AE00201", b"AE00201AF00207", b"AE00201AF00200"):
                here.answers |= status_answers(unable, OURS)
                assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


def test_a_terminal_that_stops_knowing_the_status_is_no_longer_asked() -> None:
    async def main() -> None:
        async with house(status_answers(PAID, OURS)) as here:
            await here.terminal.inquire(operation())
            here.answers["T"] = HEAD + b"CD001T" + NO_SUCH
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.recovery is Recovery.NONE
            before = here.asked.count("T")
            await here.terminal.inquire(operation())
            assert here.asked.count("T") == before

    run_manual(main())


# ---------------------------------------------------------------- the condition, and the duplicate

DUPLICATE = {"I": PONG, "T": HEAD + b"CD001T" + NO_SUCH, "3": HEAD + b"CD0013" + PAID}


def test_a_duplicate_is_evidence_of_the_lesser_class() -> None:
    async def main() -> None:
        async with house(DUPLICATE) as here:
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            assert here.recovery is Recovery.LAST_RESULT
            assert here.asked == ["I", "T", "3"]

    run_manual(main())


def test_a_duplicate_is_asked_for_once_an_operation_because_it_may_print() -> None:
    async def main() -> None:
        async with house(DUPLICATE) as here:
            await here.terminal.inquire(operation())
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked.count("3") == 1
            assert isinstance(await here.terminal.inquire(operation(id="op-2")), Approved)

    run_manual(main())


@pytest.mark.parametrize(
    "parts",
    [
        (PAID, OTHERS),
        (b"AE00210CC003001CB0041251CE003978",),
        (b"AE00210CC003001CB0041250CE003840",),
        (b"AE00201AF00204", MONEY),
        (b"AE00210",),
    ],
)
def test_a_duplicate_of_something_else_is_no_evidence(parts: tuple[bytes, ...]) -> None:
    async def main() -> None:
        async with house(DUPLICATE | {"3": HEAD + b"CD0013" + b"".join(parts)}) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK

    run_manual(main())


def test_a_terminal_that_does_not_know_the_ping_is_asked_nothing_more() -> None:
    async def main() -> None:
        async with house({"I": HEAD + b"CD001I" + NO_SUCH, "T": status_answers(PAID, OURS)["T"]}) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked == ["I"]
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_a_terminal_without_an_answer_to_the_ping_is_asked_nothing_more_this_time() -> None:
    async def main() -> None:
        async with house({"T": status_answers(PAID, OURS)["T"]}) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked == ["I"]
            here.answers["I"] = PONG
            assert isinstance(await here.terminal.inquire(operation()), Approved)

    run_manual(main())


def test_a_silent_status_is_no_statement_and_no_reason_for_a_duplicate_of_the_wrong_class() -> None:
    async def main() -> None:
        async with house(status_answers(PAID, OURS)) as here:
            await here.terminal.inquire(operation())
            here.answers["T"] = SILENT
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert "3" not in here.asked
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


def test_asking_can_be_forbidden() -> None:
    async def main() -> None:
        async with house(status_answers(PAID, OURS), ask_after_doubt=False) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked == []

    run_manual(main())


def test_without_our_reference_on_the_wire_the_status_is_not_asked() -> None:
    async def main() -> None:
        async with house(DUPLICATE, send_reference=False) as here:
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            assert here.asked == ["I", "3"]

    run_manual(main())


# ---------------------------------------------------------------- signs of life, and the proof before the need


def test_an_approved_sale_is_used_once_to_prove_thestatus_answers() -> None:
    async def main() -> None:
        answers = status_answers(PAID, OURS) | {"0": HEAD + b"CD0010" + PAID}
        async with house(answers) as here:
            assert isinstance(await here.terminal.perform(operation(), Journal()), Approved)
            classes = [here.recovery]
            assert (await here.terminal.health()).state is HealthState.READY
            classes.append(here.recovery)
            assert classes == [Recovery.NONE, Recovery.BY_ID]
            await here.terminal.health()
            assert here.asked == ["0", "I", "T", "I"]

    run_manual(main())


def test_a_status_that_fails_its_proof_leaves_the_class_as_it_was() -> None:
    async def main() -> None:
        answers = status_answers(NO_SUCH) | {"0": HEAD + b"CD0010" + PAID}
        async with house(answers) as here:
            await here.terminal.perform(operation(), Journal())
            assert (await here.terminal.health()).state is HealthState.READY
            assert here.recovery is Recovery.NONE

    run_manual(main())


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (PONG, HealthState.READY),
        (HEAD + b"CD001I" + NO_SUCH, HealthState.READY),
        (HEAD + b"CD001IAE00201AF00207", HealthState.BUSY),
        (b"garbage", HealthState.SILENT),
        (SILENT, HealthState.SILENT),
    ],
)
def test_signs_of_life(answer: bytes, state: HealthState) -> None:
    async def main() -> None:
        async with house({"I": answer}) as here:
            health = await here.terminal.health()
            assert health.state is state
            assert health.detail
            assert asyncio.get_running_loop().time() <= 10

    run_manual(main())


def test_a_terminal_at_work_is_not_disturbed() -> None:
    async def main() -> None:
        async with house({"I": PONG}) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.terminal.perform(operation(), Journal()))
            await asyncio.sleep(5)
            assert (await here.terminal.health()).state is HealthState.BUSY
            assert await here.terminal.abort("op-1") is AbortReply.CANNOT
            assert await here.terminal.abort("op-2") is AbortReply.NOT_RUNNING
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert here.asked == ["0"]
            assert isinstance(await selling, InDoubt)
            assert await here.terminal.abort("op-1") is AbortReply.NOT_RUNNING

    run_manual(main())


# ---------------------------------------------------------------- what the request says


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978" + OURS),
        (
            {"version": "0320", "protocol_id": "247300123456"},
            b"CZ0040320CJ012247300123456CA00201CB0041250CD0010CE003978" + OURS,
        ),
        ({"send_reference": False}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978"),
        ({"ticket": "customer"}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978" + OURS + b"CK003100"),
        ({"ticket": "both"}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978" + OURS + b"CK003120"),
        ({"application": "001"}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978CC003001" + OURS),
        ({"trailing_crlf": True}, b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978" + OURS + b"\r\n"),
    ],
    ids=str,
)
def test_the_request_follows_the_settings(settings: dict[str, Any], expected: bytes) -> None:
    async def main() -> None:
        async with house({"0": HEAD + b"CD0010" + PAID}, **settings) as here:
            assert isinstance(await here.terminal.perform(operation(), Journal()), Approved)
            assert here.network.from_till == expected

    run_manual(main())


@pytest.mark.parametrize(("code", "known"), [("EUR", True), ("USD", False)])
def test_a_currency_that_the_terminal_does_not_take_is_never_sent(code: str, known: bool) -> None:
    async def main() -> None:
        async with house({"0": HEAD + b"CD0010" + PAID}, currencies=[code]) as here:
            assert here.terminal.capabilities.currencies == frozenset({code})
            await here.terminal.perform(operation(), Journal())
            assert bool(here.asked) == known

    run_manual(main())


def test_a_ticket_comes_with_the_approval() -> None:
    async def main() -> None:
        ticket = b"ZT021CK003100AK008TUVSQ0k="
        async with house({"0": HEAD + b"CD0010" + PAID + ticket}, ticket="customer") as here:
            outcome = await here.terminal.perform(operation(), Journal())
            assert isinstance(outcome, Approved)
            assert outcome.ticket == "MERCI"

    run_manual(main())
