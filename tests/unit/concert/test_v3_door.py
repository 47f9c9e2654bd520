"""The Concert V3 door as a real till meets it: raw bytes in, raw bytes out, and what the desk is told afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.lines import Recorder
from tests.support.concert_v3 import Switches, money_taken, told_to_till
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import DoubtReason, InDoubt
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v3.door import MAX_CONNECTIONS, TcpDoor
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import Fault, Payment, PaymentRequest
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.scenarios import Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

SALE = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
ACCEPTED = b"CZ0040320CJ012012345678901AE00210CA00201CB0041250CC003001CD0010CE003978CI0011"
PING = b"CZ0040320CJ012012345678901CA00201CD001I"
PATIENCE = 2000.0


@dataclass
class Counter:
    """A door with its desk, and tills that connect to it."""

    desk: VirtualTerminal
    door: TcpDoor
    group: asyncio.TaskGroup

    def till(self) -> Recorder:
        recorder = Recorder(stays_half_open=True)
        near, far = memory_pair()
        far.attach(self.door.connection(self.group))
        near.attach(recorder)
        return recorder

    async def answer(self, request: bytes) -> Fields:
        """What a till hears that closes once the door has."""
        till = self.till()
        till.transport.write(request)
        await _heard_end(till)
        till.transport.close()
        return Fields.of(decode(till.received))


async def _heard_end(till: Recorder) -> None:
    async with asyncio.timeout(PATIENCE):
        while "eof" not in till.heard and not till.lost:
            with suppress(TimeoutError):
                await till.until(lambda me: "eof" in me.heard or me.lost)


@asynccontextmanager
async def counter(
    desk: VirtualTerminal | None = None, faults: dict[Fault, int] | None = None, delay: float = 0.0, **settings: Any
) -> AsyncIterator[Counter]:
    desk = desk or VirtualTerminal(runtime=manual_runtime(), delay=delay)
    asked = DoorSettings.model_validate(settings)
    door = TcpDoor(asked, TerminalService(desk, asked, Switches(faults) if faults else None))
    async with asyncio.TaskGroup() as group:
        yield Counter(desk, door, group)


class DoubtingTerminal(VirtualTerminal):
    """A desk that never learns how its payments end."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        payment = await super().wait(payment_id, patience)
        return replace(payment, stage=Stage.IN_DOUBT, outcome=InDoubt(DoubtReason.LINE_LOST, "the line was lost"))

    async def inquire(self, payment_id: str) -> Payment:
        return await self.wait(payment_id, 0)


class RefusingTerminal(VirtualTerminal):
    """A desk that refuses everything for one reason."""

    def __init__(self, code: Code) -> None:
        super().__init__(runtime=manual_runtime())
        self._code = code

    async def start(self, request: PaymentRequest) -> Payment:
        raise BridgeError(self._code, "a sentence for people", payment_id="p-1" if request.keyless else None)


class FaultyTerminal(VirtualTerminal):
    """A desk with a fault of its own."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        raise LookupError(f"{payment_id} is gone after {patience}")


# ---------------------------------------------------------------- requests


def test_a_sale_is_answered_without_waiting_for_the_till_to_close() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(SALE)
            await _heard_end(till)
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
            await _heard_end(till)
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
            await _heard_end(till)
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
            await _heard_end(second)
            assert b"AE00201AF02907  TERMINAL OCCUPE" in second.received
            assert asyncio.get_running_loop().time() < 2
            await _heard_end(first)
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


# ---------------------------------------------------------------- what the desk is asked, and told


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
            await _heard_end(till)
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
            await _heard_end(till)
            assert till.received.startswith(ACCEPTED)
            await asyncio.sleep(0.1)
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_the_next_sale_of_a_register_waits_for_what_became_of_the_last_answer() -> None:
    async def main() -> None:
        async with counter() as here:
            first, second = here.till(), here.till()
            first.transport.write(SALE)
            await _heard_end(first)
            second.transport.write(SALE)
            await _heard_end(second)
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
            await _heard_end(till)
            assert till.received == b""
            asking = here.till()
            asking.transport.write(PING.replace(b"CD001I", b"CD001T") + b"CF003ref")
            await _heard_end(asking)
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
            await _heard_end(till)
            assert till.received == b""
            assert (await here.answer(PING)).get("AE") == "10"

    run_manual(main())


# ---------------------------------------------------------------- immediate mode, services


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
            await _heard_end(till)
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
            assert (await here.answer(duplicate)).get("AF") == "10"
            await here.answer(SALE + b"CF003ref")
            answer = await here.answer(duplicate)
            values = [answer.get(tag) for tag in ("AE", "CA", "CB", "CD", "CE", "CF")]
            assert values == ["10", "01", "1250", "3", "978", "ref"]
            other = await here.answer(duplicate.replace(b"CA00201", b"CA00202"))
            assert other.get("AF") == "10"
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
            await _heard_end(till)
            assert till.received == b""

    run_manual(main())


def test_a_scripted_line_drops_on_the_request() -> None:
    async def main() -> None:
        async with counter(faults={Fault.DROP_ON_REQUEST: 1}) as here:
            till = here.till()
            till.transport.write(SALE)
            await _heard_end(till)
            assert till.received == b""
            assert not here.desk.ledger.rows
            here.desk.script.set(Step(Scenario("approve", "approved")))
            assert (await here.answer(SALE)).get("AE") == "10"

    run_manual(main())
