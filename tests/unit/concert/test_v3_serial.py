"""Concert V3 in frames, with the other end of the line in the test's own hand: strays, long answers, faults behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.support.concert_raw import ACK, ENQ, EOT, NAK, RawEnd, RawTerminals
from tests.support.concert_v3 import (
    ANSWER,
    REFERENCE,
    REFUSAL,
    REQUEST,
    driver_settings,
    money_taken,
    operation,
    told_to_till,
)
from tests.support.wires import Journal
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt
from tillbridge.protocols.concert.frames import MAX_BODY, FrameDecoder, encode
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.serial_lines import SerialLine
from tillbridge.protocols.concert.v3.serial_tills import SerialTill
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import Health, HealthState, LateResult, Payment
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.terminal import VirtualTerminal

PING = b"CZ0040300CJ012012345678901CA00201CD001I"
PONG = PING + b"AE00210"
SALE = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
OTHER = REFERENCE[::-1]


@dataclass
class Driven:
    """The real driver, and terminals of the test's own."""

    terminal: ConcertV3Terminal
    line: RawTerminals
    group: asyncio.TaskGroup
    late: list[LateResult] = field(default_factory=list)

    async def listen(self) -> None:
        async for result in self.terminal.late():
            self.late.append(result)


@asynccontextmanager
async def driven() -> AsyncIterator[Driven]:
    line = RawTerminals()
    async with asyncio.TaskGroup() as group:
        here = Driven(ConcertV3Terminal(driver_settings(), SerialLine(line.open, 180.0, 0.0)), line, group)
        listening = group.create_task(here.listen())
        while not line.ends:
            await asyncio.sleep(0)
        yield here
        await here.terminal.close()
        await listening


@asynccontextmanager
async def served(desk: VirtualTerminal) -> AsyncIterator[RawEnd]:
    """The real door, and a till of the test's own."""
    near, far = memory_pair()
    till = RawEnd()
    async with asyncio.TaskGroup() as group:
        far.attach(SerialTill(TerminalService(desk, DoorSettings()), 0.0, group.create_task))
        near.attach(till)
        yield till
        till.hangs_up()


async def _heard(till: RawEnd) -> Fields:
    """The fields of the next answer, taken as a till takes it."""
    await till.hears(ENQ)
    till.says(ACK)
    while not till.pieces:
        await asyncio.sleep(0)
    frame = till.pieces.pop(0)
    till.says(ACK)
    await till.hears(EOT)
    (event,) = FrameDecoder().feed(frame)
    return Fields.of(decode(getattr(event, "body", b"")))


# ---------------------------------------------------------------- the till's side


def test_a_payments_answer_in_place_of_a_sign_of_life_is_not_lost() -> None:
    async def main() -> None:
        async with driven() as here:
            selling = here.group.create_task(here.terminal.perform(operation(), Journal()))
            end = here.line.current
            await end.serves(encode(REQUEST))
            assert isinstance(await selling, InDoubt)
            asking = here.group.create_task(here.terminal.health())
            await end.serves(encode(PING))
            await end.replies(encode(ANSWER))
            assert (await asking).state is HealthState.SILENT
            assert [(type(late.outcome), late.wire_reference) for late in here.late] == [(Approved, REFERENCE)]
            await end.replies(encode(PONG))
            again = here.group.create_task(here.terminal.health())
            await end.serves(encode(PING))
            await end.replies(encode(PONG))
            assert await again == Health(HealthState.READY, "version 0300")
            assert len(here.late) == 1

    run_manual(main())


def test_the_answer_to_an_earlier_payment_is_evidence_for_that_one_and_no_answer_to_this_one() -> None:
    async def main() -> None:
        async with driven() as here:
            journal = Journal()
            selling = here.group.create_task(here.terminal.perform(operation(wire_reference=OTHER), journal))
            end = here.line.current
            await end.serves(encode(REQUEST.replace(REFERENCE.encode(), OTHER.encode())))
            await end.replies(encode(REFUSAL))
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.ANSWER_MISMATCH
            assert journal.outcomes == [outcome]
            await end.replies(encode(ANSWER.replace(REFERENCE.encode(), OTHER.encode())))
            assert [late.wire_reference for late in here.late] == [REFERENCE, OTHER]
            assert isinstance(here.late[1].outcome, Approved)

    run_manual(main())


BAD_CHECK = encode(ANSWER)[:-1] + bytes([encode(ANSWER)[-1] ^ 1])


@pytest.mark.parametrize("spoilt", [encode(b"CZ0040300CA"), encode(b"garbage"), BAD_CHECK])
def test_a_frame_that_holds_no_message_is_asked_for_again(spoilt: bytes) -> None:
    async def main() -> None:
        async with driven() as here:
            selling = here.group.create_task(here.terminal.perform(operation(), Journal()))
            end = here.line.current
            await end.serves(encode(REQUEST))
            end.says(ENQ)
            await end.hears(ACK)
            end.says(spoilt)
            await end.hears(NAK)
            end.says(encode(ANSWER))
            await end.hears(ACK)
            end.says(EOT)
            assert isinstance(await selling, Approved)

    run_manual(main())


# ---------------------------------------------------------------- the terminal's side


class FaultyBehind(VirtualTerminal):
    """A desk that fails once, after the till has had its answer."""

    failed = False

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        if not self.failed:
            self.failed = True
            raise LookupError(payment_id)
        await super().delivered(payment_id, receiver, reached)


class FaultyOnce(VirtualTerminal):
    """A desk that fails once, while the payment runs."""

    failed = False

    async def wait(self, payment_id: str, patience: float) -> Payment:
        payment = await super().wait(payment_id, patience)
        if not self.failed:
            self.failed = True
            raise LookupError(payment_id)
        return payment


def test_a_fault_behind_an_answer_does_not_shift_the_next_ones() -> None:
    async def main() -> None:
        desk = FaultyBehind(runtime=manual_runtime())
        async with served(desk) as till:
            for amount in (b"1250", b"1300", b"1400"):
                await till.asks(encode(SALE.replace(b"1250", amount)))
                answer = await _heard(till)
                assert (answer.get("AE"), answer.get("CB")) == ("10", amount.decode())
            await asyncio.sleep(0)
            assert told_to_till(desk) == [None, True, True]

    run_manual(main())


def test_a_fault_before_an_answer_gives_none_and_the_next_one_is_its_own() -> None:
    async def main() -> None:
        desk = FaultyOnce(runtime=manual_runtime())
        async with served(desk) as till:
            await till.asks(encode(SALE))
            await till.hears_nothing(60.0)
            await till.asks(encode(SALE.replace(b"1250", b"1300")))
            answer = await _heard(till)
            assert (answer.get("AE"), answer.get("CB")) == ("10", "1300")
            assert money_taken(desk) == 2550

    run_manual(main())


@pytest.mark.parametrize("length", [99, 350, 419, 420, 436, 437, MAX_BODY - len(SALE) - 5])
def test_an_answer_that_would_not_fit_into_its_frame_loses_everything_but_what_counts(length: int) -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        async with served(desk) as till:
            await till.asks(encode(SALE + b"CF%03d" % length + b"x" * length))
            answer = await _heard(till)
            values = [answer.get(tag) for tag in ("AE", "CA", "CB", "CC", "CD", "CE")]
            assert values == ["10", "01", "1250", "001", "0", "978"]
            assert (answer.get("CF") is not None) == (length <= 436)
            assert (answer.get("AC") is not None) == (length <= 419)
            await asyncio.sleep(0)
            assert told_to_till(desk) == [True]

    run_manual(main())


def test_a_request_without_a_message_is_asked_for_again() -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        async with served(desk) as till:
            till.says(ENQ)
            await till.hears(ACK)
            till.says(encode(b"garbage"))
            await till.hears(NAK)
            till.says(encode(SALE))
            await till.hears(ACK)
            till.says(EOT)
            assert (await _heard(till)).get("AE") == "10"
            assert money_taken(desk) == 1250

    run_manual(main())


def test_a_request_that_lacks_something_is_answered_with_that() -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        async with served(desk) as till:
            await till.asks(encode(SALE.replace(b"CE003978", b"")))
            answer = await _heard(till)
            assert (answer.get("AE"), answer.get("AF")) == ("01", "09")
            assert not desk.ledger.rows

    run_manual(main())
