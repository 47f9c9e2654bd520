"""Where a door waits for its tills: a TCP port, a Bluetooth channel, a serial port or a pty.

Facts and choices: protocols/mypos_xml/README.md, section 7.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from tillbridge.protocols.listeners import Plug, Ready, wait_on_pty, wait_on_serial, wait_on_tcp
from tillbridge.protocols.mypos_xml.service import DOOR_NAME
from tillbridge.protocols.mypos_xml.settings import Button, DoorSettings
from tillbridge.transports.bluetooth import BluetoothService, listen_bluetooth
from tillbridge.transports.serial_line import SerialSettings
from tillbridge.web.listening import BoundAddress


class Plugs(Protocol):
    """Makes the door's end of each connection."""

    def connection(self) -> asyncio.Protocol:
        """The protocol of one more till on a line that many may connect to."""
        ...

    def plug(self) -> Plug:
        """The protocol of the one till on a line of wire."""
        ...


Listener = Callable[[Plugs, Ready], Awaitable[None]]
"""Waits for tills until cancelled, and tells `ready` the address as soon as they can come.

Raises `BridgeError` PORT_TAKEN or SETTINGS_INVALID if they never can.
"""


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
    return lambda plugs, ready: wait_on_tcp(DOOR_NAME, settings, plugs.connection, ready)


def _on_pty(link: Path) -> Listener:
    return lambda plugs, ready: wait_on_pty(link, plugs.plug, ready)


def _on_serial(port: SerialSettings) -> Listener:
    return lambda plugs, ready: wait_on_serial(port, plugs.plug, ready)


def _on_nothing(address: str) -> Listener:
    async def listen(_: Plugs, ready: Ready) -> None:
        ready(address)
        await asyncio.Event().wait()

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
