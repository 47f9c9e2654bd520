"""What the outbox of reports keeps: messages and notices as values, and how their rows are read."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbridge.engine.journal.records import from_micros
from tillbridge.psp.verdicts import Verdict
from tillbridge.upstream.messages import MessageType


class MessageState(StrEnum):
    """Whether a receiver has heard: `dead` waits for a person, who may have it sent again."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one receiver. `contract` is there where there is one message for each; times are UTC.

    `attempts` counts since `since`. `next_at` is there while it waits, `done_at` once it does not. `said` is why the
    last attempt did not count, `reference` the receiver's own name for what it took, `order_id` the order number by
    which HiPay knows the payment.
    """

    id: int
    receiver: str
    payment_id: str
    event_seq: int
    contract: str | None
    type: MessageType
    order_id: str | None
    state: MessageState
    attempts: int
    made_at: datetime
    since: datetime
    next_at: datetime | None
    done_at: datetime | None
    status: int | None
    said: str | None
    reference: str | None

    @property
    def name(self) -> str:
        """The message's name for ever, the same in every attempt and in a replay."""
        named = f"msg_{self.payment_id}_{self.event_seq}"
        return named if self.contract is None else f"{named}_{self.contract}"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over: what came of it, and when to try again (None: never by itself)."""

    message: Message
    verdict: Verdict
    at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a payment service said by itself; `payment_id` None where no payment of ours fits."""

    id: int
    at: datetime
    order_id: str | None
    payment_id: str | None
    signed_with: str
    fields: Mapping[str, str]


def read_message(row: sqlite3.Row) -> Message:
    """A row of `upstream_message`."""
    return Message(
        id=row["id"],
        receiver=row["receiver"],
        payment_id=row["operation_id"],
        event_seq=row["event_seq"],
        contract=row["contract"],
        type=MessageType(row["type"]),
        order_id=row["order_id"],
        state=MessageState(row["state"]),
        attempts=row["attempts"],
        made_at=from_micros(row["made_at"]),
        since=from_micros(row["since"]),
        next_at=_moment(row["next_at"]),
        done_at=_moment(row["done_at"]),
        status=row["status"],
        said=row["said"],
        reference=row["reference"],
    )


def read_notice_row(row: sqlite3.Row) -> Notice:
    """A row of `upstream_notice`."""
    return Notice(
        id=row["id"],
        at=from_micros(row["at"]),
        order_id=row["order_id"],
        payment_id=row["operation_id"],
        signed_with=row["signed_with"],
        fields=json.loads(row["fields"]),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
