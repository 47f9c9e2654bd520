"""The Concert V2 driver's line: late replies on it, its health, and when it is opened again."""

import asyncio

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST, worked
from tests.support.concert_raw import ACK, ENQ, EOT, NAK, open_driver
from tests.support.concert_v2 import Journal, driver_settings, operation
from tillbridge.domain.card import CardUse
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
)
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.messages import Reply, Status
from tillbridge.protocols.contract import HealthState, LateResult
from tillbridge.runtime.manual import run_manual

ACCEPTED = encode(Reply("01", Status.ACCEPTED, 1250, "978").encode())
UNKNOWN_CURRENCY = encode(Reply("01", Status.ACCEPTED, 1250, "000").encode())


@pytest.mark.parametrize(
    ("answer", "state"), [(ACK, HealthState.READY), (NAK, HealthState.BUSY), (b"", HealthState.SILENT)]
)
def test_health_is_one_enq(answer: bytes, state: HealthState) -> None:
    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            asking = group.create_task(here.terminal.health())
            await here.end.hears(ENQ)
            if answer:
                here.end.says(answer)
            await here.end.hears(EOT)
            assert (await asking).state is state
            await here.end.hears_nothing(60)

    run_manual(main())


def test_two_who_ask_for_a_sign_of_life_share_one() -> None:
    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            first, second = group.create_task(here.terminal.health()), group.create_task(here.terminal.health())
            await here.end.hears(ENQ)
            first.cancel()
            here.end.says(ACK)
            await here.end.hears(EOT)
            assert (await second).state is HealthState.READY
            await here.end.hears_nothing(60)

    run_manual(main())


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (worked("C6"), LateResult(Declined(wire_reason="7"), "01", None)),
        (worked("C3"), LateResult(Declined(wire_reason="7"), "01", Money(1250, EUR))),
        (worked("C2"), LateResult(Approved(Money(100, EUR), CardUse(application="1")), "01", Money(100, EUR))),
    ],
    ids=["refusal with amount zero", "refusal", "acceptance"],
)
def test_a_late_reply_says_what_it_can_be_matched_by(reply: bytes, result: LateResult) -> None:
    async def main() -> None:
        async with open_driver() as here:
            await here.end.replies(reply)
            assert here.late == [result]

    run_manual(main())


@pytest.mark.parametrize("reply", [worked("C5"), UNKNOWN_CURRENCY], ids=["STAT 9", "no currency"])
def test_a_late_reply_that_proves_nothing_stays_in_doubt(reply: bytes) -> None:
    async def main() -> None:
        async with open_driver() as here:
            await here.end.replies(reply)
            (late,) = here.late
            assert isinstance(late.outcome, InDoubt)

    run_manual(main())


def test_where_a_register_stands_in_a_late_reply_names_none() -> None:
    async def main() -> None:
        async with open_driver(driver_settings(register="01")) as here:
            await here.end.replies(worked("C2"))
            assert [late.register for late in here.late] == [None]

    run_manual(main())


def test_a_silent_serial_port_is_opened_again_before_its_next_use() -> None:
    settings = driver_settings(tcp=None, serial={"port": "/dev/ttyS9"}, turnaround=0)

    async def main() -> None:
        async with open_driver(settings) as here, asyncio.TaskGroup() as group:
            assert (await here.terminal.health()).state is HealthState.SILENT
            await asyncio.sleep(1)
            assert len(here.line.ends) == 2
            selling = group.create_task(here.terminal.perform(operation(), Journal()))
            await here.end.serves(REFERENCE_REQUEST)
            await here.end.replies(ACCEPTED)
            assert isinstance(await selling, Approved)

    run_manual(main())


def test_a_silent_port_stays_open_while_a_late_reply_may_come() -> None:
    settings = driver_settings(tcp=None, serial={"port": "/dev/ttyS9"}, turnaround=0)

    async def main() -> None:
        async with open_driver(settings) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.terminal.perform(operation(), Journal()))
            await here.end.serves(REFERENCE_REQUEST)
            assert isinstance(await selling, InDoubt)
            assert (await here.terminal.health()).state is HealthState.SILENT
            await asyncio.sleep(60)
            assert len(here.line.ends) == 1
            await here.end.hears(ENQ, EOT)
            await here.end.replies(ACCEPTED)
            assert [type(late.outcome) for late in here.late] == [Approved]

    run_manual(main())


def test_a_line_that_is_gone_is_opened_again() -> None:
    async def main() -> None:
        async with open_driver() as here:
            for times in range(2, 8):
                here.end.hangs_up()
                await asyncio.sleep(60)
                assert len(here.line.ends) == times

    run_manual(main())


@pytest.mark.parametrize("noise", [b"\x02", b"\x02abc\x03", b"abc\x03"], ids=repr)
def test_a_frame_that_never_goes_on_does_not_swallow_the_call_of_the_terminal(noise: bytes) -> None:
    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.terminal.perform(operation(), Journal()))
            await here.end.serves(REFERENCE_REQUEST)
            here.end.says(noise)
            await asyncio.sleep(0.5)
            await here.end.replies(worked("C3"))
            assert await selling == Declined(wire_reason="7")

    run_manual(main())


def test_a_frame_that_is_due_has_its_own_wait() -> None:
    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.terminal.perform(operation(), Journal()))
            await here.end.serves(REFERENCE_REQUEST)
            here.end.says(ENQ)
            await here.end.hears(ACK)
            here.end.says(worked("C3")[:10])
            await asyncio.sleep(2.9)
            here.end.says(worked("C3")[10:])
            await here.end.hears(ACK)
            assert await selling == Declined(wire_reason="7")

    run_manual(main())
