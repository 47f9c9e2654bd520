"""Where a door waits for its tills: a TCP port, a Bluetooth channel, a serial port or a pty.

Facts and choices: protocols/mypos_xml/README.md, section 7.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.mypos_xml.service import DOOR_NAME
from tillbridge.protocols.mypos_xml.settings import Button, DoorSettings
from tillbridge.protocols.mypos_xml.tills import FromTill
from tillbridge.transports.allow import warn_of_exposure
from tillbridge.transports.bluetooth import BluetoothService, listen_bluetooth
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.listening import BoundAddress
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tcp import bound_port, listen_tcp

log = structlog.get_logger(__name__)

FIRST_BACK_OFF: Final = 0.5
LONGEST_BACK_OFF: Final = 10.0
"""Seconds between attempts to reopen a serial port that was pulled out: a till must find its terminal soon."""

Ready = Callable[[str], None]


class Plugs(Protocol):
    """Makes the door's end of each connection."""

    def connection(self) -> asyncio.Protocol:
        """The protocol of one more till on a line that many may connect to."""
        ...

    def plug(self) -> FromTill:
        """The protocol of the one till on a line of wire."""
        ...


class Listener(Protocol):
    """Waits for tills until cancelled, and tells `ready` the address as soon as they can come.

    Raises `BridgeError` PORT_TAKEN or SETTINGS_INVALID if they never can.
    """

    async def __call__(self, plugs: Plugs, ready: Ready, /) -> None: ...  # noqa: D102


def listener(settings: DoorSettings) -> Listener:
    """The listener for the line of these settings."""
    if settings.personality.button is Button.NOT_PRESSED:
        return _on_nothing(str(BoundAddress(settings.host, settings.port)))
    if settings.pty is not None:
        return _on_pty(settings.pty)
    if settings.serial is not None:
        return _on_serial(settings.serial)
    if settings.bluetooth is not None:
        return _on_bluetooth(settings.bluetooth)
    return _on_tcp(settings)


def _on_nothing(address: str) -> Listener:
    async def listen(_: Plugs, ready: Ready) -> None:
        ready(address)
        await asyncio.Event().wait()

    return listen


def _on_tcp(settings: DoorSettings) -> Listener:
    async def listen(plugs: Plugs, ready: Ready) -> None:
        server = await listen_tcp(settings.host, settings.port, plugs.connection, settings.allow_from)
        try:
            address = str(BoundAddress(settings.host, bound_port(server)))
            warn_of_exposure(DOOR_NAME, address, settings.host, settings.allow_from)
            ready(address)
            await asyncio.Event().wait()
        finally:
            server.close()

    return listen


def _on_bluetooth(service: BluetoothService) -> Listener:
    async def listen(plugs: Plugs, ready: Ready) -> None:
        server = await listen_bluetooth(service, plugs.connection)
        try:
            ready(f"Bluetooth channel {service.channel}")
            await asyncio.Event().wait()
        finally:
            server.close()

    return listen


def _on_pty(link: Path) -> Listener:
    async def listen(plugs: Plugs, ready: Ready) -> None:
        while True:
            try:
                line = PtyLine(link)
            except LineUnavailable as error:
                raise BridgeError(Code.PORT_TAKEN, error.detail, place=str(link)) from error
            try:
                _, till = await line.connect(plugs.plug)
                ready(line.port)
                await till.gone.wait()
            finally:
                line.close()

    return listen


def _on_serial(port: SerialSettings) -> Listener:
    async def listen(plugs: Plugs, ready: Ready) -> None:
        back_off: float | None = None
        while True:
            try:
                transport, till = await connect_serial(port, plugs.plug)
            except LineUnavailable as error:
                if back_off is None:
                    raise BridgeError(Code.PORT_TAKEN, error.detail, place=port.port) from error
                log.warning("mypos_door_port_unavailable", detail=error.detail, next_attempt=back_off)
                await asyncio.sleep(back_off)
                back_off = min(2 * back_off, LONGEST_BACK_OFF)
                continue
            back_off = FIRST_BACK_OFF
            try:
                ready(port.port)
                await till.gone.wait()
            finally:
                with suppress(OSError):
                    transport.abort()

    return listen
