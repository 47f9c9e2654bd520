"""What the outbox keeps: receivers, deliveries and attempts as values, and how their rows are read."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbridge.engine.journal.records import from_micros
from tillbridge.upstream.messages import MessageType


class DeliveryState(StrEnum):
    """Whether a receiver has heard of an event."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver. `types` is what it is told; `created_by` the caller that added it. Times are UTC."""

    id: str
    url: str
    description: str
    types: tuple[MessageType, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one receiver. `message_id` is the receiver's name for it; `attempts` counts since `since`.

    `event_seq` and `payment_id` are None for a message that only tries out the receiver. `next_at` is there while it is
    pending, `done_at` once it is not.
    """

    id: int
    webhook_id: str
    message_id: str
    type: MessageType
    state: DeliveryState
    attempts: int
    since: datetime
    event_seq: int | None
    payment_id: str | None
    next_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, the answer's HTTP status where one came, and why it did not count; `took` is in microseconds."""

    at: datetime
    took: int
    status: int | None
    failure: str | None


def read_webhook(row: sqlite3.Row) -> Webhook:
    """A row of `webhook`."""
    return Webhook(
        id=row["id"],
        url=row["url"],
        description=row["description"],
        types=tuple(MessageType(kind) for kind in json.loads(row["types"])),
        created_by=row["created_by"],
        created_at=from_micros(row["created_at"]),
    )


def read_delivery(row: sqlite3.Row) -> Delivery:
    """A row of `webhook_delivery` beside its event's `operation_id`."""
    return Delivery(
        id=row["id"],
        webhook_id=row["webhook_id"],
        message_id=row["message_id"],
        type=MessageType(row["type"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        since=from_micros(row["since"]),
        event_seq=row["event_seq"],
        payment_id=row["operation_id"],
        next_at=_moment(row["next_at"]),
        done_at=_moment(row["done_at"]),
    )


def read_attempt(row: sqlite3.Row) -> Attempt:
    """A row of `webhook_attempt`."""
    return Attempt(from_micros(row["at"]), row["took"], row["status"], row["failure"])


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
