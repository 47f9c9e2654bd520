"""Which version runs, what became of the last update, and who keeps the connector up."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tillbridge
from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, well
from tillbridge.connector.doctor.scene import NotAnswered, Scene
from tillbridge.connector.supervisor.room import room_of
from tillbridge.connector.updates.layout import packaged
from tillbridge.connector.updates.state import read_state


async def look_at_version(scene: Scene) -> Sequence[Finding]:
    """The version of this program, of the connector that runs, and the one that is chosen for the next start."""
    found: list[Finding] = [await _version(scene)]
    layout = packaged(Path(sys.executable))
    if layout is None:
        return found
    chosen = layout.current()
    if chosen is not None and chosen != tillbridge.__version__:
        found.append(care(Part.VERSION, Saw.VERSION_CHOSEN_OTHER, chosen=chosen, program=tillbridge.__version__))
    state = read_state(layout.updates)
    if state.prepared is not None and state.prepared != chosen:
        found.append(unknown(Part.VERSION, Saw.UPDATE_UNDER_WAY, version=state.prepared))
    for version, why in list(state.refused.items())[-1:]:
        found.append(care(Part.VERSION, Saw.UPDATE_REFUSED, version=version, detail=why))
    return found


async def _version(scene: Scene) -> Finding:
    ours = tillbridge.__version__
    if scene.daemon is None:
        return well(Part.VERSION, Saw.VERSION_RUNS, version=ours)
    try:
        said: Any = await scene.daemon.get("healthz")
    except NotAnswered:
        return well(Part.VERSION, Saw.VERSION_RUNS, version=ours)  # that it is deaf is said with the data folder
    theirs = str(said.get("version", "")) if isinstance(said, dict) else ""
    if theirs and theirs != ours:
        return care(Part.VERSION, Saw.VERSION_DIFFERS, running=theirs, program=ours)
    return well(Part.VERSION, Saw.VERSION_RUNS, version=ours)


async def look_at_supervisor(scene: Scene) -> Sequence[Finding]:
    """Whether somebody starts the connector again when it ends."""
    return [] if scene.folder is None else list(_supervisor(scene.folder))


def _supervisor(folder: Path) -> Iterator[Finding]:
    room = room_of(folder)
    status = room.status()
    if not room.taken():
        yield unknown(Part.SUPERVISOR, Saw.SUPERVISOR_NONE)
        return
    if status is None:
        yield well(Part.SUPERVISOR, Saw.SUPERVISOR_WATCHES, pid="?", restarts="?")
        return
    yield well(Part.SUPERVISOR, Saw.SUPERVISOR_WATCHES, pid=str(status.supervisor), restarts=str(status.restarts))
    if status.last_end:
        yield care(Part.SUPERVISOR, Saw.SUPERVISOR_SAYS, detail=status.last_end, moment=status.last_end_at or "")
