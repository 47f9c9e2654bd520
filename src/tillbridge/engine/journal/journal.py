"""The journal: what is written to it, as jobs for the one committing thread, and what is read from it.

A payment costs two durable commits. `accept` rides along and is flushed with `sending`, before the first byte goes to
a terminal (law 1); `close` is flushed before anybody hears the outcome.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.domain.operation import Stage, stage_of
from tillbridge.domain.outcome import Approved, Outcome
from tillbridge.engine.journal.outcomes import write_outcome
from tillbridge.engine.journal.records import EventType, to_micros
from tillbridge.engine.states import Cause, allowed_from
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import Committer, StorageUnavailable

_INSERT_OPERATION: Final = """
INSERT INTO operation (id, kind, stage, terminal, door, caller, register, order_id, business_day, currency, asked_minor,
    online, partial_allowed, keyless, parent_id, idempotency_key, notes, warnings, accepted_at)
VALUES (?, ?, 'accepted', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_EVENT: Final = "INSERT INTO event (operation_id, terminal, type, at, cause, detail) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_KEY: Final = "INSERT INTO key (scope, key, fingerprint, operation_id) VALUES (?, ?, ?, ?)"
_INSERT_ATTEMPT: Final = "INSERT INTO attempt (operation_id, wire_reference, at) VALUES (?, ?, ?)"
_UPSERT_DELIVERY: Final = """
INSERT INTO delivery (operation_id, receiver, state, at) VALUES (?, ?, ?, ?)
ON CONFLICT (operation_id, receiver) DO UPDATE SET state = excluded.state, at = excluded.at"""


class MoveRefused(Exception):
    """The state machine has no such move from where the operation stands; nothing was written."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What `accept` needs beside the payment itself."""

    payment: Payment
    business_day: str
    fingerprint: str
    partial_allowed: bool
    keyless: bool


class Journal:
    """Writes. Every method gives a future that fails with `StorageUnavailable` where the disk did not take it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    @property
    def committer(self) -> Committer:
        """The one thread that writes to the file, for whoever keeps tables of its own in it."""
        return self._committer

    def accept(self, acceptance: Acceptance) -> "asyncio.Future[None]":
        """A new operation with its first event and its key; rides along."""

        def job(connection: sqlite3.Connection) -> None:
            payment = acceptance.payment
            amount = payment.amount
            at = to_micros(payment.accepted_at)
            connection.execute(
                _INSERT_OPERATION,
                (
                    payment.id,
                    payment.kind,
                    payment.terminal,
                    payment.door,
                    payment.caller,
                    payment.register,
                    payment.order_id,
                    acceptance.business_day,
                    None if amount is None else amount.currency.code,
                    None if amount is None else amount.minor,
                    payment.online,
                    acceptance.partial_allowed,
                    acceptance.keyless,
                    payment.parent,
                    payment.key,
                    json.dumps(payment.notes, ensure_ascii=False, default=str),
                    json.dumps(payment.warnings, ensure_ascii=False),
                    at,
                ),
            )
            connection.execute(_INSERT_EVENT, (payment.id, payment.terminal, EventType.ACCEPTED, at, None, "{}"))
            if payment.key is not None:
                connection.execute(_INSERT_KEY, (payment.caller, payment.key, acceptance.fingerprint, payment.id))

        return self._committer.submit(job, durable=False)

    def sending(self, payment: Payment, wire_reference: str, at: datetime) -> "asyncio.Future[None]":
        """The intent to send; once this is done the first byte may leave."""

        def job(connection: sqlite3.Connection) -> None:
            micros = to_micros(at)
            moved = connection.execute(
                "UPDATE operation SET stage = 'sending' WHERE id = ? AND stage = 'accepted'", (payment.id,)
            )
            if moved.rowcount != 1:
                # The commit that the acceptance rode in failed, so there is no intent on disk to send for.
                raise StorageUnavailable("the accepted operation is not in the journal")
            connection.execute(_INSERT_ATTEMPT, (payment.id, wire_reference, micros))
            event = (payment.id, payment.terminal, EventType.SENDING, micros, Cause.INTENT_ON_DISK, "{}")
            connection.execute(_INSERT_EVENT, event)

        return self._committer.submit(job, durable=True)

    def close(
        self, payment: Payment, outcome: Outcome, cause: Cause, at: datetime, detail: Mapping[str, object]
    ) -> "asyncio.Future[None]":
        """Moves the operation to the outcome's stage; `MoveRefused` where the table of states has no such move."""
        stage = stage_of(outcome)
        sources = allowed_from(cause, stage)

        def job(connection: sqlite3.Connection) -> None:
            micros = to_micros(at)
            moved = connection.execute(
                f"UPDATE operation SET stage = ?, outcome = ?, approved_minor = ?, closed_at = ? WHERE id = ?"
                f" AND stage IN ({', '.join('?' * len(sources))})",
                (
                    stage,
                    write_outcome(outcome),
                    outcome.amount.minor if isinstance(outcome, Approved) else None,
                    None if stage is Stage.IN_DOUBT else micros,
                    payment.id,
                    *sources,
                ),
            )
            if moved.rowcount != 1:
                raise MoveRefused(f"no move to {stage} by {cause}")
            kind = EventType.RESOLVED if cause is Cause.PERSON else EventType.OUTCOME
            text = json.dumps({"stage": stage, **detail}, ensure_ascii=False)
            connection.execute(_INSERT_EVENT, (payment.id, payment.terminal, kind, micros, cause, text))

        return self._committer.submit(job, durable=True)

    def note(
        self,
        payment_id: str | None,
        terminal: str,
        kind: EventType,
        at: datetime,
        detail: Mapping[str, object],
        *,
        durable: bool = False,
    ) -> "asyncio.Future[None]":
        """An event that moves nothing; rides along unless evidence hangs on it."""

        def job(connection: sqlite3.Connection) -> None:
            text = json.dumps(detail, ensure_ascii=False, default=str)
            connection.execute(_INSERT_EVENT, (payment_id, terminal, kind, to_micros(at), None, text))

        return self._committer.submit(job, durable=durable)

    def deliver(
        self, payment: Payment, receiver: str, state: str, at: datetime, detail: Mapping[str, object], *, durable: bool
    ) -> "asyncio.Future[None]":
        """Whether a receiver heard of the result: `state` is reached, failed or settled."""

        def job(connection: sqlite3.Connection) -> None:
            micros = to_micros(at)
            connection.execute(_UPSERT_DELIVERY, (payment.id, receiver, state, micros))
            kind = EventType.UNDELIVERED if state == "failed" else EventType.DELIVERED
            text = json.dumps({"receiver": receiver, "state": state, **detail}, ensure_ascii=False)
            connection.execute(_INSERT_EVENT, (payment.id, payment.terminal, kind, micros, None, text))

        return self._committer.submit(job, durable=durable)

    def probe(self) -> "asyncio.Future[None]":
        """A durable commit that changes nothing anybody reads: proves that the disk takes writes again."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE readable_by SET version = version")

        return self._committer.submit(job, durable=True)

    async def shut(self) -> None:
        """Commits what still rides along and closes the file."""
        await self._committer.close()
