"""Finds drivers and doors by entry point, and imports only the one that is asked for.

Built-in and third-party wires come in by the same way: a folder, and one line in its package's metadata.
"""

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Final, cast

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import DoorMaker, Driver

DRIVERS: Final = "tillbridge.drivers"
DOORS: Final = "tillbridge.doors"


def _load(group: str, name: str, place: str) -> object:
    found = _installed(group)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise BridgeError(
            Code.SETTINGS_INVALID, f"there is no {place} named {name!r}; installed are: {known}", place=place
        )
    return found[name].load()


@cache
def _installed(group: str) -> EntryPoints:
    # Looking through every installed package takes milliseconds, and nothing is installed into a running program.
    return entry_points(group=group)


def names(group: str) -> tuple[str, ...]:
    """What is installed of `DRIVERS` or `DOORS`, sorted."""
    return tuple(sorted(_installed(group).names))


def driver(name: str) -> Driver:
    """The driver of this name; `BridgeError(SETTINGS_INVALID)` lists the installed ones if there is none."""
    return cast(Driver, _load(DRIVERS, name, "driver"))


def door(name: str) -> DoorMaker:
    """The door of this name; `BridgeError(SETTINGS_INVALID)` lists the installed ones if there is none."""
    return cast(DoorMaker, _load(DOORS, name, "door"))
