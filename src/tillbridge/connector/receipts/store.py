"""Which slips were printed, so that the next one of the same payment says that it is a copy."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.domain.receipt import Copy
from tillbridge.engine.journal.records import to_micros
from tillbridge.runtime.sqlite import Committer
from tillbridge.upstream.write_keys import WriteKey, once

LATEST: Final = 2**63 - 1
"""Beyond every line that a table can have."""


@dataclass(frozen=True, slots=True)
class Print:
    """A slip that is to be printed, or was under the same key (`replayed`); `id` is its line in the journal."""

    id: int
    duplicate: bool
    replayed: bool


class PrintStore:
    """Writes, through the journal's one committing thread."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def begin(self, payment_id: str, copy: Copy, now: datetime, key: WriteKey) -> Print:
        """Notes, durably and before it is printed, that a slip is: two originals must never lie there."""

        def write(connection: sqlite3.Connection) -> str:
            row = connection.execute(
                "INSERT INTO receipt_print (operation_id, side, at) VALUES (?, ?, ?)",
                (payment_id, copy, to_micros(now)),
            )
            return str(row.lastrowid)

        def job(connection: sqlite3.Connection) -> Print:
            written = once(connection, key, write)
            earlier = _count(connection, payment_id, copy, int(written.subject))
            return Print(int(written.subject), earlier > 0, written.replayed)

        begun: Print = await self._committer.submit(job, durable=True)
        return begun

    async def printed(self, payment_id: str, copy: Copy) -> bool:
        """Whether this side of a payment was printed, or may have been."""

        def job(connection: sqlite3.Connection) -> bool:
            return _count(connection, payment_id, copy, LATEST) > 0

        found: bool = await self._committer.submit(job, durable=False)
        return found

    async def failed(self, begun: Print, key: WriteKey, *, left: bool) -> None:
        """It did not work out, so that the same key may try again. `left` says that a part of it may lie there."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM write_key WHERE scope = ? AND key = ?", (key.scope, key.key))
            if not left:
                connection.execute("DELETE FROM receipt_print WHERE id = ?", (begun.id,))

        await self._committer.submit(job, durable=True)


def _count(connection: sqlite3.Connection, payment_id: str, copy: Copy, before: int) -> int:
    (found,) = connection.execute(
        "SELECT count(*) FROM receipt_print WHERE operation_id = ? AND side = ? AND id < ?", (payment_id, copy, before)
    ).fetchone()
    return int(found)
