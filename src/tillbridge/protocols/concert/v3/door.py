"""The door: acts as a terminal that speaks Concert V3 toward real tills, over any payment desk.

What it answers is in `service.py`, the connections are in `tills.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.concert.v2.listeners import listener
from tillbridge.protocols.concert.v2.settings import DoorSettings as LineSettings
from tillbridge.protocols.concert.v2.settings import turnaround
from tillbridge.protocols.concert.v3.serial_tills import SerialTill
from tillbridge.protocols.concert.v3.service import DOOR_NAME, TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.concert.v3.tills import FromTill
from tillbridge.protocols.contract import Behaviour, Door, DoorMaker, HostControl, PaymentDesk
from tillbridge.protocols.listeners import DoorAddress, Plug, plain_refusal, wait_on_tcp
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.streams import stream
from tillbridge.web.listening import BoundAddress

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 32
"""Connections at the same time: a terminal serves a handful of tills, and each has one."""


class TcpDoor:
    """Tills connect to it; see `contract.Door`."""

    def __init__(self, settings: DoorSettings, service: TerminalService) -> None:
        self._settings = settings
        self._service = service
        self._address = DoorAddress(str(BoundAddress(settings.host, settings.port)))
        self._connections: set[FromTill] = set()

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return str(self._address)

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""
        ready = self._address.told_by(on_ready)
        with plain_refusal():
            async with asyncio.TaskGroup() as group:
                try:
                    await wait_on_tcp(DOOR_NAME, self._settings, lambda: self.connection(group), ready)
                finally:
                    # Before the group ends: it would refuse to run what a till asks for at that moment.
                    for connection in tuple(self._connections):
                        connection.close()

    def connection(self, group: asyncio.TaskGroup) -> asyncio.Protocol:
        """The protocol of one more till; its work runs in this group."""
        if len(self._connections) >= MAX_CONNECTIONS:
            log.warning("concert_v3_too_many_connections", limit=MAX_CONNECTIONS)
            return _Refusal()
        connection = FromTill(self._service, self._settings, group.create_task, self._connections.discard)
        self._connections.add(connection)
        return connection


class SerialDoor:
    """One till on a serial line or a pty; see `contract.Door`."""

    def __init__(self, settings: DoorSettings, service: TerminalService) -> None:
        self._line = LineSettings(serial=settings.serial, pty=settings.pty)
        self._service = service
        self._address = DoorAddress()

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return str(self._address)

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""
        with plain_refusal():
            async with asyncio.TaskGroup() as group:
                till = SerialTill(self._service, turnaround(self._line), group.create_task)
                try:
                    await listener(self._line)(lambda: _Plugged(till), self._address.told_by(on_ready))
                finally:
                    till.stop_clock()
                    till.hang_up()


class _Plugged(Plug):
    """Joins each connection of the line to its one till: what is owed to it outlives a port that was pulled out."""

    def __init__(self, till: SerialTill) -> None:
        super().__init__()
        self._till = till

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._till.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._till.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._till.connection_lost(exc)


class _Refusal(asyncio.Protocol):
    """One connection too many: it is ended before anything is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream(transport).abort()


class ConcertV3DoorMaker:
    """See `contract.DoorMaker`."""

    name = DOOR_NAME
    settings: type[BaseModel] = DoorSettings

    def open(
        self,
        settings: BaseModel,
        desk: PaymentDesk,
        runtime: Runtime,  # noqa: ARG002 - the line needs neither ids nor wall time
        host: HostControl | None = None,  # noqa: ARG002 - nothing on this wire asks about the program
        behaviour: Behaviour | None = None,
    ) -> Door:
        """A door that serves this desk, on TCP or on a serial line."""
        if not isinstance(settings, DoorSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a Concert V3 door")
        service = TerminalService(desk, settings, behaviour)
        if settings.serial is not None or settings.pty is not None:
            return SerialDoor(settings, service)
        return TcpDoor(settings, service)


DOOR: DoorMaker = ConcertV3DoorMaker()
