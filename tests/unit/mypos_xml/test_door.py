"""The door as a real till meets it: what it asks of its desk, what it answers, and what the desk hears afterwards."""

import asyncio

import pytest

from tests.lines import Recorder
from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.concert_v3_till import DoubtingTerminal, FaultyTerminal, RefusingTerminal, StoppingTerminal
from tests.support.mypos import PAY, counter, heard
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.protocols.mypos_xml.framing import MAX_MESSAGE, FrameReader
from tillbridge.protocols.mypos_xml.messages import BAD_XML, Answer, parse_answer
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

SLIPS = b"<receipt>OFF</receipt><custrcpt>OFF</custrcpt>"
HIBAS = f"<payresp>\n  <result>ERROR</result>\n  <ref>{BAD_XML}</ref>\n</payresp>\n".encode()


def _asking(root: str, *fields: tuple[str, str]) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields)
    return f"<{root}>{inner}</{root}>".encode().replace(f"</{root}>".encode(), SLIPS + f"</{root}>".encode())


def _answer(raw: bytes) -> Answer:
    frame = FrameReader().feed(raw)
    assert frame is not None
    return parse_answer(frame.text)


def _pay(amount: str) -> bytes:
    return _asking("pay", ("invoice", "x"), ("sum", amount))


class Noting(VirtualTerminal):
    """A desk that keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(runtime=manual_runtime())
        self.asked: list[PaymentRequest] = []

    async def start(self, request: PaymentRequest) -> Payment:
        self.asked.append(request)
        return await super().start(request)


@pytest.mark.parametrize(
    ("name", "caller", "door"), [(None, "mypos:till", "mypos-xml"), ("till-1", "mypos:till-1", "till-1")]
)
def test_the_request_reaches_the_desk_as_it_was_meant(name: str | None, caller: str, door: str) -> None:
    async def main() -> None:
        desk = Noting()
        async with counter(desk, name=name, terminal="terminal-1") as here:
            await here.raw(PAY)
            (asked,) = desk.asked
            assert (asked.kind, asked.caller, asked.door) == (Kind.SALE, caller, door)
            assert (asked.terminal, asked.register, asked.keyless) == ("terminal-1", "01", True)
            assert (asked.order_id, asked.key, asked.parent) == (None, None, None)
            assert asked.notes == {"mypos_invoice": "0123456789ab89abcdef"}
            assert str(asked.amount) == "12.50 EUR"

    run_manual(main())


def test_the_reference_of_a_success_is_the_payment_itself() -> None:
    async def main() -> None:
        async with counter() as here:
            raw = await here.raw(PAY)
            (row,) = here.desk.ledger.rows
            assert raw == f"<payresp>\n  <result>OK</result>\n  <ref>{row.payment_id}</ref>\n</payresp>\n".encode()

    run_manual(main())


@pytest.mark.parametrize("padded", ["{}", " {} ", "\n{}\n  "])
def test_a_code_with_blanks_around_it_finds_its_hold(padded: str) -> None:
    async def main() -> None:
        async with counter() as here:
            hold = _answer(await here.raw(_asking("preauth", ("invoice", "x"), ("sum", "12.50"))))
            code = padded.format(hold.ref)
            done = await here.raw(_asking("preauthcompletion", ("preauthcode", code), ("sum", "12.50")))
            assert _answer(done).result == "OK"
            assert here.desk.ledger.rows[1].parent == hold.ref
            assert (await here.raw(_asking("preauthcancel", ("preauthcode", code)))).startswith(b"<preautcancelresp>")

    run_manual(main())


def test_more_than_was_held_is_no_amount() -> None:
    async def main() -> None:
        async with counter() as here:
            hold = _answer(await here.raw(_asking("preauth", ("invoice", "x"), ("sum", "12.50"))))
            said = await here.raw(_asking("preauthcompletion", ("preauthcode", str(hold.ref)), ("sum", "12.51")))
            assert said.startswith(b"<preautcompletionhresp>")
            assert _answer(said).status == "7"
            assert len(here.desk.ledger.rows) == 1

    run_manual(main())


@pytest.mark.parametrize("root", ["preauthcompletion", "preauthcancel"])
def test_the_code_of_a_sale_is_no_code(root: str) -> None:
    async def main() -> None:
        async with counter() as here:
            sale = _answer(await here.raw(PAY))
            amount = [("sum", "12.50")] if root == "preauthcompletion" else []
            said = _answer(await here.raw(_asking(root, ("preauthcode", str(sale.ref)), *amount)))
            assert (said.result, said.status) == ("ERROR", "5")
            assert len(here.desk.ledger.rows) == 1

    run_manual(main())


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\n",
        b"<pay></pay>",
        b"<void></void>",
        b"<pay/>",
        PAY.replace(b"<sum>12.50</sum>", b""),
        PAY.replace(b"<receipt>OFF</receipt>", b"<receipt>MAYBE</receipt>"),
        PAY.replace(b"12.50", b"12,50"),
        PAY.replace(b"12.50", b"&x;"),
        PAY.replace(b"</sum>", b"</sum><sum>1</sum>"),
        b"<!DOCTYPE pay [<!ENTITY a 'b'>]>" + PAY,
        PAY.replace(b"<invoice>", b"<!-- --><invoice>"),
        b"<pay>" + b"<a>" * 100 + b"</a>" * 100 + b"</pay>",
        b"<pay>" + b"<a/>" * 100 + b"</pay>",
        PAY.replace(b"<invoice>", b"<invoice>" + b"x" * MAX_MESSAGE),
        b"<pay>" + b"x" * 10_000_000,
        PAY.decode().encode("utf-16"),
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_whatever_is_wrong_gets_the_one_answer_for_it_and_nothing_else_happens(raw: bytes) -> None:
    async def main() -> None:
        async with counter() as here:
            assert await here.raw(raw) == HIBAS
            assert here.desk.ledger.rows == []
            assert _answer(await here.raw(PAY)).result == "OK"

    run_manual(main())


def test_what_is_not_all_there_in_time_is_bad_xml_too() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(PAY[:-5])
            await asyncio.sleep(29.0)
            assert till.received == b""
            await asyncio.sleep(2.0)
            assert till.received == HIBAS
            assert "eof" in till.heard
            till.transport.close()

    run_manual(main())


@pytest.mark.parametrize(
    ("amount", "status"), [("0", "7"), ("0.00", "7"), ("-1", "7"), ("1.005", "7"), ("9" * 30, "7")]
)
def test_an_amount_that_nobody_can_pay_is_told_as_that(amount: str, status: str) -> None:
    async def main() -> None:
        async with counter() as here:
            assert _answer(await here.raw(_pay(amount))).status == status
            assert here.desk.ledger.rows == []

    run_manual(main())


def test_forints_are_whole() -> None:
    async def main() -> None:
        async with counter(currency="HUF") as here:
            assert _answer(await here.raw(_pay("1500"))).result == "OK"
            assert _answer(await here.raw(_pay("1500.50"))).status == "7"
            assert money_taken(here.desk) == 150000

    run_manual(main())


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        (Code.TERMINAL_BUSY, "3", "TERMINAL_BUSY"),
        (Code.TERMINAL_LOCKED, "3", "EARLIER_PAYMENT_UNKNOWN"),
        (Code.DOOR_HELD, "3", "EARLIER_PAYMENT_NOT_TOLD"),
        (Code.AMOUNT_INVALID, "7", "INVALID_AMOUNT"),
        (Code.AMOUNT_TOO_LARGE, "7", "INVALID_AMOUNT"),
        (Code.PARENT_SPENT, "7", "INVALID_AMOUNT"),
        (Code.CURRENCY_UNSUPPORTED, "6", "INVALID_CURRENCY"),
        (Code.OPERATION_UNSUPPORTED, "5", "OPERATION_UNSUPPORTED"),
        (Code.PARENT_UNFIT, "5", "NO_DATA_FOUND"),
        (Code.PAYMENT_UNKNOWN, "5", "NO_DATA_FOUND"),
        (Code.JOURNAL_UNAVAILABLE, "3", "TRANSACTION_FAILED"),
        (Code.CONNECTOR_STOPPING, "3", "TRANSACTION_FAILED"),
    ],
)
def test_a_refusal_of_the_desk_says_what_it_can(code: Code, status: str, text: str) -> None:
    async def main() -> None:
        async with counter(RefusingTerminal(code)) as here:
            answer = _answer(await here.raw(PAY))
            assert (answer.result, answer.status, answer.status_text, answer.ref) == ("ERROR", status, text, "")

    run_manual(main())


def _is_unknown(raw: bytes) -> bool:
    answer = _answer(raw)
    return (answer.result, answer.status, answer.status_text) == ("ERROR", "8", "COMMUNICATION_ERROR")


@pytest.mark.parametrize("kind", [DoubtingTerminal, StoppingTerminal])
def test_what_is_not_known_is_never_told_as_a_refusal(kind: type[VirtualTerminal]) -> None:
    async def main() -> None:
        async with counter(kind(runtime=manual_runtime())) as here:
            assert _is_unknown(await here.raw(PAY))
            await asyncio.sleep(60.0)
            # It has heard that nothing is known, which is not the outcome: whatever it turns out to be is undelivered.
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_an_approval_of_less_is_no_success_and_no_refusal() -> None:
    async def main() -> None:
        async with counter() as here:
            here.desk.script.set(Step(SCENARIOS["partial"]))
            assert _is_unknown(await here.raw(PAY))
            await asyncio.sleep(60.0)
            assert money_taken(here.desk) == 625
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_till_that_waits_longer_than_the_door_hears_that_nothing_is_known() -> None:
    async def main() -> None:
        async with counter(delay=100.0, patience=60) as here:
            assert _is_unknown(await here.raw(PAY))
            assert asyncio.get_running_loop().time() == pytest.approx(60.0, abs=0.1)
            await asyncio.sleep(60.0)
            assert money_taken(here.desk) == 1250
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_a_fault_of_the_desk_gets_no_answer_and_does_not_stop_the_door() -> None:
    async def main() -> None:
        async with counter(FaultyTerminal(runtime=manual_runtime())) as here:
            assert await here.raw(PAY) == b""
            assert await here.raw(b"hello") == HIBAS

    run_manual(main())


@pytest.mark.parametrize("reset", [False, True])
def test_a_till_that_left_before_the_answer_has_not_heard_it(reset: bool) -> None:
    async def main() -> None:
        async with counter(delay=30.0) as here:
            till = here.till()
            till.transport.write(PAY)
            await asyncio.sleep(10.0)
            till.transport.abort() if reset else till.transport.close()
            await asyncio.sleep(60.0)
            assert money_taken(here.desk) == 1250
            assert told_to_till(here.desk) == [False]

    run_manual(main())


@pytest.mark.parametrize(("proof", "told"), [("close", False), ("write", True)])
def test_a_till_that_never_closes_has_shown_nothing(proof: str, told: bool) -> None:
    async def main() -> None:
        async with counter(proof_of_delivery=proof) as here:
            till = here.till()
            till.transport.write(PAY)
            await heard(till)
            await asyncio.sleep(11.0)
            assert told_to_till(here.desk) == [told]
            till.transport.close()

    run_manual(main())


def test_a_till_that_asks_on_has_read_its_answer() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            for number in range(1, 4):
                till.transport.write(PAY)
                await heard(till, number)
            assert told_to_till(here.desk)[:2] == [True, True]
            assert money_taken(here.desk) == 3 * 1250
            assert asyncio.get_running_loop().time() < 1.0
            till.transport.close()

    run_manual(main())


def test_the_next_sale_waits_for_what_became_of_the_last_answer() -> None:
    async def main() -> None:
        async with counter() as here:
            first, second = here.till(), here.till()
            first.transport.write(PAY)
            await heard(first)
            second.transport.write(PAY)
            await heard(second)
            assert told_to_till(here.desk)[0] is not None
            assert asyncio.get_running_loop().time() < 1.0
            first.transport.close()
            second.transport.close()

    run_manual(main())


def test_a_till_that_closes_in_the_middle_of_its_request_starts_nothing() -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            till.transport.write(PAY[:-8])
            await asyncio.sleep(0.1)
            till.transport.write_eof()
            await asyncio.sleep(60.0)
            assert till.received == b""
            assert till.lost or "eof" in till.heard
            assert here.desk.ledger.rows == []

    run_manual(main())


def test_a_line_of_wire_outlives_garbage_and_every_answer() -> None:
    async def main() -> None:
        async with counter(personality={"keep_alive": False}) as here:
            till = Recorder()
            near, far = memory_pair()
            far.attach(here.door.plug())
            near.attach(till)
            till.transport.write(b"noise")
            await heard(till)
            assert till.received == HIBAS
            for number in range(2, 4):
                till.transport.write(PAY)
                await heard(till, number)
            assert not till.lost
            assert told_to_till(here.desk) == [True, True]
            assert money_taken(here.desk) == 2500
            till.transport.close()

    run_manual(main())
