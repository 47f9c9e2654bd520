"""The door: acts as a terminal with the payment interface for myPOS Smart toward real tills, over any payment desk.

What it answers is in `service.py`, the connections are in `tills.py`. Choices:
protocols/mypos_xml/README.md, section 7.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import Behaviour, Door, DoorMaker, HostControl, PaymentDesk
from tillbridge.protocols.listeners import DoorAddress, plain_refusal
from tillbridge.protocols.mypos_xml.listeners import listener
from tillbridge.protocols.mypos_xml.service import DOOR_NAME, TerminalService
from tillbridge.protocols.mypos_xml.settings import Button, DoorSettings, Second
from tillbridge.protocols.mypos_xml.tills import FromTill
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.streams import stream

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 32
"""Connections at the same time: a terminal serves a handful of tills, and each has one."""

BUTTON_SECONDS: Final = 2.0
"""How long a simulator's operator takes to press the button again."""


class MyposXmlDoor:
    """Tills connect to it; see `contract.Door`."""

    def __init__(self, settings: DoorSettings, service: TerminalService) -> None:
        self._settings = settings
        self._service = service
        self._address = DoorAddress()
        self._connections: dict[FromTill, None] = {}
        self._left_over: list[bytes] = []
        self._button_again = 0.0
        self._group: asyncio.TaskGroup | None = None

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return str(self._address)

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""
        with plain_refusal():
            async with asyncio.TaskGroup() as group:
                self.attend(group)
                try:
                    await listener(self._settings)(self, self._address.told_by(on_ready))
                finally:
                    # Before the group ends: it would refuse to run what a till asks for at that moment.
                    self._group = None
                    for connection in tuple(self._connections):
                        connection.close()

    def attend(self, group: asyncio.TaskGroup) -> None:
        """From now on the work of connections runs in this group."""
        self._group = group

    def connection(self) -> asyncio.Protocol:
        """The protocol of one more till, or of one that is turned away."""
        manner = self._settings.personality
        if len(self._connections) >= MAX_CONNECTIONS and not self._spared():
            log.warning("mypos_too_many_connections", limit=MAX_CONNECTIONS)
            return _Refusal()
        if self._connections and manner.second is Second.IGNORED:
            return _Ignored()
        one_at_a_time = manner.second is Second.REFUSED or manner.button is Button.EACH_TIME
        waits_for_button = asyncio.get_running_loop().time() < self._button_again
        if waits_for_button or (self._connections and one_at_a_time):
            return _Refusal()
        return self._plug(proves=True) or _Refusal()

    def plug(self) -> FromTill:
        """The protocol of the one till on a line of wire, which shows nothing but that it took the bytes."""
        plugged = self._plug(proves=False)
        if plugged is None:
            raise BridgeError(Code.CONNECTOR_STOPPING, "the door is closing")
        return plugged

    def _spared(self) -> bool:
        """Ends the connection that has been quiet for longest, one that never asked for anything first.

        A till may keep its connection for days, so that there is no time after which one is ended; but what asks for
        nothing must not keep out a till that does.
        """
        quiet = [(worth, till) for till in self._connections if (worth := till.quiet) is not None]
        if not quiet:
            return False
        _, spared = min(quiet, key=lambda one: one[0])
        log.info("mypos_quiet_connection_ended", limit=MAX_CONNECTIONS)
        spared.close()
        self._connections.pop(spared, None)
        return True

    def _plug(self, *, proves: bool) -> FromTill | None:
        if self._group is None:
            return None
        spawn = self._group.create_task
        till = FromTill(self._service, self._settings, spawn, self._ended, self._left_over, proves=proves)
        self._connections[till] = None
        return till

    def _ended(self, till: FromTill) -> None:
        self._connections.pop(till, None)
        if self._settings.personality.button is Button.EACH_TIME:
            self._button_again = asyncio.get_running_loop().time() + BUTTON_SECONDS


class _Refusal(asyncio.Protocol):
    """A connection that is ended before anything is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream(transport).abort()


class _Ignored(asyncio.Protocol):
    """A connection on which nothing is ever said."""


class MyposXmlDoorMaker:
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
        """A door that serves this desk."""
        if not isinstance(settings, DoorSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a myPOS XML door")
        return MyposXmlDoor(settings, TerminalService(desk, settings, behaviour))


DOOR: DoorMaker = MyposXmlDoorMaker()
