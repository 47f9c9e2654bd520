"""The ports that tills and the console use: free, ours, or somebody else's."""

import asyncio
import ipaddress
import sys
from collections.abc import Sequence
from typing import Final

from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, well, wrong
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.reaching import Listening, listening
from tillbridge.domain.errors import BridgeError
from tillbridge.web.listening import bind

CONNECT_SECONDS: Final = 3.0
"""For a connection on this very computer, which takes a millisecond."""

CONSOLE: Final = "console"

EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # looked up here, not listened on
"""Hosts that mean every address of this computer, with the one by which it reaches itself."""


def places(scene: Scene) -> list[tuple[str, Listening | None]]:
    """The console and every door, with where it listens; None for one on another line than TCP."""
    if scene.settings is None:
        return []
    console = scene.settings.console
    doors = [(door.name, listening(door.settings)) for door in scene.settings.doors]
    return [(CONSOLE, Listening(console.host, console.port, login=True)), *doors]


async def look_at_door(scene: Scene, name: str, at: Listening | None) -> Sequence[Finding]:
    """Whether the connector listens there, or could."""
    if at is None:
        return [unknown(Part.DOOR, Saw.DOOR_ON_LINE, name)]
    address = f"{_bracketed(at.host)}:{at.port}"
    found = [await (_ours(name, at, address) if scene.daemon is not None else _free(name, at, address))]
    if at.warning:
        found.append(care(Part.DOOR, Saw.DOOR_EXPOSED, name, address=address, detail=at.warning))
    return found


async def _ours(name: str, at: Listening, address: str) -> Finding:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(EVERYWHERE.get(at.host, at.host), at.port)
    except (OSError, TimeoutError):
        return wrong(Part.DOOR, Saw.DOOR_CLOSED, name, address=address)
    writer.close()
    return well(Part.DOOR, Saw.DOOR_OURS, name, address=address)


async def _free(name: str, at: Listening, address: str) -> Finding:
    try:
        sockets, _ = await bind(at.host, at.port)
    except BridgeError as error:
        taken = wrong(Part.DOOR, Saw.DOOR_TAKEN, name, address=address, detail=error.detail)
        return Finding(taken.part, taken.verdict, taken.saw, name, taken.facts, _who_has(at.port), error.code)
    for one in sockets:
        one.close()
    return well(Part.DOOR, Saw.DOOR_FREE, name, address=address)


def _who_has(port: int) -> str:
    """The command that names the program which has a port."""
    if sys.platform == "win32":
        return f"netstat -ano | findstr :{port}"
    else:  # noqa: RET505 - a type checker for Windows skips this branch, but would object to what follows a return
        return f"sudo ss -ltnp 'sport = :{port}'"


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host  # noqa: PLR2004  # IPv6
    except ValueError:
        return host
