"""A paced line: every byte in its time, nothing lost, and both ends hear how it ends."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.memory import MemoryTransport, memory_pair
from tillbridge.virtual.paced import BITS_PER_CHARACTER, MOST_WAITING, End, Way, join

BAUD = 9600
CHARACTER = BITS_PER_CHARACTER / BAUD


@dataclass
class Ear(asyncio.Protocol):
    """Notes what arrives and when; answers a whole line with `answer`."""

    answer: bytes = b""
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.append((asyncio.get_running_loop().time(), data))
        if data.endswith(b"\n") and self.answer and self.transport is not None:
            self.transport.write(self.answer)

    def eof_received(self) -> bool:
        self.ended.set()
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()

    @property
    def text(self) -> bytes:
        return b"".join(piece for _, piece in self.heard)


def line(till: Ear, door: Ear) -> tuple[MemoryTransport, MemoryTransport]:
    """Two ears with a paced line between them."""
    (till_end, till_side), (door_side, door_end) = memory_pair(), memory_pair()
    one, other = End(), End()
    till_side.attach(one)
    door_side.attach(other)
    join(one, other, BAUD, manual_runtime().clock)
    return till_end.attach(till), door_end.attach(door)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5))
def test_every_byte_takes_its_time_and_none_is_lost(pieces: list[bytes]) -> None:
    async def main() -> None:
        till, door = Ear(), Ear()
        transport, _ = line(till, door)
        for piece in pieces:
            transport.write(piece)
        await asyncio.sleep(10)
        assert door.text == b"".join(pieces)
        assert all(len(piece) == 1 for _, piece in door.heard)
        expected = [CHARACTER * (place + 1) for place in range(len(door.text))]
        assert [at for at, _ in door.heard] == pytest.approx(expected)

    run_manual(main())


def test_a_dialogue_takes_the_time_of_its_bytes() -> None:
    async def main() -> None:
        till, door = Ear(), Ear(answer=b"and so say I")
        transport, _ = line(till, door)
        transport.write(b"I say this\n")
        await asyncio.sleep(10)
        assert till.text == b"and so say I"
        assert till.heard[-1][0] == pytest.approx(CHARACTER * (11 + 12))

    run_manual(main())


def test_both_directions_flow_at_once() -> None:
    async def main() -> None:
        till, door = Ear(), Ear()
        from_till, from_door = line(till, door)
        from_till.write(b"x" * 50)
        from_door.write(b"y" * 50)
        await asyncio.sleep(10)
        assert till.heard[-1][0] == door.heard[-1][0] == pytest.approx(CHARACTER * 50)

    run_manual(main())


def test_an_end_of_writing_and_a_hang_up_come_behind_the_bytes() -> None:
    async def main() -> None:
        till, door = Ear(), Ear()
        from_till, from_door = line(till, door)
        from_door.write(b"y" * 100)
        from_door.write_eof()
        await till.ended.wait()
        assert len(till.text) == 100
        from_till.write(b"x" * 10)
        from_till.close()
        await door.ended.wait()
        assert door.text == b"x" * 10

    run_manual(main())


def test_a_line_that_breaks_at_one_end_breaks_at_the_other() -> None:
    async def main() -> None:
        till, door = Ear(), Ear()
        from_till, from_door = line(till, door)
        from_till.write(b"x" * 10)
        await asyncio.sleep(1.0)
        from_door.abort()
        await till.lost.wait()
        assert door.text == b"x" * 10

    run_manual(main())


def test_what_comes_before_the_line_is_joined_waits_for_it() -> None:
    async def main() -> None:
        (till_end, till_side), (door_side, door_end) = memory_pair(), memory_pair()
        one, other, till, door = End(), End(), Ear(), Ear()
        till_side.attach(one)
        transport = till_end.attach(till)
        transport.write(b"early")
        transport.close()
        await asyncio.sleep(1.0)
        door_side.attach(other)
        from_door = door_end.attach(door)
        join(one, other, BAUD, manual_runtime().clock)
        await door.ended.wait()
        assert door.text == b"early"
        from_door.close()
        await one.lost.wait()
        await other.lost.wait()

    run_manual(main())


def test_a_byte_that_came_out_late_does_not_delay_the_answer() -> None:
    async def main() -> None:
        clock = manual_runtime().clock
        out: list[float] = []
        way = Way(BAUD, clock, lambda _: out.append(clock.monotonic()))
        await asyncio.sleep(1.0)
        way.put(b"a", 0.25 * CHARACTER)
        await asyncio.sleep(1.0)
        assert out == [pytest.approx(1.0 + 0.75 * CHARACTER)]
        assert way.late == pytest.approx(0.0, abs=1e-9)

    run_manual(main())


def test_a_line_that_nobody_empties_loses_what_it_has_no_room_for() -> None:
    async def main() -> None:
        out: list[bytes] = []
        way = Way(BAUD, manual_runtime().clock, out.append)
        way.put(b"a" * (MOST_WAITING + 5))
        await asyncio.sleep(MOST_WAITING * CHARACTER + 1)
        assert sum(map(len, out)) == MOST_WAITING
        way.put(b"b")
        way.stop()
        await asyncio.sleep(1.0)
        assert out[-1] == b"a"

    run_manual(main())
