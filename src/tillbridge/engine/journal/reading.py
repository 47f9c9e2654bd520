"""Questions to the journal. They see what is committed; what runs right now, the engine holds in memory."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.domain.money import currency
from tillbridge.domain.operation import Kind
from tillbridge.engine.journal.records import Event, read_event, read_payment, to_micros
from tillbridge.protocols.contract import Payment, Totals
from tillbridge.runtime.sqlite import connect_reading

PAGE_LIMIT: Final = 200
"""No list is longer than this: a page is for people, and a large answer would hold up the event loop."""

_OPEN: Final = "stage IN ('accepted', 'sending', 'in_doubt')"


class Reading:
    """Read-only questions; each one touches an index and a bounded number of rows, whatever the history."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_reading(path)

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    def payment(self, payment_id: str) -> Payment | None:
        """The payment of this id."""
        return self._one("SELECT * FROM operation WHERE id = ?", payment_id)

    def by_key(self, scope: str, key: str) -> tuple[str, Payment] | None:
        """The fingerprint and the payment that this key stands for."""
        row = self._connection.execute(
            "SELECT fingerprint, operation_id FROM key WHERE scope = ? AND key = ?", (scope, key)
        ).fetchone()
        payment = None if row is None else self.payment(row["operation_id"])
        return None if payment is None else (row["fingerprint"], payment)

    def by_order(self, caller: str, kind: Kind, order_id: str, business_day: str | None) -> Payment | None:
        """The newest payment of this order that counts: of this business day (None: of any), or still open."""
        day = "" if business_day is None else f"AND (business_day = ? OR {_OPEN})"
        bound = (caller, kind, order_id) if business_day is None else (caller, kind, order_id, business_day)
        return self._one(
            f"SELECT * FROM operation WHERE caller = ? AND kind = ? AND order_id = ? {day} ORDER BY seq DESC LIMIT 1",
            *bound,
        )

    def newest_of_order(self, caller: str, order_id: str) -> Payment | None:
        """The newest payment of this caller's order, of whatever kind."""
        kinds = ", ".join("?" * len(Kind))
        return self._one(
            f"SELECT * FROM operation WHERE caller = ? AND kind IN ({kinds}) AND order_id = ?"
            " ORDER BY seq DESC LIMIT 1",
            caller,
            *Kind,
            order_id,
        )

    def open(self) -> Sequence[tuple[Payment, str]]:
        """Everything that is running or in doubt, with its wire reference (empty if nothing was sent)."""
        rows = self._connection.execute(
            f"SELECT operation.*, wire_reference FROM operation LEFT JOIN attempt ON operation_id = id WHERE {_OPEN}"
        )
        return [(read_payment(row), row["wire_reference"] or "") for row in rows]

    def newest_sent(self, terminal: str) -> Payment | None:
        """The operation that this terminal was last given."""
        return self._one(
            "SELECT * FROM operation WHERE terminal = ? AND stage NOT IN ('accepted', 'not_started')"
            " ORDER BY seq DESC LIMIT 1",
            terminal,
        )

    def undelivered(self, door: str) -> Payment | None:
        """The newest approved payment of a door without keys, if its till has not heard of it."""
        newest = self._connection.execute(
            "SELECT * FROM operation WHERE door = ? AND keyless AND stage = 'approved' ORDER BY seq DESC LIMIT 1",
            (door,),
        ).fetchone()
        if newest is None:
            return None
        heard = self._connection.execute(
            "SELECT 1 FROM delivery WHERE operation_id = ? AND state IN ('reached', 'settled')", (newest["id"],)
        ).fetchone()
        return None if heard is not None else read_payment(newest)

    def payments(self, *, before: str | None = None, limit: int = 50) -> list[Payment]:
        """Newest first; `before` is the id that the last page ended with."""
        older = "" if before is None else "WHERE seq < (SELECT seq FROM operation WHERE id = ?)"
        bound = () if before is None else (before,)
        rows = self._connection.execute(
            f"SELECT * FROM operation {older} ORDER BY seq DESC LIMIT ?", (*bound, min(limit, PAGE_LIMIT))
        )
        return [read_payment(row) for row in rows]

    def events(self, payment_id: str) -> list[Event]:
        """The payment's timeline, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM event WHERE operation_id = ? ORDER BY seq LIMIT 1000", (payment_id,)
        )
        return [read_event(row) for row in rows]

    def totals(self, since: datetime) -> list[Totals]:
        """Approved money per terminal, kind and currency of what was accepted since that moment."""
        rows = self._connection.execute(
            "SELECT terminal, kind, currency, count(*) AS count, sum(approved_minor) AS minor FROM operation"
            " WHERE accepted_at >= ? AND stage = 'approved' AND currency IS NOT NULL GROUP BY terminal, kind, currency",
            (to_micros(since),),
        )
        return [
            Totals(row["terminal"], Kind(row["kind"]), currency(row["currency"]), row["count"], row["minor"])
            for row in rows
        ]

    def _one(self, statement: str, *bound: str) -> Payment | None:
        row: sqlite3.Row | None = self._connection.execute(statement, bound).fetchone()
        return None if row is None else read_payment(row)
