"""Idempotency-Keys of writes that start no payment (law 3 holds for them as well): kept for ever, in the journal."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from tillbridge.domain.errors import BridgeError, Code


@dataclass(frozen=True, slots=True)
class WriteKey:
    """`scope` is who asks, `fingerprint` a digest of everything that makes the request what it is."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made or met; `replayed` says that its key already stood for it and nothing new was done."""

    subject: str
    replayed: bool


def earlier_subject(connection: sqlite3.Connection, key: WriteKey) -> str | None:
    """What the key already stands for; `BridgeError(KEY_CONFLICT)` if it was used for another request."""
    found = connection.execute(
        "SELECT fingerprint, subject FROM write_key WHERE scope = ? AND key = ?", (key.scope, key.key)
    ).fetchone()
    if found is None:
        return None
    fingerprint, subject = found
    if fingerprint != key.fingerprint:
        raise BridgeError(Code.KEY_CONFLICT, "the key stands for another request")
    return str(subject)


def once(connection: sqlite3.Connection, key: WriteKey, write: Callable[[sqlite3.Connection], str]) -> Written:
    """Does what is asked for, which gives its subject; or nothing, where the key already stands for it."""
    earlier = earlier_subject(connection, key)
    if earlier is not None:
        return Written(earlier, replayed=True)
    subject = write(connection)
    connection.execute(
        "INSERT INTO write_key (scope, key, fingerprint, subject) VALUES (?, ?, ?, ?)",
        (key.scope, key.key, key.fingerprint, subject),
    )
    return Written(subject, replayed=False)
