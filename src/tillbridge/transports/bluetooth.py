"""Bluetooth lines of the serial kind (RFCOMM), through the standard library where it has them.

Linux builds of Python have them if they were made beside BlueZ's headers, Windows has them since 3.9, macOS not at all.
Where they are missing, the operating system can offer a paired terminal as a serial port instead: `serial_line` opens
that. The library looks up no service, so that the channel must be known.
"""

import asyncio
import errno
import re
import shutil
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.tap import tapped

P = TypeVar("P", bound=asyncio.Protocol)

CONNECT_TIMEOUT: Final = 15.0
"""Seconds for a call over the air: the terminal may have to wake up, and Bluetooth pages for several seconds."""

LIST_TIMEOUT: Final = 5.0
"""Seconds for the system to list the paired terminals: it has them in memory."""

HIGHEST_CHANNEL: Final = 30
"""RFCOMM has the channels 1 to 30."""

ANY_ADAPTER: Final = "00:00:00:00:00:00"
BACKLOG: Final = 1

INSTEAD: Final = "pair the terminal in the system's settings and use its serial port, or use TCP"

_ADDRESS: Final = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", re.ASCII | re.IGNORECASE)
_PAIRED: Final = re.compile(r"Device (?P<address>(?:[0-9A-F]{2}:){5}[0-9A-F]{2}) (?P<name>.+)", re.IGNORECASE)

Channel = Annotated[int, Field(ge=1, le=HIGHEST_CHANNEL)]


class BluetoothAddress(BaseModel):
    """A paired terminal, by its address ("00:11:22:AA:BB:CC") or its name, and the channel that it listens on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    terminal: Annotated[str, Field(min_length=1, max_length=248, pattern=r"^[^\x00-\x1f\x7f]+$")]
    channel: Channel = 1


class BluetoothService(BaseModel):
    """The channel that a door listens on; `adapter` is the address of the one Bluetooth radio to use, None any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Channel = 1
    adapter: Annotated[str | None, Field(pattern=r"^(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")] = None


Dial = Callable[[str, int, float], socket.socket]
"""Blocks until a socket is connected to this address and channel, at most so many seconds; OSError if it cannot."""

Lookup = Callable[[str], Awaitable[str]]
"""The address of the paired terminal of this name; `LineUnavailable` if there is not exactly one."""

Listen = Callable[[BluetoothService], socket.socket]
"""A listening socket; OSError if there can be none."""


def rfcomm_socket() -> socket.socket:
    """A Bluetooth socket that is not connected yet; `LineUnavailable` where this computer has none."""
    # The names are missing from some builds, and from the type stubs of some systems: hence not as attributes.
    family, protocol = getattr(socket, "AF_BLUETOOTH", None), getattr(socket, "BTPROTO_RFCOMM", None)
    if family is None or protocol is None:
        raise LineUnavailable(f"this Python was built without Bluetooth: {INSTEAD}")
    try:
        return socket.socket(family, socket.SOCK_STREAM, protocol)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise LineUnavailable(f"this computer has no Bluetooth, or it is switched off: {INSTEAD}") from error
        raise


def dial_rfcomm(address: str, channel: int, seconds: float) -> socket.socket:
    """See `Dial`."""
    line = rfcomm_socket()
    try:
        line.settimeout(seconds)
        line.connect((address, channel))
    except BaseException:
        line.close()
        raise
    return line


def listen_rfcomm(service: BluetoothService) -> socket.socket:
    """See `Listen`."""
    line = rfcomm_socket()
    try:
        line.bind((service.adapter or ANY_ADAPTER, service.channel))
        line.listen(BACKLOG)
    except BaseException:
        line.close()
        raise
    return line


def is_address(text: str) -> bool:
    """Whether this is a Bluetooth address, and not a name."""
    return _ADDRESS.fullmatch(text) is not None


async def connect_bluetooth(
    terminal: BluetoothAddress,
    protocol_factory: Callable[[], P],
    timeout: float = CONNECT_TIMEOUT,  # noqa: ASYNC109 - it ends in a LineUnavailable of ours, not in a TimeoutError
    *,
    dial: Dial = dial_rfcomm,
    lookup: Lookup | None = None,
) -> tuple[asyncio.Transport, P]:
    """A line to a paired terminal.

    The call blocks in a thread of its own, because no event loop of Windows can make it, and the connected socket is
    handed over. Raises `LineUnavailable` naming the cause, at the latest after `timeout` seconds and the time that a
    name takes to look up.
    """
    name = terminal.terminal
    address = name.upper() if is_address(name) else await (lookup or paired_address)(name)
    loop = asyncio.get_running_loop()
    calling = loop.run_in_executor(None, dial, address, terminal.channel, timeout)
    try:
        line = await asyncio.shield(calling)
    except asyncio.CancelledError:
        # The thread cannot be stopped: what it still brings home is put down unused.
        calling.add_done_callback(_hang_up)
        raise
    except OSError as error:
        raise LineUnavailable(_cause(terminal, error)) from error
    try:
        return await tapped(lambda factory: loop.create_connection(factory, sock=line), protocol_factory)
    except BaseException:
        line.close()
        raise


def _hang_up(calling: "asyncio.Future[socket.socket]") -> None:
    if not calling.cancelled() and calling.exception() is None:
        calling.result().close()


async def listen_bluetooth(
    service: BluetoothService, protocol_factory: Callable[[], asyncio.Protocol], *, listen: Listen = listen_rfcomm
) -> asyncio.Server:
    """A server that makes a protocol for each till that connects over Bluetooth.

    No service is announced: the till must be told the channel. Raises `BridgeError(SETTINGS_INVALID)` where this
    computer cannot listen, and `BridgeError(PORT_TAKEN)` where another program has the channel.
    """
    place = f"Bluetooth channel {service.channel}"
    try:
        line = listen(service)
    except LineUnavailable as error:
        raise BridgeError(Code.SETTINGS_INVALID, error.detail, place=place) from error
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        detail = "another program has it" if taken else f"this computer cannot listen there: {error.strerror or error}"
        raise BridgeError(Code.PORT_TAKEN if taken else Code.SETTINGS_INVALID, detail, place=place) from error
    try:
        line.setblocking(False)
        return await asyncio.get_running_loop().create_server(protocol_factory, sock=line, backlog=BACKLOG)
    except BaseException:
        line.close()
        raise


def _cause(terminal: BluetoothAddress, error: OSError) -> str:
    where = f"{terminal.terminal}, channel {terminal.channel},"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer: is the terminal switched on, near, and waiting for a connection?"
    match error.errno:
        case errno.ECONNREFUSED:
            return f"{where} refused the connection: nothing listens on that channel there"
        case errno.EHOSTDOWN | errno.EHOSTUNREACH:
            return f"{where} is not in reach: is the terminal switched on and near?"
        case errno.EACCES | errno.EPERM:
            return f"{where} does not trust this computer: pair them again"
        case _:
            return f"no connection to {where} {error.strerror or error}"


# ---------------------------------------------------------------- names


async def paired_address(name: str) -> str:
    """See `Lookup`: asks BlueZ's own command line, which is there wherever Linux has Bluetooth."""
    program = shutil.which("bluetoothctl")
    if program is None:
        raise LineUnavailable(
            f"this computer cannot look up the Bluetooth name {name!r}: give the terminal's address instead"
        )
    found = sorted(set(_addresses(await _list(program, name), name)))
    if len(found) == 1:
        return found[0]
    if found:
        raise LineUnavailable(f"{len(found)} paired terminals have the name {name!r}: give the address of one of them")
    raise LineUnavailable(f"no paired terminal has the name {name!r}: pair it first, or give its address")


async def _list(program: str, name: str) -> str:
    listing = await asyncio.create_subprocess_exec(
        program,
        "devices",
        "Paired",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LIST_TIMEOUT):
            listed, _ = await listing.communicate()
    except TimeoutError as error:
        raise LineUnavailable(
            f"this computer did not list its paired terminals in time: give the address of {name!r} instead"
        ) from error
    finally:
        if listing.returncode is None:
            with suppress(ProcessLookupError):
                listing.kill()
            await listing.wait()
    return listed.decode(errors="replace")


def _addresses(listed: str, name: str) -> list[str]:
    paired = [found for found in map(_PAIRED.search, listed.splitlines()) if found is not None]
    return [found["address"].upper() for found in paired if found["name"].strip().casefold() == name.strip().casefold()]
