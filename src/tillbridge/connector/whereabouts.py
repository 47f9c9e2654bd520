"""Where this user's connectors keep their data while they run, so that `tillbridge pay 12.50` needs no more words.

Each running connector leaves a note with the path of its data folder in a folder of the user's own. A note is only a
hint: whether the connector runs is told by the lock on its data folder, and without the notes everything still works.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

OWNER_ONLY: Final = 0o700
MOST_NOTES: Final = 100
"""Notes that are kept and looked at, the newest: more connectors of one user do not run on one computer. One that was
killed leaves its note behind."""

LARGEST_NOTE: Final = 4096
"""Bytes of a path; no system has longer ones."""

log = structlog.get_logger(__name__)


@contextmanager
def noted(folder: Path) -> Iterator[None]:
    """Leaves a note for as long as the block runs."""
    note = _notes() / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    try:
        note.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        _tidy()
        note.write_bytes(os.fsencode(folder))
    except OSError as error:
        log.debug("no_note_left", cause=error.strerror)
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink()


def noted_folders() -> list[Path]:
    """The data folders that there are notes of, whether or not their connectors still run."""
    return [folder for note in _newest_first()[:MOST_NOTES] if (folder := _read(note)) is not None]


def _newest_first() -> list[Path]:
    with suppress(OSError):
        return sorted(_notes().iterdir(), key=_age)
    return []


def _age(note: Path) -> float:
    with suppress(OSError):
        return -note.stat().st_mtime
    return 0.0


def _tidy() -> None:
    """Takes away what killed connectors left behind: notes of folders that are gone, and the oldest of too many."""
    for place, note in enumerate(_newest_first()):
        folder = _read(note)
        if place >= MOST_NOTES - 1 or folder is None or not folder.is_dir():
            with suppress(OSError):
                note.unlink()


def _read(note: Path) -> Path | None:
    with suppress(OSError, ValueError):
        with note.open("rb") as file:
            folder = Path(os.fsdecode(file.read(LARGEST_NOTE)))
        return folder if folder.is_absolute() else None
    return None


def _notes() -> Path:
    """A folder that nobody but this user can write to."""
    if sys.platform == "win32":
        base, otherwise = os.environ.get("LOCALAPPDATA"), Path.home()
    else:
        base, otherwise = os.environ.get("XDG_RUNTIME_DIR"), Path.home() / ".cache"
    return (Path(base) if base else otherwise) / "tillbridge" / "running"
