"""Concert V2 on real lines: driver and door over a pty and over loopback TCP, each opened through its settings."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lines import PATIENCE, Recorder
from tests.support.concert_frames import MASKED_PAN, REFERENCE_REQUEST
from tests.support.concert_v2 import Journal, money_taken, operation, told_to_till
from tests.support.wires import Switches
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols.concert.v2.door import DOOR
from tillbridge.protocols.concert.v2.driver import DRIVER
from tillbridge.protocols.contract import Fault, HealthState, Terminal
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.tcp import connect_tcp
from tillbridge.virtual.terminal import VirtualTerminal

WIRES = pytest.mark.parametrize("wire", ["pty", "tcp"])
QUICK = {"ack": 0.3, "byte": 0.3, "pause": 0.05, "eot": 0.3, "hold": 0.3, "transaction": 5}
"""Waits in seconds that a test can sit through."""


@dataclass
class Line:
    """A door that serves on a real line, and how a till reaches it."""

    desk: VirtualTerminal
    address: str
    till: Mapping[str, Any]

    def terminal(self, **different: Any) -> Terminal:
        """A driver on this line."""
        settings = DRIVER.settings.model_validate({**self.till, "timers": QUICK, **different})
        return DRIVER.connect(settings, Runtime())


@asynccontextmanager
async def serving(
    wire: str, folder: Path, faults: Mapping[Fault, int] | None = None, delay: float = 0.0
) -> AsyncIterator[Line]:
    """A door on a real line of this kind."""
    link = folder / "terminal"
    where: dict[str, Any] = {"pty": str(link)} if wire == "pty" else {"tcp": {"port": 0}}
    desk = VirtualTerminal(delay=delay)
    settings = DOOR.settings.model_validate({**where, "name": "till-1", "timers": QUICK})
    door = DOOR.open(settings, desk, Runtime(), behaviour=None if faults is None else Switches(faults))
    ready = asyncio.Event()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        task = group.create_task(door.serve(ready.set))
        await ready.wait()
        port = door.address.rpartition(":")[2]
        till = {"serial": {"port": str(link)}} if wire == "pty" else {"tcp": {"host": "127.0.0.1", "port": int(port)}}
        yield Line(desk, door.address, till)
        task.cancel()


async def until_told(line: Line, told: list[bool | None]) -> None:
    """Waits until the door says so of its tills."""
    while told_to_till(line.desk) != told:
        await asyncio.sleep(0.005)


@WIRES
def test_sales_one_behind_the_other(wire: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(wire, tmp_path) as line:
            terminal = line.terminal(ask_card_report=True)
            assert (await terminal.health()).state is HealthState.READY
            for _ in range(20):
                journal = Journal()
                outcome = await terminal.perform(operation(), journal)
                assert isinstance(outcome, Approved)
                assert outcome.card is not None
                assert outcome.card.masked_pan == MASKED_PAN
                assert journal.outcomes == [outcome]
            await terminal.close()
            assert money_taken(line.desk) == 20 * 1250
            await until_told(line, [True] * 20)

    asyncio.run(main())


@WIRES
def test_a_reply_that_comes_byte_by_byte(wire: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(wire, tmp_path, {Fault.BYTE_BY_BYTE: 1}) as line:
            terminal = line.terminal()
            assert isinstance(await terminal.perform(operation(), Journal()), Approved)
            await terminal.close()

    asyncio.run(main())


@WIRES
@pytest.mark.parametrize(
    "fault", [Fault.DROP_ON_REQUEST, Fault.DROP_BEFORE_ANSWER, Fault.DROP_IN_ANSWER, Fault.DROP_LAST_BYTE], ids=str
)
def test_a_line_that_dies_leaves_doubt_and_works_again(wire: str, fault: Fault, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(wire, tmp_path, {fault: 1}) as line:
            terminal = line.terminal()
            outcome = await terminal.perform(operation(), Journal())
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.LINE_LOST
            assert money_taken(line.desk) == (0 if fault is Fault.DROP_ON_REQUEST else 1250)
            again = await terminal.perform(operation(), Journal())
            assert isinstance(again, Approved)
            await terminal.close()

    asyncio.run(main())


@WIRES
def test_a_late_reply_is_heard_on_an_idle_line(wire: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(wire, tmp_path, {Fault.SILENT_AFTER_FRAME: 1}, delay=0.6) as line:
            terminal = line.terminal()
            assert isinstance(await terminal.perform(operation(), Journal()), InDoubt)
            late = terminal.late()
            result = await anext(late)
            assert isinstance(result.outcome, Approved)
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(anext(late, None))
                await until_told(line, [True])
                await terminal.close()
                assert await asking is None

    asyncio.run(main())


def test_a_busy_terminal_is_silent(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving("pty", tmp_path, {Fault.BUSY: 10}) as line:
            terminal = line.terminal()
            outcome = await terminal.perform(operation(), Journal())
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_SILENT
            await terminal.close()
            assert not line.desk.ledger.rows

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"serial": {"port": "/dev/there-is-no-such-port"}}, NotStartedReason.PORT_UNAVAILABLE),
        ({"tcp": {"host": "127.0.0.1", "port": 1}}, NotStartedReason.NETWORK_UNAVAILABLE),
    ],
    ids=["serial", "tcp"],
)
def test_no_line_is_told_plainly_and_nothing_is_journalled(settings: dict[str, Any], reason: NotStartedReason) -> None:
    async def main() -> None:
        terminal = DRIVER.connect(DRIVER.settings.model_validate(settings), Runtime())
        journal = Journal()
        outcome = await terminal.perform(operation(), journal)
        assert isinstance(outcome, NotStarted)
        assert outcome.reason is reason
        assert outcome.detail
        assert (journal.trace, journal.outcomes) == ([], [])
        assert (await terminal.health()).state is HealthState.UNREACHABLE
        await terminal.close()

    asyncio.run(main())


def test_the_door_writes_a_reply_in_one_go_for_tills_that_read_once(tmp_path: Path) -> None:
    """A till with blocking reads of a fixed length, in a thread: what the field is full of."""

    def sell(port: str) -> list[bytes]:
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(descriptor)
            heard = []
            for said in (b"\x05", REFERENCE_REQUEST, b"\x04", b"\x06", b"\x06"):
                os.write(descriptor, said)
                heard.append(os.read(descriptor, 83))
            return heard
        finally:
            os.close(descriptor)

    async def main() -> None:
        async with serving("pty", tmp_path) as line:
            ack, taken, enq, reply, eot = await asyncio.to_thread(sell, line.address)
            assert (ack, taken, enq, eot) == (b"\x06", b"\x06", b"\x05", b"\x04")
            assert (len(reply), reply[:4]) == (28, b"\x02010")

    asyncio.run(main())


def test_two_tills_share_one_terminal_over_tcp(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving("tcp", tmp_path, delay=0.2) as line:
            one, other = line.terminal(), line.terminal()
            async with asyncio.TaskGroup() as group:
                first = group.create_task(one.perform(operation(), Journal()))
                second = group.create_task(other.perform(operation(), Journal()))
            outcomes = [first.result(), second.result()]
            assert all(isinstance(outcome, Approved | NotStarted) for outcome in outcomes)
            assert money_taken(line.desk) == 1250 * sum(isinstance(outcome, Approved) for outcome in outcomes)
            await one.close()
            await other.close()

    asyncio.run(main())


def test_a_taken_address_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving("tcp", tmp_path) as line:
            port = int(line.address.rpartition(":")[2])
            settings = DOOR.settings.model_validate({"tcp": {"port": port}})
            with pytest.raises(BridgeError, match=f"127.0.0.1:{port}") as caught:
                await DOOR.open(settings, line.desk, Runtime()).serve(lambda: None)
            assert caught.value.code is Code.PORT_TAKEN
        file = tmp_path / "file"
        file.write_text("mine")
        door = DOOR.open(DOOR.settings.model_validate({"pty": str(file)}), VirtualTerminal(), Runtime())
        with pytest.raises(BridgeError, match="file"):
            await door.serve(lambda: None)
        assert file.read_text() == "mine"

    asyncio.run(main())


def test_a_door_that_stops_takes_its_line_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving("pty", tmp_path):
            assert (tmp_path / "terminal").is_symlink()
        assert not (tmp_path / "terminal").exists()
        async with serving("tcp", tmp_path) as line:
            port = int(line.address.rpartition(":")[2])
            _, till = await connect_tcp("127.0.0.1", port, Recorder)
        await till.until_lost()

    asyncio.run(main())
