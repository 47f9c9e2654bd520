"""Where a door waits for its tills: a serial port, a pty or a TCP port."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.concert.v2.settings import DoorSettings, ListenAddress
from tillbridge.transports.allow import warn_of_exposure
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.listening import BoundAddress
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tcp import bound_port, listen_tcp

log = structlog.get_logger(__name__)

FIRST_BACK_OFF: Final = 0.5
LONGEST_BACK_OFF: Final = 10.0
"""Seconds between attempts to reopen a serial port that was pulled out: a till must find its terminal soon."""


class Plug(asyncio.Protocol):
    """The door's end of one connection; `gone` is set once it is lost."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()


Factory = Callable[[], Plug]
Ready = Callable[[str], None]


class Listener(Protocol):
    """Connects a plug from `factory` to every till that comes, until cancelled.

    `ready` is told the address as soon as tills can come. Raises `BridgeError(PORT_TAKEN)` if they never can.
    """

    async def __call__(self, factory: Factory, ready: Ready, /) -> None: ...  # noqa: D102


def listener(settings: DoorSettings) -> Listener:
    """The listener for the line of these settings."""
    if settings.tcp is not None:
        return _on_tcp(settings.tcp)
    if settings.pty is not None:
        return _on_pty(settings.pty)
    if settings.serial is not None:
        return _on_serial(settings.serial)
    raise BridgeError(Code.SETTINGS_INVALID, "give exactly one of serial, pty and tcp")


def _on_tcp(address: ListenAddress) -> Listener:
    async def listen(factory: Factory, ready: Ready) -> None:
        server = await listen_tcp(address.host, address.port, factory, address.allow_from)
        try:
            bound = str(BoundAddress(address.host, bound_port(server)))
            warn_of_exposure("concert-v2", bound, address.host, address.allow_from)
            ready(bound)
            await asyncio.Event().wait()
        finally:
            server.close()

    return listen


def _on_pty(link: Path) -> Listener:
    async def listen(factory: Factory, ready: Ready) -> None:
        while True:
            try:
                line = PtyLine(link)
            except LineUnavailable as error:
                raise BridgeError(Code.PORT_TAKEN, error.detail, place=str(link)) from error
            try:
                _, plug = await line.connect(factory)
                ready(line.port)
                await plug.gone.wait()
            finally:
                line.close()

    return listen


def _on_serial(port: SerialSettings) -> Listener:
    async def listen(factory: Factory, ready: Ready) -> None:
        back_off: float | None = None
        while True:
            try:
                transport, plug = await connect_serial(port, factory)
            except LineUnavailable as error:
                if back_off is None:
                    raise BridgeError(Code.PORT_TAKEN, error.detail, place=port.port) from error
                log.warning("concert_door_port_unavailable", detail=error.detail, next_attempt=back_off)
                await asyncio.sleep(back_off)
                back_off = min(2 * back_off, LONGEST_BACK_OFF)
                continue
            back_off = FIRST_BACK_OFF
            try:
                ready(port.port)
                await plug.gone.wait()
            finally:
                transport.abort()

    return listen
