"""More than a door was asked for at a time: requests before answers, and more connections than there are tills."""

import asyncio

import pytest

from tests.lines import Recorder
from tests.support.concert_v3 import money_taken
from tests.support.mypos import PAY, Counter, counter, heard
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.memory import memory_pair


def _wired(here: Counter) -> Recorder:
    """A till on a line of wire."""
    recorder = Recorder(stays_half_open=True)
    near, far = memory_pair()
    far.attach(here.door.plug())
    near.attach(recorder)
    return recorder


@pytest.mark.parametrize("line_of_wire", [False, True])
def test_of_requests_that_come_at_once_one_takes_money(line_of_wire: bool) -> None:
    async def main() -> None:
        async with counter() as here:
            till = _wired(here) if line_of_wire else here.till()
            till.transport.write(PAY + PAY)
            till.transport.write(PAY)
            await heard(till, 1 if line_of_wire else 2)
            await asyncio.sleep(60)
            assert money_taken(here.desk) == 1250
            assert till.received.count(b"<result>OK") == 1
            # A line of wire cannot end, so that nothing is said there that could pass for the answer to what follows.
            assert till.received.count(b"TERMINAL_BUSY") == (0 if line_of_wire else 1)
            assert ("eof" in till.heard) is not line_of_wire
            if line_of_wire:
                till.transport.write(PAY)
                await heard(till, 2)
                assert money_taken(here.desk) == 2500
            till.transport.close()

    run_manual(main())


def test_one_connection_too_many_ends_the_quietest_and_none_that_asks() -> None:
    async def main() -> None:
        async with counter() as here:
            tills = [here.till() for _ in range(32)]
            tills[0].transport.write(PAY)
            await heard(tills[0])
            await asyncio.sleep(20)
            tills.append(here.till())
            await asyncio.sleep(0.1)
            assert [till.lost for till in tills] == [False, True, *[False] * 31]
            for till in tills:
                till.transport.write(b"<pay>")
            await asyncio.sleep(0.1)
            tills.append(here.till())
            await asyncio.sleep(0.1)
            assert [till.lost for till in tills] == [False, True, *[False] * 31, True]
            for till in tills:
                till.transport.close()

    run_manual(main())
