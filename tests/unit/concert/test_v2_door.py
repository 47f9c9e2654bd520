"""The Concert V2 door against tills in the test's own hand, byte for byte by the worked frames."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.concert_frames import MASKED_PAN, REFERENCE_REQUEST, worked
from tests.support.concert_raw import ACK, ENQ, EOT, NAK, open_door
from tests.support.concert_v2 import door_settings, money_taken, told_to_till
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.answering import OCCUPIED
from tillbridge.protocols.concert.v2.door import MAX_TILLS
from tillbridge.protocols.concert.v2.messages import Reply, Status
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.scenarios import Approves, Cancels, Declines, Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal


def _desk(ending: Approves | Declines | Cancels | None = None, delay: float = 0.0) -> VirtualTerminal:
    desk = VirtualTerminal(runtime=manual_runtime(), delay=delay)
    if ending is not None:
        desk.script.set(Step(Scenario("scripted", "scripted", ending), times="always"))
    return desk


def _accepted(**different: object) -> bytes:
    fields: dict[str, object] = {"register": "01", "amount_minor": 1250, "currency": "978"} | different
    return encode(Reply(status=Status.ACCEPTED, **fields).encode())  # type: ignore[arg-type]


ACCEPTED = _accepted()
LONG_ACCEPTED = _accepted(report=MASKED_PAN)


@pytest.mark.parametrize(
    ("request_frame", "ending", "reply"),
    [
        (REFERENCE_REQUEST, Declines(), worked("C3")),
        (REFERENCE_REQUEST, Cancels(), worked("C3")),
        (REFERENCE_REQUEST, Approves(), ACCEPTED),
        (worked("A1"), Declines(), worked("C4")),
        (worked("A1"), Approves(), LONG_ACCEPTED),
        (worked("B1"), Declines(), worked("C4")),
        (worked("B1"), Approves(), LONG_ACCEPTED),
        (worked("B2"), Declines(), encode(worked("C4")[1:-2].replace(b"1250", b"1000"))),
    ],
    ids=["E+ refused", "E+ cancelled", "E+", "E+ REP refused", "E+ REP", "E refused", "E", "E with PRIV"],
)
def test_a_request_gets_its_worked_reply_in_one_write(
    request_frame: bytes, ending: Approves | Declines | Cancels, reply: bytes
) -> None:
    async def main() -> None:
        assert len(reply) in (28, 83)
        desk = _desk(ending, delay=7.0)
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(request_frame)
            await till.takes(reply)
            await till.hears_nothing(60)
            assert told_to_till(desk) == [True]

    run_manual(main())


def test_a_probe_shows_nothing() -> None:
    async def main() -> None:
        desk = _desk()
        async with open_door(desk) as door:
            till = await door.till()
            till.says(ENQ)
            await till.hears(ACK)
            till.says(EOT)
            await till.hears_nothing(60)
            assert not desk.ledger.rows
            assert desk.current is None

    run_manual(main())


def test_immediate_mode_is_answered_with_stat_9_and_nothing_follows() -> None:
    async def main() -> None:
        desk = _desk(delay=30)
        async with open_door(desk) as door:
            till, other = await door.till(), await door.till()
            await till.asks(worked("A2"))
            await till.takes(worked("C5"))
            till.says(ENQ)
            other.says(ENQ)
            await till.hears_nothing(29)
            assert other.pieces == []
            await till.hears_nothing(60)
            assert money_taken(desk) == 100
            assert told_to_till(desk) == [True]
            till.says(ENQ)
            await till.hears(ACK)

    run_manual(main())


@pytest.mark.parametrize(
    "frame",
    [
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"001A978")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"0019978")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"00C0978")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"0020978")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"0010000")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"0010978", b"0010999")),
        encode(REFERENCE_REQUEST[1:-2].replace(b"00001250", b"00000000")),
    ],
    ids=["TYPE A", "TYPE 9", "cheque", "issuer", "DEV 000", "DEV 999", "amount zero"],
)
def test_what_a_terminal_does_not_know_is_not_accepted(frame: bytes) -> None:
    async def main() -> None:
        desk = _desk()
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(frame)
            await till.hears(ENQ)
            till.says(ACK)
            while not till.pieces:
                await asyncio.sleep(0)
            reply = till.pieces.pop()
            assert (len(reply), reply[3:4]) == (28, b"7")
            till.says(ACK)
            await till.hears(EOT)
            assert not desk.ledger.rows

    run_manual(main())


@pytest.mark.parametrize("dialect", ["e", "e+"])
def test_a_door_of_one_dialect_refuses_the_other(dialect: str) -> None:
    async def main() -> None:
        async with open_door(_desk(), settings=door_settings(dialect=dialect)) as door:
            till = await door.till()
            till.says(ENQ)
            await till.hears(ACK)
            till.says(worked("B1" if dialect == "e+" else "A1"))
            await till.hears(NAK)
            till.says(worked("B1" if dialect == "e" else "A1"))
            await till.hears(ACK)

    run_manual(main())


def test_a_working_terminal_is_silent_to_everybody() -> None:
    async def main() -> None:
        desk = _desk(delay=30)
        async with open_door(desk) as door:
            till, other = await door.till(), await door.till()
            await till.asks(REFERENCE_REQUEST)
            till.says(ENQ)
            other.says(ENQ)
            await other.hears_nothing(20)
            await till.takes(ACCEPTED)
            other.says(ENQ)
            await other.hears(ACK)
            assert len(desk.ledger.rows) == 1

    run_manual(main())


def test_the_next_enq_may_stand_right_behind_the_acknowledgement() -> None:
    async def main() -> None:
        async with open_door(_desk()) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await till.hears(ENQ)
            till.says(ACK)
            await till.hears(ACCEPTED)
            till.says(ACK + ENQ)
            await till.hears(EOT, ACK)

    run_manual(main())


# ---------------------------------------------------------------- results that reach nobody


def test_a_till_that_died_is_called_three_times_and_the_result_is_kept() -> None:
    async def main() -> None:
        desk = _desk(delay=10)
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            for _ in range(3):
                await till.hears(ENQ)
            await till.hears(EOT)
            assert asyncio.get_running_loop().time() == pytest.approx(10 + 3 * 3)
            await till.hears_nothing(60)
            assert told_to_till(desk) == [False]
            assert len(desk.undelivered()) == 1

    run_manual(main())


def test_a_till_that_comes_back_in_time_gets_its_result() -> None:
    async def main() -> None:
        desk = _desk(delay=10)
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            till.hangs_up()
            await asyncio.sleep(11)
            again = await door.till()
            await again.takes(ACCEPTED)
            await asyncio.sleep(1)
            assert told_to_till(desk) == [True]

    run_manual(main())


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_reply_is_sent_again_on_demand(refusals: int) -> None:
    async def main() -> None:
        desk = _desk()
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await till.hears(ENQ)
            till.says(ACK)
            for _ in range(refusals):
                await till.hears(ACCEPTED)
                till.says(NAK)
            await till.hears(ACCEPTED)
            till.says(ACK)
            await till.hears(EOT)
            await asyncio.sleep(1)
            assert told_to_till(desk) == [True]

    run_manual(main())


# ---------------------------------------------------------------- desks that say no, or do not know


class UnsureDesk(VirtualTerminal):
    """A desk whose terminal lost the answer: every payment ends in doubt."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        payment = await super().wait(payment_id, patience)
        return replace(payment, stage=Stage.IN_DOUBT, outcome=InDoubt(DoubtReason.LINE_LOST))


class RefusingDesk(VirtualTerminal):
    """A desk that refuses with a code."""

    code = Code.TERMINAL_BUSY

    async def start(self, request: PaymentRequest) -> Payment:
        raise BridgeError(self.code, f"no {request.kind}")


def test_in_doubt_is_told_by_silence() -> None:
    async def main() -> None:
        desk = UnsureDesk(runtime=manual_runtime(), delay=5)
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await till.hears_nothing(300)
            assert told_to_till(desk) == [False]
            till.says(ENQ)
            await till.hears(ACK)

    run_manual(main())


@pytest.mark.parametrize("code", sorted(OCCUPIED))
def test_a_desk_that_is_occupied_refuses_the_frame(code: Code) -> None:
    async def main() -> None:
        desk = RefusingDesk(runtime=manual_runtime())
        desk.code = code
        async with open_door(desk) as door:
            till = await door.till()
            till.says(ENQ)
            await till.hears(ACK)
            for _ in range(3):
                till.says(REFERENCE_REQUEST)
                await till.hears(NAK)
            till.says(EOT)
            await till.hears_nothing(60)
            till.says(ENQ)
            await till.hears(ACK)

    run_manual(main())


@pytest.mark.parametrize("code", [Code.CURRENCY_UNSUPPORTED, Code.OPERATION_UNSUPPORTED, Code.AMOUNT_TOO_LARGE])
def test_a_desk_that_cannot_do_it_does_not_accept(code: Code) -> None:
    async def main() -> None:
        desk = RefusingDesk(runtime=manual_runtime())
        desk.code = code
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await till.takes(worked("C3"))

    run_manual(main())


def test_more_tills_than_there_is_room_for_are_turned_away() -> None:
    async def main() -> None:
        async with open_door(_desk()) as door:
            tills = [await door.till() for _ in range(MAX_TILLS + 1)]
            await tills[-1].lost.wait()
            assert not any(till.lost.is_set() for till in tills[:-1])
            tills[0].hangs_up()
            await asyncio.sleep(1)
            newcomer = await door.till()
            newcomer.says(ENQ)
            await newcomer.hears(ACK)

    run_manual(main())


def test_the_receipt_of_nepting_stands_behind_the_long_reply() -> None:
    async def main() -> None:
        desk = SlipDesk(runtime=manual_runtime())
        async with open_door(desk) as door:
            till = await door.till()
            await till.asks(worked("B3"))
            await till.takes(_accepted(report=MASKED_PAN, receipt="THANK YOU 12,50 EUR"))

    run_manual(main())


class SlipDesk(VirtualTerminal):
    """A desk whose terminal gives the customer's slip."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        payment = await super().wait(payment_id, patience)
        assert isinstance(payment.outcome, Approved)
        return replace(payment, outcome=replace(payment.outcome, ticket="THANK YOU\n12,50 EUR"))
