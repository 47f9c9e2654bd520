"""What is done to a journal out of a backup before anybody works with it, so that it neither pays nor reports twice.

A backup knows nothing of what came after it. What it has as not yet sent may have been sent since, and what it has as
not yet reported may have been reported: both are for somebody to look after, and nothing of it is done again by itself.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.engine.journal import schema
from tillbridge.engine.journal.records import to_micros
from tillbridge.engine.states import Cause

RESTORED: Final = "restored"

_KNOWS_CLAIMS: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'claim'"
_DOUBT_CLAIMS: Final = """
UPDATE action SET state = 'unknown', open_case = 'provider_unknown'
WHERE state = 'intent' AND key IN (SELECT action_key FROM claim)"""
"""The type of the event that marks a restored journal. It belongs to no payment, and no older release reads it."""

LEAP: Final = 1_000_000
"""Numbers of lines that are left out: whoever remembers up to which line it has read remembers lines after the backup,
and would else wait until these numbers come again. No shop writes so many between two backups."""

MAY_HAVE_BEEN_SENT: Final = "restored from a backup: it may have been sent since"


@dataclass(frozen=True, slots=True)
class Restored:
    """The mark: who restored what, and of which time nothing is known (`newest_at` until `at`, UTC)."""

    at: datetime
    by: str
    made_at: datetime
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Marked:
    """How many payments are in doubt because of it, and how many reports wait for a person."""

    running: int
    reports: int


def mark_journal(path: Path, mark: Restored) -> Marked:
    """Brings a restored journal up to date and marks it. `BridgeError` as `schema.migrate`."""
    schema.migrate(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        _leap(connection)
        running = _may_have_been_sent(connection, to_micros(mark.at))
        reports = connection.execute(
            "UPDATE upstream_message SET state = 'dead', next_at = NULL, done_at = ?, said = ? WHERE state = 'waiting'",
            (to_micros(mark.at), MAY_HAVE_BEEN_SENT),
        ).rowcount
        detail = {
            "by": mark.by,
            "made_at": mark.made_at.isoformat(),
            "newest_at": None if mark.newest_at is None else mark.newest_at.isoformat(),
            "running": running,
            "reports": reports,
        }
        connection.execute(
            "INSERT INTO event (operation_id, terminal, type, at, cause, detail) VALUES (NULL, '', ?, ?, NULL, ?)",
            (RESTORED, to_micros(mark.at), json.dumps(detail, ensure_ascii=False)),
        )
        connection.execute("COMMIT")
        _settle(connection)
    return Marked(running, reports)


def mark_vouchers(path: Path) -> None:
    """The same for the vouchers' journal: whatever is open there is asked about, or told again, under its own key."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _leap(connection)
        # What another maker's provider was about to be asked may have been asked since; its key settles nothing there.
        # A backup of before there were providers has none of it.
        if connection.execute(_KNOWS_CLAIMS).fetchone() is not None:
            connection.execute(_DOUBT_CLAIMS)
        connection.execute("COMMIT")
        _settle(connection)


def _may_have_been_sent(connection: sqlite3.Connection, at: int) -> int:
    """Payments that were accepted and not sent at the moment of the backup count as sent: they may have been since.

    The next start then finds them as after a crash, and they go up their recovery ladder.
    """
    found = connection.execute("SELECT id, terminal FROM operation WHERE stage = 'accepted'").fetchall()
    for payment, terminal in found:
        connection.execute("UPDATE operation SET stage = 'sending' WHERE id = ?", (payment,))
        connection.execute(
            "INSERT INTO attempt (operation_id, wire_reference, at) VALUES (?, ?, ?)", (payment, payment, at)
        )
        connection.execute(
            "INSERT INTO event (operation_id, terminal, type, at, cause, detail) VALUES (?, ?, 'sending', ?, ?, ?)",
            (payment, terminal, at, Cause.INTENT_ON_DISK, json.dumps({RESTORED: True})),
        )
    (count,) = connection.execute("SELECT count(*) FROM operation WHERE stage IN ('sending', 'in_doubt')").fetchone()
    return int(count)


def _leap(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE sqlite_sequence SET seq = seq + ?", (LEAP,))


def _settle(connection: sqlite3.Connection) -> None:
    # Small again, and able to give room back bit by bit (incremental): only where nobody works with a file is there
    # the time to write it anew. One file without a log beside it can be moved as one.
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")
