"""Questions to the outbox's tables. They see what is committed: nothing is told to anybody that is not on disk."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.journal.records import Event, read_event
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import connect_reading
from tillbridge.upstream.records import Attempt, Delivery, Webhook, read_attempt, read_delivery, read_webhook
from tillbridge.upstream.store import DELIVERIES

PAGE_LIMIT: Final = 200
ATTEMPTS_SHOWN: Final = 200
"""Of one message, the newest: three days hold fewer than a hundred."""


class OutboxReading:
    """Read-only; each question touches an index and a bounded number of rows."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_reading(path)
        self._journal = Reading(path)

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()
        self._journal.close()

    def webhooks(self) -> Sequence[Webhook]:
        """Every receiver, oldest first."""
        return [read_webhook(row) for row in self._connection.execute("SELECT * FROM webhook ORDER BY created_at, id")]

    def webhook(self, webhook_id: str) -> Webhook | None:
        """The receiver of this id."""
        row = self._one("SELECT * FROM webhook WHERE id = ?", webhook_id)
        return None if row is None else read_webhook(row)

    def deliveries(self, webhook_id: str, before: int | None, limit: int) -> Sequence[Delivery]:
        """The delivery log of a receiver, newest first; `before` is the id that the last page ended with."""
        older = "" if before is None else "AND webhook_delivery.id < ?"
        bound = (webhook_id,) if before is None else (webhook_id, before)
        rows = self._connection.execute(
            f"{DELIVERIES} WHERE webhook_id = ? {older} ORDER BY webhook_delivery.id DESC LIMIT ?",
            (*bound, min(limit, PAGE_LIMIT)),
        )
        return [read_delivery(row) for row in rows]

    def delivery(self, delivery_id: int) -> Delivery | None:
        """The delivery of this id."""
        row = self._one(f"{DELIVERIES} WHERE webhook_delivery.id = ?", delivery_id)
        return None if row is None else read_delivery(row)

    def attempts(self, delivery_id: int) -> Sequence[Attempt]:
        """What was tried for a delivery, newest first."""
        rows = self._connection.execute(
            "SELECT * FROM webhook_attempt WHERE delivery_id = ? ORDER BY id DESC LIMIT ?",
            (delivery_id, ATTEMPTS_SHOWN),
        )
        return [read_attempt(row) for row in rows]

    def event(self, seq: int) -> tuple[Event, Payment] | None:
        """An event of the journal with its payment as that stands now; None while it is not on disk."""
        row = self._one("SELECT * FROM event WHERE seq = ?", seq)
        if row is None:
            return None
        event = read_event(row)
        payment = None if event.payment_id is None else self._journal.payment(event.payment_id)
        return None if payment is None else (event, payment)

    def _one(self, statement: str, bound: str | int) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(statement, (bound,)).fetchone()
        return row
