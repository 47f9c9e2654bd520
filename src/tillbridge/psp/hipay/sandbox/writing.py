"""The statements that change the sandbox's database. Each runs inside the transaction of whoever calls it."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tillbridge.psp.hipay.sandbox.model import Delivery, Mode, Step, Transaction, Wanted
from tillbridge.psp.hipay.sandbox.notices import fields_of
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.rows import text_of, transaction_of
from tillbridge.psp.hipay.sandbox.statuses import Status

FIRST_REFERENCE: Final = 800_000_000_000
"""References have twelve digits, as those of a real gateway."""

_SHARING: Final = frozenset({Mode.TWIN, Mode.HOSTED})
"""Those of which an order may have several: the double that a switch asks for, and a buyer's attempts on a page."""

_USED: Final = (
    "SELECT 1 FROM payment WHERE order_id = :order_id AND mode <> 'twin'"
    " UNION ALL SELECT 1 FROM page WHERE order_id = :order_id"
)

Decide = Callable[[Transaction], Sequence[Step]]


@dataclass(frozen=True, slots=True)
class Telling:
    """Whether steps are told to anybody. `late` holds the first of them back, so that a later one overtakes it."""

    on: bool
    late: timedelta = timedelta()


def insert(connection: sqlite3.Connection, wanted: Wanted, now: datetime, telling: Telling) -> Transaction:
    """A new transaction with its first step; `GatewayRefusal` where the order's number was used before."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    if wanted.mode not in _SHARING and cursor.execute(_USED, {"order_id": wanted.order_id}).fetchone():
        raise GatewayRefusal(GatewayCode.DUPLICATE_ORDER, "an order with this number was already given")
    at = text_of(now)
    authorized_at = at if wanted.sums.authorized else None
    due = None if wanted.due is None else text_of(wanted.due)
    sums = wanted.sums
    cursor.execute(
        "INSERT INTO payment (order_id, mode, operation, currency, minor, status, authorized, captured, refunded,"
        " credited, mid, acquirer_reference, asked, created, updated, authorized_at, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(wanted.order_id, wanted.mode, wanted.operation, wanted.amount.currency.code, wanted.amount.minor),
            *(int(wanted.status), sums.authorized, sums.captured, sums.refunded, sums.credited, wanted.mid),
            *(wanted.acquirer_reference, json.dumps(dict(wanted.asked)), at, at, authorized_at, due),
        ),
    )
    seq = cursor.lastrowid or 0
    reference = str(FIRST_REFERENCE + seq)
    cursor.execute("UPDATE payment SET reference = ? WHERE seq = ?", (reference, seq))
    made = transaction_of(cursor.execute("SELECT * FROM payment WHERE seq = ?", (seq,)).fetchone())
    _note(cursor, made, Step(made.status, made.sums), now, telling)
    return made


def change(
    connection: sqlite3.Connection, reference: str, decide: Decide, now: datetime, telling: Telling
) -> Transaction:
    """Takes the steps that `decide` gives for the transaction as it stands; what it raises changes nothing."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    row = cursor.execute("SELECT * FROM payment WHERE reference = ?", (reference,)).fetchone()
    if row is None:
        raise GatewayRefusal(GatewayCode.TRANSACTION_UNKNOWN, "there is no transaction with this reference")
    one = transaction_of(row)
    held = telling
    for step in decide(one):
        one = _stepped(one, step, now)
        _note(cursor, one, step, now, held)
        held = replace(telling, late=timedelta())
    _write(cursor, one)
    return one


def _stepped(one: Transaction, step: Step, now: datetime) -> Transaction:
    authorized_at = one.authorized_at or (now if step.sums.authorized else None)
    due = one.due if step.status is Status.AWAITING_TERMINAL else None
    return replace(one, status=step.status, sums=step.sums, updated=now, authorized_at=authorized_at, due=due)


def _write(cursor: sqlite3.Cursor, one: Transaction) -> None:
    sums = one.sums
    cursor.execute(
        "UPDATE payment SET status = ?, authorized = ?, captured = ?, refunded = ?, credited = ?, updated = ?,"
        " authorized_at = ?, due = ? WHERE seq = ?",
        (
            *(int(one.status), sums.authorized, sums.captured, sums.refunded, sums.credited, text_of(one.updated)),
            None if one.authorized_at is None else text_of(one.authorized_at),
            None if one.due is None else text_of(one.due),
            one.seq,
        ),
    )


def _note(cursor: sqlite3.Cursor, one: Transaction, step: Step, now: datetime, telling: Telling) -> None:
    """The history's line, and the notification where somebody is told."""
    cursor.execute(
        "INSERT INTO step (reference, at, status, kind, operation_id, minor) VALUES (?, ?, ?, ?, ?, ?)",
        (one.reference, text_of(now), int(step.status), step.kind, step.operation_id, step.minor),
    )
    if telling.on or one.asked.get("notify_url"):
        fields = json.dumps(fields_of(one, step, now))
        cursor.execute(
            "INSERT INTO notice (reference, status, made, fields, due, delivery) VALUES (?, ?, ?, ?, ?, ?)",
            (one.reference, int(one.status), text_of(now), fields, text_of(now + telling.late), Delivery.WAITING),
        )
