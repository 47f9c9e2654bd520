"""Questions to the outbox of reports. They see what is committed: nothing is told to anybody that is not on disk."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.journal.records import Event, from_micros, read_event
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import connect_reading
from tillbridge.upstream.reports.records import Message, MessageState, Notice, read_message, read_notice_row

PAGE_LIMIT: Final = 200
LARGEST_ID: Final = 2**63 - 1
"""The largest number that a row of the journal can have."""

NOTICES_SHOWN: Final = 200
"""Of one payment: HiPay sends a handful."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How a receiver's queue stands: `oldest_at` is when the oldest message that still waits was written down."""

    waiting: int
    dead: int
    oldest_at: datetime | None


class ReportReading:
    """Read-only; each question touches an index, and no more rows than still wait or are shown."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_reading(path)
        self._journal = Reading(path)

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()
        self._journal.close()

    def known(self) -> Sequence[str]:
        """Every receiver that ever was in the settings."""
        return [row["name"] for row in self._connection.execute("SELECT name FROM upstream_receiver ORDER BY name")]

    def counts(self, receiver: str) -> Counts:
        """How many messages wait and are dead, and since when the oldest waits."""
        count = "SELECT count(*) AS count FROM upstream_message WHERE receiver = ? AND state = ?"
        waiting = self._connection.execute(count, (receiver, MessageState.WAITING)).fetchone()["count"]
        dead = self._connection.execute(count, (receiver, MessageState.DEAD)).fetchone()["count"]
        oldest = self._connection.execute(
            "SELECT made_at FROM upstream_message WHERE receiver = ? AND state = 'waiting' ORDER BY id LIMIT 1",
            (receiver,),
        ).fetchone()
        return Counts(waiting, dead, None if oldest is None else from_micros(oldest["made_at"]))

    def messages(self, receiver: str, state: MessageState, before: int | None, limit: int) -> Sequence[Message]:
        """A page of a receiver's messages in one state, newest first; `before` is the last id of the page before."""
        rows = self._connection.execute(
            "SELECT * FROM upstream_message WHERE receiver = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (receiver, state, LARGEST_ID if before is None else before, min(limit, PAGE_LIMIT)),
        )
        return [read_message(row) for row in rows]

    def message(self, receiver: str, message_id: int) -> Message | None:
        """The message of this id."""
        row = self._connection.execute(
            "SELECT * FROM upstream_message WHERE id = ? AND receiver = ?", (message_id, receiver)
        ).fetchone()
        return None if row is None else read_message(row)

    def of_payment(self, payment_id: str) -> Sequence[Message]:
        """Every message about this payment, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM upstream_message WHERE operation_id = ? ORDER BY id LIMIT ?", (payment_id, PAGE_LIMIT)
        )
        return [read_message(row) for row in rows]

    def notices(self, payment_id: str) -> Sequence[Notice]:
        """What payment services said of this payment by themselves, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM upstream_notice WHERE operation_id = ? ORDER BY id LIMIT ?", (payment_id, NOTICES_SHOWN)
        )
        return [read_notice_row(row) for row in rows]

    def unlinked(self, limit: int) -> Sequence[Notice]:
        """The newest notices that fit no payment."""
        rows = self._connection.execute(
            "SELECT * FROM upstream_notice WHERE operation_id IS NULL ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [read_notice_row(row) for row in rows]

    def told_of(self, message: Message) -> tuple[Event, Payment] | None:
        """The event of a message with its payment as that stands now; None while they are not on disk."""
        row: sqlite3.Row | None = self._connection.execute(
            "SELECT * FROM event WHERE seq = ?", (message.event_seq,)
        ).fetchone()
        payment = self._journal.payment(message.payment_id)
        return None if row is None or payment is None else (read_event(row), payment)

    def payment(self, payment_id: str) -> Payment | None:
        """The payment of this id."""
        return self._journal.payment(payment_id)
