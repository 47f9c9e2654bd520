"""A journal with a history: rows as years of payments would have left them, written in bulk.

The rows go in by the columns of the journal's own schema, which is made by its own migration first. They are of one
terminal and of the door and caller that the benchmark pays through, so that every index holds them where a new payment
looks.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final

from tillbridge.engine.journal import schema
from tillbridge.engine.opening import JOURNAL_FILE

FIRST_MOMENT: Final = 1_700_000_000_000_000
"""Microseconds since 1970 of the oldest payment: November 2023."""

BETWEEN: Final = 60_000_000
"""Microseconds from one payment to the next: a million of them are two years of a busy till."""

_HISTORY: Final = """
CREATE TEMP TABLE past AS
WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < :payments)
SELECT n, printf('%012x7%03x8%015x', (:first + n * :between) / 1000, n & 4095, n) AS id, :first + n * :between AS at,
    date((:first + n * :between) / 1000000, 'unixepoch') AS day, 100 + n % 20000 AS minor
FROM count;
"""
_TABLES: Final = (
    """INSERT INTO operation (id, kind, stage, terminal, door, caller, register, order_id, business_day, currency,
        asked_minor, approved_minor, online, partial_allowed, keyless, outcome, notes, warnings, accepted_at, closed_at)
    SELECT id, 'sale', 'approved', :terminal, :door, :caller, '01', printf('past-%08d', n), day, 'EUR', minor, minor,
        0, 0, 0, json_object('minor', minor, 'currency', 'EUR'), '{}', '[]', at, at + 2000000 FROM past""",
    "INSERT INTO attempt (operation_id, wire_reference, at) SELECT id, id, at FROM past",
    """INSERT INTO event (operation_id, terminal, type, at, cause, detail)
    SELECT id, :terminal, type, at + place * 1000, cause, detail FROM past CROSS JOIN
        (SELECT 0 AS place, 'accepted' AS type, NULL AS cause, '{}' AS detail
        UNION ALL SELECT 1, 'sending', 'intent_on_disk', '{}'
        UNION ALL SELECT 2, 'progress', NULL, '{"progress": "waiting_for_card"}'
        UNION ALL SELECT 3, 'outcome', 'answer', '{"stage": "approved"}')""",
    "INSERT INTO key (scope, key, fingerprint, operation_id) SELECT :caller, id, 'f', id FROM past",
    "INSERT INTO delivery (operation_id, receiver, state, at) SELECT id, :caller, 'reached', at FROM past",
)


def fill(folder: Path, payments: int, *, terminal: str, door: str, caller: str) -> int:
    """Makes the journal of this folder with so many ended payments in it; the number of rows of all tables."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL_FILE
    schema.migrate(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        rows = _write(connection, payments, {"terminal": terminal, "door": door, "caller": caller})
    finally:
        connection.close()
    _settle(path)
    return rows


def _settle(path: Path) -> None:
    # What still waits to be written back would be written during the measurement.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(connection: sqlite3.Connection, payments: int, words: dict[str, str]) -> int:
    # Only for the filling: the engine opens the file with its own settings.
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    rows = 0
    span = {"payments": payments, "first": FIRST_MOMENT, "between": BETWEEN}
    connection.execute(_HISTORY, span)
    connection.execute("BEGIN")
    for statement in _TABLES:
        rows += connection.execute(statement, words).rowcount
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    return rows
