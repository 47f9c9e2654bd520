"""What the Concert V3 door makes of a till's bytes: requests whole and cut, wrong values, and no requests at all."""

import asyncio

import pytest

from tests.support.concert_v3 import money_taken
from tests.support.concert_v3_till import (
    ACCEPTED,
    PATIENCE,
    PING,
    SALE,
    counter,
    heard_end,
)
from tillbridge.protocols.concert.v3.door import MAX_CONNECTIONS
from tillbridge.runtime.manual import run_manual


def test_a_sale_is_answered_without_waiting_for_the_till_to_close() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            await heard_end(till)
            assert asyncio.get_running_loop().time() == pytest.approx(0.3)
            assert till.received.startswith(ACCEPTED)
            assert money_taken(here.desk) == 1250
            till.transport.close()

    run_manual(main())


@pytest.mark.parametrize("place", range(1, len(SALE)))
def test_a_request_in_two_segments(place: int) -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE[:place])
            await asyncio.sleep(2.0)
            till.transport.write(SALE[place:])
            await heard_end(till)
            assert till.received.startswith(ACCEPTED)
            assert money_taken(here.desk) == 1250
            till.transport.close()

    run_manual(main())


@pytest.mark.parametrize("request_bytes", [SALE + b"\r\n", SALE + b"ZZ003abc", SALE + b"BB0010BF0010BA0010"])
def test_what_may_stand_in_a_request_is_no_matter(request_bytes: bytes) -> None:
    async def main() -> None:
        async with counter() as here:
            assert (await here.answer(request_bytes)).get("AE") == "10"

    run_manual(main())


@pytest.mark.parametrize("tag", [b"CZ0040320", b"CJ012012345678901", b"CA00201", b"CB0041250", b"CD0010", b"CE003978"])
def test_a_missing_tag_is_a_format_error(tag: bytes) -> None:
    async def main() -> None:
        async with counter() as here:
            answer = await here.answer(SALE.replace(tag, b""))
            assert (answer.get("AE"), answer.get("AF")) == ("01", "09")
            assert not here.desk.ledger.rows
            assert asyncio.get_running_loop().time() == pytest.approx(3.0)

    run_manual(main())


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (SALE.replace(b"CD0010", b"CD0014"), "12"),
        (SALE.replace(b"CD0010", b"CD0017"), "12"),
        (SALE.replace(b"CD0010", b"CD001P"), "12"),
        (SALE.replace(b"CD0010", b"CD001R"), "12"),
        (SALE.replace(b"CD0010", b"CD00299"), "12"),
        (SALE.replace(b"CE003978", b"CE003000"), "13"),
        (SALE.replace(b"CE003978", b"CE003EUR"), "13"),
        (SALE.replace(b"CB0041250", b"CB00512.50"), "09"),
        (SALE.replace(b"CB0041250", b"CB00200"), "09"),
        (SALE.replace(b"CB0041250", b"CB0131234567890123"), "09"),
        (SALE.replace(b"CA00201", b"CA003001"), "09"),
        (SALE.replace(b"CA00201", b"CA002AB"), "09"),
        (SALE + b"CB0041251", "09"),
        (SALE + b"CC00300C", "10"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_started(wrong: bytes, detail: str) -> None:
    async def main() -> None:
        async with counter() as here:
            answer = await here.answer(wrong)
            assert (answer.get("AE"), answer.get("AF")) == ("01", detail)
            assert not here.desk.ledger.rows

    run_manual(main())


@pytest.mark.parametrize(
    "raw",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x05", b"\x02" + SALE + b"\x03\x12", SALE + b"?", b"\x16\x03\x01\x02\x00", b"CZ000"],
)
def test_bytes_that_are_no_request_do_not_stop_the_door(raw: bytes) -> None:
    async def main() -> None:
        async with counter() as here:
            answer = await here.answer(raw)
            assert (answer.get("AE"), answer.get("AF")) == ("01", "09")
            assert not here.desk.ledger.rows
            assert (await here.answer(SALE)).get("AE") == "10"

    run_manual(main())


def test_half_a_request_is_answered_after_a_while() -> None:
    async def main() -> None:
        async with counter() as here:
            answer = await here.answer(SALE[:-1])
            assert answer.get("AF") == "09"
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_till_that_says_nothing_is_let_go() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            await heard_end(till)
            assert asyncio.get_running_loop().time() == pytest.approx(30.0)
            assert till.received == b""

    run_manual(main())


def test_a_till_that_drips_is_let_go() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            for place in range(len(SALE)):
                till.transport.write(SALE[place : place + 1])
                await asyncio.sleep(1.0)
            assert not here.desk.ledger.rows
            assert till.lost or "eof" in till.heard

    run_manual(main())


def test_a_till_that_leaves_in_the_middle_starts_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE[:-1])
            till.transport.close()
            await asyncio.sleep(PATIENCE)
            assert not here.desk.ledger.rows

    run_manual(main())


def test_two_connections_at_once() -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            first, second = here.till(), here.till()
            first.transport.write(SALE)
            await asyncio.sleep(1.0)
            second.transport.write(SALE)
            await heard_end(second)
            assert b"AE00201AF02907  TERMINAL OCCUPE" in second.received
            assert asyncio.get_running_loop().time() < 2
            await heard_end(first)
            assert first.received.startswith(ACCEPTED)
            assert money_taken(here.desk) == 1250
            first.transport.close()
            second.transport.close()

    run_manual(main())


def test_one_connection_too_many_is_ended() -> None:
    async def main() -> None:
        async with counter() as here:
            tills = [here.till() for _ in range(MAX_CONNECTIONS)]
            one_more = here.till()
            await asyncio.sleep(0.1)
            assert one_more.lost or "eof" in one_more.heard
            assert not any(till.lost or "eof" in till.heard for till in tills)
            tills[0].transport.close()
            await asyncio.sleep(0.1)
            assert (await here.answer(SALE)).get("AE") == "10"

    run_manual(main())


@pytest.mark.parametrize("action", [b"CD001P", b"CD001R", b"CD001C", b"CD001B", b"CD0017", b"CD0014", b"CD00299"])
def test_an_action_that_it_does_not_run_is_named_for_that_and_not_for_a_missing_amount(action: bytes) -> None:
    async def main() -> None:
        async with counter() as here:
            answer = await here.answer(PING.replace(b"CD001I", action))
            assert (answer.get("AE"), answer.get("AF")) == ("01", "12")
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_till_that_breaks_off_within_the_quiet_time_starts_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            await asyncio.sleep(0.1)
            till.transport.abort()
            await asyncio.sleep(PATIENCE)
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_till_that_half_closes_within_the_quiet_time_is_served_at_once() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            till.transport.write_eof()
            await heard_end(till)
            assert asyncio.get_running_loop().time() < 0.1
            assert till.received.startswith(ACCEPTED)
            till.transport.close()

    run_manual(main())


def test_a_door_that_stops_within_the_quiet_time_starts_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            await asyncio.sleep(0.1)
            (connection,) = here.door._connections
            connection.close()
            await asyncio.sleep(PATIENCE)
            assert till.lost
            assert till.received == b""
            assert not here.desk.ledger.rows

    run_manual(main())
