"""Serial ports: whether they are there, whether this user may open them, and what bytes say of a wrong parity."""

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from tillbridge.connector.doctor.findings import Finding, Part, Saw, well, wrong
from tillbridge.connector.doctor.scene import Scene
from tillbridge.transports.serial_line import SerialSettings, list_ports

if sys.platform != "win32":
    import grp

USUAL_GROUP: Final = "dialout"
"""The group that has the serial ports on most Linux systems."""

HIGH_BIT: Final = 0x80

FEWEST: Final = 2
"""Bytes with a parity bit that are needed before they prove anything: a single one may be noise."""


def serial_lines(settings: BaseModel) -> Iterator[SerialSettings]:
    """Every serial line that these settings open."""
    if isinstance(settings, SerialSettings):
        yield settings
        return
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from serial_lines(value)


def lines_in_use(scene: Scene) -> list[tuple[str, SerialSettings]]:
    """The serial lines of terminals and doors, with the name of each."""
    if scene.settings is None:
        return []
    both = (*scene.settings.terminals, *scene.settings.doors)
    return [(one.name, line) for one in both for line in serial_lines(one.settings)]


async def look_at_port(name: str, line: SerialSettings) -> Sequence[Finding]:
    """Whether there is such a port, and whether this user may open it. Nothing is opened."""
    if sys.platform == "win32":
        return _listed(name, line)
    else:  # noqa: RET505 - a type checker for Windows skips this branch, but would object to what follows a return
        return _on_posix(name, line)


def _listed(name: str, line: SerialSettings) -> list[Finding]:
    """Windows has no file for a port: it is in the system's list or it is not."""
    there = {port.path.upper(): port.description for port in list_ports()}
    found = there.get(line.port.upper())
    if found is None:
        return [wrong(Part.PORT, Saw.PORT_MISSING, name, port=line.port, ports=_all_ports())]
    return [well(Part.PORT, Saw.PORT_THERE, name, port=line.port, what=found)]


def _on_posix(name: str, line: SerialSettings) -> list[Finding]:
    path = Path(line.port)
    try:
        kind = path.stat()
    except (OSError, ValueError):
        return [wrong(Part.PORT, Saw.PORT_MISSING, name, port=line.port, ports=_all_ports())]
    if not path.is_char_device():
        return [wrong(Part.PORT, Saw.PORT_IS_NONE, name, port=line.port, ports=_all_ports())]
    if not os.access(path, os.R_OK | os.W_OK):
        return [_forbidden(name, line.port, kind.st_gid)]
    what = next((port.description for port in list_ports() if port.path == line.port), "")
    return [well(Part.PORT, Saw.PORT_THERE, name, port=line.port, what=what or line.line)]


def _forbidden(name: str, port: str, gid: int) -> Finding:
    """Says how to get the right: by the group that has the port, or by a new login where the user is in it already."""
    user = getpass.getuser()
    group, members = _group(gid)
    if user in members:
        return wrong(Part.PORT, Saw.PORT_AFTER_LOGIN, name, port=port, group=group, user=user)
    found = wrong(Part.PORT, Saw.PORT_FORBIDDEN, name, port=port, group=group, user=user)
    return Finding(found.part, found.verdict, found.saw, name, found.facts, f"sudo usermod -a -G {group} {user}")


def _group(gid: int) -> tuple[str, Sequence[str]]:
    if sys.platform == "win32":
        return USUAL_GROUP, ()
    else:  # noqa: RET505 - see look_at_port
        try:
            found = grp.getgrgid(gid)
        except KeyError:
            return USUAL_GROUP, ()
        # A port that belongs to root's own group is opened to nobody by it.
        return (USUAL_GROUP, ()) if gid == 0 else (found.gr_name, found.gr_mem)


def _all_ports() -> str:
    try:
        return ", ".join(f"{port.path} ({port.description})" for port in list_ports()) or "-"
    except OSError:
        return "-"


def speaks_7e1(heard: bytes, line: SerialSettings) -> bool:
    """Whether what was heard proves that the other end sends seven bits with even parity, and this one reads eight.

    Concert's characters have seven bits (src/tillbridge/protocols/concert/README.md, section 2). Read with eight, the
    parity stands in the highest one: STX becomes 82, EOT 84, NAK 95, and each byte then has an even number of bits.

    The other way round the bytes prove nothing: a port that is set to 7E1 drops the bit without a word. It shows in
    what the terminal does, which acknowledges ENQ and refuses every frame; see `terminals.refused_frames`.
    """
    if line.parity != "none":
        return False
    marked = sum(1 for byte in heard if byte & HIGH_BIT)
    return marked >= FEWEST and all(byte.bit_count() % 2 == 0 for byte in heard)
