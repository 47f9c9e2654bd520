"""The statements about pages on which buyers pay. Each runs inside the transaction of whoever calls it."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import BY_CODE, Money
from tillbridge.psp.hipay.sandbox.hosted import Page
from tillbridge.psp.hipay.sandbox.model import Mode, Operation, Step, Sums, Transaction, Wanted
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.rows import text_of, time_of, transaction_of
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.psp.hipay.sandbox.writing import Telling, change, insert

MOST_ATTEMPTS: Final = 3
"""Of one page: with the third refusal it is closed."""

FAILED: Final = frozenset({Status.REFUSED, Status.EXPIRED})
ONE_PAGE: Final = "SELECT * FROM page WHERE token = ?"
_BY_ORDER: Final = "SELECT * FROM page WHERE order_id = ?"
_ATTEMPTS: Final = "SELECT * FROM payment WHERE order_id = ? ORDER BY seq"


def page_of(row: sqlite3.Row) -> Page:
    """A row of `page`."""
    return Page(
        token=row["token"],
        order_id=row["order_id"],
        operation=Operation(row["operation"]),
        amount=Money(row["minor"], BY_CODE[row["currency"]]),
        asked=json.loads(row["asked"]),
        language=Language(row["language"]) if row["language"] else None,
        returns=json.loads(row["returns"]),
        created=time_of(row["created"]),
        expires=time_of(row["expires"]),
        cancelled=bool(row["cancelled"]),
    )


def open_page(connection: sqlite3.Connection, wanted: Page, *, once: bool) -> tuple[Page, Sequence[Transaction]]:
    """A new page; for the same order, asked for in the same way, the one that there is, unless `once`."""
    cursor = _cursor(connection)
    attempts = _attempts(cursor, wanted.order_id)
    row = cursor.execute(_BY_ORDER, (wanted.order_id,)).fetchone()
    if row is None:
        if attempts:
            raise GatewayRefusal(GatewayCode.DUPLICATE_ORDER, "an order with this number was already given")
        _insert(cursor, wanted)
        return wanted, ()
    known = page_of(row)
    if any(one.status not in FAILED for one in attempts) or known.cancelled:
        raise GatewayRefusal(GatewayCode.ORDER_COMPLETED, "the order of this number is completed")
    if once or replace(known, token=wanted.token, created=wanted.created, expires=wanted.expires) != wanted:
        raise GatewayRefusal(GatewayCode.DUPLICATE_ORDER, "an order with this number was already given")
    if wanted.created >= known.expires:
        raise GatewayRefusal(GatewayCode.SESSION_EXPIRED, "the page of this order has expired")
    return known, attempts


def attempt(
    connection: sqlite3.Connection, token: str, steps: Sequence[Step], now: datetime, telling: Telling
) -> Transaction:
    """A buyer's attempt with its steps, the first as it is made. `GatewayRefusal` where the page is closed."""
    cursor = _cursor(connection)
    row = cursor.execute(ONE_PAGE, (token,)).fetchone()
    if row is None:
        raise GatewayRefusal(GatewayCode.ORDER_UNKNOWN, "there is no such page")
    page = page_of(row)
    before = _attempts(cursor, page.order_id)
    check_open(page, before, now)
    first, *further = steps
    made = insert(connection, _wanted(page, first, len(before) + 1), now, telling)
    if further:
        # Only the first notification of several is held back, so that a later one overtakes it.
        made = change(connection, made.reference, lambda _: further, now, Telling(telling.on))
    if made.status is Status.CANCELLED:
        cursor.execute("UPDATE page SET cancelled = 1 WHERE token = ?", (token,))
    return made


def check_open(page: Page, attempts: Sequence[Transaction], now: datetime) -> None:
    """Returns where a buyer may still pay; `GatewayRefusal` with the reason where not."""
    if page.cancelled or any(one.status not in FAILED for one in attempts):
        raise GatewayRefusal(GatewayCode.ORDER_COMPLETED, "the order of this number is completed")
    if len(attempts) >= MOST_ATTEMPTS:
        raise GatewayRefusal(GatewayCode.ATTEMPTS, f"{MOST_ATTEMPTS} attempts were made")
    if now >= page.expires:
        raise GatewayRefusal(GatewayCode.SESSION_EXPIRED, "the page of this order has expired")


def steps_of(page: Page, status: Status) -> tuple[Step, ...]:
    """What happens when a buyer's attempt ends so: a sale is captured behind its authorisation."""
    minor = page.amount.minor
    match status:
        case Status.AUTHORIZED:
            held = Step(status, Sums(authorized=minor))
            if page.operation is not Operation.SALE:
                return (held,)
            return held, Step(Status.CAPTURED, Sums(authorized=minor, captured=minor), minor=minor)
        case _:
            return (Step(status, Sums()),)


def _wanted(page: Page, first: Step, number: int) -> Wanted:
    asked: Mapping[str, str] = {**page.asked, "attempt": str(number)}
    status, sums = first.status, first.sums
    return Wanted(page.order_id, Mode.HOSTED, page.operation, page.amount, status, sums, "", "", asked)


def _insert(cursor: sqlite3.Cursor, page: Page) -> None:
    amount = page.amount
    cursor.execute(
        "INSERT INTO page (token, order_id, operation, currency, minor, asked, language, returns, created, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(page.token, page.order_id, page.operation, amount.currency.code, amount.minor),
            *(json.dumps(dict(page.asked)), page.language or "", json.dumps(dict(page.returns))),
            *(text_of(page.created), text_of(page.expires)),
        ),
    )


def _attempts(cursor: sqlite3.Cursor, order_id: str) -> Sequence[Transaction]:
    return [transaction_of(row) for row in cursor.execute(_ATTEMPTS, (order_id,)).fetchall()]


def _cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor
