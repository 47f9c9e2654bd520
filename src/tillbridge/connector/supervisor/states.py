"""What the supervisor is doing, in one word and in the status file."""

from dataclasses import replace
from enum import StrEnum

from tillbridge.connector.supervisor.endings import Ended
from tillbridge.connector.supervisor.room import Room, Status
from tillbridge.runtime.effects import Runtime


class State(StrEnum):
    """Where it stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    FOLDER_TAKEN = "folder_taken"
    STOPPED_BY_TILL = "stopped_by_till"
    STOPPED = "stopped"


class Board:
    """Keeps the status file true: each change is written, whole, when it comes."""

    def __init__(self, room: Room, runtime: Runtime, version: str, pid: int) -> None:
        self._room = room
        self._runtime = runtime
        self._status = Status(State.STARTING, self._now(), pid, version)
        self._starts = 0

    def show(self, state: State) -> None:
        """Another state, without a connector."""
        self._write(replace(self._status, state=state, since=self._now(), connector=None, address=None))

    def starts(self, version: str, update: str | None) -> None:
        """A connector is being started."""
        restarts, self._starts = self._starts, self._starts + 1
        found = replace(self._status, version=version, update=update or self._status.update, restarts=restarts)
        self._write(replace(found, state=State.STARTING, since=self._now(), connector=None, address=None))

    def runs(self, connector: int) -> None:
        """It is there."""
        self._write(replace(self._status, connector=connector))

    def ready(self, address: str | None) -> None:
        """It takes payments."""
        self._write(replace(self._status, state=State.READY, since=self._now(), address=address))

    def update(self, outcome: str | None) -> None:
        """What became of the last update."""
        self._write(replace(self._status, update=outcome))

    def ended(self, ended: Ended) -> None:
        """It is gone."""
        words = f"{ended.why}: {ended.words}" + (f", {ended.refusal}" if ended.refusal else "")
        self.show(State.WAITING)
        self._write(replace(self._status, last_end=words, last_end_at=self._now()))

    def _write(self, status: Status) -> None:
        self._status = status
        self._room.write_status(status)

    def _now(self) -> str:
        return self._runtime.clock.now().isoformat(timespec="seconds")
