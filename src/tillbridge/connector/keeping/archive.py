"""The files that old payments are put away in: one for each year, JSON lines, compressed, readable with `zcat`.

They are plain because the journal is: no secret and no whole card number is in it. How many bytes of a file count
stands in the journal and is committed together with the deletion: what a power cut leaves behind them is overwritten,
so that every payment is in the journal or in a file, and in none of them twice.
"""

import gzip
import io
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.sqlite import connect_reading

FOLDER: Final = "archive"
MOST_FILES_OF_A_YEAR: Final = 100
"""A new one is begun where the last is not what the journal knows of it: after somebody put another in its place."""

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Characters of one payment with its history: a thousand events are far less."""


def known_files(journal: Path) -> dict[str, int]:
    """The files that a journal knows, each with the bytes of it that count."""
    with closing(connect_reading(journal)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'archive_file'").fetchone() is None:
            return {}
        return dict(sizes(connection))


def sizes(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """The same over a connection."""
    for name, size in connection.execute("SELECT name, bytes FROM archive_file ORDER BY name").fetchall():
        yield str(name), int(size)


def file_for(folder: Path, year: int, known: Mapping[str, int]) -> str:
    """The newest file of the year that is as the journal knows it, else a name that nothing has.

    A name that the journal does not know must be committed, with no bytes, before anything is written under it.
    """
    for number in range(1, MOST_FILES_OF_A_YEAR):
        name = f"journal-{year}.jsonl.gz" if number == 1 else f"journal-{year}-{number}.jsonl.gz"
        path = folder / FOLDER / name
        there = path.stat().st_size if path.exists() else 0
        if (name in known and there >= known[name]) or (name not in known and not path.exists()):
            return name
    raise OSError(f"{MOST_FILES_OF_A_YEAR} files of {year} are not as the journal knows them")


def append(folder: Path, name: str, size: int, payments: Iterable[Mapping[str, Any]]) -> int:
    """Writes payments behind the first `size` bytes of a file; gives the bytes that it has then, all on the disk.

    `OSError` where the disk does not take it.
    """
    home = folder / FOLDER
    home.mkdir(mode=0o700, exist_ok=True)
    lines = "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in payments)
    handle = os.open(home / name, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "r+b") as file:
        file.seek(size)
        # One member after the other is a whole file to every program that reads gzip.
        file.write(gzip.compress(lines.encode(), mtime=0))
        grown = file.tell()
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if size == 0:
        _flush(home)
    return grown


def read_archive(path: Path, size: int) -> Iterator[dict[str, Any]]:
    """The payments in a file, of which `size` bytes count. `BridgeError(FILE_UNREADABLE)` where it is damaged."""
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=_Beginning(file, size)) as lines:
            while line := lines.readline(LONGEST_LINE):
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise BridgeError(Code.FILE_UNREADABLE, f"it is damaged: {type(error).__name__}", place=str(path)) from None


class _Beginning(io.RawIOBase):
    """The first bytes of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        return found


def _flush(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
