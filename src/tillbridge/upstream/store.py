"""What the outbox writes, as jobs for the journal's one committing thread.

What a person asked for is durable before it is answered. What the outbox notes by itself rides along with the next
commit: if that is lost, a message is sent once more, under the same id (at least once).
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import from_micros, read_event, to_micros
from tillbridge.runtime.sqlite import Committer
from tillbridge.upstream.messages import TOLD, MessageType, message_id, message_type
from tillbridge.upstream.records import Attempt, Delivery, DeliveryState, Webhook, read_delivery
from tillbridge.upstream.write_keys import WriteKey, Written, once

MOST_WEBHOOKS: Final = 50
"""Receivers of one connector: each has a task and a cursor of its own, and no shop has more."""

COLLECTED: Final = 200
"""Events that one job looks at: the committing thread belongs to payments, and no job may hold it up."""

KEPT: Final = timedelta(days=30)
"""For so long the log of a message that is done is kept: a month's accounts can still be looked up."""

SWEPT: Final = 50
"""Old messages that one job takes away."""

CLOCK_SLACK: Final = timedelta(hours=3)
"""What is due later than this was written down before somebody set the clock back: no step is so long."""

AT_ONCE: Final = 0
"""A moment before all others: what a person waits for goes first."""

DELIVERIES: Final = """
SELECT webhook_delivery.*, operation_id FROM webhook_delivery LEFT JOIN event ON event.seq = event_seq"""

_INSERT_DELIVERY: Final = """
INSERT OR IGNORE INTO webhook_delivery (webhook_id, event_seq, message_id, type, state, attempts, since, next_at)
VALUES (?, ?, ?, ?, 'pending', 0, ?, ?)"""
_UPDATE_DELIVERY: Final = """
UPDATE webhook_delivery SET state = ?, attempts = ?, next_at = ?, done_at = ?
WHERE id = ? AND since = ? AND state = 'pending'"""
_DUE: Final = f"""{DELIVERIES}
WHERE webhook_id = ? AND state = 'pending' AND (next_at <= ? OR next_at > ?) ORDER BY next_at, id LIMIT 1"""
_NEXT: Final = "SELECT min(next_at) FROM webhook_delivery WHERE webhook_id = ? AND state = 'pending'"
_INSERT_ATTEMPT: Final = """
INSERT INTO webhook_attempt (delivery_id, at, took, status, failure)
SELECT id, ?, ?, ?, ? FROM webhook_delivery WHERE id = ?"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A receiver's next turn: the message that is due, or when to look again; `more` says that events are left."""

    due: Delivery | None = None
    next_at: datetime | None = None
    more: bool = False


class OutboxStore:
    """Writes. Every method fails with `StorageUnavailable` where the disk did not take it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def add(self, webhook: Webhook, key: WriteKey) -> Written:
        """A new receiver, told of what happens from now on. `BridgeError` WEBHOOK_REFUSED if there are too many."""

        def write(connection: sqlite3.Connection) -> str:
            (count,) = connection.execute("SELECT count(*) FROM webhook").fetchone()
            if count >= MOST_WEBHOOKS:
                raise BridgeError(Code.WEBHOOK_REFUSED, f"there are {MOST_WEBHOOKS} already: remove one")
            at, types = to_micros(webhook.created_at), json.dumps(webhook.types)
            connection.execute(
                "INSERT INTO webhook (id, url, description, types, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (webhook.id, webhook.url, webhook.description, types, webhook.created_by, at),
            )
            connection.execute("INSERT INTO cursor SELECT ?, coalesce(max(seq), 0) FROM event", (webhook.id,))
            return webhook.id

        return await self._once(key, write)

    async def remove(self, webhook_id: str, key: WriteKey) -> Written:
        """Takes a receiver away with all of its deliveries; `BridgeError(WEBHOOK_UNKNOWN)` if there is none."""

        def write(connection: sqlite3.Connection) -> str:
            if connection.execute("DELETE FROM webhook WHERE id = ?", (webhook_id,)).rowcount != 1:
                raise unknown()
            return webhook_id

        return await self._once(key, write)

    async def claim(self, webhook_id: str, key: WriteKey) -> Written:
        """Notes a change of a receiver that stands elsewhere; `BridgeError(WEBHOOK_UNKNOWN)` if there is none."""

        def write(connection: sqlite3.Connection) -> str:
            _must_exist(connection, webhook_id)
            return webhook_id

        return await self._once(key, write)

    async def add_test(self, webhook_id: str, message: str, now: datetime, key: WriteKey) -> Written:
        """A message that tries out the receiver; the subject is the delivery's id."""

        def write(connection: sqlite3.Connection) -> str:
            _must_exist(connection, webhook_id)
            row = (webhook_id, None, message, MessageType.TEST, to_micros(now), AT_ONCE)
            return str(connection.execute(_INSERT_DELIVERY, row).lastrowid)

        return await self._once(key, write)

    async def replay(self, delivery_id: int, now: datetime, key: WriteKey) -> Written:
        """Sends a message again, whatever became of it, under its own id and with three days before it."""

        def write(connection: sqlite3.Connection) -> str:
            changed = connection.execute(
                "UPDATE webhook_delivery SET state = 'pending', attempts = 0, since = ?, next_at = ?, done_at = NULL"
                " WHERE id = ?",
                (to_micros(now), AT_ONCE, delivery_id),
            )
            if changed.rowcount != 1:
                raise BridgeError(Code.WEBHOOK_UNKNOWN, "there is no such delivery")
            return str(delivery_id)

        return await self._once(key, write)

    async def turn(self, webhook: Webhook, now: datetime) -> Turn:
        """Looks at new events, writes down which of them this receiver is to be told, and says what is due."""

        def job(connection: sqlite3.Connection) -> Turn:
            connection.row_factory = sqlite3.Row
            try:
                more = _collect(connection, webhook, now)
                _sweep(connection, now)
                return _due(connection, webhook.id, now, more=more)
            finally:
                connection.row_factory = None

        found: Turn = await self._committer.submit(job, durable=False)
        return found

    async def note(self, delivery: Delivery, attempt: Attempt, next_at: datetime | None) -> None:
        """What became of an attempt. It is over where it did not fail, or where there is no `next_at`.

        What somebody asked for anew in the meantime stays pending; the attempt took place all the same.
        """
        state, next_micros = DeliveryState.PENDING, None if next_at is None else to_micros(next_at)
        if attempt.failure is None:
            state, next_micros = DeliveryState.DELIVERED, None
        elif next_at is None:
            state = DeliveryState.GAVE_UP
        at, since = to_micros(attempt.at), to_micros(delivery.since)
        done_at = None if state is DeliveryState.PENDING else at

        def job(connection: sqlite3.Connection) -> None:
            changed = (state, delivery.attempts + 1, next_micros, done_at, delivery.id, since)
            connection.execute(_UPDATE_DELIVERY, changed)
            connection.execute(_INSERT_ATTEMPT, (at, attempt.took, attempt.status, attempt.failure, delivery.id))

        await self._committer.submit(job, durable=False)

    async def _once(self, key: WriteKey, write: Callable[[sqlite3.Connection], str]) -> Written:
        written: Written = await self._committer.submit(lambda connection: once(connection, key, write), durable=True)
        return written


def unknown() -> BridgeError:
    """For a receiver that is not, or not any longer."""
    return BridgeError(Code.WEBHOOK_UNKNOWN)


def _must_exist(connection: sqlite3.Connection, webhook_id: str) -> None:
    if connection.execute("SELECT 1 FROM webhook WHERE id = ?", (webhook_id,)).fetchone() is None:
        raise unknown()


def _collect(connection: sqlite3.Connection, webhook: Webhook, now: datetime) -> bool:
    """Whether there are more new events than one job looks at."""
    cursor = connection.execute("SELECT seq FROM cursor WHERE webhook_id = ?", (webhook.id,)).fetchone()
    if cursor is None:
        return False
    found = connection.execute("SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (cursor["seq"], COLLECTED))
    rows = found.fetchall()
    at = to_micros(now)
    # A newer release may have written events that this one has no word for.
    for event in (read_event(row) for row in rows if row["type"] in TOLD):
        kind = message_type(event)
        if kind in webhook.types:
            connection.execute(_INSERT_DELIVERY, (webhook.id, event.seq, message_id(event), kind, at, at))
    if rows:
        connection.execute("UPDATE cursor SET seq = ? WHERE webhook_id = ?", (rows[-1]["seq"], webhook.id))
    return len(rows) == COLLECTED


def _sweep(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute(
        "DELETE FROM webhook_delivery WHERE id IN"
        " (SELECT id FROM webhook_delivery WHERE state <> 'pending' AND done_at < ? LIMIT ?)",
        (to_micros(now - KEPT), SWEPT),
    )


def _due(connection: sqlite3.Connection, webhook_id: str, now: datetime, *, more: bool) -> Turn:
    due = connection.execute(_DUE, (webhook_id, to_micros(now), to_micros(now + CLOCK_SLACK))).fetchone()
    if due is not None:
        return Turn(due=read_delivery(due), more=more)
    (next_at,) = connection.execute(_NEXT, (webhook_id,)).fetchone()
    return Turn(next_at=None if next_at is None else from_micros(next_at), more=more)
