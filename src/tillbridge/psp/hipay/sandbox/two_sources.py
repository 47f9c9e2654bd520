"""The rule of the two sources: a payment of a shop exists at the provider only once two have told of it.

One is the connector's own message, here to a receiver of ours; the other is the acquirer's data, by the gateway's push
or by the daily collection of the terminal (README.md, section 7). All of it runs inside one change of the database.
"""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.psp.hipay.sandbox.maintenance import collect as collected_steps
from tillbridge.psp.hipay.sandbox.model import Message, Mode, Operation, Step, Sums, Transaction, Wanted
from tillbridge.psp.hipay.sandbox.rows import message_of, text_of, transaction_of
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.psp.hipay.sandbox.writing import Telling, change, insert

MESSAGES_KEPT: Final = 10_000
"""Messages to our own receiver that are kept; older ones that became part of nothing make room."""


CLOUD: Final = "cloud"
"""The name under which the books keep what the provider's own cloud told."""


class Context(StrEnum):
    """Where the payment's data come from: a terminal that is collected once a day, or a central gateway."""

    STANDALONE = "standalone"
    CENTRALISED = "centralised"


@dataclass(frozen=True, slots=True)
class Acquired:
    """What the acquirer says of an order. `mid` is empty where the contract does not matter."""

    order_id: str
    mid: str
    context: Context
    authorized: bool


def status_of(context: Context, *, authorized: bool, pushed: bool, collected: bool) -> Status | None:
    """Where the acquirer's data put a payment; None while they say nothing yet."""
    match context:
        case Context.CENTRALISED:
            return Status.CAPTURED if pushed or collected else None
        case Context.STANDALONE:
            if collected:
                return Status.CAPTURED
            return Status.AUTHORIZED if pushed and authorized else None


def push(connection: sqlite3.Connection, acquired: Acquired, now: datetime, telling: Telling) -> Transaction | None:
    """The gateway's push for one payment; the transaction that it becomes, if the other source has told of it."""
    cursor = _cursor(connection)
    _acquire(cursor, acquired, pushed=True, collected=False)
    return _settle(connection, acquired, now, telling)


def collect(
    connection: sqlite3.Connection, acquired: Acquired, now: datetime, telling: Telling, *, twice: bool
) -> Transaction | None:
    """The collection of one payment: what was recorded as authorised is captured.

    `twice` makes a second transaction of it instead, as may happen where both ways lead to the same account.
    """
    cursor = _cursor(connection)
    known = cursor.execute(
        "SELECT * FROM payment WHERE order_id = ? AND mode = ?", (acquired.order_id, Mode.PASSIVE)
    ).fetchone()
    if known is not None:
        one = transaction_of(known)
        if twice:
            return insert(connection, _twin(one), now, telling)
        return change(connection, one.reference, collected_steps, now, telling)
    _acquire(cursor, acquired, pushed=False, collected=True)
    return _settle(connection, acquired, now, telling)


def hear(
    connection: sqlite3.Connection, message: Message, now: datetime, telling: Telling
) -> tuple[bool, Transaction | None]:
    """Takes a message to our own receiver. Returns whether it is new, and the transaction that it completes."""
    cursor = _cursor(connection)
    amount = message.amount
    cursor.execute(
        "INSERT OR IGNORE INTO message (at, receiver, message_id, kind, order_id, mid, currency, minor, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(text_of(now), message.receiver, message.message_id, message.kind, message.order_id, message.mid),
            None if amount is None else amount.currency.code,
            None if amount is None else amount.minor,
            message.body,
        ),
    )
    if cursor.rowcount == 0:
        return False, None
    cursor.execute(
        "DELETE FROM message WHERE reference IS NULL AND seq <= (SELECT max(seq) FROM message) - ?", (MESSAGES_KEPT,)
    )
    done: Transaction | None = None
    for row in cursor.execute("SELECT * FROM acquired WHERE order_id = ?", (message.order_id,)).fetchall():
        acquired = Acquired(row["order_id"], row["mid"], Context(row["context"]), bool(row["authorized"]))
        done = _settle(connection, acquired, now, telling) or done
    return True, done


def _acquire(cursor: sqlite3.Cursor, acquired: Acquired, *, pushed: bool, collected: bool) -> None:
    cursor.execute(
        "INSERT INTO acquired (order_id, mid, context, authorized, pushed, collected) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (order_id, mid) DO UPDATE SET pushed = max(pushed, excluded.pushed),"
        " collected = max(collected, excluded.collected)",
        (acquired.order_id, acquired.mid, acquired.context, acquired.authorized, pushed, collected),
    )


def _settle(connection: sqlite3.Connection, acquired: Acquired, now: datetime, telling: Telling) -> Transaction | None:
    """Puts the two sources together, as far as both are there."""
    cursor = _cursor(connection)
    key = (acquired.order_id, acquired.mid)
    row = cursor.execute("SELECT * FROM acquired WHERE order_id = ? AND mid = ?", key).fetchone()
    context, authorized = Context(row["context"]), bool(row["authorized"])
    status = status_of(context, authorized=authorized, pushed=bool(row["pushed"]), collected=bool(row["collected"]))
    if status is None:
        return None
    if row["reference"] is not None:
        steps = collected_steps if status is Status.CAPTURED else _nothing
        return change(connection, row["reference"], steps, now, telling)
    message = _partner(cursor, acquired)
    if message is None or message.amount is None:
        return None
    if cursor.execute("SELECT 1 FROM payment WHERE order_id = ?", (acquired.order_id,)).fetchone():
        return None
    made = insert(connection, _wanted(acquired, message, message.amount, status, context), now, telling)
    cursor.execute("UPDATE acquired SET reference = ? WHERE order_id = ? AND mid = ?", (made.reference, *key))
    cursor.execute("UPDATE message SET reference = ? WHERE seq = ?", (made.reference, message.seq))
    return made


def _nothing(_: Transaction) -> tuple[Step, ...]:
    return ()


def _partner(cursor: sqlite3.Cursor, acquired: Acquired) -> Message | None:
    """The message that the acquirer's data fit: of the same order, and of the same contract where one is named."""
    row = cursor.execute(
        "SELECT * FROM message WHERE order_id = ? AND minor IS NOT NULL AND reference IS NULL"
        " AND (? = '' OR mid IN ('', ?)) ORDER BY mid = ? DESC, seq LIMIT 1",
        (acquired.order_id, acquired.mid, acquired.mid, acquired.mid),
    ).fetchone()
    return None if row is None else message_of(row)


def _wanted(acquired: Acquired, message: Message, amount: Money, status: Status, context: Context) -> Wanted:
    captured = amount.minor if status is Status.CAPTURED else 0
    return Wanted(
        acquired.order_id,
        Mode.SOURCES,
        Operation.SALE,
        amount,
        status,
        Sums(authorized=amount.minor, captured=captured),
        acquired.mid or message.mid,
        "",
        {"context": context, "description": f"message {message.message_id}"} | _told_at(message),
    )


def _told_at(message: Message) -> dict[str, str]:
    """The address that an order over the cloud names for its own notifications."""
    if message.receiver != CLOUD:
        return {}
    address = json.loads(message.body).get("notify_url")
    return {"notify_url": address} if isinstance(address, str) else {}


def _twin(one: Transaction) -> Wanted:
    sums = replace(one.sums, authorized=one.amount.minor, captured=one.amount.minor)
    status, reference = Status.CAPTURED, one.acquirer_reference
    return Wanted(one.order_id, Mode.TWIN, one.operation, one.amount, status, sums, one.mid, reference, one.asked)


def _cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor
