"""What the outbox of reports writes, as jobs for the journal's one committing thread.

What a person asked for is durable before it is answered. What the outbox notes by itself rides along with the next
commit: if that is lost, a message is sent once more (at least once), and HiPay is asked first whether it has it.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import from_micros, read_event, read_payment, to_micros
from tillbridge.psp.verdicts import Fate
from tillbridge.runtime.sqlite import Committer
from tillbridge.upstream.messages import TOLD
from tillbridge.upstream.reports.choosing import wanted
from tillbridge.upstream.reports.records import Ended, Message, MessageState, read_message
from tillbridge.upstream.settings import Telling
from tillbridge.upstream.write_keys import WriteKey, Written, once

COLLECTED: Final = 50
"""Events that one job looks at: the committing thread belongs to payments, and no job may hold it up."""

CLOCK_SLACK: Final = timedelta(hours=3)
"""What is due later than this was written down before somebody set the clock back: no step is so long."""

AT_ONCE: Final = 0
"""A moment before all others: what a person waits for goes first."""

_EVENTS: Final = "SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
_OPERATION: Final = "SELECT * FROM operation WHERE id = ?"
_INSERT: Final = """
INSERT OR IGNORE INTO upstream_message
    (receiver, operation_id, event_seq, slot, contract, type, order_id, state, attempts, made_at, since, next_at)
VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, ?, ?)"""
_END: Final = """
UPDATE upstream_message SET state = ?, next_at = ?, done_at = ?, status = ?, said = ?,
    reference = coalesce(?, reference)
WHERE id = ? AND since = ? AND state = 'waiting'"""
_BEGUN: Final = "UPDATE upstream_message SET attempts = attempts + 1 WHERE id = ?"
_DUE: Final = """
SELECT one.* FROM upstream_message AS one
WHERE one.receiver = ? AND one.state = 'waiting' AND one.id NOT IN (%s)
    AND NOT EXISTS (SELECT 1 FROM upstream_message AS older WHERE older.receiver = one.receiver
        AND older.operation_id = one.operation_id AND older.id < one.id AND older.state = 'waiting')
    AND (one.next_at <= ? OR one.next_at > ?)
ORDER BY one.next_at, one.id LIMIT ?"""
"""The first message of each payment that waits, as far as it is due; a later one never overtakes it."""

_NEXT: Final = """
SELECT one.next_at FROM upstream_message AS one
WHERE one.receiver = ? AND one.state = 'waiting' AND one.id NOT IN (%s)
    AND NOT EXISTS (SELECT 1 FROM upstream_message AS older WHERE older.receiver = one.receiver
        AND older.operation_id = one.operation_id AND older.id < one.id AND older.state = 'waiting')
ORDER BY one.next_at, one.id LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A receiver's next turn: the messages to send now, each counted as begun.

    `more` says that events are left to be looked at, `next_at` when the next message is due that is not being sent.
    """

    due: Sequence[Message] = ()
    next_at: datetime | None = None
    more: bool = False


class ReportStore:
    """Writes. Every method fails with `StorageUnavailable` where the disk did not take it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def open_receivers(self, names: Collection[str], now: datetime) -> None:
        """A cursor for each receiver that has none yet: it is told of what happens from now on."""

        def job(connection: sqlite3.Connection) -> None:
            for name in names:
                connection.execute(
                    "INSERT OR IGNORE INTO upstream_receiver SELECT ?, coalesce(max(seq), 0), ? FROM event",
                    (name, to_micros(now)),
                )

        await self._committer.submit(job, durable=True)

    async def turn(
        self, receiver: Telling, now: datetime, room: int, ended: Sequence[Ended], going: Collection[int]
    ) -> Turn:
        """Notes what has ended, looks at new events, and picks what is to be sent now, at most `room` messages.

        `going` are the messages that are being sent: they are not picked again, nor is a later one of their payments.
        """

        def job(connection: sqlite3.Connection) -> Turn:
            connection.row_factory = sqlite3.Row
            try:
                for one in ended:
                    _end(connection, one)
                more = _collect(connection, receiver, now)
                due = _pick(connection, receiver.name, now, room, going) if room else []
                next_at = _next(connection, receiver.name, [*going, *(one.id for one in due)])
                return Turn(due, next_at, more)
            finally:
                connection.row_factory = None

        found: Turn = await self._committer.submit(job, durable=False)
        return found

    async def replay(self, receiver: str, message_id: int, now: datetime, key: WriteKey) -> Written:
        """Has a message sent again, whatever became of it, with all of its days before it."""

        def write(connection: sqlite3.Connection) -> str:
            changed = connection.execute(
                "UPDATE upstream_message SET state = 'waiting', since = ?, next_at = ?, done_at = NULL"
                " WHERE id = ? AND receiver = ?",
                (to_micros(now), AT_ONCE, message_id, receiver),
            )
            if changed.rowcount != 1:
                raise BridgeError(Code.RECEIVER_UNKNOWN, "there is no such message")
            return str(message_id)

        written: Written = await self._committer.submit(lambda connection: once(connection, key, write), durable=True)
        return written

    async def keep_notice(
        self, digest: str, at: datetime, order_id: str | None, signed_with: str, fields: Mapping[str, str]
    ) -> bool:
        """Keeps what a payment service said, linked to its payment where one fits; False if it is here already."""
        text = json.dumps(fields, ensure_ascii=False)

        def job(connection: sqlite3.Connection) -> bool:
            payment = None if order_id is None else _payment_of(connection, order_id)
            kept = connection.execute(
                "INSERT OR IGNORE INTO upstream_notice (digest, at, order_id, operation_id, signed_with, fields)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (digest, to_micros(at), order_id, payment, signed_with, text),
            )
            return kept.rowcount == 1

        kept: bool = await self._committer.submit(job, durable=True)
        return kept


def _collect(connection: sqlite3.Connection, receiver: Telling, now: datetime) -> bool:
    """Whether there may be more new events than one job looks at."""
    cursor = connection.execute("SELECT seq FROM upstream_receiver WHERE name = ?", (receiver.name,)).fetchone()
    if cursor is None:
        return False
    rows = connection.execute(_EVENTS, (cursor["seq"], COLLECTED)).fetchall()
    # A newer release may have written events that this one has no word for.
    for row in rows:
        if row["type"] in TOLD and row["operation_id"] is not None:
            _write_down(connection, receiver, row, to_micros(now))
    if rows:
        connection.execute("UPDATE upstream_receiver SET seq = ? WHERE name = ?", (rows[-1]["seq"], receiver.name))
    return len(rows) == COLLECTED


def _write_down(connection: sqlite3.Connection, receiver: Telling, row: sqlite3.Row, at: int) -> None:
    event = read_event(row)
    payment = read_payment(connection.execute(_OPERATION, (event.payment_id,)).fetchone())
    for one in wanted(receiver, event, payment):
        made = (receiver.name, payment.id, event.seq, one.slot, one.contract, one.type, one.order_id, at, at, at)
        connection.execute(_INSERT, made)


def _end(connection: sqlite3.Connection, ended: Ended) -> None:
    verdict, at = ended.verdict, to_micros(ended.at)
    if verdict.fate is Fate.TAKEN:
        state = MessageState.SENT
    else:
        state = MessageState.DEAD if ended.next_at is None else MessageState.WAITING
    waits = state is MessageState.WAITING
    next_at = to_micros(ended.next_at) if waits and ended.next_at is not None else None
    done_at = None if waits else at
    said = None if verdict.fate is Fate.TAKEN else verdict.words
    bound = (state, next_at, done_at, verdict.status, said, verdict.reference, ended.message.id)
    # What somebody asked for anew in the meantime stays waiting.
    connection.execute(_END, (*bound, to_micros(ended.message.since)))


def _pick(
    connection: sqlite3.Connection, receiver: str, now: datetime, room: int, going: Collection[int]
) -> list[Message]:
    holes = ", ".join("?" * len(going))
    bound = (receiver, *going, to_micros(now), to_micros(now + CLOCK_SLACK), room)
    found = [read_message(row) for row in connection.execute(_DUE % holes, bound)]
    connection.executemany(_BEGUN, [(one.id,) for one in found])
    return found


def _next(connection: sqlite3.Connection, receiver: str, going: Collection[int]) -> datetime | None:
    statement = _NEXT % ", ".join("?" * len(going))
    found = connection.execute(statement, (receiver, *going)).fetchone()
    return None if found is None else from_micros(found["next_at"])


def _payment_of(connection: sqlite3.Connection, order_id: str) -> str | None:
    """The payment that an order id of HiPay means.

    It is the one that was reported under it, else the only one that was approved under it as the shop's own number.
    """
    found = connection.execute(
        "SELECT DISTINCT operation_id FROM upstream_message WHERE order_id = ? LIMIT 2", (order_id,)
    ).fetchall()
    if not found:
        found = connection.execute(
            "SELECT id FROM operation WHERE order_id = ? AND stage = 'approved' ORDER BY seq DESC LIMIT 2", (order_id,)
        ).fetchall()
    return str(found[0][0]) if len(found) == 1 else None
