"""Which old payments may be put away, and what of each must stay: questions to the journal, and no decision elsewhere.

Payments that go back to one another (a sale, its refunds, a void) are one family: what is left of a sale to be refunded
is reckoned from all of it, so it goes as a whole or not at all. docs/reference/keeping.md, section 4, has the rules.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from tillbridge.engine.rules import OrderIdsRepeat

MOST_MEMBERS: Final = 50
"""Payments of a family. A larger one stays where it is: no job of the committing thread may grow without bound."""

MOST_EVENTS: Final = 1000
"""Lines of a family's history, for the same reason."""

_KNOWN_POINTERS: Final = frozenset({
    *(("operation", "operation"), ("attempt", "operation"), ("event", "operation"), ("delivery", "operation")),
    *(("receipt_print", "operation"), ("upstream_message", "operation"), ("webhook_delivery", "event")),
})  # fmt: skip
"""What points to a payment or to a line of its history, and is looked after here: table, and what it points to."""

# Not over; the till may not have heard of it; somebody is still to be told of it; or it is the newest of its terminal
# or of its door without keys, which are asked for at each start and for each request.
_BUSY: Final = """
SELECT 1 FROM operation WHERE id = ? AND (
    stage IN ('accepted', 'sending', 'in_doubt')
    OR (NOT EXISTS (SELECT 1 FROM delivery WHERE operation_id = operation.id AND state IN ('reached', 'settled'))
        AND (keyless AND stage = 'approved'
            OR EXISTS (SELECT 1 FROM delivery WHERE operation_id = operation.id AND state = 'failed')))
    OR EXISTS (SELECT 1 FROM upstream_message WHERE operation_id = operation.id AND state <> 'sent')
    OR EXISTS (SELECT 1 FROM event JOIN upstream_receiver ON upstream_receiver.seq < event.seq
        WHERE operation_id = operation.id)
    OR EXISTS (SELECT 1 FROM event JOIN cursor ON cursor.seq < event.seq WHERE operation_id = operation.id)
    OR EXISTS (SELECT 1 FROM event JOIN webhook_delivery ON event_seq = event.seq
        WHERE operation_id = operation.id AND state = 'pending')
    OR seq = (SELECT max(seq) FROM operation AS other WHERE other.terminal = operation.terminal
        AND other.stage NOT IN ('accepted', 'not_started'))
    OR (keyless AND stage = 'approved' AND seq = (SELECT max(seq) FROM operation AS other
        WHERE other.door = operation.door AND other.keyless AND other.stage = 'approved')))"""


@dataclass(frozen=True, slots=True)
class Family:
    """Payments that belong together, by their ids, oldest first. `stays`: their rows stay, for something asks for them.

    `last_seq` is the number of the youngest member, `last_at` the last moment that stands with any of them,
    `first_at` when the first was accepted (microseconds); `lines` and `last_line` say how long the history is.
    """

    members: tuple[str, ...]
    last_seq: int
    first_at: int
    last_at: int
    stays: bool
    lines: int
    last_line: int


def family_of(connection: sqlite3.Connection, payment_id: str, repeat: OrderIdsRepeat) -> Family | None:
    """The family of a payment, if all of it is over, reported and settled; None if it has to stay as it is."""
    members = _members(connection, payment_id)
    if members is None or any(_busy(connection, member) for member in members):
        return None
    listed = (json.dumps(members),)
    last_seq, first_at, last_at = connection.execute(
        "SELECT max(seq), min(accepted_at), max(max(accepted_at, coalesce(closed_at, 0))) FROM operation"
        " WHERE id IN (SELECT value FROM json_each(?))",
        listed,
    ).fetchone()
    lines, last_line, said_at = connection.execute(
        "SELECT count(*), coalesce(max(seq), 0), coalesce(max(at), 0) FROM event"
        " WHERE operation_id IN (SELECT value FROM json_each(?))",
        listed,
    ).fetchone()
    if lines > MOST_EVENTS:
        return None
    stays = _stays(connection, members, repeat)
    return Family(members, last_seq, first_at, max(last_at, said_at), stays, lines, last_line)


def strangers(connection: sqlite3.Connection) -> list[str]:
    """Tables of a newer release that point to payments or their history: while there are any, nothing is put away."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
    found = []
    for table in tables:
        pointed = {row[2] for row in connection.execute(f"PRAGMA foreign_key_list('{table}')").fetchall()}
        found += [table for to in ("operation", "event") if to in pointed and (table, to) not in _KNOWN_POINTERS]
    return found


def history_of(connection: sqlite3.Connection, family: Family) -> list[dict[str, Any]]:
    """All that the journal has of each member, as it is put away."""
    return [
        {
            "payment": _rows(connection, "SELECT * FROM operation WHERE id = ?", member)[0],
            "attempts": _rows(connection, "SELECT * FROM attempt WHERE operation_id = ?", member),
            "events": _rows(connection, "SELECT * FROM event WHERE operation_id = ? ORDER BY seq", member),
            "deliveries": _rows(connection, "SELECT * FROM delivery WHERE operation_id = ?", member),
            "prints": _rows(connection, "SELECT * FROM receipt_print WHERE operation_id = ?", member),
            "reports": _rows(connection, "SELECT * FROM upstream_message WHERE operation_id = ?", member),
            "notices": _rows(connection, "SELECT * FROM upstream_notice WHERE operation_id = ?", member),
        }
        for member in family.members
    ]


def take_away(connection: sqlite3.Connection, family: Family, file: str, at: int) -> None:
    """Deletes what was put away, inside a job. What the journal's own guards refuse fails the job, and stays."""
    for member in family.members:
        connection.execute(
            "INSERT OR IGNORE INTO put_away (operation_id, file, at) VALUES (?, ?, ?)", (member, file, at)
        )
        connection.execute(
            "DELETE FROM webhook_delivery WHERE state <> 'pending' AND event_seq IN"
            " (SELECT seq FROM event WHERE operation_id = ?)",
            (member,),
        )
        connection.execute("DELETE FROM event WHERE operation_id = ?", (member,))
    if family.stays:
        return
    for member in reversed(family.members):
        connection.execute("DELETE FROM attempt WHERE operation_id = ?", (member,))
        connection.execute("DELETE FROM delivery WHERE operation_id = ?", (member,))
        connection.execute("DELETE FROM receipt_print WHERE operation_id = ?", (member,))
        connection.execute("DELETE FROM operation WHERE id = ?", (member,))


def _members(connection: sqlite3.Connection, payment_id: str) -> tuple[str, ...] | None:
    """Everything that goes back to the same first payment; None if there is too much of it."""
    root = payment_id
    for _ in range(MOST_MEMBERS):
        row = connection.execute("SELECT parent_id FROM operation WHERE id = ?", (root,)).fetchone()
        if row is None or row[0] is None:
            break
        root = str(row[0])
    else:
        return None
    found, waiting = [root], [root]
    while waiting:
        below = connection.execute(
            "SELECT id FROM operation WHERE parent_id = ? ORDER BY seq LIMIT ?", (waiting.pop(), MOST_MEMBERS)
        ).fetchall()
        waiting += [row[0] for row in below]
        found += [row[0] for row in below]
        if len(found) > MOST_MEMBERS:
            return None
    return tuple(found)


def _busy(connection: sqlite3.Connection, payment_id: str) -> bool:
    return connection.execute(_BUSY, (payment_id,)).fetchone() is not None


def _stays(connection: sqlite3.Connection, members: tuple[str, ...], repeat: OrderIdsRepeat) -> bool:
    """Whether somebody may still ask for one of them, under a key or an order number, and must get the same answer."""
    row = connection.execute(
        "SELECT 1 FROM operation WHERE id IN (SELECT value FROM json_each(?)) AND (idempotency_key IS NOT NULL"
        " OR (? AND order_id IS NOT NULL) OR EXISTS (SELECT 1 FROM write_key WHERE subject = operation.id))",
        (json.dumps(members), repeat is OrderIdsRepeat.NEVER),
    ).fetchone()
    return row is not None


def _rows(connection: sqlite3.Connection, statement: str, payment_id: str) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, (payment_id,))
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        for name in ("outcome", "notes", "warnings", "detail", "fields"):
            if isinstance(row.get(name), str):
                row[name] = json.loads(row[name])
    return found
