"""Where a door waits for its tills: a serial port, a pty or a TCP port."""

from collections.abc import Awaitable, Callable
from functools import partial

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.concert.v2.answering import WIRE
from tillbridge.protocols.concert.v2.settings import DoorSettings
from tillbridge.protocols.listeners import Plug, Ready, wait_on_pty, wait_on_serial, wait_on_tcp

Factory = Callable[[], Plug]

Listener = Callable[[Factory, Ready], Awaitable[None]]
"""Connects a plug from the factory to every till that comes, until cancelled.

Raises `BridgeError(PORT_TAKEN)` if none can ever come.
"""


def listener(settings: DoorSettings) -> Listener:
    """The listener for the line of these settings."""
    if settings.tcp is not None:
        return partial(wait_on_tcp, WIRE, settings.tcp)
    if settings.pty is not None:
        return partial(wait_on_pty, settings.pty)
    if settings.serial is not None:
        return partial(wait_on_serial, settings.serial)
    raise BridgeError(Code.SETTINGS_INVALID, "give exactly one of serial, pty and tcp")
