"""Opens the journal's file and brings its schema up to date, in numbered steps, each in one transaction."""

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.sqlite import connect_writing

_STEPS: Final = sorted(
    (step for step in (files(__package__) / "migrations").iterdir() if step.name.endswith(".sql")),
    key=lambda step: step.name,
)
VERSION: Final = len(_STEPS)


def migrate(path: Path) -> None:
    """Applies the steps that the file lacks.

    `BridgeError(JOURNAL_TOO_NEW)` if a newer release wrote it and says that this one cannot read it;
    `BridgeError(FOLDER_UNUSABLE)` if it cannot be opened or is no journal.
    """
    try:
        connection = connect_writing(path)
        try:
            _bring_up_to_date(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"the journal cannot be opened: {error}", place=str(path)) from error


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        oldest = connection.execute("SELECT max(version) FROM readable_by").fetchone()[0]
        if oldest > VERSION:
            raise BridgeError(
                Code.JOURNAL_TOO_NEW, f"its version is {found}, this release knows {VERSION}", place=str(path)
            )
        return
    if found == 0:
        # So that room can be given back bit by bit later on; a file that is empty is written anew in no time.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
    for number, step in enumerate(_STEPS[found:], start=found + 1):
        script = step.read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
