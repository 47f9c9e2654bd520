"""Which line a driver's settings mean, and how it is opened."""

import asyncio
from collections.abc import Callable
from typing import Final

from tillbridge.domain.outcome import NotStartedReason
from tillbridge.protocols.mypos_xml.connection import TillConnection
from tillbridge.protocols.mypos_xml.line import Connect, Line, Manner
from tillbridge.protocols.mypos_xml.settings import DriverSettings
from tillbridge.protocols.network import Whereabouts
from tillbridge.transports.bluetooth import CONNECT_TIMEOUT as BLUETOOTH_SECONDS
from tillbridge.transports.bluetooth import BluetoothAddress, connect_bluetooth
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tap import tapped
from tillbridge.transports.tcp import CONNECT_TIMEOUT as TCP_SECONDS

Opened = tuple[asyncio.Transport, TillConnection]
Factory = Callable[[], TillConnection]

USUAL_CAUSES: Final = (
    "usually the button for this connection was not pressed in the terminal's payment interface, its address has "
    "changed, or its Wi-Fi sleeps"
)
"""What a shop can do about a terminal that takes no connection (protocols/mypos_xml/README.md, section 6)."""

USUAL_CAUSES_NEARBY: Final = "usually the button for Bluetooth was not pressed in the terminal's payment interface"


def line_of(settings: DriverSettings) -> tuple[Line, Whereabouts | None]:
    """The line of these settings, and where it leads to on a network; nothing is opened yet."""
    where = None if settings.host is None else Whereabouts(settings.host, settings.port)
    return Line(_connector(settings, where), manner_of(settings)), where


def manner_of(settings: DriverSettings) -> Manner:
    """How these settings use a line."""
    on_network = settings.host is not None
    return Manner(
        keep_alive=settings.keep_alive,
        half_close=settings.half_close,
        answer_timeout=settings.answer_timeout,
        listen_before=settings.listen_before,
        listen_after_doubt=settings.listen_after_doubt,
        missing=NotStartedReason.NETWORK_UNAVAILABLE if on_network else NotStartedReason.PORT_UNAVAILABLE,
    )


def _connector(settings: DriverSettings, where: Whereabouts | None) -> Connect:
    if settings.bluetooth is not None:
        return _over_bluetooth(settings.bluetooth, settings.connect_timeout or BLUETOOTH_SECONDS)
    if settings.serial is not None:
        return _over_serial(settings.serial)
    assert where is not None  # noqa: S101 - the settings have exactly one of the three
    return _over_tcp(where, settings.connect_timeout or TCP_SECONDS)


def _over_tcp(where: Whereabouts, seconds: float) -> Connect:
    async def connect(factory: Factory) -> Opened:
        try:
            return await where.connect(factory, seconds)
        except LineUnavailable as error:
            raise LineUnavailable(f"{error.detail}; {USUAL_CAUSES}") from error

    return connect


def _over_bluetooth(terminal: BluetoothAddress, seconds: float) -> Connect:
    async def connect(factory: Factory) -> Opened:
        try:
            return await tapped(lambda made: connect_bluetooth(terminal, made, seconds), factory)
        except LineUnavailable as error:
            raise LineUnavailable(f"{error.detail}; {USUAL_CAUSES_NEARBY}") from error

    return connect


def _over_serial(port: SerialSettings) -> Connect:
    async def connect(factory: Factory) -> Opened:
        return await connect_serial(port, factory)

    return connect
