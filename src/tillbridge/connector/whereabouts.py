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
"""Notes that are looked at: what more than a hundred connectors of one user left behind is not worth the time."""

LARGEST_NOTE: Final = 4096
"""Bytes of a path; no system has longer ones."""

log = structlog.get_logger(__name__)


@contextmanager
def noted(folder: Path) -> Iterator[None]:
    """Leaves a note for as long as the block runs."""
    note = _notes() / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    try:
        note.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
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
    with suppress(OSError):
        notes = sorted(_notes().iterdir())[:MOST_NOTES]
        return [folder for note in notes if (folder := _read(note)) is not None]
    return []


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
