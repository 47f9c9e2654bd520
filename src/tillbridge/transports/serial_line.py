"""Serial lines: a real port, a USB port or a pty, fully raw, one attempt to open, nobody else on it meanwhile.

Both protocols with their pitfalls stand in protocols/concert/README.md (line parameters, pty).
"""

import asyncio
import errno
import logging
import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import serialx
from pydantic import AfterValidator, BaseModel, ConfigDict

from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.tap import tapped

if sys.platform != "win32":
    import fcntl
    import grp
    import termios

P = TypeVar("P", bound=asyncio.Protocol)

OPEN_TIMEOUT: Final = 15.0
"""Seconds for the system to open a port. A wired one takes milliseconds; a Bluetooth one first calls the terminal."""

LONGEST_PORT: Final = 255
"""Characters of a port's name: no system has longer ones, and an error text quotes it."""

_LINUX_PTY_MAJORS: Final = range(136, 144) if sys.platform == "linux" else range(0)
"""The device numbers that Linux gives to the slave sides of its ptys."""

_OTHER_PTYS: Final = re.compile(r"/dev/(ttys[0-9]+|pts/[0-9]+)")
"""Where macOS and the BSDs keep theirs."""

_WINDOWS_ABSENT: Final = {2, 3}
_WINDOWS_BUSY: Final = {5, 32}
"""Windows error numbers: file or path not found; access denied (which is what an occupied COM port gives), in use."""

# The library writes every byte of the wire to its debug log, and those bytes carry card numbers (law 7).
logging.getLogger("serialx").setLevel(logging.INFO)


def _a_plain_port(port: str) -> str:
    if not port or len(port) > LONGEST_PORT or "\0" in port:
        raise ValueError("a port is a path such as /dev/ttyUSB0, or a name such as COM3")
    if "://" in port:
        raise ValueError("a port is a path such as /dev/ttyUSB0 or a name such as COM3, not an address with ://")
    return port


class SerialSettings(BaseModel):
    """Which port, and how its bits are sent. Flow control is always off: a checksum may take any value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Annotated[str, AfterValidator(_a_plain_port)]
    baud_rate: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1

    @property
    def line(self) -> str:
        """The usual short form: "9600 8N1"."""
        return f"{self.baud_rate} {self.data_bits}{self.parity[0].upper()}{self.stop_bits}"


@dataclass(frozen=True, slots=True)
class PortDescription:
    """A serial port of this computer: what to write into the settings, and what is plugged in there."""

    path: str
    description: str


class _LineTransport(serialx.SerialTransport):
    """The library's transport, with asyncio's rule that writing to a line that is going down is no error."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.is_closing():
            super().write(data)


async def connect_serial(settings: SerialSettings, protocol_factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Opens the port once and connects a protocol to it. What the port had received before is thrown away.

    Raises `LineUnavailable` with the cause in plain words when the port is missing, not permitted, busy, or does not
    take the settings.
    """
    line = _as_opened(settings)
    opened: list[serialx.BaseSerialTransport] = []

    async def connect(factory: Callable[[], asyncio.Protocol]) -> tuple[asyncio.Transport, asyncio.Protocol]:
        heard = factory()
        transport, _ = await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: heard,
            line.port,
            line.baud_rate,
            parity=_PARITY[line.parity],
            stopbits=serialx.StopBits(line.stop_bits),
            byte_size=line.data_bits,
            transport_cls=_LineTransport,
        )
        opened.append(transport)
        return transport, heard

    try:
        async with asyncio.timeout(OPEN_TIMEOUT):
            transport, protocol = await tapped(connect, protocol_factory)
    except TimeoutError as error:
        raise LineUnavailable(f"{settings.port} could not be opened within {OPEN_TIMEOUT:g} seconds") from error
    except (OSError, ValueError, serialx.SerialException) as error:
        raise LineUnavailable(_cause(settings, error)) from error
    _keep_others_out(settings.port, opened[0])
    return transport, protocol


_PARITY: Final = {"none": serialx.Parity.NONE, "even": serialx.Parity.EVEN, "odd": serialx.Parity.ODD}


def _as_opened(settings: SerialSettings) -> SerialSettings:
    """What is asked of the port. A pty carries whole bytes and no bits.

    It keeps eight bits without parity whatever it is told, and refuses to be told otherwise a second time, which
    would be the first reconnection (protocols/concert/README.md, pty).
    """
    if is_pty(settings.port):
        return settings.model_copy(update={"data_bits": 8, "parity": "none", "stop_bits": 1})
    return settings


def is_pty(port: str) -> bool:
    """Whether a port is a pty: then no hardware turns the line around, and nobody needs a pause for it."""
    if sys.platform == "win32":
        return False
    else:  # noqa: RET505 - a type checker for Windows skips this branch, but would object to what follows a return
        path = Path(port)
        try:
            found = path.stat()
        except (OSError, ValueError):
            return False
        if not stat.S_ISCHR(found.st_mode):
            return False
        if os.major(found.st_rdev) in _LINUX_PTY_MAJORS:
            return True
        return _OTHER_PTYS.fullmatch(str(path.resolve())) is not None


def list_ports() -> list[PortDescription]:
    """The serial ports of this computer, by name; ptys are not among them."""
    found = serialx.list_serial_ports()
    return sorted((PortDescription(port.device, _describe(port)) for port in found), key=lambda one: one.path)


def _describe(port: serialx.SerialPortInfo) -> str:
    words = (port.manufacturer, port.product, port.interface_description)
    return " ".join(dict.fromkeys(word for word in words if word)) or "serial port"


def _keep_others_out(port: str, transport: serialx.BaseSerialTransport) -> None:
    # The library's lock only binds programs that ask for it. A pty would keep this stronger one for as long as its
    # other side lives, also after our end, so that nobody could open it again.
    if sys.platform != "win32" and not is_pty(port):
        descriptor: Any = transport.serial
        try:
            fcntl.ioctl(descriptor.fileno(), termios.TIOCEXCL)
        except OSError:
            logging.getLogger(__name__).debug("this port cannot be locked against other programs")


def _cause(settings: SerialSettings, error: Exception) -> str:
    port = settings.port
    number = getattr(error, "winerror", None) or getattr(error, "errno", None)
    if sys.platform == "win32" and number in _WINDOWS_BUSY:
        return f"{port} is busy: another program has it open"
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or (sys.platform == "win32" and number in _WINDOWS_ABSENT):
        return f"there is no port {port}; {_ports_there_are()}"
    if number in (errno.EACCES, errno.EPERM):
        return f"this user may not open {port}{_permission_hint(port)}"
    if number in (errno.EBUSY, errno.EAGAIN):
        return (
            f"{port} is busy: another program has it open (on Linux also ModemManager, for a moment after plugging in)"
        )
    if number in (errno.ENOTTY, errno.EISDIR):
        return f"{port} is not a serial port; {_ports_there_are()}"
    if number == errno.EINVAL or isinstance(error, ValueError | serialx.UnsupportedSetting):
        return f"{port} does not take the line settings {settings.line}"
    return f"{port} could not be opened: {getattr(error, 'strerror', None) or error}"


def _ports_there_are() -> str:
    try:
        paths = [port.path for port in list_ports()]
    except (OSError, serialx.SerialException):
        paths = []
    return f"this computer has {', '.join(paths)}" if paths else "this computer has no serial port: is it plugged in?"


def _permission_hint(port: str) -> str:
    if sys.platform == "linux":
        try:
            group = grp.getgrgid(Path(port).stat().st_gid).gr_name
        except (OSError, KeyError):
            group = "dialout"
        return f": add the user to the group {group} (sudo usermod -aG {group} NAME), then log in again"
    else:  # noqa: RET505 - see is_pty
        return ""
