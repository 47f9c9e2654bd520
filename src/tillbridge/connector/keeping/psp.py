"""What the payment service says of a day: a promise, and its two keepers: what we told it here, and a list of its own.

docs/reference/keeping.md, section 5.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, currency, parse_major
from tillbridge.engine.journal.records import to_micros
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import connect_reading

MOST_NOTICES: Final = 20_000
"""Notices of one day that are looked at: a few for each payment of the busiest shop."""

_AMOUNTS: Final = (
    *(("operation[amount]", "currency"), ("captured_amount", "currency")),
    *(("result[amount]", "result[currency]"), ("order[amount]", "order[currency]")),
)
"""Where a notice says how much money it is about, the most particular first."""


class PspState(StrEnum):
    """What the service has of a payment. `TAKEN`: it has it. `WAITING`, `GIVEN_UP`: it was not reached yet, or never.

    `NOT_TAKEN`: it lists it as refused, cancelled or expired.
    """

    TAKEN = "taken"
    WAITING = "waiting"
    GIVEN_UP = "given_up"
    NOT_TAKEN = "not_taken"


@dataclass(frozen=True, slots=True)
class PspRow:
    """A line of the service. `place` says where it stands, for people; `ids` are names that it knows a payment by.

    `amount` is None where it does not say how much.
    """

    place: str
    ids: tuple[str, ...]
    amount: Money | None
    state: PspState


class PspDay(Protocol):
    """A payment service's own view of some payments."""

    @property
    def name(self) -> str:
        """Who says it, for people."""
        ...

    @property
    def complete(self) -> bool:
        """Whether a payment that it does not name is missing there."""
        ...

    def rows(self, payments: Sequence[Payment], since: datetime, until: datetime) -> Sequence[PspRow]:
        """What it has of these payments, and of others from `since` until just before `until` (UTC)."""
        ...


@dataclass(frozen=True, slots=True)
class ToldHere:
    """What this connector told one receiver, and what the service said by itself, as the journal has it."""

    journal: Path
    receiver: str

    @property
    def name(self) -> str:
        """See `PspDay.name`."""
        return self.receiver

    @property
    def complete(self) -> bool:
        """See `PspDay.complete`: it is said of each payment whether the receiver was told of it."""
        return False

    def rows(self, payments: Sequence[Payment], since: datetime, until: datetime) -> Sequence[PspRow]:
        """See `PspDay.rows`."""
        with closing(connect_reading(self.journal)) as connection:
            connection.execute("BEGIN")
            said = _notices(connection, since, until)
            found = [row for payment in payments for row in self._of(connection, payment)]
        return found + said

    def _of(self, connection: sqlite3.Connection, payment: Payment) -> list[PspRow]:
        told = connection.execute(
            "SELECT id, order_id, state FROM upstream_message WHERE operation_id = ? AND receiver = ?"
            " AND type = 'payment.approved' ORDER BY id LIMIT 1",
            (payment.id, self.receiver),
        ).fetchone()
        if told is None:
            since = connection.execute(
                "SELECT since FROM upstream_receiver WHERE name = ?", (self.receiver,)
            ).fetchone()
            if since is None or payment.closed_at is None or to_micros(payment.closed_at) < since["since"]:
                return []  # there was no such receiver yet, and it is not told of what was before
            return [PspRow(self.receiver, (payment.id,), None, PspState.WAITING)]
        notice = connection.execute(
            "SELECT fields FROM upstream_notice WHERE operation_id = ? ORDER BY id DESC LIMIT 1", (payment.id,)
        ).fetchone()
        state = _STATES.get(told["state"], PspState.WAITING)
        amount = None if notice is None else _amount_said(notice["fields"])
        return [PspRow(f"{self.receiver} {told['id']}", (payment.id,), amount, state)]


_STATES: Final = {"sent": PspState.TAKEN, "waiting": PspState.WAITING, "dead": PspState.GIVEN_UP}


def aliases(journal: Path, payments: Collection[Payment]) -> dict[str, str]:
    """Under which names a service may know a payment: its id, its order number, and what it was told it by.

    A name that stands for two payments stands for none.
    """
    found: dict[str, set[str]] = {}
    with closing(connect_reading(journal)) as connection:
        told = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'upstream_message'").fetchone() is not None
        for payment in payments:
            names = {payment.id, *([payment.order_id] if payment.order_id else [])}
            if told:
                rows = connection.execute(
                    "SELECT order_id FROM upstream_message WHERE operation_id = ? AND order_id IS NOT NULL",
                    (payment.id,),
                )
                names |= {str(row["order_id"]) for row in rows}
            for name in names:
                found.setdefault(name, set()).add(payment.id)
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def _notices(connection: sqlite3.Connection, since: datetime, until: datetime) -> list[PspRow]:
    """What the service said of payments that this connector does not have."""
    rows = connection.execute(
        "SELECT id, order_id, fields FROM upstream_notice WHERE operation_id IS NULL AND order_id IS NOT NULL"
        " AND at >= ? AND at < ? ORDER BY id LIMIT ?",
        (to_micros(since), to_micros(until), MOST_NOTICES),
    )
    found = {str(row["order_id"]): row for row in rows}
    return [
        PspRow(f"notice {row['id']}", (order_id,), _amount_said(row["fields"]), PspState.TAKEN)
        for order_id, row in found.items()
    ]


def _amount_said(fields: str) -> Money | None:
    said = json.loads(fields)
    for amount, unit in _AMOUNTS:
        if amount in said and unit in said:
            try:
                return parse_major(str(said[amount]), currency(str(said[unit])))
            except (BridgeError, ValueError):
                return None
    return None
