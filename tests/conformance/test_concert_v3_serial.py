"""Concert V3 on a serial line: the same messages as bodies of V2's frames, in V2's sessions."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from tests.support.concert_v3 import (
    AFTERWARDS,
    ANSWER,
    REFERENCE,
    REFUSING,
    REQUEST,
    TWELVE_FIFTY,
    driver_settings,
    money_taken,
    operation,
    told_to_till,
)
from tests.support.wires import JOURNAL, TILL, Journal, Switches, Trace
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.serial_lines import SerialLine
from tillbridge.protocols.concert.v3.serial_tills import SerialTill
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import Fault, HealthState, LateResult, Recovery, Unanswered
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.hostile import Hostility, through
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.terminal import VirtualTerminal

P = TypeVar("P", bound=asyncio.Protocol)

E1 = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
TO_TERMINAL = b"\x05" + encode(REQUEST) + b"\x04\x06\x06"
TO_TILL = b"\x06\x06\x05" + encode(ANSWER) + b"\x04"


class Cable:
    """A serial line on which one till's driver meets one terminal. Each opening gets the next hostility."""

    def __init__(self, *hostilities: Hostility, seed: int = 0) -> None:
        self.trace: Trace = []
        self.to_till = bytearray()
        self.plugged = True
        self.terminal: SerialTill | None = None
        self._hostilities = list(hostilities)
        self._chance = random.Random(seed)

    async def open(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """The driver's opener."""
        if self.terminal is None or not self.plugged:
            raise LineUnavailable("the cable is not plugged in")
        near, far = memory_pair()
        far.attach(_Tapped(self.terminal, self.trace))
        if not self._hostilities:
            protocol = factory()
            return near.attach(_Ear(protocol, self.to_till)), protocol

        async def connect(make: Callable[[], Any]) -> tuple[asyncio.Transport, Any]:
            between = make()
            return near.attach(between), between

        return await through(connect, factory, self._hostilities.pop(0), self._chance)


class _Ear(asyncio.Protocol):
    def __init__(self, inner: asyncio.Protocol, heard: bytearray) -> None:
        self._inner, self._heard = inner, heard
        self.connection_made = inner.connection_made  # type: ignore[method-assign]
        self.connection_lost = inner.connection_lost  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self._heard += data
        self._inner.data_received(data)


class _Tapped(asyncio.Protocol):
    def __init__(self, inner: asyncio.Protocol, trace: Trace) -> None:
        self._inner, self._trace = inner, trace
        self.connection_made = inner.connection_made  # type: ignore[method-assign]
        self.connection_lost = inner.connection_lost  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self._trace.append((TILL, data))
        self._inner.data_received(data)


class Shop:
    def __init__(self, cable: Cable, desk: VirtualTerminal, **settings: Any) -> None:
        self.cable, self.desk = cable, desk
        self.terminal = ConcertV3Terminal(driver_settings(**settings), SerialLine(cable.open, 180.0, 0.0))
        self.late: list[LateResult] = []

    async def sell(self, **different: Any) -> Outcome:
        return await self.terminal.perform(operation(**different), Journal(self.cable.trace))

    async def listen(self) -> None:
        async for result in self.terminal.late():
            self.late.append(result)

    def assert_no_lie(self, outcome: Outcome) -> None:
        taken = money_taken(self.desk)
        assert len(self.desk.ledger.rows) <= 1
        for one in (outcome, *(late.outcome for late in self.late)):
            if isinstance(one, Approved):
                assert taken == one.amount.minor == 1250
            elif not isinstance(one, InDoubt):
                assert taken == 0
        if True in told_to_till(self.desk):
            assert any(not isinstance(one, InDoubt) for one in (outcome, *(late.outcome for late in self.late)))
        if self.cable.trace:
            assert self.cable.trace[0] == (JOURNAL, "sending")


@asynccontextmanager
async def shop(
    cable: Cable, faults: Mapping[Fault, int] | None = None, *, delay: float = 0.0, **settings: Any
) -> AsyncIterator[Shop]:
    desk = VirtualTerminal(runtime=manual_runtime(), delay=delay)
    door = DoorSettings.model_validate({"reference_is_order": True})
    service = TerminalService(desk, door, Switches(Counter(faults)) if faults else None)
    async with asyncio.TaskGroup() as group:
        cable.terminal = SerialTill(service, 0.0, group.create_task)
        here = Shop(cable, desk, **settings)
        listening = group.create_task(here.listen())
        try:
            yield here
        finally:
            await here.terminal.close()
            await listening


def test_the_frame_of_the_worked_message() -> None:
    assert encode(E1) == b"\x02" + E1 + b"\x03\x12"


def test_a_sale_is_approved_and_told_in_order() -> None:
    async def main() -> None:
        cable = Cable()
        async with shop(cable) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert (outcome.amount, outcome.authorization_code) == (TWELVE_FIFTY, "000001")
            await asyncio.sleep(AFTERWARDS)
            assert cable.trace == [
                (JOURNAL, "sending"),
                (TILL, b"\x05"),
                (TILL, encode(REQUEST)),
                (TILL, b"\x04"),
                (TILL, b"\x06"),
                (JOURNAL, "outcome"),
                (TILL, b"\x06"),
            ]
            assert bytes(cable.to_till) == TO_TILL
            assert told_to_till(here.desk) == [True]
            here.assert_no_lie(outcome)

    run_manual(main())


def test_a_refusal_and_the_next_sale_on_the_same_line() -> None:
    async def main() -> None:
        async with shop(Cable()) as here:
            here.desk.script.set(REFUSING)
            assert await here.sell() == Declined(DeclineReason.REFUSED, "04")
            assert isinstance(await here.sell(id="op-2", wire_reference="f" * 32), Approved)
            assert asyncio.get_running_loop().time() == 0

    run_manual(main())


@pytest.mark.parametrize("delay", [0.0, 5.0], ids=["at once", "after five seconds"])
@pytest.mark.parametrize("heard", [True, False], ids=["hung up", "silent"])
class TestTheLineCutAtEveryByte:
    def _sell_on(self, hostility: Hostility, delay: float) -> tuple[Shop, Outcome]:
        async def main() -> tuple[Shop, Outcome]:
            async with shop(Cable(hostility), delay=delay) as here:
                outcome = await here.sell()
                await asyncio.sleep(AFTERWARDS)
                here.assert_no_lie(outcome)
                return here, outcome

        return run_manual(main())

    def test_toward_the_terminal(self, heard: bool, delay: float) -> None:
        for place in range(len(TO_TERMINAL) + 1):
            here, outcome = self._sell_on(Hostility(cut_after_bytes_out=place, heard=heard), delay)
            if 2 <= place < len(encode(REQUEST)):
                assert isinstance(outcome, InDoubt), place
                assert not here.desk.ledger.rows

    def test_toward_the_till(self, heard: bool, delay: float) -> None:
        for place in range(len(TO_TILL) + 1):
            _, outcome = self._sell_on(Hostility(cut_after_bytes_in=place, heard=heard), delay)
            if 2 <= place < len(TO_TILL) - 1:
                assert isinstance(outcome, InDoubt), place
            if place >= len(TO_TILL) - 1:
                assert isinstance(outcome, Approved)


@pytest.mark.parametrize("hostility", [Hostility(split=(1, 1)), Hostility(delay=(0.01, 0.2))], ids=str)
def test_slow_lines_change_nothing(hostility: Hostility) -> None:
    async def main() -> None:
        async with shop(Cable(hostility)) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            here.assert_no_lie(outcome)

    run_manual(main())


EXPECTED = {
    Fault.DROP_ON_REQUEST: InDoubt,
    Fault.DROP_BEFORE_ANSWER: InDoubt,
    Fault.DROP_IN_ANSWER: InDoubt,
    Fault.DROP_LAST_BYTE: InDoubt,
    Fault.NEVER_ANSWER: InDoubt,
    Fault.WRONG_AMOUNT: InDoubt,
    Fault.WRONG_CURRENCY: InDoubt,
    Fault.WRONG_REGISTER: InDoubt,
    Fault.AMOUNT_ABSENT: InDoubt,
    Fault.AMOUNT_ZERO: InDoubt,
    Fault.AMOUNT_PADDED: Approved,
    Fault.UNKNOWN_TAG: Approved,
    Fault.DUPLICATE_TAG: Approved,
    Fault.GARBAGE_BEFORE_ANSWER: Approved,
    Fault.BYTE_BY_BYTE: Approved,
    Fault.BUSY: Declined,
    Fault.SILENT_TO_ENQ: Approved,
    Fault.NAK_ENQ: Approved,
    Fault.NAK_FRAME: Approved,
    Fault.BAD_LRC: Approved,
    Fault.NO_FINAL_EOT: Approved,
    Fault.ENQ_TWICE: Approved,
    Fault.EOT_INSTEAD_OF_ANSWER: InDoubt,
}


@pytest.mark.parametrize("fault", EXPECTED, ids=str)
def test_one_strike_of_each_fault(fault: Fault) -> None:
    async def main() -> None:
        async with shop(Cable(), {fault: 1}) as here:
            outcome = await here.sell()
            assert type(outcome) is EXPECTED[fault]
            await asyncio.sleep(AFTERWARDS)
            assert len(here.desk.ledger.rows) <= 1
            untouched = fault in (Fault.DROP_ON_REQUEST, Fault.BUSY)
            assert money_taken(here.desk) == (0 if untouched else 1250)

    run_manual(main())


def test_a_customer_slower_than_the_till_ends_in_a_late_answer() -> None:
    async def main() -> None:
        async with shop(Cable(), delay=300) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert asyncio.get_running_loop().time() == 180
            await asyncio.sleep(180)
            (late,) = here.late
            assert isinstance(late.outcome, Approved)
            assert (late.register, late.amount, late.wire_reference) == ("01", TWELVE_FIFTY, REFERENCE)
            assert told_to_till(here.desk) == [True]

    run_manual(main())


def test_nothing_is_acknowledged_when_the_outcome_cannot_be_kept() -> None:
    async def main() -> None:
        cable = Cable()
        async with shop(cable) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(cable.trace, fails_at="outcome"))
            await asyncio.sleep(AFTERWARDS)
            sent = b"".join(data for who, data in cable.trace if who == TILL and isinstance(data, bytes))
            assert sent == TO_TERMINAL[:-1]
            assert told_to_till(here.desk) == [False]

    run_manual(main())


def test_services_work_over_the_same_line() -> None:
    async def main() -> None:
        async with shop(Cable(), {Fault.WRONG_AMOUNT: 1}) as here:
            assert isinstance(await here.sell(), InDoubt)
            assert (await here.terminal.health()).state is HealthState.READY
            assert isinstance(await here.terminal.inquire(operation()), Approved)
            assert here.terminal.capabilities.recovery is Recovery.BY_ID
            assert here.late == []

    run_manual(main())


def test_a_service_does_not_occupy_the_line_for_as_long_as_a_customer_may() -> None:
    async def main() -> None:
        async with shop(Cable(Hostility(cut_after_bytes_in=2, heard=False))) as here:
            assert (await here.terminal.health()).state is HealthState.SILENT
            assert asyncio.get_running_loop().time() <= 10
            assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK

    run_manual(main())


def test_a_cable_that_is_not_there_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        cable = Cable()
        async with shop(cable) as here:
            cable.plugged = False
            outcome = await here.sell()
            assert outcome == NotStarted(NotStartedReason.PORT_UNAVAILABLE, "the cable is not plugged in")
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE

    run_manual(main())


def test_a_silent_terminal_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        async with shop(Cable(), {Fault.SILENT_TO_ENQ: 100}) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_SILENT
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_message_that_is_too_long_for_a_frame_is_not_sent() -> None:
    async def main() -> None:
        cable = Cable()
        async with shop(cable) as here:
            outcome = await here.sell(wire_reference="x" * 600)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.CANNOT_EXPRESS
            assert (TILL, b"\x05") not in cable.trace

    run_manual(main())


def test_the_largest_amount_fits() -> None:
    async def main() -> None:
        async with shop(Cable()) as here:
            assert isinstance(await here.sell(amount=Money(999_999_999_999, EUR)), Approved)

    run_manual(main())
