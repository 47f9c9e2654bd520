"""The terminals: whether each gives a sign of life. Nothing is shown on them, and no money can move."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, wrong
from tillbridge.connector.doctor.journal import took_no_message
from tillbridge.connector.doctor.lines import serial_lines, speaks_7e1
from tillbridge.connector.doctor.scene import NotAnswered, Scene
from tillbridge.connector.portal.checks import Verdict
from tillbridge.connector.settings import Configured
from tillbridge.connector.wiring import set_up_terminals
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.protocols.contract import Health, HealthState
from tillbridge.transports.serial_line import SerialSettings
from tillbridge.transports.tap import Direction, observed

HEALTH_SECONDS: Final = 30.0
"""For a terminal's sign of life: a driver bounds it by itself, this is for a driver that does not."""

MOST_HEARD: Final = 4096
"""Bytes of a sign of life that are looked at for a wrong parity; it has a handful."""

_SAW: Final[Mapping[HealthState, tuple[Verdict, Saw]]] = {
    HealthState.READY: (Verdict.OK, Saw.TERMINAL_READY),
    HealthState.BUSY: (Verdict.OK, Saw.TERMINAL_BUSY),
    HealthState.SILENT: (Verdict.WRONG, Saw.TERMINAL_SILENT),
    HealthState.UNREACHABLE: (Verdict.WRONG, Saw.TERMINAL_UNREACHABLE),
    HealthState.UNKNOWN: (Verdict.UNKNOWN, Saw.TERMINAL_UNASKED),
}


async def look_at_terminal(scene: Scene, configured: Configured) -> Sequence[Finding]:
    """Asks the terminal, where no connector has its line; see `look_at_running` for where one has."""
    heard = bytearray()

    def hear(direction: Direction, passed: bytes) -> None:
        if direction is Direction.RECEIVED:
            heard.extend(passed[: MOST_HEARD - len(heard)])

    with observed(hear):
        terminal = set_up_terminals([configured], scene.runtime)[0].terminal
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                health = await terminal.health()
        except TimeoutError:
            health = Health(HealthState.SILENT, f"nothing for {HEALTH_SECONDS:g} seconds")
        finally:
            await terminal.close()
    line = next(serial_lines(configured.settings), None)
    if line is not None and speaks_7e1(bytes(heard), line):
        return [wrong(Part.TERMINAL, Saw.TERMINAL_SPEAKS_7E1, configured.name, line=line.line)]
    found = [of_health(configured.name, health.state, health.detail)]
    if line is not None and health.state in (HealthState.READY, HealthState.BUSY):
        found += await refused_frames(scene, configured.name, line)
    return found


async def look_at_running(scene: Scene) -> Sequence[Finding]:
    """What the running connector knows of its terminals: their lines are its own, so that it is asked."""
    if scene.daemon is None or scene.settings is None:
        return []
    try:
        said: Any = await scene.daemon.get("v1/terminals")
        told = {str(one["name"]): one for one in said["terminals"]}
    except (NotAnswered, KeyError, TypeError) as error:
        return [unknown(Part.TERMINAL, Saw.LOOK_FAILED, detail=str(error))]
    found: list[Finding] = []
    for configured in scene.settings.terminals:
        one = told.get(configured.name)
        if one is None:
            found.append(unknown(Part.TERMINAL, Saw.TERMINAL_UNASKED, configured.name, detail=""))
            continue
        found += _of_running(configured.name, one)
        line = next(serial_lines(configured.settings), None)
        if line is not None and found[-1].verdict is Verdict.OK:
            found += await refused_frames(scene, configured.name, line)
    return found


def _of_running(name: str, said: Mapping[str, Any]) -> Iterator[Finding]:
    health = said.get("health") or {}
    state = health.get("state")
    known = HealthState(state) if state in frozenset(HealthState) else HealthState.UNKNOWN
    if said.get("state") == "locked":
        yield care(Part.TERMINAL, Saw.TERMINAL_LOCKED, name, payment=str((said.get("occupied_by") or {}).get("id", "")))
    yield of_health(name, known, str(health.get("detail", "")))


def of_health(name: str, state: HealthState, detail: str) -> Finding:
    """What there is to say of a sign of life."""
    verdict, saw = _SAW[state]
    return Finding(Part.TERMINAL, verdict, saw, name, {"detail": detail})


async def refused_frames(scene: Scene, name: str, line: SerialSettings) -> list[Finding]:
    """Whether the terminal answers and yet took no message of the newest operation: so does one of another parity.

    The journal knows it; finding it out anew would show an amount to a customer.
    """
    path = None if scene.folder is None else scene.folder / JOURNAL_FILE
    if path is None or not path.is_file():
        return []
    try:
        refused = await asyncio.to_thread(took_no_message, path, name)
    except sqlite3.Error:
        return []  # said by the look at the journal itself
    if not refused:
        return []
    # A suspicion and no more: the next message that the terminal takes makes it go away.
    saw = Saw.TERMINAL_REFUSED_FRAMES if line.parity == "none" else Saw.TERMINAL_SPEAKS_8N1
    return [care(Part.TERMINAL, saw, name, line=line.line)]
