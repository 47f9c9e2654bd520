"""Where a door waits for its tills: a TCP port, a serial port or a pty; and how it tells where that is."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.transports.allow import Networks, warn_of_exposure
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tcp import bound_port, listen_tcp
from tillbridge.web.listening import BoundAddress

log = structlog.get_logger(__name__)

FIRST_BACK_OFF: Final = 0.5
LONGEST_BACK_OFF: Final = 10.0
"""Seconds between attempts to reopen a serial port that was pulled out: a till must find its terminal soon."""


class Plug(asyncio.Protocol):
    """The door's end of one connection; `gone` is set once it is lost."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()


Ready = Callable[[str], None]
"""Told the address as soon as tills can come, and again whenever it may have changed."""


class Listening(Protocol):
    """The settings of a door on TCP."""

    @property
    def host(self) -> str:
        """The address to listen on."""
        ...

    @property
    def port(self) -> int:
        """The port; 0 lets the system choose."""
        ...

    @property
    def allow_from(self) -> Networks:
        """Who may connect besides this computer."""
        ...


async def wait_on_tcp(door: str, where: Listening, factory: Callable[[], asyncio.Protocol], ready: Ready) -> None:
    """Makes a protocol for every till that connects, until cancelled.

    `door` is the name under which the log says that the network reaches it. Raises what `listen_tcp` raises.
    """
    server = await listen_tcp(where.host, where.port, factory, where.allow_from)
    try:
        address = str(BoundAddress(where.host, bound_port(server)))
        warn_of_exposure(door, address, where.host, where.allow_from)
        ready(address)
        await asyncio.Event().wait()
    finally:
        server.close()


async def wait_on_pty(link: Path, factory: Callable[[], Plug], ready: Ready) -> None:
    """Offers a pty under this name, and a new one whenever the last is gone, until cancelled.

    Raises `BridgeError(PORT_TAKEN)` if it cannot be had.
    """
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


async def wait_on_serial(port: SerialSettings, factory: Callable[[], Plug], ready: Ready) -> None:
    """Keeps a serial port open until cancelled.

    One that was had once is opened again, however long that takes. Raises `BridgeError(PORT_TAKEN)` if it cannot be
    had at first.
    """
    back_off: float | None = None
    while True:
        try:
            transport, plug = await connect_serial(port, factory)
        except LineUnavailable as error:
            if back_off is None:
                raise BridgeError(Code.PORT_TAKEN, error.detail, place=port.port) from error
            log.warning("door_port_unavailable", port=port.port, detail=error.detail, next_attempt=back_off)
            await asyncio.sleep(back_off)
            back_off = min(2 * back_off, LONGEST_BACK_OFF)
            continue
        back_off = FIRST_BACK_OFF
        try:
            ready(port.port)
            await plug.gone.wait()
        finally:
            # A port that was pulled out may refuse even this.
            with suppress(OSError):
                transport.abort()


class DoorAddress:
    """Where tills reach a door, as a person would type it."""

    def __init__(self, planned: str = "") -> None:
        self._text = planned

    def __str__(self) -> str:
        return self._text

    def told_by(self, on_ready: Callable[[], None]) -> Ready:
        """What a listener tells its address to; `on_ready` is called for the first one alone."""
        known = False

        def ready(address: str) -> None:
            nonlocal known
            first, known, self._text = not known, True, address
            if first:
                on_ready()

        return ready


@contextmanager
def plain_refusal() -> Iterator[None]:
    """A `BridgeError` that a group of tasks ended with comes out as itself, and not as a group of one."""
    failure: BaseException | None = None
    try:
        yield
    except* BridgeError as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure
