"""A file that only grows, line by line, each on disk before it counts; a full one is put aside and never deleted."""

import os
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Final

_NEWLINE: Final = b"\n"


class AppendingFile:
    """For use in threads: one line at a time.

    A line that a power cut has left torn is ended before the next one is written, so that only it cannot be read: what
    it was to say is written again as a whole line.
    """

    def __init__(self, path: Path, largest_bytes: int) -> None:
        self._path = path
        self._largest = largest_bytes
        self._writing = threading.Lock()

    def append(self, line: bytes, now: datetime) -> None:
        """Returns once the line is on disk; `OSError` if it is not, and then nothing of it remains where possible."""
        with self._writing:
            new = not self._path.exists()
            if not new and self._path.stat().st_size + len(line) > self._largest:
                self._put_aside(now)
                new = True
            # Unbuffered: what fails is then said by the write itself, and not by whoever closes the file.
            with self._path.open("ab+", buffering=0) as file:
                before = file.seek(0, os.SEEK_END)
                try:
                    _write_whole(file.fileno(), (_ending(file.fileno(), before) + line))
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(before)
                    raise
            if new:
                _flush_folder(self._path.parent)

    def _put_aside(self, now: datetime) -> None:
        """Under a name with the time; a second one within that second gets a number."""
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        number = 1
        while True:
            tail = stamp if number == 1 else f"{stamp}-{number}"
            aside = self._path.with_name(f"{self._path.stem}-{tail}{self._path.suffix}")
            if not aside.exists():
                self._path.rename(aside)
                return
            number += 1


def _ending(descriptor: int, size: int) -> bytes:
    """What ends a torn last line."""
    if size == 0:
        return b""
    os.lseek(descriptor, -1, os.SEEK_END)
    return b"" if os.read(descriptor, 1) == _NEWLINE else _NEWLINE


def _write_whole(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _flush_folder(folder: Path) -> None:
    """So that the new name survives a power cut as well; Windows has no such call and needs none."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
