import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lines import Recorder
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.memory import HIGH_WATER, memory_pair


async def _settled() -> None:
    await asyncio.sleep(1)


def test_what_is_written_arrives_in_a_later_turn() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder()
        near.attach(here)
        far.attach(there)
        here.transport.write(b"abc")
        assert there.heard == ["made"]
        await _settled()
        assert there.heard == ["made", b"abc"]
        there.transport.write(b"def")
        await _settled()
        assert here.heard == ["made", b"def"]

    run_manual(main())


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=20))
def test_every_write_arrives_as_one_piece_and_in_order(pieces: list[bytes]) -> None:
    async def main() -> None:
        near, far = memory_pair()
        there = Recorder()
        transport = near.attach(Recorder())
        far.attach(there)
        for piece in pieces:
            transport.write(piece)
        await _settled()
        assert there.heard == ["made", *pieces]

    run_manual(main())


def test_what_was_written_before_the_other_end_is_there_waits_for_it() -> None:
    async def main() -> None:
        near, far = memory_pair()
        transport = near.attach(Recorder())
        transport.write(b"early")
        transport.close()
        await _settled()
        there = Recorder()
        far.attach(there)
        await _settled()
        assert there.heard == ["made", b"early", "eof", "lost"]

    run_manual(main())


def test_closing_delivers_first_and_ends_both_sides_without_an_error() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder()
        near.attach(here)
        far.attach(there)
        here.transport.write(b"last words")
        here.transport.close()
        here.transport.close()
        here.transport.write(b"too late")
        assert here.transport.is_closing()
        await _settled()
        assert there.heard == ["made", b"last words", "eof", "lost"]
        assert here.heard == ["made", "lost"]
        assert here.error is None
        assert there.error is None

    run_manual(main())


def test_a_half_open_end_can_still_answer() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder(stays_half_open=True)
        near.attach(here)
        far.attach(there)
        here.transport.write_eof()
        with pytest.raises(RuntimeError):
            here.transport.write(b"after the end")
        await _settled()
        there.transport.write(b"answer")
        await _settled()
        assert here.heard == ["made", b"answer"]
        assert there.heard == ["made", "eof"]

    run_manual(main())


def test_aborting_takes_back_what_is_on_its_way() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder()
        near.attach(here)
        far.attach(there)
        here.transport.write(b"never heard")
        here.transport.abort()
        await _settled()
        assert there.heard == ["made", "lost"]
        assert isinstance(there.error, ConnectionResetError)
        assert here.heard == ["made", "lost"]

    run_manual(main())


def test_a_cut_is_heard_on_one_end_only() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder()
        near.attach(here)
        far.attach(there)
        here.transport.write(b"on its way")
        near.cut()
        near.cut()
        there.transport.write(b"into the void")
        await _settled()
        assert here.heard == ["made", "lost"]
        assert isinstance(here.error, ConnectionResetError)
        assert there.heard == ["made"]

    run_manual(main())


def test_an_end_that_was_cut_before_it_had_a_protocol_is_lost_at_once() -> None:
    async def main() -> None:
        near, far = memory_pair()
        far.attach(Recorder()).write(b"on its way")
        near.cut()
        here = Recorder()
        near.attach(here)
        await _settled()
        assert here.heard == ["made", "lost"]

    run_manual(main())


def test_nothing_waits_for_an_end_that_was_cut() -> None:
    async def main() -> None:
        near, far = memory_pair()
        there = Recorder()
        far.attach(there)
        near.cut()
        there.transport.write(bytes(HIGH_WATER + 1))
        assert there.transport.get_write_buffer_size() == 0
        assert there.heard == ["made"]

    run_manual(main())


def test_an_end_takes_one_protocol() -> None:
    async def main() -> None:
        near, _ = memory_pair()
        near.attach(Recorder())
        with pytest.raises(RuntimeError):
            near.attach(Recorder())

    run_manual(main())


def test_a_paused_reader_makes_the_writer_pause() -> None:
    async def main() -> None:
        near, far = memory_pair()
        here, there = Recorder(), Recorder()
        near.attach(here)
        far.attach(there)
        there.transport.pause_reading()
        here.transport.write(bytes(HIGH_WATER + 1))
        await _settled()
        assert here.heard == ["made", "paused"]
        assert there.received == b""
        assert here.transport.get_write_buffer_size() == HIGH_WATER + 1
        there.transport.resume_reading()
        await _settled()
        assert here.heard == ["made", "paused", "resumed"]
        assert len(there.received) == HIGH_WATER + 1
        assert here.transport.get_write_buffer_size() == 0

    run_manual(main())


def test_the_protocol_can_be_changed_on_the_way() -> None:
    async def main() -> None:
        near, far = memory_pair()
        first, second = Recorder(), Recorder()
        writer = near.attach(Recorder())
        transport = far.attach(first)
        writer.write(b"1")
        await _settled()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        writer.write(b"2")
        await _settled()
        assert (first.received, second.received) == (b"1", b"2")

    run_manual(main())
