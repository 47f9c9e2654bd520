"""What the journal hands out: rows as values, and how they are read."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.outcomes import read_outcome
from tillbridge.protocols.contract import Payment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class EventType(StrEnum):
    """What can happen to an operation; the words of the timeline."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    PROGRESS = "progress"
    ABORT_REQUESTED = "abort_requested"
    OUTCOME = "outcome"
    RESOLVED = "resolved"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    LATE_REPEAT = "late_repeat"
    CONTRADICTION = "contradiction"
    STRAY_RESULT = "stray_result"
    EVIDENCE = "evidence"
    SIGNATURE = "signature"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a payment's timeline; `seq` grows for ever over the whole journal. Times are UTC."""

    seq: int
    payment_id: str | None
    terminal: str
    type: EventType
    at: datetime
    cause: str | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the journal with the payment that it is about, as that stands now. `seq` is a cursor."""

    seq: int
    type: EventType
    at: datetime
    payment: Payment


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, without a float in between."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The moment that `to_micros` wrote."""
    return _EPOCH + timedelta(microseconds=micros)


def read_payment(row: sqlite3.Row) -> Payment:
    """A row of `operation` as the desk's payment."""
    stage = Stage(row["stage"])
    return Payment(
        id=row["id"],
        kind=Kind(row["kind"]),
        stage=stage,
        amount=None if row["asked_minor"] is None else Money(row["asked_minor"], currency(row["currency"])),
        terminal=row["terminal"],
        caller=row["caller"],
        door=row["door"],
        register=row["register"],
        accepted_at=from_micros(row["accepted_at"]),
        order_id=row["order_id"],
        key=row["idempotency_key"],
        online=bool(row["online"]),
        parent=row["parent_id"],
        outcome=None if row["outcome"] is None else read_outcome(stage, row["outcome"]),
        closed_at=None if row["closed_at"] is None else from_micros(row["closed_at"]),
        warnings=tuple(json.loads(row["warnings"])),
        notes=json.loads(row["notes"]),
    )


def read_event(row: sqlite3.Row) -> Event:
    """A row of `event`."""
    return Event(
        seq=row["seq"],
        payment_id=row["operation_id"],
        terminal=row["terminal"],
        type=EventType(row["type"]),
        at=from_micros(row["at"]),
        cause=row["cause"],
        detail=json.loads(row["detail"]),
    )
