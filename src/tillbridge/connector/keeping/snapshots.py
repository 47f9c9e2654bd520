"""A copy of a journal as it was at one moment, while a connector goes on writing to it or while none runs.

SQLite's own backup interface reads inside one read transaction on the write-ahead log: such a reader sees one moment,
holds up no writer, and is held up by none, so a running connector need not be asked. What is copied is then looked
through as a whole: a backup of a damaged journal would only be found out on the day when it is needed.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import from_micros
from tillbridge.runtime.sqlite import connect_reading

STEP_PAGES: Final = 512
"""Pages of two megabytes that are copied at a time: an interrupt is noticed between two steps."""

MOST_FAULTS: Final = 3
"""Faults of a file that are named; who has more than that has one mistake with many faces."""


def snapshot(source: Path, target: Path) -> None:
    """Copies the journal at `source`, as it is now, to a new file; a sound one.

    `BridgeError(FOLDER_UNUSABLE)` where it cannot be read or written, or is damaged.
    """
    try:
        with closing(connect_reading(source)) as reading, closing(sqlite3.connect(target)) as writing:
            # The transaction is opened by hand: without it the interface begins anew after each write of another one.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            reading.backup(writing, pages=STEP_PAGES)
            writing.execute("PRAGMA journal_mode = DELETE")
        check_sound(target)
    except sqlite3.Error as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"it cannot be copied: {error}", place=str(source)) from error


def check_sound(path: Path) -> None:
    """`BridgeError(FOLDER_UNUSABLE)` where SQLite finds the file damaged, or a row that points to nothing."""
    try:
        with closing(connect_reading(path)) as connection:
            said = [row[0] for row in connection.execute(f"PRAGMA quick_check({MOST_FAULTS})")]
            lost = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_FAULTS)
    except sqlite3.Error as error:
        said, lost = [str(error)], []
    faults = [text for text in said if text != "ok"] + [f"a row of {row[0]} points to nothing" for row in lost]
    if faults:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"it is damaged: {'; '.join(faults)}", place=str(path))


def version_of(path: Path) -> tuple[int, int]:
    """The step of the schema, and the oldest step whose release can still read it."""
    with closing(connect_reading(path)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        oldest = connection.execute("SELECT max(version) FROM readable_by").fetchone()[0]
    return version, int(oldest)


def newest_at(path: Path) -> datetime | None:
    """When the newest line of the journal was written, by the clock of then; None in an empty one."""
    with closing(connect_reading(path)) as connection:
        row = connection.execute("SELECT at FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else from_micros(int(row[0]))
