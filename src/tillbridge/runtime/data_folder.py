"""The data folder: one process owns it at a time, and nobody but its user may look into it."""

import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from filelock import FileLock, Timeout

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.swapping import carry_on

LOCK_FILE: Final = "lock"
KEY_FILE: Final = "console-key"
ADDRESS_FILE: Final = "connector.json"

KEY_BYTES: Final = 32
"""256 bits: nobody guesses it, so that it needs no limit of attempts."""

LARGEST_FILE: Final = 4096
"""Bytes of the key's or the address's file; both are a line."""

NEEDED_BYTES: Final = 16 * 1024 * 1024
"""Free space without which nothing starts: SQLite's log grows to a few MiB before it is folded back into the journal,
and a payment that cannot be written down must not begin."""

SCARCE_BYTES: Final = 256 * 1024 * 1024
"""Free space below which the log warns at the start: a year of a busy till is about this much."""

OWNER_ONLY_FOLDER: Final = 0o700
OWNER_ONLY_FILE: Final = 0o600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the running connector of a folder is reached, for the commands that ask it."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The files of a data folder, apart from the journal."""

    path: Path

    def api_key(self) -> str:
        """The key of the native API; made when there is none yet. Only for the process that owns the folder."""
        found = self.known_key()
        if found is not None:
            return found
        key = secrets.token_urlsafe(KEY_BYTES)
        self.write(KEY_FILE, key + "\n")
        return key

    def known_key(self) -> str | None:
        """The key, if there is one already."""
        text = self.read(KEY_FILE)
        return text.strip() or None if text is not None else None

    def announce(self, url: str) -> None:
        """Writes down where this process is reached, once it is."""
        self.write(ADDRESS_FILE, json.dumps({"url": url, "pid": os.getpid()}) + "\n")

    def withdraw(self) -> None:
        """Takes the address back; it is no error if there is none."""
        with suppress(FileNotFoundError):
            (self.path / ADDRESS_FILE).unlink()

    def address(self) -> Address | None:
        """Where the connector of this folder is reached, as far as it has said so."""
        text = self.read(ADDRESS_FILE)
        try:
            match json.loads(text or "null"):
                case {"url": str(url), "pid": int(pid)}:
                    return Address(url, pid)
                case _:
                    return None
        except ValueError:
            return None

    def read(self, name: str, most: int = LARGEST_FILE) -> str | None:
        """At most the first `most` bytes of a file here, as text; None where there is none."""
        path = self.path / name
        try:
            with path.open("rb") as file:
                return file.read(most).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, f"it cannot be read: {error.strerror}") from None

    def write(self, name: str, text: str) -> None:
        """Whole or not at all, and never readable by anybody else, not even for a moment."""
        path = self.path / name
        try:
            # tempfile makes it for its owner alone.
            with tempfile.NamedTemporaryFile("w", dir=self.path, prefix=f".{name}.", delete=False) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError as error:
            raise _unusable(path, f"it cannot be written: {error.strerror}") from None


@contextmanager
def owned(path: Path) -> Iterator[DataFolder]:
    """The folder, made if it is missing, and this process's alone until the block is left.

    Raises `BridgeError`: FOLDER_IN_USE where another process owns it, FOLDER_UNUSABLE where nobody could.
    """
    make(path)
    lock = FileLock(path / LOCK_FILE, mode=OWNER_ONLY_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _in_use(path) from None
    except OSError as error:
        raise _unusable(path, f"it cannot be locked: {error.strerror}") from None
    try:
        folder = DataFolder(path)
        if carry_on(path):
            log.warning("restore_carried_on", folder=str(path))
        _check_room(path)
        folder.withdraw()  # what stands there was left by a process that died
        yield folder
    finally:
        lock.release()


def make(path: Path) -> None:
    """The folder, if it is not there yet, for its owner alone. `BridgeError(FOLDER_UNUSABLE)` if it cannot be used."""
    try:
        path.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
            raise _unusable(path, "everybody may write in this folder: choose one of its own for this user")
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"a folder that cannot be written is found before a payment is")
    except OSError as error:
        raise _unusable(path, f"it cannot be made or written: {error.strerror}") from None


def _in_use(path: Path) -> BridgeError:
    address = DataFolder(path).address()
    by = "another tillbridge process" if address is None else f"a connector (process {address.pid}, {address.url})"
    return BridgeError(Code.FOLDER_IN_USE, f"{by} is using this data folder", place=str(path))


def _check_room(path: Path) -> None:
    free = shutil.disk_usage(path).free
    if free < NEEDED_BYTES:
        raise _unusable(
            path, f"its disk is almost full: {free >> 20} MiB are free, {NEEDED_BYTES >> 20} MiB are needed"
        )
    if free < SCARCE_BYTES:
        log.warning("disk_almost_full", folder=str(path), free_mib=free >> 20)


def _unusable(path: Path, detail: str) -> BridgeError:
    return BridgeError(Code.FOLDER_UNUSABLE, detail, place=str(path))
