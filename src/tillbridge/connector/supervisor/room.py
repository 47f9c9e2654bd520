"""The supervisor's own folder in the data folder: its lock, its status, the wish of a till, and crash reports."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import structlog
from filelock import FileLock, Timeout

from tillbridge.connector.supervisor.boot import boot_id
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import LOCK_FILE, OWNER_ONLY_FILE, DataFolder, make
from tillbridge.runtime.durable import read_bounded, write_durably

FOLDER: Final = "supervisor"
STATUS_FILE: Final = "status.json"
WISH_FILE: Final = "stopped-by-wish"
RESTART_FILE: Final = "restart-asked"

LARGEST_FILE: Final = 64 * 1024
"""Bytes of one of these files; each has some lines."""

LOCK_SECONDS: Final = 1.0
"""The scripts of `always-up` touch the lock for an instant to see whether it is free: that is waited for."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What a supervisor is doing. `since` and `last_end_at` are moments in UTC (ISO 8601); `update` a sentence."""

    state: str
    since: str
    supervisor: int
    version: str
    connector: int | None = None
    address: str | None = None
    restarts: int = 0
    last_end: str | None = None
    last_end_at: str | None = None
    update: str | None = None


_STATUS_FIELDS: Final = frozenset(field.name for field in fields(Status))


@dataclass(frozen=True, slots=True)
class Room:
    """`path` is the supervisor's folder."""

    path: Path

    def write_status(self, status: Status) -> None:
        """Replaces the status. A disk that does not take it is logged: nothing depends on this file."""
        try:
            write_durably(self.path / STATUS_FILE, json.dumps(asdict(status), indent=1).encode())
        except BridgeError as error:
            log.warning("status_not_written", cause=str(error))

    def status(self) -> Status | None:
        """What was written last; None where there is nothing that can be read."""
        try:
            found = json.loads(read_bounded(self.path / STATUS_FILE, LARGEST_FILE) or b"null")
            if not isinstance(found, dict):
                return None
            # Another version may say more, and a field that comes to be is given a value for files without it.
            return Status(**{name: value for name, value in found.items() if name in _STATUS_FIELDS})
        except (OSError, ValueError, TypeError):
            return None

    def note_wish(self) -> None:
        """A till has stopped the connector: it stays down until a person starts it, or the computer starts again.

        `BridgeError` if the disk does not take it.
        """
        write_durably(self.path / WISH_FILE, f"{boot_id()}\n".encode())

    def wish_stands(self) -> bool:
        """Whether a till has stopped the connector since the computer was started.

        Where the system does not say which start of the computer this is, the wish stands until a person comes: a
        connector that stays down is seen and started by hand, one that comes back against a wish is not understood.
        """
        try:
            noted = read_bounded(self.path / WISH_FILE, LARGEST_FILE)
        except OSError:
            return False
        return noted is not None and noted.decode("ascii", errors="replace").strip() == boot_id()

    def forget_wish(self) -> None:
        """Somebody starts it: the wish is over."""
        with suppress(FileNotFoundError):
            (self.path / WISH_FILE).unlink()

    def ask_restart(self) -> None:
        """Somebody wants the connector started again when nobody pays. `BridgeError` if the disk does not take it."""
        write_durably(self.path / RESTART_FILE, b"")

    def restart_asked(self) -> bool:
        """Whether somebody does."""
        return (self.path / RESTART_FILE).exists()

    def forget_restart(self) -> None:
        """It is being started. A disk that does not take that starts it once more: no payment is lost by it."""
        with suppress(OSError):
            (self.path / RESTART_FILE).unlink()

    def taken(self) -> bool:
        """Whether a supervisor is at work here."""
        return (self.path / LOCK_FILE).exists() and not _free(self.path / LOCK_FILE)


class SupervisorRuns(BridgeError):
    """Another supervisor is at work on this data folder."""

    def __init__(self, room: Room, data: Path) -> None:
        found = room.status()
        who = "another supervisor" if found is None else f"a supervisor (process {found.supervisor})"
        super().__init__(Code.FOLDER_IN_USE, f"{who} already keeps this connector up", place=str(data))


def room_of(data: Path) -> Room:
    """The supervisor's folder of this data folder, which need not be there."""
    return Room(data / FOLDER)


@contextmanager
def owned_room(data: Path) -> Iterator[Room]:
    """The supervisor's folder, made where it is missing, and this process's alone until the block is left.

    `SupervisorRuns` names the process that has it, `BridgeError(FOLDER_UNUSABLE)` where nobody could.
    """
    room = room_of(data)
    make(data)
    make(room.path)
    lock = FileLock(room.path / LOCK_FILE, mode=OWNER_ONLY_FILE)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise SupervisorRuns(room, data) from None
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"it cannot be locked: {error.strerror}", place=str(room.path)
        ) from None
    try:
        yield room
    finally:
        lock.release()


def connector_holds(data: Path) -> bool:
    """Whether some connector, ours or another one, owns the data folder at this moment."""
    lock = data / LOCK_FILE
    return lock.exists() and not _free(lock)


def holder_of(data: Path) -> int | None:
    """The process that says that it owns the data folder."""
    try:
        address = DataFolder(data).address()
    except BridgeError:
        return None
    return None if address is None else address.pid


def _free(path: Path) -> bool:
    lock = FileLock(path, mode=OWNER_ONLY_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except OSError:
        return True  # nobody can hold a lock that cannot be opened; whoever starts next says what is wrong
    lock.release()
    return True
