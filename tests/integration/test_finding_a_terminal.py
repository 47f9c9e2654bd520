"""How the setup finds a terminal: its port, how its line is set, and its answer. No money moves in any of it."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.test_concert_v2_pty import serving
from tests.support.concert_v2 import Journal, money_taken, operation
from tillbridge.connector.setup.finding import FoundLine, TerminalWaits, Watch, find_line, lasting, sign_of_life
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.concert.v2 import line_check
from tillbridge.protocols.concert.v2.line_check import Heard, listen
from tillbridge.protocols.contract import HealthState
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.serial_line import PortDescription

ENQ, ACK, NAK, EOT, STX, ETX = b"\x05", b"\x06", b"\x15", b"\x04", b"\x02", b"\x03"

Reaction = Callable[[bytes], bytes]


def even(data: bytes) -> bool:
    """Whether every byte has even parity, as a terminal in 7E1 demands."""
    return all(byte.bit_count() % 2 == 0 for byte in data)


def in_8n1(heard: bytes) -> bytes:
    return ACK if heard == ENQ else NAK if heard.startswith(STX) else b""


def in_7e1(heard: bytes) -> bytes:
    """Throws away whatever has the wrong parity."""
    return b"" if not even(heard) else ACK if heard == ENQ else b"\x95" if heard[:1] == b"\x82" else b""


def in_7e1_careless(heard: bytes) -> bytes:
    """Refuses what it cannot read instead of throwing it away."""
    return ACK if heard == ENQ else b"\x95" if heard[1:2] == ETX else b""


TERMINALS: dict[Heard, list[Reaction]] = {
    Heard.PLAIN: [in_8n1, lambda heard: NAK if heard == ENQ else b""],
    Heard.EVEN_PARITY: [in_7e1, in_7e1_careless, lambda heard: b"\x95" if heard == ENQ else b""],
    Heard.ANSWERS: [lambda heard: ACK if heard == ENQ else b""],
    Heard.WANTS_TO_TELL: [lambda heard: ENQ if heard == ENQ else b""],
    Heard.SILENT: [lambda _: b""],
    Heard.NOISE: [lambda _: b"\xff\x00"],
}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_check, "ENQ_SECONDS", 0.3)
    monkeypatch.setattr(line_check, "REFUSAL_SECONDS", 0.3)


@asynccontextmanager
async def terminal(reaction: Reaction) -> AsyncIterator[tuple[str, bytearray]]:
    """A terminal on a pty: what it answers to each write; the port, and all that it heard."""
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    heard = bytearray()

    def read() -> None:
        came = os.read(master, 1024)
        heard.extend(came)
        os.write(master, reaction(came))

    loop = asyncio.get_running_loop()
    loop.add_reader(master, read)
    try:
        yield os.ttyname(slave), heard
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


CASES = [(found, reaction) for found, reactions in TERMINALS.items() for reaction in reactions]


@pytest.mark.parametrize(("found", "reaction"), CASES)
async def test_what_a_terminal_sends_shows_its_line(found: Heard, reaction: Reaction) -> None:
    async with terminal(reaction) as (port, heard):
        assert await listen(port, 9600) is found
    # A frame without a body and with a wrong check byte is all that was ever sent besides ENQ and EOT.
    rest = bytes(heard).replace(b"\x02\x03\x20", b"").replace(b"\x82\x03\xa0", b"")
    assert set(rest) <= {ENQ[0], EOT[0], EOT[0] | 0x80}


async def test_a_terminal_is_asked_and_takes_payments_afterwards(tmp_path: Path) -> None:
    async with serving("pty", tmp_path) as line:
        found = await find_line(str(tmp_path / "terminal"), listen, lambda _: None)
        assert found == FoundLine("9600 8N1", proven=True)
        health = await sign_of_life("concert-v2", {"serial": {"port": str(tmp_path / "terminal")}})
        assert health.state is HealthState.READY
        assert money_taken(line.desk) == 0
        till = line.terminal()
        assert isinstance(await till.perform(operation(), Journal()), Approved)
        await till.close()


async def test_each_speed_is_tried_until_one_is_answered() -> None:
    tried: list[int] = []

    async def at_1200(_: str, baud_rate: int) -> str:
        return "even_parity" if baud_rate == 1200 else "noise"

    assert await find_line("COM1", at_1200, tried.append) == FoundLine("1200 7E1", proven=True)
    assert tried == [9600, 1200]

    async def silent(_: str, __: int) -> str:
        return "silent"

    assert await find_line("COM1", silent, tried.append) is None

    async def answers(_: str, __: int) -> str:
        return "answers"

    assert await find_line("COM1", answers, tried.append) == FoundLine("9600 8N1", proven=False)

    async def waits(_: str, __: int) -> str:
        return "wants_to_tell"

    with pytest.raises(TerminalWaits):
        await find_line("COM1", waits, tried.append)


async def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(LineUnavailable, match="there is no port"):
        await listen("/dev/ttyNOTHING9", 9600)


async def test_a_network_terminal_that_is_off_is_unreachable() -> None:
    health = await sign_of_life("concert-v3", {"host": "127.0.0.1", "port": 1})
    assert health.state is HealthState.UNREACHABLE
    with pytest.raises(BridgeError):
        await sign_of_life("concert-v3", {"port": 1})


async def test_a_terminal_that_is_plugged_in_is_noticed() -> None:
    first, second = PortDescription("/dev/ttyS0", "serial port"), PortDescription("/dev/ttyUSB0", "Ingenico Move")
    listed: list[list[PortDescription]] = [[first], [first], [first, second]]
    watch = Watch(lambda: listed.pop(0))
    assert watch.look() is None
    assert await watch.wait() == second


async def test_a_terminal_that_is_pulled_out_and_put_in_again_is_noticed() -> None:
    port = PortDescription("/dev/ttyUSB0", "Ingenico Move")
    listed: list[list[PortDescription]] = [[port], [port], [], [port]]
    watch = Watch(lambda: listed.pop(0))
    assert [watch.look(), watch.look(), watch.look()] == [None, None, port]


def test_a_port_goes_by_the_name_that_lasts(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").mkdir()
    port = PortDescription(str(tmp_path / "ttyUSB0"), "Ingenico Move")
    assert lasting(port, tmp_path / "by-id") == port
    assert lasting(port, tmp_path / "nowhere") == port
    link = tmp_path / "by-id" / "usb-Ingenico-if00"
    link.symlink_to(tmp_path / "ttyUSB0")
    assert lasting(port, tmp_path / "by-id") == PortDescription(str(link), "ttyUSB0, Ingenico Move")
