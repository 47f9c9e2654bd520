"""myPOS XML over the loopback, a pty and a socket pair: the real driver, the real door, real sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lines import PATIENCE
from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.mypos import PAY, REFUSING, TWELVE_FIFTY, held, operation
from tests.support.wires import Journal
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, Declined, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols import registry
from tillbridge.protocols.contract import HealthState, Terminal
from tillbridge.protocols.mypos_xml.connection import TillConnection
from tillbridge.protocols.mypos_xml.door import MyposXmlDoor
from tillbridge.protocols.mypos_xml.driver import MyposXmlTerminal
from tillbridge.protocols.mypos_xml.line import Line
from tillbridge.protocols.mypos_xml.opening import manner_of
from tillbridge.protocols.mypos_xml.service import TerminalService
from tillbridge.protocols.mypos_xml.settings import DoorSettings, DriverSettings
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.bluetooth import BluetoothAddress, connect_bluetooth
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.terminal import VirtualTerminal

RESET = struct.pack("ii", 1, 0)


@asynccontextmanager
async def served(desk: VirtualTerminal, **settings: Any) -> AsyncIterator[str]:
    """A door on this desk, by its address."""
    maker = registry.door("mypos-xml")
    asked = maker.settings.model_validate({"port": 0, "currency": "EUR"} | settings)
    door = maker.open(asked, desk, Runtime(), behaviour=ScriptedBehaviour(desk))
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


def _settings(**different: Any) -> DriverSettings:
    given = {"currency": "EUR", "answer_timeout": 5.0, "listen_after_doubt": 0.05, "preauth_enabled": True}
    return DriverSettings.model_validate(given | different)


def _driver(address: str, **different: Any) -> Terminal:
    settings = _settings(host="127.0.0.1", port=_port(address), **different)
    return registry.driver("mypos-xml").connect(settings, Runtime())


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("keep_alive", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_sales_over_the_loopback(keep_alive: bool, kept: bool) -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk, personality={"keep_alive": kept}) as address:
            terminal = _driver(address, keep_alive=keep_alive, probe_by_connecting=True)
            for number in range(3):
                asked = operation(id=f"op-{number}", wire_reference=f"{number:032x}")
                outcome = await terminal.perform(asked, Journal())
                assert isinstance(outcome, Approved)
                assert outcome.amount == TWELVE_FIFTY
            assert (await terminal.health()).state is HealthState.READY
            await terminal.close()
            await _until(lambda: told_to_till(desk) == [True] * 3)
            assert money_taken(desk) == 3 * 1250

    asyncio.run(main())


def test_a_hold_and_its_capture_over_the_loopback() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            terminal = _driver(address)
            hold = await terminal.perform(operation(kind=Kind.AUTHORIZATION), Journal())
            capture = operation(kind=Kind.CAPTURE, id="op-2", parent=held(hold))
            assert isinstance(await terminal.perform(capture, Journal()), Approved)
            await terminal.close()

    asyncio.run(main())


@pytest.mark.parametrize("leaves", ["closes", "resets"])
def test_a_till_that_is_gone_before_the_answer(leaves: str) -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=0.3)
        async with served(desk) as address:
            _, writer = await asyncio.open_connection("127.0.0.1", _port(address))
            writer.write(PAY)
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
                till.sendall(PAY)
                await asyncio.to_thread(till.recv, 60, socket.MSG_PEEK | socket.MSG_WAITALL)
            await _until(lambda: told_to_till(desk) == [False])

    asyncio.run(main())


def test_the_next_sale_does_not_wait_for_a_till_that_keeps_its_connection() -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        async with served(desk) as address:
            tills = []
            for number in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", _port(address))
                tills.append(writer)
                writer.write(PAY)
                async with asyncio.timeout(PATIENCE / 2):
                    assert b"OK" in await reader.readuntil(b"</payresp>\n"), number
            await _until(lambda: told_to_till(desk)[0] is True)
            for writer in tills:
                writer.close()
            await _until(lambda: told_to_till(desk) == [True, True])

    asyncio.run(main())


def test_the_pulled_line_ends_in_doubt() -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=0.3)
        maker = registry.door("mypos-xml")
        behaviour = ScriptedBehaviour(desk)
        asked = maker.settings.model_validate({"port": 0, "currency": "EUR"})
        door = maker.open(asked, desk, Runtime(), behaviour=behaviour)
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
            await terminal.close()
            serving.cancel()

    asyncio.run(main())


def test_nobody_listens_and_the_reason_says_what_to_press() -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        async with served(VirtualTerminal(), port=port, personality={"button": "not_pressed"}) as address:
            terminal = _driver(address, probe_by_connecting=True)
            journal = Journal()
            outcome = await terminal.perform(operation(), journal)
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
            for hint in (str(port), "button", "address", "Wi-Fi"):
                assert hint in outcome.detail
            assert journal.outcomes == [outcome]
            assert (await terminal.health()).state is HealthState.UNREACHABLE
            await terminal.close()

    asyncio.run(main())


def test_a_computer_without_bluetooth_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)

    async def main() -> None:
        settings = _settings(bluetooth={"terminal": "00:11:22:AA:BB:CC"})
        terminal = registry.driver("mypos-xml").connect(settings, Runtime())
        outcome = await terminal.perform(operation(), Journal())
        assert isinstance(outcome, NotStarted)
        assert outcome.reason is NotStartedReason.PORT_UNAVAILABLE
        assert "built without Bluetooth" in outcome.detail
        await terminal.close()
        maker = registry.door("mypos-xml")
        asked = maker.settings.model_validate({"currency": "EUR", "bluetooth": {"channel": 4}})
        with pytest.raises(BridgeError, match="built without Bluetooth"):
            await maker.open(asked, VirtualTerminal(), Runtime()).serve(lambda: None)

    asyncio.run(main())


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        async with served(VirtualTerminal()) as address:
            maker = registry.door("mypos-xml")
            door = maker.open(DoorSettings(port=_port(address), currency="EUR"), VirtualTerminal(), Runtime())
            with pytest.raises(BridgeError) as caught:
                await door.serve(lambda: None)
            assert caught.value.code is Code.PORT_TAKEN
            assert address in str(caught.value)

    asyncio.run(main())


def test_stopping_the_door_ends_its_connections() -> None:
    async def main() -> None:
        desk = VirtualTerminal(delay=30.0)
        async with served(desk) as address:
            reader, writer = await asyncio.open_connection("127.0.0.1", _port(address))
            writer.write(PAY)
            await _until(lambda: desk.current is not None)
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("keep_alive", [False, True])
def test_sales_over_a_pty(tmp_path: Path, kept: bool, keep_alive: bool) -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        link = tmp_path / "mypos"
        async with served(desk, pty=str(link), personality={"keep_alive": kept}) as address:
            assert address == str(link)
            settings = _settings(serial={"port": address}, keep_alive=keep_alive)
            terminal = registry.driver("mypos-xml").connect(settings, Runtime())
            async with asyncio.timeout(PATIENCE):
                for number in range(3):
                    asked = operation(id=f"op-{number}", wire_reference=f"{number:032x}")
                    assert isinstance(await terminal.perform(asked, Journal()), Approved)
            assert told_to_till(desk) == [True] * 3
            await terminal.close()

    asyncio.run(main())


@pytest.mark.parametrize("refusing", [False, True])
def test_a_sale_over_a_socket_pair_as_over_bluetooth(refusing: bool) -> None:
    async def main() -> None:
        desk = VirtualTerminal()
        if refusing:
            desk.script.set(REFUSING)
        door_settings = DoorSettings(currency="EUR")
        door = MyposXmlDoor(door_settings, TerminalService(desk, door_settings))
        settings = _settings(bluetooth={"terminal": "00:11:22:AA:BB:CC"})
        async with asyncio.TaskGroup() as group:
            door.attend(group)

            async def connect(factory: Callable[[], TillConnection]) -> tuple[asyncio.Transport, TillConnection]:
                near, far = socket.socketpair()
                far.setblocking(False)
                await asyncio.get_running_loop().create_connection(door.connection, sock=far)
                address = BluetoothAddress(terminal="00:11:22:AA:BB:CC")
                return await connect_bluetooth(address, factory, dial=lambda *_: near)

            terminal = MyposXmlTerminal(settings, Line(connect, manner_of(settings)))
            outcome = await terminal.perform(operation(), Journal())
            assert isinstance(outcome, Declined if refusing else Approved)
            await terminal.close()
            await _until(lambda: told_to_till(desk) == [True])

    asyncio.run(main())
