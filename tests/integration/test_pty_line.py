"""The terminal's side of a pty, looked at through the system's own calls."""

import asyncio
import logging
import os
import sys
import termios
from pathlib import Path

import pytest

from tests.lines import Recorder
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.pty_line import MAX_UNSENT, PtyLine

assert sys.platform != "win32", "Windows has no ptys"


def _open(line: PtyLine) -> int:
    return os.open(line.slave_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def _descriptors() -> set[str]:
    return {os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _exists(name)}  # noqa: PTH115, PTH208


def _exists(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


def test_both_sides_are_raw_before_anybody_opens_the_line() -> None:
    line = PtyLine()
    slave = _open(line)
    incoming, outgoing, control, local, *_ = termios.tcgetattr(slave)
    assert (incoming, outgoing, local) == (0, 0, 0)
    assert control & termios.CSIZE == termios.CS8
    os.close(slave)
    line.close()


def test_nothing_is_heard_when_a_till_closes_the_line() -> None:
    async def main() -> None:
        line = PtyLine()
        _, terminal = await line.connect(Recorder)
        for number in range(3):
            slave = _open(line)
            os.write(slave, b"x")
            await terminal.until_received(number + 1)
            os.close(slave)
        assert terminal.heard == ["made", b"x", b"x", b"x"]
        line.close()
        await terminal.until_lost()
        assert terminal.error is None

    asyncio.run(main())


def test_a_connection_can_end_and_another_begin_on_the_same_line() -> None:
    async def main() -> None:
        line = PtyLine()
        _, first = await line.connect(Recorder)
        with pytest.raises(RuntimeError):
            await line.connect(Recorder)
        first.transport.close()
        await first.until_lost()
        _, second = await line.connect(Recorder)
        slave = _open(line)
        os.write(slave, b"again")
        await second.until_received(5)
        assert first.received == b""
        os.close(slave)
        line.close()
        with pytest.raises(LineUnavailable):
            await line.connect(Recorder)

    asyncio.run(main())


def test_what_nobody_reads_is_kept_up_to_a_bound_and_then_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        line = PtyLine()
        _, terminal = await line.connect(Recorder)
        for _ in range(100):
            terminal.transport.write(bytes(4096))
        assert terminal.transport.get_write_buffer_size() == MAX_UNSENT
        assert terminal.heard == ["made", "paused"]
        slave = _open(line)
        termios.tcflush(slave, termios.TCIFLUSH)
        asyncio.get_running_loop().add_reader(slave, os.read, slave, 65536)
        await terminal.until(lambda me: "resumed" in me.heard)
        assert not terminal.lost
        asyncio.get_running_loop().remove_reader(slave)
        os.close(slave)
        line.close()

    caplog.set_level(logging.WARNING)
    asyncio.run(main())
    assert "bytes are lost" in caplog.text


def test_closing_lets_out_what_was_written() -> None:
    whole = bytes(range(256)) * 100

    async def main() -> None:
        line = PtyLine()
        _, terminal = await line.connect(Recorder)
        terminal.transport.write(whole)
        terminal.transport.close()
        terminal.transport.write(b"too late")
        slave = _open(line)
        received = bytearray()
        asyncio.get_running_loop().add_reader(slave, lambda: received.extend(os.read(slave, 65536)))
        await terminal.until_lost()
        async with asyncio.timeout(10):
            while len(received) < len(whole):
                await asyncio.sleep(0)
        assert bytes(received) == whole
        asyncio.get_running_loop().remove_reader(slave)
        os.close(slave)
        line.close()

    asyncio.run(main())


def test_a_paused_reader_gets_the_rest_later() -> None:
    async def main() -> None:
        line = PtyLine()
        transport, terminal = await line.connect(Recorder)
        transport.pause_reading()
        assert not transport.is_reading()
        slave = _open(line)
        os.write(slave, b"later")
        for _ in range(10):
            await asyncio.sleep(0)
        assert terminal.received == b""
        transport.resume_reading()
        await terminal.until_received(5)
        os.close(slave)
        line.close()

    asyncio.run(main())


def test_no_descriptor_is_left_behind() -> None:
    before = _descriptors()
    line = PtyLine()
    assert line.slave_path in _descriptors()
    line.close()
    line.close()
    assert _descriptors() == before


def test_a_link_leads_to_the_line_and_goes_with_it(tmp_path: Path) -> None:
    link = tmp_path / "concert-v2"
    line = PtyLine(link)
    assert link.readlink() == Path(line.slave_path)
    assert line.port == str(link)
    assert os.listdir(tmp_path) == ["concert-v2"]  # noqa: PTH208
    line.close()
    assert not link.is_symlink()


def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "concert-v2"
    link.symlink_to("/dev/pts/99999")
    line = PtyLine(link)
    assert link.readlink() == Path(line.slave_path)
    line.close()


def test_the_newest_line_has_the_link_and_the_older_one_leaves_it(tmp_path: Path) -> None:
    link = tmp_path / "concert-v2"
    older = PtyLine(link)
    newer = PtyLine(link)
    older.close()
    assert link.readlink() == Path(newer.slave_path)
    newer.close()
    assert not link.is_symlink()


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    link = tmp_path / "concert-v2"
    link.write_text("somebody's work")
    before = _descriptors()
    with pytest.raises(LineUnavailable, match="exists and is not a link to a pty"):
        PtyLine(link)
    assert link.read_text() == "somebody's work"
    assert _descriptors() == before


def test_a_link_to_something_else_is_left_alone(tmp_path: Path) -> None:
    link, target = tmp_path / "concert-v2", tmp_path / "target"
    target.write_text("somebody's work")
    link.symlink_to(target)
    with pytest.raises(LineUnavailable, match="left alone"):
        PtyLine(link)
    assert link.readlink() == target


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineUnavailable, match="nowhere/link cannot be made: No such file or directory"):
        PtyLine(tmp_path / "nowhere" / "link")
