"""Where tills find a paced line to a simulator's door: a pty or a TCP port in front of the door's own."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Clock
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.pty_line import PtyLine
from tillbridge.transports.serial_line import SerialSettings, connect_serial
from tillbridge.transports.tcp import bound_port, connect_tcp, listen_tcp
from tillbridge.virtual.paced import End, join
from tillbridge.web.listening import BoundAddress

REOPEN_SECONDS: Final = 0.05
"""Between two looks for the door's own pty, which is a new one after each line that it dropped."""

_log = structlog.get_logger(__name__)

Ready = Callable[[str], None]


async def relay_pty(link: Path, door: Path, baud_rate: int, clock: Clock, on_ready: Ready) -> None:
    """Offers the pty of a door under `link`, at this pace, until cancelled; `on_ready` is told each pty's name.

    When the door drops the line, so does this, and offers a new one. Raises `BridgeError(PORT_TAKEN)` when there can
    be no pty of that name.
    """
    while True:
        to_door = End()
        await _plug_in(door, to_door)
        try:
            line = PtyLine(link)
        except LineUnavailable as error:
            raise BridgeError(Code.PORT_TAKEN, error.detail, place=str(link)) from error
        to_till = End()
        try:
            await line.connect(to_till.itself)
            join(to_till, to_door, baud_rate, clock)
            on_ready(line.port)
            await to_till.lost.wait()
            await to_door.lost.wait()
        finally:
            to_door.hang_up(broken=True)
            line.close()


async def _plug_in(door: Path, end: End) -> None:
    while True:
        try:
            await connect_serial(SerialSettings(port=str(door)), end.itself)
        except LineUnavailable:
            await asyncio.sleep(REOPEN_SECONDS)
        else:
            return


async def relay_tcp(
    listen: tuple[str, int], door: tuple[str, int], baud_rate: int, clock: Clock, on_ready: Ready
) -> None:
    """Offers the TCP port of a door at another address, at this pace, until cancelled; both are host and port.

    `on_ready` is told the address. Raises `BridgeError(PORT_TAKEN)` when nobody can listen there.
    """
    async with asyncio.TaskGroup() as group:

        def till() -> End:
            end = End()
            group.create_task(_reach_door(end, door, baud_rate, clock))
            return end

        server = await listen_tcp(*listen, till)
        try:
            on_ready(str(BoundAddress(listen[0], bound_port(server))))
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()


async def _reach_door(to_till: End, door: tuple[str, int], baud_rate: int, clock: Clock) -> None:
    to_door = End()
    try:
        await connect_tcp(*door, to_door.itself)
        join(to_till, to_door, baud_rate, clock)
        await to_till.lost.wait()
        await to_door.lost.wait()
    except LineUnavailable as error:
        _log.warning("paced_line_without_door", detail=error.detail)
    finally:
        to_till.hang_up(broken=True)
        to_door.hang_up(broken=True)
