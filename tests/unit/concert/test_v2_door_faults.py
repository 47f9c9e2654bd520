"""The Concert V2 door where something is broken: a faulty desk, noise on the line, a simulator's lies."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.support.concert_frames import REFERENCE_REQUEST, worked
from tests.support.concert_raw import ACK, ENQ, EOT, OpenDoor, open_door
from tests.support.concert_v2 import told_to_till
from tillbridge.domain.outcome import AbortedBy
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.messages import Reply, Status
from tillbridge.protocols.contract import Fault, Payment, PaymentRequest
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.scenarios import Cancels, Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

ACCEPTED = encode(Reply("01", Status.ACCEPTED, 1250, "978").encode())


# ---------------------------------------------------------------- a simulator's lies


@pytest.mark.parametrize("by", [AbortedBy.CUSTOMER, AbortedBy.CASHIER, AbortedBy.TIMEOUT])
@pytest.mark.parametrize(("faults", "reply"), [({}, "C3"), ({Fault.AMOUNT_ZERO: 1}, "C6")], ids=["amount", "zero"])
def test_a_cancel_carries_its_amount_or_zero(by: AbortedBy, faults: dict[Fault, int], reply: str) -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime(), delay=0.0)
        desk.script.set(Step(Scenario("scripted", "scripted", Cancels(by)), times="always"))
        async with open_door(desk, faults) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await till.takes(worked(reply))
            await till.hears_nothing(1)
            assert told_to_till(desk) == [True]

    run_manual(main())


# ---------------------------------------------------------------- a desk with a fault of its own


class BrokenDesk(VirtualTerminal):
    """A desk that fails once where `fails_at` says, and works otherwise."""

    fails_at = ""

    async def start(self, request: PaymentRequest) -> Payment:
        self._fail("start")
        return await super().start(request)

    async def wait(self, payment_id: str, patience: float) -> Payment:
        self._fail("wait")
        return await super().wait(payment_id, patience)

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        self._fail("delivered")
        await super().delivered(payment_id, receiver, reached)

    def _fail(self, where: str) -> None:
        if self.fails_at == where:
            self.fails_at = ""
            raise LookupError(f"no {where} today")


@pytest.mark.parametrize("fails_at", ["start", "wait", "delivered"])
def test_a_fault_of_the_desk_is_told_by_silence_and_does_not_stop_the_door(fails_at: str) -> None:
    async def main() -> None:
        desk = BrokenDesk(runtime=manual_runtime(), delay=0.0)
        desk.fails_at = fails_at
        async with open_door(desk) as door:
            till = await door.till()
            with capture_logs() as logs:
                # Acknowledged in every case: a till whose frame got no answer might send it again.
                await till.asks(REFERENCE_REQUEST)
                if fails_at == "delivered":
                    await till.takes(ACCEPTED)
                await till.hears_nothing(300)
            assert [one["event"] for one in logs if one["log_level"] == "error"] == ["concert_door_fault"]
            await till.asks(REFERENCE_REQUEST)
            await till.takes(ACCEPTED)

    run_manual(main())


# ---------------------------------------------------------------- noise that looks like a frame


async def _works(door: OpenDoor, noise: bytes, silence: float) -> None:
    till = await door.till()
    till.says(noise)
    await till.hears_nothing(silence)
    await till.asks(REFERENCE_REQUEST)
    await till.takes(ACCEPTED)


@pytest.mark.parametrize("noise", [b"\x02", b"\x02abc", b"\x02abc\x03", b"abc\x03", b"\x02\x05\x06"], ids=repr)
def test_a_frame_that_never_goes_on_does_not_make_the_door_deaf(noise: bytes) -> None:
    async def main() -> None:
        async with open_door(VirtualTerminal(runtime=manual_runtime(), delay=0.0)) as door:
            await _works(door, noise, 0.5)

    run_manual(main())


def test_noise_right_before_enq_costs_one_enq() -> None:
    async def main() -> None:
        async with open_door(VirtualTerminal(runtime=manual_runtime(), delay=0.0)) as door:
            till = await door.till()
            till.says(b"\x02abc")
            await till.hears_nothing(0.4)
            till.says(ENQ)
            await till.hears_nothing(1)
            till.says(ENQ)
            await till.hears(ACK)

    run_manual(main())


def test_the_tail_of_a_lost_frame_starts_nothing_although_its_check_byte_is_enq() -> None:
    async def main() -> None:
        frames = (encode(REFERENCE_REQUEST[1:-2].replace(b"1250", b"%04d" % minor)) for minor in range(1, 100))
        tail = next(frame[9:] for frame in frames if frame.endswith(ENQ))
        async with open_door(VirtualTerminal(runtime=manual_runtime(), delay=0.0)) as door:
            till = await door.till()
            for place in range(len(tail)):
                till.says(tail[place : place + 1])
                await asyncio.sleep(0.01)
            await till.hears_nothing(10)
            await till.asks(REFERENCE_REQUEST)

    run_manual(main())


def test_a_till_that_reconnects_brings_no_half_frame_along() -> None:
    async def main() -> None:
        async with open_door(VirtualTerminal(runtime=manual_runtime(), delay=30.0)) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            till.says(b"\x02abc")
            await asyncio.sleep(0.1)
            till.hangs_up()
            await asyncio.sleep(0.1)
            again = await door.till()
            await again.takes(ACCEPTED)
            again.says(ENQ)
            await again.hears(ACK)
            again.says(EOT)

    run_manual(main())
