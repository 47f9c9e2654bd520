"""What the Concert V3 door asks of its desk, what it says of the desk's refusals, and what it tells it afterwards."""

import asyncio

import pytest

from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.concert_v3_till import (
    ACCEPTED,
    PING,
    SALE,
    DoubtingTerminal,
    FaultyTerminal,
    RefusingTerminal,
    StoppingTerminal,
    counter,
    heard_end,
)
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind
from tillbridge.runtime.manual import manual_runtime, run_manual


def test_the_request_reaches_the_desk_as_it_was_meant() -> None:
    async def main() -> None:
        async with counter(name="till-1") as here:
            request = SALE.replace(b"CD0010", b"CD0011").replace(b"CA00201", b"CA0017") + b"BB0011CF005order"
            await here.answer(request)
            (row,) = here.desk.ledger.rows
            assert (row.kind, row.register_number, row.online) == (Kind.REFUND, "07", True)
            assert (row.caller, row.door, row.order_id, row.key) == ("concert-v3:till-1", "till-1", None, None)

    run_manual(main())


def test_a_reference_is_an_order_only_where_that_was_said() -> None:
    async def main() -> None:
        async with counter(reference_is_order=True) as here:
            await here.answer(SALE + b"CF005order")
            (row,) = here.desk.ledger.rows
            assert (row.caller, row.order_id) == ("concert-v3:01", "order")

    run_manual(main())


@pytest.mark.parametrize("reset", [False, True])
def test_a_till_that_left_before_the_answer_has_not_heard_it(reset: bool) -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            till = here.till()
            till.transport.write(SALE)
            await asyncio.sleep(10.0)
            till.transport.abort() if reset else till.transport.close()
            await asyncio.sleep(60.0)
            assert money_taken(here.desk) == 1250
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_till_that_never_closes_has_shown_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            await heard_end(till)
            await asyncio.sleep(9.0)
            assert told_to_till(here.desk) == [None]
            await asyncio.sleep(2.0)
            assert told_to_till(here.desk) == [False]

    run_manual(main())


@pytest.mark.parametrize("half_closes", [False, True])
def test_a_till_that_keeps_or_half_closes_its_line_can_be_allowed_for(half_closes: bool) -> None:
    async def main() -> None:
        async with counter(proof_of_delivery="write") as here:
            till = here.till()
            till.transport.write(SALE)
            if half_closes:
                till.transport.write_eof()
            await heard_end(till)
            assert till.received.startswith(ACCEPTED)
            await asyncio.sleep(0.1)
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_the_next_sale_of_a_register_waits_for_what_became_of_the_last_answer() -> None:
    async def main() -> None:
        async with counter() as here:
            first, second = here.till(), here.till()
            first.transport.write(SALE)
            await heard_end(first)
            second.transport.write(SALE)
            await heard_end(second)
            assert told_to_till(here.desk)[0] is True
            assert money_taken(here.desk) == 2500
            assert asyncio.get_running_loop().time() < 1.0
            first.transport.close()
            second.transport.close()

    run_manual(main())


def test_a_payment_in_doubt_is_never_told_as_a_refusal() -> None:
    async def main() -> None:
        desk = DoubtingTerminal(runtime=manual_runtime())
        async with counter(desk, reference_is_order=True) as here:
            till = here.till()
            till.transport.write(SALE + b"CF003ref")
            await heard_end(till)
            assert till.received == b""
            asking = here.till()
            asking.transport.write(PING.replace(b"CD001I", b"CD001T") + b"CF003ref")
            await heard_end(asking)
            assert asking.received == b""
            assert told_to_till(here.desk) == [False]

    run_manual(main())


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (Code.TERMINAL_BUSY, "07  TERMINAL OCCUPE"),
        (Code.TERMINAL_LOCKED, "07  PAIEMENT A VERIFIER"),
        (Code.DOOR_HELD, "07  PAIEMENT NON TRANSMIS"),
        (Code.ORDER_CONFLICT, "07  REFERENCE DEJA PRISE"),
        (Code.AMOUNT_TOO_LARGE, "09  MONTANT TROP GRAND"),
        (Code.CURRENCY_UNSUPPORTED, "13"),
        (Code.OPERATION_UNSUPPORTED, "12"),
        (Code.JOURNAL_UNAVAILABLE, "07"),
        (Code.CONNECTOR_STOPPING, "07"),
        (Code.KEY_REQUIRED, "07"),
    ],
)
def test_a_refusal_of_the_desk_says_what_it_can(code: Code, detail: str) -> None:
    async def main() -> None:
        async with counter(RefusingTerminal(code)) as here:
            answer = await here.answer(SALE)
            assert answer.get("AE") == "01"
            assert (answer.get("AF") or "").rstrip() == detail

    run_manual(main())


def test_a_fault_of_the_desk_gets_no_answer_and_does_not_stop_the_door() -> None:
    async def main() -> None:
        async with counter(FaultyTerminal(runtime=manual_runtime())) as here:
            till = here.till()
            till.transport.write(SALE)
            await heard_end(till)
            assert till.received == b""
            assert (await here.answer(PING)).get("AE") == "10"

    run_manual(main())


def test_a_desk_that_stops_behind_a_payment_gives_no_refusal_of_it() -> None:
    async def main() -> None:
        desk = StoppingTerminal(runtime=manual_runtime())
        async with counter(desk) as here:
            assert await here.raw(SALE) == b""
            await asyncio.sleep(60.0)
            assert money_taken(desk) == 1250
            assert told_to_till(desk) == [False]

    run_manual(main())
