"""The Concert V2 driver against a terminal in the test's own hand, byte for byte by the wire's facts."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from tests.support.concert_frames import FULL_PAN, MASKED_PAN, REFERENCE_REQUEST, worked
from tests.support.concert_raw import ACK, ENQ, EOT, NAK, RawEnd, open_driver
from tests.support.concert_v2 import Journal, driver_settings, operation
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.driver import ConcertV2Terminal
from tillbridge.protocols.concert.v2.messages import Reply, Status
from tillbridge.protocols.contract import AbortSupport, Recovery
from tillbridge.runtime.manual import run_manual

Play = Callable[[RawEnd], Awaitable[None]]
ACCEPTED = encode(Reply("01", Status.ACCEPTED, 1250, "978").encode())


def _sell(play: Play, journal: Journal | None = None, **different: object) -> Outcome:
    """The outcome of a sale of 12.50 EUR at a terminal that does this."""

    async def main() -> Outcome:
        settings = driver_settings(**different)
        async with open_driver(settings) as here, asyncio.TaskGroup() as group:
            playing = group.create_task(_played(play, here.end))
            outcome = await here.terminal.perform(operation(), journal or Journal())
            await playing
            return outcome

    return run_manual(main())


async def _played(play: Play, terminal: RawEnd) -> None:
    await play(terminal)


def _replying(reply: bytes) -> Play:
    async def play(terminal: RawEnd) -> None:
        await terminal.serves(REFERENCE_REQUEST)
        await terminal.replies(reply)

    return play


def _reply(status: Status = Status.ACCEPTED, **different: object) -> bytes:
    fields: dict[str, object] = {"register": "01", "amount_minor": 1250, "currency": "978"} | different
    return encode(Reply(status=status, **fields).encode())  # type: ignore[arg-type]


def test_an_accepted_reply() -> None:
    outcome = _sell(_replying(ACCEPTED))
    assert isinstance(outcome, Approved)
    assert outcome.amount == Money(1250, EUR)


@pytest.mark.parametrize("name", ["C3", "C4", "C6"])
def test_the_worked_refusals(name: str) -> None:
    assert _sell(_replying(worked(name))) == Declined(wire_reason="7")


def test_the_worked_acceptance_with_a_card_number() -> None:
    outcome = _sell(_replying(worked("C1")))
    assert isinstance(outcome, Approved)
    assert outcome.card is not None
    assert outcome.card.masked_pan == MASKED_PAN
    assert FULL_PAN not in repr(outcome)


@pytest.mark.parametrize(
    "reply",
    [
        worked("C2"),
        _reply(amount_minor=0),
        _reply(register="02"),
        _reply(currency="840"),
        _reply(currency="000"),
        _reply(Status.NOT_ACCEPTED, amount_minor=1249),
        _reply(Status.NOT_ACCEPTED, register="02", amount_minor=0),
        _reply(Status.NOT_ACCEPTED, currency="840"),
    ],
    ids=[
        "amount",
        "amount zero",
        "register",
        "currency",
        "no currency",
        "refused amount",
        "refused register",
        "ref cur",
    ],
)
def test_a_reply_that_differs_proves_nothing(reply: bytes) -> None:
    journal = Journal()
    outcome = _sell(_replying(reply), journal)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_MISMATCH
    assert journal.outcomes == [outcome]


def test_another_means_is_the_terminals_own_choice() -> None:
    with capture_logs() as logs:
        assert isinstance(_sell(_replying(_reply(means="2"))), Approved)
    assert [(one["event"], one["asked"], one["used"]) for one in logs if one["log_level"] == "warning"] == [
        ("concert_v2_other_means", "1", "2")
    ]


def test_stat_9_is_not_final() -> None:
    outcome = _sell(_replying(_reply(Status.NOT_KNOWN)))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_NOT_FINAL


def test_the_receipt_of_nepting() -> None:
    request = encode(REFERENCE_REQUEST[1:11] + b"110978" + b" " * 10 + b"T012")

    async def play(terminal: RawEnd) -> None:
        await terminal.serves(request)
        await terminal.replies(encode(worked("C1")[1:-2] + f"CARD {FULL_PAN} THANK YOU".encode()))

    outcome = _sell(play, dialect="e", nepting_receipt=True)
    assert isinstance(outcome, Approved)
    assert outcome.ticket == f"CARD {MASKED_PAN} THANK YOU"


def test_another_register_may_stand_in_for_the_tills() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ACK)
        await terminal.hears(encode(b"77" + REFERENCE_REQUEST[3:-2]))
        terminal.says(ACK)
        await terminal.hears(EOT)
        await terminal.replies(_reply(register="77"))

    assert isinstance(_sell(play, register="77"), Approved)


# ---------------------------------------------------------------- trouble


def test_a_stale_reply_at_rest_is_a_late_result_and_not_the_next_outcome() -> None:
    async def main() -> None:
        async with open_driver() as here:
            await here.end.replies(ACCEPTED)
            async with asyncio.TaskGroup() as group:
                selling = group.create_task(here.terminal.perform(operation(), Journal()))
                await here.end.serves(REFERENCE_REQUEST)
                await here.end.replies(worked("C3"))
                assert isinstance(await selling, Declined)

    run_manual(main())


def test_a_stale_reply_that_collides_with_the_request_comes_first() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ENQ)
        await terminal.hears(ACK)
        terminal.says(ACCEPTED)
        await terminal.hears(ACK)
        terminal.says(EOT)
        await terminal.serves(REFERENCE_REQUEST)
        await terminal.replies(worked("C3"))

    assert isinstance(_sell(play), Declined)


def test_garbage_between_everything_changes_nothing() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ACK + b"zz")
        await terminal.hears(REFERENCE_REQUEST)
        terminal.says(b"zz" + ACK + b"zz")
        await terminal.hears(EOT)
        terminal.says(b"zz\x00\xff" + EOT + b"zz" + ENQ)
        await terminal.hears(ACK)
        terminal.says(b"zz\x00\xff" + ACCEPTED)
        await terminal.hears(ACK)
        terminal.says(b"zz" + EOT)

    assert isinstance(_sell(play), Approved)


def test_a_bad_check_byte_brings_the_reply_again() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.serves(REFERENCE_REQUEST)
        terminal.says(ENQ)
        await terminal.hears(ACK)
        terminal.says(ACCEPTED[:-1] + b"\x7f")
        await terminal.hears(NAK)
        terminal.says(ACCEPTED)
        await terminal.hears(ACK)

    assert isinstance(_sell(play), Approved)


def test_nothing_is_repeated_by_itself_when_the_request_stays_without_an_answer() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ACK)
        await terminal.hears(REFERENCE_REQUEST, EOT)
        await terminal.hears_nothing(600)

    outcome = _sell(play)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.NO_ANSWER


def test_a_refused_frame_points_to_the_parity_of_the_line() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ACK)
        for _ in range(3):
            await terminal.hears(REFERENCE_REQUEST)
            terminal.says(NAK)
        await terminal.hears(EOT)

    serial = {"port": "/dev/ttyS9", "baud_rate": 9600}
    outcome = _sell(play, tcp=None, serial=serial, turnaround=0)
    assert isinstance(outcome, NotStarted)
    assert outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
    assert "9600 8N1" in outcome.detail
    assert "7E1" in outcome.detail


def test_a_nak_with_a_parity_bit_is_no_nak_but_is_named() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        terminal.says(ACK)
        await terminal.hears(REFERENCE_REQUEST)
        terminal.says(b"\x95")
        await terminal.hears(EOT)

    outcome = _sell(play, tcp=None, serial={"port": "/dev/ttyS9"}, turnaround=0)
    assert isinstance(outcome, InDoubt)
    assert "even parity" in outcome.detail


def test_the_turnaround_comes_before_each_write() -> None:
    times: list[float] = []

    async def play(terminal: RawEnd) -> None:
        loop = asyncio.get_running_loop()
        await terminal.hears(ENQ)
        times.append(loop.time())
        terminal.says(ACK)
        await terminal.hears(REFERENCE_REQUEST)
        times.append(loop.time())
        terminal.says(ACK)
        await terminal.hears(EOT)
        times.append(loop.time())
        await terminal.replies(ACCEPTED)
        times.append(loop.time())

    assert isinstance(_sell(play, turnaround=0.05), Approved)
    assert times == pytest.approx([0.05, 0.10, 0.15, 0.25])


def test_a_turnaround_does_not_shorten_the_wait_for_the_answer() -> None:
    async def play(terminal: RawEnd) -> None:
        await terminal.hears(ENQ)
        await asyncio.sleep(2.9)
        terminal.says(ACK)
        await terminal.hears(REFERENCE_REQUEST)
        await asyncio.sleep(2.9)
        terminal.says(ACK)
        await terminal.hears(EOT)
        await terminal.replies(ACCEPTED)

    assert isinstance(_sell(play, turnaround=1.0), Approved)


@pytest.mark.parametrize("dialect", ["e", "e+"])
def test_what_it_says_of_itself(dialect: str) -> None:
    async def nobody(_: object) -> None:
        raise AssertionError("asking for capabilities opens nothing")

    terminal = ConcertV2Terminal(driver_settings(dialect=dialect), nobody)  # type: ignore[arg-type]
    said = terminal.capabilities
    assert said.kinds == {Kind.SALE, Kind.REFUND, Kind.VOID, Kind.AUTHORIZATION}
    assert (said.recovery, said.abort, said.partial) == (Recovery.NONE, AbortSupport.NONE, False)
    assert (said.max_minor, said.currencies) == (99_999_999, None)
    assert said.online_flag is (dialect == "e+")


def test_the_largest_amount_and_a_currency_without_decimals() -> None:
    largest = Money(99_999_999, currency("XPF"))

    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.terminal.perform(operation(largest), Journal()))
            await here.end.serves(encode(b"0199999999010953" + b" " * 10 + b"A010B010"))
            await here.end.replies(_reply(amount_minor=99_999_999, currency="953"))
            outcome = await selling
            assert isinstance(outcome, Approved)
            assert outcome.amount == largest

    run_manual(main())
