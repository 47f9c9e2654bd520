"""The Concert V2 door over the engine: a till without keys, and results that it never heard of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST, worked
from tests.support.concert_raw import ACK, ENQ, EOT, NAK, RawEnd, open_door
from tests.unit.engine.house import house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Declined, Outcome
from tillbridge.engine.engine import Engine
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.messages import Reply, Status
from tillbridge.runtime.manual import run_manual

PAID = Approved(Money(1250, EUR))
ACCEPTED = encode(Reply("01", Status.ACCEPTED, 1250, "978").encode())
OTHERS = {
    "register": REFERENCE_REQUEST[1:-2].replace(b"01000", b"02000", 1),
    "amount": REFERENCE_REQUEST[1:-2].replace(b"1250", b"1251", 1),
    "currency": REFERENCE_REQUEST[1:-2].replace(b"978", b"840", 1),
    "operation": REFERENCE_REQUEST[1:-2].replace(b"010978", b"011978", 1),
}


@dataclass
class Counter:
    """A till, the engine behind its door, and a terminal on strings."""

    till: RawEnd
    engine: Engine
    puppet: Puppet

    async def sells(self, outcome: Outcome) -> None:
        """The till asks for 12.50 EUR, and the terminal says this."""
        await self.till.asks(REFERENCE_REQUEST)
        self.puppet.answers.put_nowait(outcome)

    async def is_refused(self, frame: bytes) -> None:
        """The till's frame gets NAK, and it gives up."""
        self.till.says(ENQ)
        await self.till.hears(ACK)
        self.till.says(frame)
        await self.till.hears(NAK)
        self.till.says(EOT)
        await self.till.hears_nothing(10)

    async def loses_the_reply(self) -> str:
        """A sale whose approved result the till does not take; its payment's id."""
        await self.sells(PAID)
        for _ in range(3):
            await self.till.hears(ENQ)
        await self.till.hears(EOT)
        return self.engine.payments()[0].id


@asynccontextmanager
async def counter(folder: Path) -> AsyncIterator[Counter]:
    puppet = Puppet()
    async with house(folder, puppet) as engine, open_door(engine) as door:
        yield Counter(await door.till(), engine, puppet)


def test_the_same_request_again_gets_the_answer_that_was_lost(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.loses_the_reply()
            await asyncio.sleep(60)
            await here.till.asks(REFERENCE_REQUEST)
            await here.till.takes(ACCEPTED)
            assert len(here.puppet.taken) == 1
            # From here on the same request is the next customer's.
            await here.sells(PAID)
            await here.till.takes(ACCEPTED)
            assert len(here.puppet.taken) == 2

    run_manual(main())


@pytest.mark.parametrize("different", OTHERS)
def test_anything_else_finds_the_door_held_until_a_person_has_looked(tmp_path: Path, different: str) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            lost = await here.loses_the_reply()
            await here.is_refused(encode(OTHERS[different]))
            assert len(here.puppet.taken) == 1
            await here.engine.keep_undelivered(lost, by="Anna", reason="noted by hand")
            await here.till.asks(encode(OTHERS[different]))
            assert here.engine.payments()[0].stage is Stage.SENDING

    run_manual(main())


def test_the_same_request_is_another_customers_after_two_minutes(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.loses_the_reply()
            await asyncio.sleep(121)
            await here.is_refused(REFERENCE_REQUEST)
            assert len(here.puppet.taken) == 1

    run_manual(main())


def test_two_sales_of_the_same_price_one_behind_the_other_are_two(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.sells(PAID)
            await here.till.hears(ENQ)
            here.till.says(ACK)
            await here.till.hears(ACCEPTED)
            # The acknowledgement, the next ENQ and the next request in one piece: the result is delivered all the same.
            here.till.says(ACK + ENQ + REFERENCE_REQUEST)
            await here.till.hears(EOT, ACK, ACK)
            here.till.says(EOT)
            here.puppet.answers.put_nowait(PAID)
            await here.till.takes(ACCEPTED)
            assert len(here.puppet.taken) == 2

    run_manual(main())


def test_a_refusal_that_reached_nobody_holds_no_door(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.sells(Declined())
            for _ in range(3):
                await here.till.hears(ENQ)
            await here.till.hears(EOT)
            await here.sells(PAID)
            await here.till.takes(ACCEPTED)

    run_manual(main())


def test_a_reply_at_once_is_all_that_its_till_wants_to_hear(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.till.asks(worked("A2"))
            await here.till.takes(worked("C5"))
            here.puppet.answers.put_nowait(Approved(Money(100, EUR)))
            await asyncio.sleep(1)
            await here.sells(PAID)
            await here.till.takes(ACCEPTED)

    run_manual(main())


def test_a_doubt_is_silence_and_then_a_terminal_that_takes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with counter(tmp_path) as here:
            await here.sells(LOST)
            await here.till.hears_nothing(300)
            await here.is_refused(REFERENCE_REQUEST)
            doubt = here.engine.payments()[0]
            assert doubt.stage is Stage.IN_DOUBT
            await here.engine.resolve(doubt.id, taken=True, by="Anna", reason="the terminal's totals have it")
            # The till still has not heard of it: the door is held now, and the same request gets the answer.
            await here.is_refused(encode(OTHERS["amount"]))
            await here.till.asks(REFERENCE_REQUEST)
            await here.till.takes(ACCEPTED)
            assert [one.kind for one in here.puppet.taken] == [Kind.SALE]

    run_manual(main())
