"""Real ptys through the serial library and our own master side, on both loops that a connector runs on."""

import asyncio
import errno
import os
import re
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serialx

from tests.lines import Recorder
from tillbridge.transports import serial_line
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial, is_pty

assert sys.platform != "win32", "Windows has no ptys"

EVERY_BYTE = bytes(range(256))
"""Among them the ones that a line which is not raw would eat or change: XON, XOFF, CR, LF, ^C, ^D, ^Z, 0xFF."""


@contextmanager
def _pty() -> Iterator[PtyLine]:
    line = PtyLine()
    try:
        yield line
    finally:
        line.close()


async def _both(line: PtyLine, settings: SerialSettings | None = None) -> tuple[Recorder, Recorder]:
    """The terminal's and the till's side."""
    _, terminal = await line.connect(Recorder)
    _, till = await connect_serial(settings or SerialSettings(port=line.slave_path), Recorder)
    return terminal, till


async def _close(till: Recorder) -> None:
    till.transport.close()
    await till.until_lost()


def test_every_byte_passes_unchanged_in_both_directions() -> None:
    async def main() -> None:
        with _pty() as line:
            terminal, till = await _both(line)
            for byte in EVERY_BYTE:
                till.transport.write(bytes([byte]))
            await terminal.until_received(256)
            terminal.transport.write(EVERY_BYTE)
            await till.until_received(256)
            assert terminal.received == EVERY_BYTE
            assert till.received == EVERY_BYTE
            await _close(till)
            assert till.error is None

    asyncio.run(main())


def test_more_than_the_kernel_keeps_passes_in_both_directions() -> None:
    whole = b"".join(number.to_bytes(4, "big") for number in range(16_000))

    async def main() -> None:
        with _pty() as line:
            terminal, till = await _both(line)
            terminal.transport.write(whole)
            till.transport.write(whole)
            await till.until_received(len(whole))
            await terminal.until_received(len(whole))
            assert (till.received, terminal.received) == (whole, whole)
            await _close(till)

    asyncio.run(main())


def test_the_master_side_outlives_tills_that_come_and_go() -> None:
    async def main() -> None:
        with _pty() as line:
            _, terminal = await line.connect(Recorder)
            for number in range(3):
                _, till = await connect_serial(SerialSettings(port=line.slave_path), Recorder)
                till.transport.write(b"%d" % number)
                await terminal.until_received(number + 1)
                await _close(till)
            assert terminal.received == b"012"
            assert not terminal.lost

    asyncio.run(main())


def test_a_port_is_open_once() -> None:
    async def main() -> None:
        with _pty() as line:
            _, till = await _both(line)
            with pytest.raises(LineUnavailable, match=f"{line.slave_path} is busy: another program has it open"):
                await connect_serial(SerialSettings(port=line.slave_path), Recorder)
            await _close(till)
            _, again = await connect_serial(SerialSettings(port=line.slave_path), Recorder)
            await _close(again)

    asyncio.run(main())


def test_what_arrived_before_the_port_was_opened_is_thrown_away() -> None:
    async def main() -> None:
        with _pty() as line:
            _, terminal = await line.connect(Recorder)
            terminal.transport.write(b"stale")
            _, till = await connect_serial(SerialSettings(port=line.slave_path), Recorder)
            terminal.transport.write(b"fresh")
            await till.until_received(5)
            assert till.received == b"fresh"
            await _close(till)

    asyncio.run(main())


def test_a_till_hears_that_the_line_is_gone() -> None:
    async def main() -> None:
        with _pty() as line:
            _, till = await _both(line)
            line.close()
            await till.until_lost()
            assert isinstance(till.error, OSError)
            till.transport.write(b"nobody is there")

    asyncio.run(main())


def test_writing_to_a_line_that_just_broke_is_no_error() -> None:
    async def main() -> None:
        with _pty() as line:
            _, till = await _both(line)
            line.close()
            await till.until(lambda _: till.transport.is_closing() or till.lost)
            till.transport.write(b"nobody is there")
            await till.until_lost()
            till.transport.write(b"nobody is there")

    asyncio.run(main())


@pytest.mark.parametrize("port", ["/dev/nothing-here", "/nowhere/ttyUSB0", "COM77"])
def test_a_port_that_is_missing_is_named_with_those_that_exist(port: str) -> None:
    async def main() -> None:
        with pytest.raises(LineUnavailable, match=rf"there is no port {port}; this computer has .+"):
            await connect_serial(SerialSettings(port=port), Recorder)

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/dev/null", "/dev", "a file"])
def test_what_is_not_a_port_is_named(path: str, tmp_path: Path) -> None:
    if path == "a file":
        path = str(tmp_path / "file")
        Path(path).write_text("kept")

    async def main() -> None:
        with pytest.raises(LineUnavailable, match=f"{path} is not a serial port"):
            await connect_serial(SerialSettings(port=path), Recorder)

    asyncio.run(main())


_BECOMES_SOMEBODY_ELSE = """
import os
def become_somebody_else():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)
"""

# The first attempt loads everything: somebody else may not be able to read where this Python keeps its modules.
_OPENS = """
import asyncio, grp, sys
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.errors import LineUnavailable
def attempt(port):
    try:
        asyncio.run(connect_serial(SerialSettings(port=port), asyncio.Protocol))
    except LineUnavailable as error:
        return error.detail
attempt("/dev/no-such-port")
become_somebody_else()
print(attempt(sys.argv[1]))
"""


_OPENS_WITHOUT_ASKING = """
import sys
become_somebody_else()
try:
    os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
except OSError as error:
    print(error.strerror)
"""


def _as_somebody_else(program: str, port: str) -> str:
    """What a program says that does not run as the superuser, who may open everything."""
    command = [sys.executable, "-c", _BECOMES_SOMEBODY_ELSE + program, port]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_port_that_this_user_may_not_open_says_which_group_may() -> None:
    with _pty() as line:
        Path(line.slave_path).chmod(0)
        said = _as_somebody_else(_OPENS, line.slave_path)
    assert said.startswith(f"this user may not open {line.slave_path}: add the user to the group ")
    assert re.search(r"usermod -aG \w+ NAME", said)


@contextmanager
def _fresh_pty() -> Iterator[str]:
    """A pty as the system gives it out: neither raw nor opened by a serial library before."""
    master, slave = os.openpty()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


async def _open_with_library(port: str) -> None:
    transport, _ = await serialx.create_serial_connection(
        asyncio.get_running_loop(), asyncio.Protocol, port, 9600, parity=serialx.Parity.EVEN, byte_size=7
    )
    transport.close()
    await transport.wait_closed()


def test_a_pty_takes_seven_bits_once_and_no_more() -> None:
    """The trap that `connect_serial` steps around; when this fails, the kernel has changed and so may the code."""

    async def main() -> None:
        with _fresh_pty() as port:
            await _open_with_library(port)
            with pytest.raises(OSError, match="Invalid argument") as caught:
                await _open_with_library(port)
            assert caught.value.errno == errno.EINVAL

    asyncio.run(main())


def test_seven_bits_are_asked_of_a_pty_as_often_as_one_likes() -> None:
    async def main() -> None:
        with _pty() as line:
            _, terminal = await line.connect(Recorder)
            settings = SerialSettings(port=line.slave_path, data_bits=7, parity="even")
            for number in range(3):
                _, till = await connect_serial(settings, Recorder)
                till.transport.write(b"x")
                await terminal.until_received(number + 1)
                await _close(till)

    asyncio.run(main())


def test_seven_bits_reach_a_port_that_is_not_known_to_be_a_pty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "is_pty", lambda _: False)

    async def main() -> None:
        with _fresh_pty() as port:
            transport, till = await connect_serial(SerialSettings(port=port, data_bits=7, parity="even"), Recorder)
            assert isinstance(transport, serialx.BaseSerialTransport)
            assert (transport.byte_size, transport.parity) == (7, serialx.Parity.EVEN)
            await _close(till)
            with pytest.raises(LineUnavailable, match=f"{port} does not take the line settings 9600 7E1"):
                await connect_serial(SerialSettings(port=port, data_bits=7, parity="even"), Recorder)

    asyncio.run(main())


def test_a_port_that_is_open_is_fully_raw() -> None:
    async def main() -> None:
        with _fresh_pty() as port:
            _, till = await connect_serial(SerialSettings(port=port), Recorder)
            slave = os.open(port, os.O_RDWR | os.O_NOCTTY)
            incoming, outgoing, _, local, *_ = termios.tcgetattr(slave)
            os.close(slave)
            assert (incoming, outgoing, local) == (0, 0, 0)
            await _close(till)

    asyncio.run(main())


def test_a_real_port_is_locked_against_programs_that_do_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "is_pty", lambda _: False)

    async def main() -> None:
        with _fresh_pty() as port:
            _, till = await connect_serial(SerialSettings(port=port), Recorder)
            os.chmod(port, 0o666)  # noqa: PTH101, S103 - somebody else shall be refused by the lock alone
            tried = await asyncio.to_thread(_as_somebody_else, _OPENS_WITHOUT_ASKING, port)
            assert tried == "Device or resource busy\n"
            await _close(till)

    asyncio.run(main())


def test_a_pty_is_known_through_a_link_and_only_a_pty(tmp_path: Path) -> None:
    link = tmp_path / "terminal"
    line = PtyLine(link)
    assert is_pty(line.slave_path)
    assert is_pty(str(link))
    line.close()
    assert not is_pty(str(link))


def test_a_pty_that_another_program_made_is_known_too() -> None:
    with _fresh_pty() as port:
        slave = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(slave)
        os.close(slave)
        assert is_pty(port)
