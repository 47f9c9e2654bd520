import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lines import Recorder
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.hostile import HostileProtocol, Hostility, hostile, through
from tillbridge.transports.memory import memory_pair

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
KINDNESS = st.builds(
    Hostility,
    split=st.none() | st.tuples(st.integers(1, 3), st.integers(3, 50)),
    delay=st.tuples(st.floats(0, 1), st.floats(1, 5)) | st.just((0.0, 0.0)),
)
"""Lines that are slow and split what they carry, but lose nothing."""

Factory = Callable[[], HostileProtocol[Recorder]]


class Line:
    """A memory line with the protocol `near` behind a bad line, and `far` at its other end."""

    def __init__(self, hostility: Hostility, seed: int = 1) -> None:
        self.near, self.far = Recorder(), Recorder()
        self.between = HostileProtocol(self.near, hostility, random.Random(seed))
        self.near_end, self.far_end = memory_pair()
        self.near_end.attach(self.between)
        self.far_end.attach(self.far)


async def _settled() -> None:
    await asyncio.sleep(10_000)


def _talk(line: Line, inward: list[bytes], outward: list[bytes]) -> None:
    for piece in inward:
        line.far.transport.write(piece)
    for piece in outward:
        line.near.transport.write(piece)


@given(KINDNESS, PIECES, PIECES)
def test_a_slow_line_loses_and_mixes_nothing(hostility: Hostility, inward: list[bytes], outward: list[bytes]) -> None:
    async def main() -> None:
        line = Line(hostility)
        _talk(line, inward, outward)
        line.near.transport.close()
        await _settled()
        assert line.far.received == b"".join(outward)
        assert line.far.heard[-2:] == ["eof", "lost"]
        assert line.near.heard.count("lost") == 1
        assert line.near.error is None

    run_manual(main())


@given(KINDNESS, PIECES)
def test_the_end_is_heard_after_the_last_byte(hostility: Hostility, inward: list[bytes]) -> None:
    async def main() -> None:
        line = Line(hostility)
        _talk(line, inward, [])
        line.far.transport.close()
        await _settled()
        assert line.near.received == b"".join(inward)
        assert line.near.heard[-2:] == ["eof", "lost"]
        assert line.between.passed_in == len(b"".join(inward))

    run_manual(main())


def test_a_break_is_heard_after_the_last_byte_that_was_on_the_line() -> None:
    async def main() -> None:
        line = Line(Hostility(delay=(1.0, 1.0)))
        line.far.transport.write(b"ab")
        line.far.transport.write(b"cd")
        await asyncio.sleep(0.5)
        line.far.transport.abort()
        await _settled()
        assert line.near.heard == ["made", b"ab", b"cd", "lost"]
        assert isinstance(line.near.error, ConnectionResetError)

    run_manual(main())


@given(st.integers(1, 5), st.binary(min_size=1, max_size=60))
def test_pieces_have_the_sizes_asked_for(size: int, data: bytes) -> None:
    async def main() -> None:
        line = Line(Hostility(split=(size, size)))
        line.far.transport.write(data)
        await _settled()
        assert line.near.heard[1:] == [data[start : start + size] for start in range(0, len(data), size)]

    run_manual(main())


@given(st.binary(min_size=1, max_size=60), st.integers(0, 2**32))
def test_delays_lie_in_the_range_asked_for(data: bytes, seed: int) -> None:
    async def main() -> None:
        times = []
        line = Line(Hostility(split=(1, 1), delay=(0.5, 2.0)), seed)
        line.far.transport.write(data)
        while len(line.near.received) < len(data):
            seen = len(line.near.received)
            await line.near.until_received(seen + 1)
            times.append(asyncio.get_running_loop().time())
        gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
        assert all(0.5 <= gap <= 2.0 + 1e-9 for gap in gaps)

    run_manual(main())


@pytest.mark.parametrize("split", [None, (1, 1), (1, 7)])
@pytest.mark.parametrize("heard", [True, False])
def test_a_cut_after_every_byte_in(split: tuple[int, int] | None, heard: bool) -> None:
    sent = [b"\x02abc", b"\x03", b"defgh"]
    whole = b"".join(sent)

    async def main(position: int) -> None:
        line = Line(Hostility(split=split, cut_after_bytes_in=position, heard=heard))
        _talk(line, sent, [])
        await _settled()
        assert line.near.received == whole[:position]
        assert line.near.lost is heard
        if heard:
            assert isinstance(line.near.error, ConnectionResetError)
            assert line.far.lost
        line.near.transport.write(b"into the void")
        await _settled()
        assert line.far.received == b""

    for position in range(len(whole) + 1):
        run_manual(main(position))


@pytest.mark.parametrize("split", [None, (1, 1), (1, 7)])
@pytest.mark.parametrize("heard", [True, False])
def test_a_cut_after_every_byte_out(split: tuple[int, int] | None, heard: bool) -> None:
    sent = [b"\x02abc", b"\x03", b"defgh"]
    whole = b"".join(sent)

    async def main(position: int) -> None:
        line = Line(Hostility(split=split, cut_after_bytes_out=position, heard=heard))
        _talk(line, [], sent)
        await _settled()
        assert line.far.received == whole[:position]
        assert line.near.lost is heard
        assert line.far.lost is heard
        line.far.transport.write(b"into the void")
        await _settled()
        assert line.near.received == b""

    for position in range(len(whole) + 1):
        run_manual(main(position))


def test_a_cut_that_is_never_reached_does_nothing() -> None:
    async def main() -> None:
        line = Line(Hostility(cut_after_bytes_in=6, cut_after_bytes_out=6))
        _talk(line, [b"12345"], [b"12345"])
        await _settled()
        assert (line.near.received, line.far.received) == (b"12345", b"12345")
        assert not line.near.lost
        assert (line.between.passed_in, line.between.passed_out) == (5, 5)

    run_manual(main())


def test_a_line_that_died_in_silence_can_be_closed() -> None:
    async def main() -> None:
        line = Line(Hostility(cut_after_bytes_out=2, heard=False))
        line.near.transport.write(b"abc")
        line.near.transport.close()
        await _settled()
        assert line.near.heard == ["made", "lost"]
        assert line.near.error is None

    run_manual(main())


def test_the_other_side_going_away_is_not_heard_through_silence() -> None:
    async def main() -> None:
        line = Line(Hostility(cut_after_bytes_in=1, heard=False))
        line.far.transport.write(b"ab")
        line.far.transport.close()
        await _settled()
        assert line.near.heard == ["made", b"a"]

    run_manual(main())


@given(st.binary(min_size=1, max_size=200), st.integers(0, 2**32))
def test_garbling_changes_bytes_but_not_their_number(data: bytes, seed: int) -> None:
    async def main(garble: float) -> bytes:
        line = Line(Hostility(garble=garble), seed)
        line.far.transport.write(data)
        await _settled()
        return line.near.received

    assert run_manual(main(0.0)) == data
    ruined = run_manual(main(1.0))
    assert len(ruined) == len(data)
    assert all(one != other for one, other in zip(ruined, data, strict=True))


@given(st.integers(0, 2**32), PIECES, PIECES)
def test_a_run_repeats_exactly_for_a_seed(seed: int, inward: list[bytes], outward: list[bytes]) -> None:
    async def main() -> tuple[list[object], list[object], float]:
        line = Line(Hostility(split=(1, 9), delay=(0.0, 1.0), garble=0.1, cut_after_bytes_in=50), seed)
        _talk(line, inward, outward)
        await _settled()
        return line.near.heard, line.far.heard, asyncio.get_running_loop().time()

    assert run_manual(main()) == run_manual(main())


@given(st.integers(0, 2**32), PIECES)
def test_one_direction_does_not_disturb_the_chance_of_the_other(seed: int, inward: list[bytes]) -> None:
    async def main(outward: list[bytes]) -> list[object]:
        line = Line(Hostility(split=(1, 9), delay=(0.0, 1.0), garble=0.3), seed)
        _talk(line, inward, outward)
        await _settled()
        return line.near.heard

    assert run_manual(main([])) == run_manual(main([b"quite", b"another", b"talk"]))


def test_a_paused_reader_gets_the_rest_later_and_nothing_twice() -> None:
    async def main() -> None:
        line = Line(Hostility(split=(1, 1), delay=(1.0, 1.0)))
        line.far.transport.write(b"abcdef")
        await asyncio.sleep(2.5)
        line.near.transport.pause_reading()
        await _settled()
        assert line.near.received == b"ab"
        line.near.transport.resume_reading()
        await _settled()
        assert line.near.received == b"abcdef"

    run_manual(main())


def test_aborting_drops_what_has_not_left() -> None:
    async def main() -> None:
        line = Line(Hostility(delay=(1.0, 1.0)))
        line.near.transport.write(b"abc")
        assert line.near.transport.get_write_buffer_size() == 3
        line.near.transport.abort()
        await _settled()
        assert line.far.received == b""
        assert line.near.lost
        assert line.far.lost

    run_manual(main())


def test_a_connecting_function_is_wrapped() -> None:
    async def main() -> None:
        near, far = memory_pair()
        there = Recorder()
        far.attach(there)

        async def connect(factory: Factory) -> tuple[asyncio.Transport, HostileProtocol[Recorder]]:
            between = factory()
            return near.attach(between), between

        transport, here = await through(connect, Recorder, Hostility(split=(1, 1)), random.Random(1))
        transport.write(b"xy")
        await _settled()
        assert there.heard == ["made", b"x", b"y"]
        assert here.transport is transport

    run_manual(main())


def test_a_listening_side_makes_one_for_each_connection() -> None:
    factory = hostile(Recorder, Hostility(), random.Random(1))
    first, second = factory(), factory()
    assert first is not second
    assert first.inner is not second.inner


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": (0, 1)},
        {"split": (3, 2)},
        {"delay": (-1.0, 0.0)},
        {"delay": (2.0, 1.0)},
        {"garble": 1.5},
        {"cut_after_bytes_in": -1},
        {"cut_after_bytes_out": -1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"split|delay|garble|cut"):
        replace(Hostility(), **wrong)  # type: ignore[arg-type]
