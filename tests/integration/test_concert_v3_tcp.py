"""Concert V3 over the loopback and over a pty: the real driver, the real door, real sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lines import PATIENCE
from tests.support.concert_v3 import TWELVE_FIFTY, money_taken, operation, told_to_till
from tests.support.wires import Journal
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols.concert.v3.door import DOOR
from tillbridge.protocols.concert.v3.driver import DRIVER
from tillbridge.protocols.concert.v3.settings import DoorSettings, DriverSettings
from tillbridge.protocols.contract import HealthState, Recovery, Terminal
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.terminal import VirtualTerminal

SALE = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
ACCEPTED = b"CZ0040320CJ012012345678901AE00210CA00201CB0041250CC003001CD0010CE003978CI0011"
PING = b"CZ0040320CJ012012345678901CA00201CD001I"
RESET = struct.pack("ii", 1, 0)


@asynccontextmanager
async def served(desk: VirtualTerminal, **settings: Any) -> AsyncIterator[str]:
    """A door on this desk, by its address."""
    asked = DoorSettings.model_validate({"port": 0, "reference_is_order": True, "quiet_time": 0.05} | settings)
    door = DOOR.open(asked, desk, Runtime(), behaviour=ScriptedBehaviour(desk))
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(door.serve(ready.set))
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        try:
            yield door.address
        finally:
            serving.cancel()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _driver(address: str, **settings: Any) -> Terminal:
    asked = {"host": "127.0.0.1", "port": _port(address), "quiet_time": 0.05, "answer_timeout": 5.0} | settings
    return DRIVER.connect(DriverSettings.model_validate(asked), Runtime())


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def _till(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", _port(address))


def test_sales_over_the_loopback() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            assert address.startswith("127.0.0.1:")
            terminal = _driver(address)
            for number in range(3):
                outcome = await terminal.perform(
                    operation(id=f"op-{number}", wire_reference=f"{number:032x}"), Journal()
                )
                assert isinstance(outcome, Approved)
                assert outcome.amount == TWELVE_FIFTY
            assert (await terminal.health()).state is HealthState.READY
            assert terminal.capabilities.recovery is Recovery.BY_ID
            await _until(lambda: told_to_till(desk) == [True] * 3)
            assert money_taken(desk) == 3 * 1250
            await terminal.close()

    asyncio.run(main())


def test_a_till_that_reads_until_the_close() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            reader, writer = await _till(address)
            writer.write(SALE)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read()
            assert answer.startswith(ACCEPTED)
            writer.close()
            await _until(lambda: told_to_till(desk) == [True])

    asyncio.run(main())


@pytest.mark.parametrize("leaves", ["closes", "resets"])
def test_a_till_that_is_gone_before_the_answer(leaves: str) -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=0.3)
        async with served(desk) as address:
            _, writer = await _till(address)
            writer.write(SALE)
            await _until(lambda: desk.current is not None)
            if leaves == "resets":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            else:
                writer.close()
            await _until(lambda: told_to_till(desk) == [False])
            assert money_taken(desk) == 1250

    asyncio.run(main())


def test_a_till_that_closes_without_reading_its_answer() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            # A bare socket, which is looked into and not read: its system has the answer and its program has not.
            with socket.create_connection(("127.0.0.1", _port(address))) as till:
                till.settimeout(PATIENCE)
                till.sendall(SALE)
                await _until(lambda: desk.current is not None and not desk.current.running)
                await asyncio.to_thread(till.recv, len(ACCEPTED), socket.MSG_PEEK | socket.MSG_WAITALL)
            await _until(lambda: told_to_till(desk) == [False])

    asyncio.run(main())


def test_the_next_sale_does_not_wait_for_a_till_that_keeps_its_connection() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            first_reader, first = await _till(address)
            first.write(SALE)
            async with asyncio.timeout(PATIENCE):
                await first_reader.read()
            second_reader, second = await _till(address)
            second.write(SALE)
            async with asyncio.timeout(PATIENCE):
                assert (await second_reader.read()).startswith(ACCEPTED)
            assert told_to_till(desk)[0] is True
            first.close()
            second.close()
            await _until(lambda: told_to_till(desk) == [True, True])

    asyncio.run(main())


def test_many_tills_at_once_take_one_payment_at_a_time() -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=0.5)
        async with served(desk) as address:
            answers = []

            async def sell() -> None:
                reader, writer = await _till(address)
                writer.write(SALE)
                answers.append(await reader.read())
                writer.close()

            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(sell())
            assert sorted(b"AE00210" in answer for answer in answers) == [False] * 9 + [True]
            assert money_taken(desk) == 1250

    asyncio.run(main())


def test_the_pulled_line_ends_in_doubt_and_the_status_settles_it() -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=0.3)
        asked = DoorSettings.model_validate({"port": 0, "reference_is_order": True, "quiet_time": 0.05})
        behaviour = ScriptedBehaviour(desk)
        door = DOOR.open(asked, desk, Runtime(), behaviour=behaviour)
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(door.serve(ready.set))
            await ready.wait()
            terminal = _driver(door.address, answer_timeout=1.0)
            selling = group.create_task(terminal.perform(operation(), Journal()))
            await _until(lambda: desk.current is not None)
            behaviour.pull_line()
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            behaviour.plug_line()
            assert isinstance(await terminal.inquire(operation()), Approved)
            await terminal.close()
            serving.cancel()

    asyncio.run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        terminal = _driver(f"127.0.0.1:{port}")
        journal = Journal()
        outcome = await terminal.perform(operation(), journal)
        assert isinstance(outcome, NotStarted)
        assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
        assert str(port) in outcome.detail
        assert journal.outcomes == [outcome]
        assert (await terminal.health()).state is HealthState.UNREACHABLE
        await terminal.close()

    asyncio.run(main())


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        async with served(VirtualTerminal()) as address:
            door = DOOR.open(DoorSettings(port=_port(address)), VirtualTerminal(), Runtime())
            with pytest.raises(BridgeError) as caught:
                await door.serve(lambda: None)
            assert caught.value.code is Code.PORT_TAKEN
            assert address in str(caught.value)

    asyncio.run(main())


def test_stopping_the_door_ends_its_connections() -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=30.0)
        async with served(desk) as address:
            reader, writer = await _till(address)
            writer.write(SALE)
            await _until(lambda: desk.current is not None)
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    asyncio.run(main())


def test_a_sale_over_a_pty(tmp_path: Path) -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        link = tmp_path / "concert-v3"
        async with served(desk, pty=str(link)) as address:
            assert address == str(link)
            settings = DriverSettings.model_validate({"serial": {"port": address}})
            terminal = DRIVER.connect(settings, Runtime())
            async with asyncio.timeout(PATIENCE):
                outcome = await terminal.perform(operation(), Journal())
                assert isinstance(outcome, Approved)
                assert (await terminal.health()).state is HealthState.READY
            await _until(lambda: told_to_till(desk) == [True])
            await terminal.close()

    asyncio.run(main())


def test_a_door_that_stops_while_it_reads_starts_nothing() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk, quiet_time=5.0) as address:
            reader, writer = await _till(address)
            writer.write(SALE)
            # Whoever comes later and closes its half is answered at once: by then the first one's bytes have been read.
            pong, other = await _till(address)
            other.write(PING)
            other.write_eof()
            async with asyncio.timeout(PATIENCE):
                assert b"AE00210" in await pong.read()
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        other.close()
        assert desk.ledger.rows == []
        assert desk.current is None

    asyncio.run(main())
