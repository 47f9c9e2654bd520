"""Whole exchanges in which the check byte is a control byte: it is never taken for one, however the bytes are cut."""

import asyncio

import pytest

from tests.support.concert_raw import ACK, ENQ, EOT, RawEnd, open_door, open_driver
from tests.support.concert_v2 import Journal, operation
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.concert.frames import Control, check_byte, encode
from tillbridge.protocols.concert.v2.messages import Authorisation, Reply, ReplyDelay, Request, Status
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

CONTROLS = [*Control, 0x00, 0x0A, 0x0D, 0x11, 0x13]
"""Those of the wire, and those that a line which is not raw would change or swallow."""

PRIVATE = [one + two for one in "@PX" for two in map(chr, range(64, 127))]
BODIES = [Reply("01", Status.ACCEPTED, 1250, "978", private=text) for text in PRIVATE]
REPLIES = {check_byte(reply.encode()): encode(reply.encode()) for reply in BODIES}


def _request(control: int) -> bytes:
    tail = {"delay": ReplyDelay.AT_END, "authorisation": Authorisation.TERMINAL_DECIDES}
    bodies = (Request("01", 1250, "978", private=text, **tail).encode() for text in PRIVATE)  # type: ignore[arg-type]
    return next(encode(body) for body in bodies if check_byte(body) == control)


async def _says(end: RawEnd, data: bytes, *, bytewise: bool) -> None:
    for piece in [data[place : place + 1] for place in range(len(data))] if bytewise else [data]:
        end.says(piece)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("control", CONTROLS, ids="{:02X}".format)
def test_a_reply_whose_check_byte_is_a_control_byte(control: int, bytewise: bool) -> None:
    async def main() -> None:
        async with open_driver() as here, asyncio.TaskGroup() as group:
            journal = Journal()
            selling = group.create_task(here.terminal.perform(operation(), journal))
            await here.end.serves(encode(b"0100001250010978" + b" " * 10 + b"A010B010"))
            here.end.says(ENQ)
            await here.end.hears(ACK)
            await _says(here.end, REPLIES[control], bytewise=bytewise)
            await here.end.hears(ACK)
            here.end.says(EOT)
            outcome = await selling
            assert isinstance(outcome, Approved)
            assert outcome.amount == Money(1250, EUR)
            assert journal.outcomes == [outcome]
            await here.end.hears_nothing(60)
            assert here.late == []

    run_manual(main())


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("control", CONTROLS, ids="{:02X}".format)
def test_a_request_whose_check_byte_is_a_control_byte(control: int, bytewise: bool) -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime(), delay=0.0)
        async with open_door(desk) as door:
            till = await door.till()
            till.says(ENQ)
            await till.hears(ACK)
            await _says(till, _request(control), bytewise=bytewise)
            await till.hears(ACK)
            till.says(EOT)
            await till.takes(encode(Reply("01", Status.ACCEPTED, 1250, "978").encode()))
            await till.hears_nothing(60)
            assert [row.minor for row in desk.ledger.rows] == [1250]

    run_manual(main())
