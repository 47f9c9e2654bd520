"""What the driver asks a terminal besides payments, and how little it believes: terminals with canned answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.concert_v3 import REFERENCE, TWELVE_FIFTY, Journal, Network, driver_settings, operation
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.contract import AbortReply, HealthState, Recovery, Unanswered
from tillbridge.runtime.manual import run_manual

HEAD = b"CZ0040301CJ012330538600404CA00201"
PONG = HEAD + b"CD001IAE00210"
NO_SUCH = b"AE00201AF00212"
MONEY = b"CB0041250CE003978"
PAID = b"AE00210CC003001AC006184117" + MONEY
OURS = b"CF032" + REFERENCE.encode()
OTHERS = b"CF032" + b"f" * 32
SILENT = b""


class Canned(asyncio.Protocol):
    """Answers each action with the bytes that were laid out for it, and closes; nothing laid out is silence."""

    def __init__(self, answers: Mapping[str, bytes], asked: list[str]) -> None:
        self._answers, self._asked = answers, asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        fields = Fields.of(decode(data))
        action = fields.get("CD") or ""
        self._asked.append(action)
        if action != "0" and {"CB", "CE"} & fields.values.keys():
            self._asked.append("a service with an amount")
        answer = self._answers.get(action, SILENT)
        if answer:
            self._transport.write(answer)
            self._transport.close()


class House:
    """A driver, the answers that its terminal gives, and the actions that it was asked for."""

    def __init__(self, answers: Mapping[str, bytes], **settings: Any) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.network = Network()
        self.network.answering = lambda: Canned(self.answers, self.asked)
        self.terminal = ConcertV3Terminal(driver_settings(**settings), TcpLine(self.network.connect, 0.3))

    @property
    def recovery(self) -> Recovery:
        return self.terminal.capabilities.recovery


@asynccontextmanager
async def house(answers: Mapping[str, bytes], **settings: Any) -> AsyncIterator[House]:
    one = House(answers, **settings)
    try:
        yield one
    finally:
        await one.terminal.close()
    assert "a service with an amount" not in one.asked


def _status(*parts: bytes) -> dict[str, bytes]:
    return {"I": PONG, "T": HEAD + b"CD001T" + b"".join(parts), "3": HEAD + b"CD0013" + NO_SUCH}


# ---------------------------------------------------------------- the class, before and after


def test_nothing_is_proven_before_it_was_asked() -> None:
    async def main() -> None:
        async with house(_status(PAID, OURS)) as here:
            assert here.recovery is Recovery.NONE
            await here.terminal.health()
            assert here.recovery is Recovery.NONE
            assert here.asked == ["I"]

    run_manual(main())


def test_a_status_with_our_reference_and_the_payments_own_fields_settles_and_proves() -> None:
    async def main() -> None:
        async with house(_status(PAID, OURS)) as here:
            said = await here.terminal.inquire(operation())
            assert isinstance(said, Approved)
            assert (said.amount, said.authorization_code) == (TWELVE_FIFTY, "184117")
            assert here.recovery is Recovery.BY_ID
            assert here.asked == ["I", "T"]

    run_manual(main())


@pytest.mark.parametrize(("af", "kind"), [(b"AF00204", Declined), (b"AF00206", Aborted), (b"AF00211", Aborted)])
def test_a_status_that_names_the_money_of_a_refusal_is_one(af: bytes, kind: type[Declined] | type[Aborted]) -> None:
    async def main() -> None:
        async with house(_status(b"AE00201", af, MONEY, OURS)) as here:
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
        (b"AE00201AF00201", MONEY, OURS),
        (b"AE00299", MONEY, OURS),
    ],
)
def test_a_status_that_could_mean_something_else_proves_nothing(parts: tuple[bytes, ...]) -> None:
    async def main() -> None:
        async with house(_status(*parts)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.recovery is Recovery.NONE

    run_manual(main())


def test_a_payment_that_was_taken_into_account_still_runs() -> None:
    async def main() -> None:
        async with house(_status(b"AE00211", OURS)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.STILL_RUNNING
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


def test_not_found_is_said_only_by_a_terminal_that_has_found_before() -> None:
    async def main() -> None:
        async with house(_status(b"AE00201AF00210", OURS)) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            here.answers |= _status(PAID, OURS)
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            here.answers |= _status(b"AE00201AF00210", OURS)
            assert await here.terminal.inquire(operation()) is Unanswered.NOT_FOUND

    run_manual(main())


def test_a_terminal_that_stops_knowing_the_status_is_no_longer_asked() -> None:
    async def main() -> None:
        async with house(_status(PAID, OURS)) as here:
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
        async with house({"I": HEAD + b"CD001I" + NO_SUCH, "T": _status(PAID, OURS)["T"]}) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked == ["I"]
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_a_terminal_without_an_answer_to_the_ping_is_asked_nothing_more_this_time() -> None:
    async def main() -> None:
        async with house({"T": _status(PAID, OURS)["T"]}) as here:
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert here.asked == ["I"]
            here.answers["I"] = PONG
            assert isinstance(await here.terminal.inquire(operation()), Approved)

    run_manual(main())


def test_a_silent_status_is_no_statement_and_no_reason_for_a_duplicate_of_the_wrong_class() -> None:
    async def main() -> None:
        async with house(_status(PAID, OURS)) as here:
            await here.terminal.inquire(operation())
            here.answers["T"] = SILENT
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            assert "3" not in here.asked
            assert here.recovery is Recovery.BY_ID

    run_manual(main())


def test_asking_can_be_forbidden() -> None:
    async def main() -> None:
        async with house(_status(PAID, OURS), ask_after_doubt=False) as here:
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


def test_an_approved_sale_is_used_once_to_prove_the_status() -> None:
    async def main() -> None:
        answers = _status(PAID, OURS) | {"0": HEAD + b"CD0010" + PAID}
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
        answers = _status(NO_SUCH) | {"0": HEAD + b"CD0010" + PAID}
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
