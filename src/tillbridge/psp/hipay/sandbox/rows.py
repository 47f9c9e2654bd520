"""Turns rows of the sandbox's database into values, and times into text that sorts as they do."""

import json
import sqlite3
from datetime import UTC, datetime

from tillbridge.domain.money import BY_CODE, Money
from tillbridge.psp.hipay.sandbox.model import (
    Delivery,
    Message,
    Mode,
    Notice,
    Operation,
    Passed,
    Sums,
    Transaction,
)
from tillbridge.psp.hipay.sandbox.statuses import Status

NOTICE_COLUMNS = "notice.*, payment.order_id"


def text_of(at: datetime) -> str:
    """A time as a text of fixed width."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """What `text_of` has written."""
    return datetime.fromisoformat(text)


def transaction_of(row: sqlite3.Row) -> Transaction:
    """A row of `payment`."""
    return Transaction(
        seq=row["seq"],
        reference=row["reference"],
        order_id=row["order_id"],
        mode=Mode(row["mode"]),
        operation=Operation(row["operation"]),
        amount=Money(row["minor"], BY_CODE[row["currency"]]),
        status=Status(row["status"]),
        sums=Sums(row["authorized"], row["captured"], row["refunded"], row["credited"]),
        mid=row["mid"],
        acquirer_reference=row["acquirer_reference"],
        asked=json.loads(row["asked"]),
        created=time_of(row["created"]),
        updated=time_of(row["updated"]),
        authorized_at=None if row["authorized_at"] is None else time_of(row["authorized_at"]),
        due=None if row["due"] is None else time_of(row["due"]),
    )


def passed_of(row: sqlite3.Row) -> Passed:
    """A row of `step`."""
    status = Status(row["status"])
    return Passed(row["seq"], time_of(row["at"]), status, row["kind"], row["operation_id"], row["minor"])


def notice_of(row: sqlite3.Row) -> Notice:
    """A row of `notice` with the order's number beside it."""
    return Notice(
        seq=row["seq"],
        reference=row["reference"],
        order_id=row["order_id"],
        status=Status(row["status"]),
        made=time_of(row["made"]),
        fields=tuple((name, value) for name, value in json.loads(row["fields"])),
        due=None if row["due"] is None else time_of(row["due"]),
        attempts=row["attempts"],
        delivery=Delivery(row["delivery"]),
        said=row["said"],
        url=row["notify_url"] or "",
    )


def message_of(row: sqlite3.Row) -> Message:
    """A row of `message`."""
    return Message(
        seq=row["seq"],
        at=time_of(row["at"]),
        receiver=row["receiver"],
        message_id=row["message_id"],
        kind=row["kind"],
        order_id=row["order_id"],
        mid=row["mid"],
        amount=None if row["minor"] is None else Money(row["minor"], BY_CODE[row["currency"]]),
        body=row["body"],
        reference=row["reference"],
    )
