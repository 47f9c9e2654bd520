"""Questions to the journal. They see what is committed; what runs right now, the engine holds in memory."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.domain.money import currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.records import Change, Event, EventType, from_micros, read_event, read_payment, to_micros
from tillbridge.protocols.contract import Payment, PaymentRequest, Totals
from tillbridge.runtime.sqlite import connect_reading

PAGE_LIMIT: Final = 200
"""No list is longer than this: a page is for people, and a large answer would hold up the event loop."""

_OPEN: Final = "stage IN ('accepted', 'sending', 'in_doubt')"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which payments a list shows; None leaves a question open. `since` and `until` bound when it was accepted (UTC).

    `text` is what a person types: an order number, the beginning of an id, or an amount such as 12.50.
    """

    kind: Kind | None = None
    stage: Stage | None = None
    terminal: str | None = None
    door: str | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def conditions(self) -> list[tuple[str, tuple[str | int, ...]]]:
        """The filter as SQL conditions with what is bound in each."""
        plain = {
            "kind": self.kind,
            "stage": self.stage,
            "terminal": self.terminal,
            "door": self.door,
            "order_id": self.order_id,
        }
        found: list[tuple[str, tuple[str | int, ...]]] = [
            (f"{column} = ?", (value,)) for column, value in plain.items() if value is not None
        ]
        if self.since is not None:
            found.append(("accepted_at >= ?", (to_micros(self.since),)))
        if self.until is not None:
            found.append(("accepted_at < ?", (to_micros(self.until),)))
        return found if self.text is None else [*found, _text_condition(self.text.strip())]


def _text_condition(text: str) -> tuple[str, tuple[str | int, ...]]:
    found, bound = ["order_id = ?", "id >= ? AND id < ?"], [text, text.lower(), text.lower() + "\U0010ffff"]
    digits = re.fullmatch(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?", text, re.ASCII)
    if digits is not None:
        # Currencies differ in their decimals: 12.5 and 12.50 are 1250 cents, 1200 may be yen or twelve euros.
        cents = [f"{digits[1]}{(digits[2] or '').ljust(places, '0')}" for places in (0, 2, 3)]
        minors = {int(one) for one, places in zip(cents, (0, 2, 3), strict=True) if len(digits[2] or "") <= places}
        found.append(f"asked_minor IN ({', '.join(map(str, sorted(minors)))})")
    return "(" + " OR ".join(found) + ")", tuple(bound)


NOTHING: Final = Filter()


class Reading:
    """Read-only questions; each one touches an index and a bounded number of rows, whatever the history."""

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def payments(self, *, before: str | None = None, limit: int = 50, where: Filter = NOTHING) -> list[Payment]:
        """Newest first; `before` is the id that the last page ended with."""
        conditions = where.conditions()
        if before is not None:
            conditions.append(("seq < (SELECT seq FROM operation WHERE id = ?)", (before,)))
        chosen = " AND ".join(condition for condition, _ in conditions) or "TRUE"
        bound = [value for _, values in conditions for value in values]
        rows = self._connection.execute(
            f"SELECT * FROM operation WHERE {chosen} ORDER BY seq DESC LIMIT ?", (*bound, min(limit, PAGE_LIMIT))
        )
        return [read_payment(row) for row in rows]

    def children(self, payment_id: str) -> list[Payment]:
        """What was captured, refunded or voided of this payment, whatever became of it; oldest first."""
        rows = self._connection.execute("SELECT * FROM operation WHERE parent_id = ? ORDER BY seq", (payment_id,))
        return [read_payment(row) for row in rows]

    def like(self, request: PaymentRequest, terminal: str, since: datetime) -> list[Payment]:
        """Approved payments of the same till with the same money on this terminal since then, newest first."""
        amount = request.amount
        rows = self._connection.execute(
            "SELECT * FROM operation WHERE terminal = ? AND caller = ? AND register = ? AND stage = 'approved'"
            " AND approved_minor = ? AND currency = ? AND accepted_at >= ? ORDER BY seq DESC LIMIT 100",
            (
                terminal,
                request.caller,
                request.register,
                None if amount is None else amount.minor,
                None if amount is None else amount.currency.code,
                to_micros(since),
            ),
        )
        return [read_payment(row) for row in rows]

    def unheard(self) -> list[Payment]:
        """Approved payments of doors without keys whose tills have not heard of them; at most the newest of a door."""
        # Door by door along the index: the cost grows with the doors, not with the history.
        doors = self._connection.execute(
            "WITH RECURSIVE one (door) AS ("
            " SELECT min(door) FROM operation WHERE keyless AND stage = 'approved' UNION ALL"
            " SELECT (SELECT min(door) FROM operation WHERE keyless AND stage = 'approved' AND door > one.door)"
            " FROM one WHERE door IS NOT NULL) SELECT door FROM one WHERE door IS NOT NULL"
        )
        found = (self.undelivered(row["door"]) for row in doors.fetchall())
        return [payment for payment in found if payment is not None]

    def changes(self, after: int, limit: int) -> list[Change]:
        """What happened to payments after the line `after` of the journal, oldest first."""
        rows = self._connection.execute(
            "SELECT event.seq AS event_seq, event.type AS event_type, event.at AS event_at, operation.* FROM event"
            " JOIN operation ON operation.id = event.operation_id WHERE event.seq > ? ORDER BY event.seq LIMIT ?",
            (after, min(limit, PAGE_LIMIT)),
        )
        return [
            Change(row["event_seq"], EventType(row["event_type"]), from_micros(row["event_at"]), read_payment(row))
            for row in rows
        ]

    def last_change(self) -> int:
        """The number of the journal's newest line."""
        found: int = self._connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        return found

    def events(self, payment_id: str) -> list[Event]:
        """The payment's timeline, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM event WHERE operation_id = ? ORDER BY seq LIMIT 1000", (payment_id,)
        )
        return [read_event(row) for row in rows]

    def moved(self, terminal: str) -> Mapping[str, object] | None:
        """What was noted when a person last said that this terminal has another address."""
        # Such a note belongs to no operation, and of those there are few: the index finds them without the others.
        row = self._connection.execute(
            "SELECT * FROM event WHERE operation_id IS NULL AND type = ? AND terminal = ? ORDER BY seq DESC LIMIT 1",
            (EventType.MOVED, terminal),
        ).fetchone()
        return None if row is None else read_event(row).detail

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
