"""Opens the vouchers' journal and brings its schema up to date, in numbered steps, each in one transaction."""

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.sqlite import connect_writing

FILE: Final = "vouchers.db"

_STEPS: Final = sorted(
    (step for step in (files(__package__) / "migrations").iterdir() if step.name.endswith(".sql")),
    key=lambda step: step.name,
)
VERSION: Final = len(_STEPS)


def connect(path: Path) -> sqlite3.Connection:
    """The writing connection. What is deleted is overwritten: a PIN that was wiped is not left in a free page."""
    connection = connect_writing(path)
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def migrate(path: Path) -> None:
    """Applies the steps that the file lacks.

    `BridgeError(JOURNAL_TOO_NEW)` if a newer release wrote it; `BridgeError(FOLDER_UNUSABLE)` if it cannot be opened.
    """
    try:
        connection = connect(path)
        try:
            _bring_up_to_date(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the vouchers' journal cannot be opened: {error}", place=str(path)
        ) from error


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise BridgeError(
            Code.JOURNAL_TOO_NEW, f"its version is {found}, this release knows {VERSION}", place=str(path)
        )
    for number, step in enumerate(_STEPS[found:], start=found + 1):
        script = step.read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
