"""One small step of tidying up: what is looked at, and what is then done to the journal in one transaction.

docs/reference/keeping.md, section 4. Only the beginning of the journal is ever put away: a payment counts as old if it
and everything before it was accepted long ago. A clock that was wrong for a day makes no young payment old that way.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tillbridge.connector.keeping.families import Family, family_of, history_of, strangers, take_away
from tillbridge.engine.journal.records import from_micros, to_micros
from tillbridge.engine.rules import OrderIdsRepeat

LOOKED_AT: Final = 20
"""Payments that one step looks at."""

MOST_LINES: Final = 160
"""Lines of history that one step deletes: some milliseconds of the committing thread, less than a flush takes."""

BELIEVED_DAYS: Final = 31
"""Days by which a pass, of which there is one a day, lets the journal's own date go on at most. A shop that was closed
for a winter has caught up in a week; a clock set years ahead is set right long before it has aged anything."""


class Changed(Exception):
    """A payment has changed since it was looked at. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long payments stay, whether order numbers come again, and the day that the journal goes by (UTC)."""

    keep: timedelta
    repeat: OrderIdsRepeat
    believed: datetime

    @property
    def cutoff(self) -> int:
        """Microseconds: what happened before is old."""
        return to_micros(self.believed - self.keep)


@dataclass(slots=True)
class Look:
    """What a step found. `old` is to be put away; `held` waits for another time, `released` waits no more.

    `seq` is the payment that the walk has come to, `held_seq` the one among those that wait; `more` says that there may
    be more to do, `again` that more of those wait.
    """

    seq: int
    held_seq: int
    more: bool = True
    again: bool = False
    old: list[Family] = field(default_factory=list)
    histories: list[dict[str, Any]] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)

    @property
    def year(self) -> int | None:
        """The year (UTC) of what is to be put away; None for nothing."""
        return _year(self.old[0]) if self.old else None

    @property
    def full(self) -> bool:
        """Whether this is enough for one step."""
        return sum(family.lines for family in self.old) >= MOST_LINES


def believed(connection: sqlite3.Connection, now: datetime) -> datetime | None:
    """The day that a new pass goes by; None where there is no payment at all."""
    row = connection.execute("SELECT believed_at FROM keeping").fetchone()
    if row is None:
        row = connection.execute("SELECT accepted_at FROM operation ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else min(now, from_micros(row[0]) + timedelta(days=BELIEVED_DAYS))


def look(connection: sqlite3.Connection, rule: Rule, held_seq: int) -> Look:
    """What can be done next; `held_seq` is how far the last step of this pass came among those that wait."""
    if strangers(connection):
        return Look(0, held_seq, more=False)
    row = connection.execute("SELECT seq FROM keeping").fetchone()
    found = Look(0 if row is None else int(row[0]), held_seq)
    _look_again(connection, rule, found)
    if not found.full:
        _walk_on(connection, rule, found)
    for family in found.old:
        found.histories += history_of(connection, family)
    return found


def put_away(connection: sqlite3.Connection, found: Look, rule: Rule, file: str | None, size: int) -> None:
    """Deletes what is in the file by now, which then counts up to `size` bytes; a job. `Changed`."""
    at = to_micros(rule.believed)
    for family in found.old:
        if file is None or family_of(connection, family.members[0], rule.repeat) != family:
            raise Changed
        take_away(connection, family, file, at)
    if file is not None:
        connection.execute("UPDATE archive_file SET bytes = ? WHERE name = ?", (size, file))
    connection.executemany("INSERT OR IGNORE INTO held_back (seq) VALUES (?)", [(seq,) for seq in found.held])
    connection.executemany("DELETE FROM held_back WHERE seq = ?", [(seq,) for seq in found.released])
    connection.execute(
        "INSERT INTO keeping (id, seq, believed_at) VALUES (1, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, believed_at = excluded.believed_at",
        (found.seq, at),
    )


def _look_again(connection: sqlite3.Connection, rule: Rule, found: Look) -> None:
    rows = connection.execute(
        "SELECT held_back.seq, id FROM held_back LEFT JOIN operation ON operation.seq = held_back.seq"
        " WHERE held_back.seq > ? ORDER BY held_back.seq LIMIT ?",
        (found.held_seq, LOOKED_AT),
    ).fetchall()
    found.again = len(rows) == LOOKED_AT
    for seq, payment_id in rows:
        if found.full:
            return
        if payment_id is None or _known(found, payment_id):
            found.released.append(seq)
        else:
            family = family_of(connection, payment_id, rule.repeat)
            if family is not None and family.last_seq <= found.seq and family.last_at < rule.cutoff:
                if not _take(found, family):
                    return
                found.released.append(seq)
        found.held_seq = seq


def _walk_on(connection: sqlite3.Connection, rule: Rule, found: Look) -> None:
    rows = connection.execute(
        "SELECT seq, id, accepted_at FROM operation WHERE seq > ? ORDER BY seq LIMIT ?", (found.seq, LOOKED_AT)
    ).fetchall()
    found.more = found.again or bool(rows)
    for seq, payment_id, accepted_at in rows:
        if found.full:
            return
        if rule.cutoff <= accepted_at <= to_micros(rule.believed):
            found.more = found.again
            return
        if accepted_at >= rule.cutoff:
            found.held.append(seq)  # the clock was ahead when it was accepted
        elif not _known(found, payment_id) and not _meet(connection, rule, found, seq, payment_id):
            return
        found.seq = seq


def _meet(connection: sqlite3.Connection, rule: Rule, found: Look, seq: int, payment_id: str) -> bool:
    """Whether the walk can go on behind this payment."""
    family = family_of(connection, payment_id, rule.repeat)
    if family is None or family.last_at >= rule.cutoff:
        found.held.append(seq)
        return True
    # A family is met once for each member; it goes when its youngest one is reached, and all of it is old.
    return family.last_seq > seq or family.lines == 0 or _take(found, family)


def _take(found: Look, family: Family) -> bool:
    if found.old and _year(found.old[0]) != _year(family):
        return False  # another file: the next step begins with it
    found.old.append(family)
    return True


def _known(found: Look, payment_id: str) -> bool:
    return any(payment_id in family.members for family in found.old)


def _year(family: Family) -> int:
    return from_micros(family.first_at).astimezone(UTC).year
