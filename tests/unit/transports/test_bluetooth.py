"""Bluetooth lines without Bluetooth: any connected socket will do, and the reasons for having none are real ones."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lines import PATIENCE, Echo, Recorder
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.transports import bluetooth
from tillbridge.transports.bluetooth import (
    BluetoothAddress,
    BluetoothService,
    connect_bluetooth,
    dial_rfcomm,
    is_address,
    listen_bluetooth,
    paired_address,
    rfcomm_socket,
)
from tillbridge.transports.errors import LineUnavailable

UNIX = getattr(socket, "AF_UNIX", socket.AF_INET)
ADDRESS = "00:11:22:AA:BB:CC"
TERMINAL = BluetoothAddress(terminal=ADDRESS, channel=3)
LISTED = """Device 00:11:22:AA:BB:CC myPOS Carbon
Device 00:11:22:AA:BB:CD Headphones
Device 00:11:22:AA:BB:CE Twin
Device 00:11:22:AA:BB:CF Twin
[NEW] Controller 00:00:00:00:00:01 computer [default]
"""


def _failing(error: OSError) -> Callable[[str, int, float], socket.socket]:
    def dial(_address: str, _channel: int, _seconds: float) -> socket.socket:
        raise error

    return dial


async def test_a_connected_socket_becomes_a_line() -> None:
    near, far = socket.socketpair()
    asked = []

    def dial(address: str, channel: int, seconds: float) -> socket.socket:
        asked.append((address, channel, seconds))
        return near

    transport, till = await connect_bluetooth(TERMINAL, lambda: Recorder(), 7.0, dial=dial)  # noqa: PLW0108 - a factory
    assert asked == [(ADDRESS, 3, 7.0)]
    far.sendall(b"<payresp/>")
    async with asyncio.timeout(PATIENCE):
        await till.until_received(10)
        transport.write(b"<pay/>")
        assert await asyncio.to_thread(far.recv, 100) == b"<pay/>"
        far.close()
        await till.until_lost()


async def test_a_name_is_looked_up_and_an_address_is_not() -> None:
    asked: list[str] = []

    async def lookup(name: str) -> str:
        asked.append(name)
        return ADDRESS

    for terminal in ("myPOS Carbon", ADDRESS.lower()):
        near, far = socket.socketpair()
        called: list[str] = []

        def dial(address: str, _c: int, _s: float, near: socket.socket = near, to: list[str] = called) -> socket.socket:
            to.append(address)
            return near

        settings = BluetoothAddress(terminal=terminal)
        transport, _ = await connect_bluetooth(settings, Echo, dial=dial, lookup=lookup)
        assert called == [ADDRESS]
        transport.abort()
        far.close()
    assert asked == ["myPOS Carbon"]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError("timed out"), "did not answer"),
        (OSError(errno.ECONNREFUSED, "x"), "nothing listens"),
        (OSError(errno.EHOSTDOWN, "x"), "not in reach"),
        (OSError(errno.EACCES, "x"), "pair them again"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
)
async def test_the_cause_is_named(error: OSError, cause: str) -> None:
    with pytest.raises(LineUnavailable, match=cause) as caught:
        await connect_bluetooth(TERMINAL, Echo, dial=_failing(error))
    assert ADDRESS in caught.value.detail


async def test_a_call_that_nobody_waits_for_any_more_leaves_no_socket_open() -> None:
    near, far = socket.socketpair()
    loop = asyncio.get_running_loop()
    calling, go_on = asyncio.Event(), asyncio.Event()

    def dial(_address: str, _channel: int, _seconds: float) -> socket.socket:
        loop.call_soon_threadsafe(calling.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(PATIENCE)
        return near

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        connecting = group.create_task(connect_bluetooth(TERMINAL, Echo, dial=dial))
        await calling.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
        assert connecting.cancelled()
        go_on.set()
        assert await asyncio.to_thread(far.recv, 1) == b""
    assert near.fileno() == -1
    far.close()


def test_a_python_without_bluetooth_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    with pytest.raises(LineUnavailable, match=r"built without Bluetooth.*serial port"):
        rfcomm_socket()


async def test_this_computer_gives_a_line_or_a_reason() -> None:
    # The real thing, whatever this computer has: nobody is at this address, so that a reason comes in any case.
    nobody = BluetoothAddress(terminal="00:00:00:00:00:00", channel=30)
    with pytest.raises(LineUnavailable) as caught:
        await connect_bluetooth(nobody, Echo, 0.2)
    assert caught.value.detail


def test_a_kernel_without_bluetooth_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # A family that no kernel has makes the same error as Bluetooth on a kernel that was built without it.
    monkeypatch.setattr(socket, "AF_BLUETOOTH", 99, raising=False)
    monkeypatch.setattr(socket, "BTPROTO_RFCOMM", 3, raising=False)
    with pytest.raises(LineUnavailable, match="no Bluetooth, or it is switched off"):
        dial_rfcomm(ADDRESS, 1, 0.1)


async def test_tills_come_over_a_listening_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "rfcomm")

    def listen(_: BluetoothService) -> socket.socket:
        line = socket.socket(UNIX, socket.SOCK_STREAM)
        line.bind(path)
        line.listen(1)
        return line

    server = await listen_bluetooth(BluetoothService(channel=4), Echo, listen=listen)
    with socket.socket(UNIX, socket.SOCK_STREAM) as till:
        till.connect(path)
        till.sendall(b"<pay/>")
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.to_thread(till.recv, 100) == b"<pay/>"
    server.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EADDRINUSE, "in use"), Code.PORT_TAKEN),
        (OSError(errno.EADDRNOTAVAIL, "no such adapter"), Code.SETTINGS_INVALID),
        (LineUnavailable("no Bluetooth here"), Code.SETTINGS_INVALID),
    ],
)
async def test_a_channel_that_cannot_be_had_is_named(error: Exception, code: Code) -> None:
    def listen(_: BluetoothService) -> socket.socket:
        raise error

    with pytest.raises(BridgeError) as caught:
        await listen_bluetooth(BluetoothService(channel=4), Echo, listen=listen)
    assert caught.value.code is code
    assert "channel 4" in str(caught.value)


async def test_a_door_on_a_computer_without_bluetooth_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    with pytest.raises(BridgeError, match="built without Bluetooth"):
        await listen_bluetooth(BluetoothService(), Echo)


# ---------------------------------------------------------------- names


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program of the system's name on the PATH."""

    def put(script: str) -> None:
        program = tmp_path / "bluetoothctl"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put


@pytest.mark.parametrize("name", ["myPOS Carbon", "MYPOS carbon", " myPOS Carbon "])
async def test_a_paired_terminal_is_found_by_its_name(system: Callable[[str], None], name: str) -> None:
    system(f'test "$1 $2" = "devices Paired" && cat <<END\n{LISTED}END')
    assert await paired_address(name) == ADDRESS


@pytest.mark.parametrize(
    ("name", "cause"), [("Twin", "2 paired terminals"), ("myPOS", "no paired terminal"), ("computer", "no paired")]
)
async def test_a_name_that_is_not_one_terminals_is_refused(
    system: Callable[[str], None], name: str, cause: str
) -> None:
    system(f"cat <<END\n{LISTED}END")
    with pytest.raises(LineUnavailable, match=cause):
        await paired_address(name)


async def test_a_system_that_does_not_answer_is_not_waited_for(
    system: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluetooth, "LIST_TIMEOUT", 0.2)
    system("exec sleep 60")
    with pytest.raises(LineUnavailable, match="in time"):
        await paired_address("myPOS Carbon")


async def test_a_system_without_the_program_asks_for_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LineUnavailable, match="give the terminal's address"):
        await paired_address("myPOS Carbon")


@pytest.mark.parametrize(
    ("text", "address"), [(ADDRESS, True), (ADDRESS.lower(), True), ("001122AABBCC", False), ("myPOS", False)]
)
def test_an_address_is_told_from_a_name(text: str, address: bool) -> None:
    assert is_address(text) is address
