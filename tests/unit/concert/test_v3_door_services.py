"""Immediate mode, the ping, the status and the duplicate at the Concert V3 door."""

import asyncio

import pytest

from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.concert_v3_till import (
    PING,
    SALE,
    ForgetfulTerminal,
    counter,
    heard_end,
)
from tillbridge.protocols.contract import Fault
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.scenarios import Scenario
from tillbridge.virtual.script import Step


def test_immediate_mode_tells_no_outcome() -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            answer = await here.answer(SALE + b"BA0011")
            assert (answer.get("AE"), answer.get("BA")) == ("11", "1")
            assert asyncio.get_running_loop().time() < 1
            assert money_taken(here.desk) == 0
            await asyncio.sleep(60)
            assert money_taken(here.desk) == 1250
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_the_ping_needs_no_money() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(PING)
            await heard_end(till)
            assert till.received == b"CZ0040320CJ012012345678901AE00210CA00201CD001I"
            till.transport.close()

    run_manual(main())


def test_the_ping_of_a_busy_terminal_says_so() -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            till = here.till()
            till.transport.write(SALE)
            await asyncio.sleep(1.0)
            answer = await here.answer(PING)
            assert (answer.get("AE"), answer.get("AF")) == ("01", "07")
            till.transport.close()

    run_manual(main())


@pytest.mark.parametrize("personality", ["desk5000", "i2200"])
@pytest.mark.parametrize("action", [b"CD001T", b"CD0013"])
def test_a_personality_without_services_does_not_know_them(personality: str, action: bytes) -> None:
    async def main() -> None:
        async with counter(personality=personality) as here:
            answer = await here.answer(PING.replace(b"CD001I", action) + b"CF003ref")
            assert (answer.get("AE"), answer.get("AF")) == ("01", "12")

    run_manual(main())


def test_the_duplicate_tells_the_last_payment_of_the_register() -> None:
    async def main() -> None:
        async with counter() as here:
            duplicate = PING.replace(b"CD001I", b"CD0013")
            await here.answer(SALE + b"CF003ref")
            answer = await here.answer(duplicate)
            values = [answer.get(tag) for tag in ("AE", "CA", "CB", "CD", "CE", "CF")]
            assert values == ["10", "01", "1250", "3", "978", "ref"]
            assert await here.raw(duplicate.replace(b"CA00201", b"CA00202")) == b""
            assert len(here.desk.ledger.rows) == 1

    run_manual(main())


def test_the_status_of_an_order_outlives_the_doors_memory() -> None:
    async def main() -> None:
        status = PING.replace(b"CD001I", b"CD001T") + b"CF003ref"
        async with counter(reference_is_order=True) as here:
            await here.answer(SALE + b"CF003ref")
        async with counter(here.desk, reference_is_order=True) as again:
            values = [(await again.answer(status)).get(tag) for tag in ("AE", "CB", "CE", "CF")]
            assert values == ["10", "1250", "978", "ref"]
            unknown = await again.answer(status.replace(b"ref", b"???"))
            assert (unknown.get("AE"), unknown.get("AF"), unknown.get("CB")) == ("01", "10", None)

    run_manual(main())


def test_a_door_that_may_have_forgotten_does_not_claim_that_there_was_nothing() -> None:
    async def main() -> None:
        status = PING.replace(b"CD001I", b"CD001T") + b"CF003ref"
        async with counter() as here:
            await here.answer(SALE + b"CF003ref")
            assert (await here.answer(status)).get("AE") == "10"
        async with counter(here.desk) as again:
            till = again.till()
            till.transport.write(status)
            await heard_end(till)
            assert till.received == b""

    run_manual(main())


def test_a_scripted_line_drops_on_the_request() -> None:
    async def main() -> None:
        async with counter(faults={Fault.DROP_ON_REQUEST: 1}) as here:
            till = here.till()
            till.transport.write(SALE)
            await heard_end(till)
            assert till.received == b""
            assert not here.desk.ledger.rows
            here.desk.script.set(Step(Scenario("approve", "approved")))
            assert (await here.answer(SALE)).get("AE") == "10"

    run_manual(main())


def test_a_duplicate_of_nothing_known_claims_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            assert await here.raw(PING.replace(b"CD001I", b"CD0013")) == b""

    run_manual(main())


@pytest.mark.parametrize("service", [b"CD001T", b"CD0013"])
def test_a_payment_that_still_runs_is_not_told_as_one_that_was_not_completed(service: bytes) -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            till = here.till()
            till.transport.write(SALE + b"CF003ref")
            await asyncio.sleep(1.0)
            answer = await here.answer(PING.replace(b"CD001I", service) + b"CF003ref")
            assert [answer.get(tag) for tag in ("AE", "AF", "CB", "CE", "CF")] == ["11", None, "1250", "978", "ref"]
            till.transport.close()

    run_manual(main())


@pytest.mark.parametrize("service", [b"CD001T", b"CD0013"])
def test_a_desk_that_cannot_look_gives_no_answer_about_an_earlier_payment(service: bytes) -> None:
    async def main() -> None:
        async with counter(ForgetfulTerminal(runtime=manual_runtime())) as here:
            assert (await here.answer(SALE + b"CF003ref")).get("AE") == "10"
            assert await here.raw(PING.replace(b"CD001I", service) + b"CF003ref") == b""

    run_manual(main())
