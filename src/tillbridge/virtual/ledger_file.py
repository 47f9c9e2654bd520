"""The file of a virtual terminal's ledger: JSON lines that only ever grow."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from pydantic import ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.virtual.rows import Row

NEWLINE: Final = b"\n"


class LedgerBroken(OSError):
    """The ledger's file took no more rows; nothing of the refused row counts."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a ledger's file, also while a simulator writes to it; a torn last line is no row yet."""
    content = path.read_bytes()
    whole = content[: content.rfind(NEWLINE) + 1]
    return [_row(path, number, line) for number, line in enumerate(whole.splitlines(), start=1)]


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise BridgeError(
            Code.SETTINGS_INVALID, f"not a row of a ledger: {where}: {first['msg']}", place=f"{path}:{number}"
        ) from None


class LedgerFile:
    """A file of JSON lines that only grows. One process writes to it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(f"{path}.lock")
        self._broken = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._descriptor = _open_for_append(path)
        except Timeout:
            raise BridgeError(Code.FOLDER_IN_USE, "another simulator writes to this ledger", place=str(path)) from None
        except OSError as error:
            self._lock.release()
            raise BridgeError(
                Code.FOLDER_UNUSABLE, f"the ledger cannot be opened: {error.strerror}", place=str(path)
            ) from None
        self._size = self._drop_torn_line()

    def rows(self) -> Sequence[Row]:
        """What the file holds."""
        return read_rows(self.path)

    def append(self, row: Row) -> None:
        """Writes one line and flushes it to the disk; on a failure takes it back and raises `LedgerBroken`."""
        if self._broken:
            raise LedgerBroken(f"{self.path} failed before")
        line = row.model_dump_json(exclude_none=True).encode() + NEWLINE
        try:
            _write_whole(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            self._broken = True
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise LedgerBroken(f"{self.path}: {error}") from error
        self._size += len(line)

    def close(self) -> None:
        """Closes the file and gives up the lock."""
        os.close(self._descriptor)
        self._lock.release()

    def _drop_torn_line(self) -> int:
        """A line without its end was never told to anybody: the simulator died while it wrote."""
        content = self.path.read_bytes()
        whole = content.rfind(NEWLINE) + 1
        if whole != len(content):
            os.ftruncate(self._descriptor, whole)
            os.fsync(self._descriptor)
        return whole


def _write_whole(descriptor: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(descriptor, left) :]


def _open_for_append(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    if os.name == "posix":
        # A new file's name is safe only once its folder is flushed too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return descriptor
