"""Which line a driver's settings mean, and how it is opened."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tillbridge.protocols.concert.v2.settings import TURNAROUND_SECONDS
from tillbridge.protocols.concert.v3.lines import Line, TcpLine, TillConnection
from tillbridge.protocols.concert.v3.serial_lines import SerialLine
from tillbridge.protocols.concert.v3.settings import DriverSettings
from tillbridge.protocols.network import Whereabouts
from tillbridge.transports.serial_line import SerialSettings, connect_serial, is_pty

P = TypeVar("P", bound=asyncio.Protocol)


def line_of(settings: DriverSettings) -> tuple[Line, Whereabouts | None]:
    """The line of these settings, and where it leads to on a network; nothing is opened yet."""
    serial, host = settings.serial, settings.host
    if serial is not None:
        return _over_serial(settings, serial), None
    assert host is not None  # noqa: S101 - the settings have exactly one of both
    where = Whereabouts(host, settings.port)
    return _over_tcp(settings, where), where


def _over_tcp(settings: DriverSettings, where: Whereabouts) -> TcpLine:
    async def connect(factory: Callable[[], TillConnection]) -> tuple[asyncio.Transport, TillConnection]:
        return await where.connect(factory, settings.connect_timeout)

    return TcpLine(connect, settings.quiet_time)


def _over_serial(settings: DriverSettings, serial: SerialSettings) -> SerialLine:
    async def opened(factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        return await connect_serial(serial, factory)

    turnaround = 0.0 if is_pty(serial.port) else TURNAROUND_SECONDS
    return SerialLine(opened, settings.answer_timeout, turnaround)
