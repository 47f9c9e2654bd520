"""What the sandbox has accepted: a database in its folder, on the disk before anybody hears of it."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.model import Delivery, Message, Notice, Passed, Transaction, Wanted
from tillbridge.psp.hipay.sandbox.rows import message_of, notice_of, passed_of, text_of, time_of, transaction_of
from tillbridge.psp.hipay.sandbox.writing import Decide, Telling, change, insert
from tillbridge.runtime.sqlite import Committer, StorageUnavailable, connect_reading, connect_writing

FILE: Final = "sandbox.db"
VERSION: Final = 2

LOOKED_AT: Final = 4
"""Due notifications that are looked at for each that is wanted: a transaction has two or three at once."""

_SCHEMAS: Final = ("schema.sql", "pages.sql")
"""What each version has added to the one before."""

_NOTICES: Final = (
    "SELECT notice.*, payment.order_id, payment.asked ->> '$.notify_url' AS notify_url"
    " FROM notice JOIN payment USING (reference)"
)
_NAMED: Final = "payment.asked ->> '$.notify_url' IS NOT NULL"


T = TypeVar("T")


def prepare(path: Path) -> None:
    """Makes the database, or brings an earlier one up to date. `BridgeError(FOLDER_UNUSABLE)` for a later one."""
    try:
        with closing(connect_writing(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version in range(VERSION):
                folder = files("tillbridge.psp.hipay.sandbox")
                schema = "".join((folder / name).read_text(encoding="utf-8") for name in _SCHEMAS[version:])
                connection.executescript(f"BEGIN;\n{schema}\nPRAGMA user_version = {VERSION};\nCOMMIT;")
            elif version != VERSION:
                raise BridgeError(Code.FOLDER_UNUSABLE, "another version of tillbridge has made it", place=str(path))
    except sqlite3.Error as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"it cannot be used: {error}", place=str(path)) from None


class Store:
    """Reads at once, writes through the committer. A write is on the disk when its call returns.

    Raises `BridgeError(JOURNAL_UNAVAILABLE)` where the disk takes nothing.
    """

    def __init__(self, path: Path, committer: Committer) -> None:
        self._committer = committer
        self._reading = connect_reading(path)

    async def close(self) -> None:
        """Writes what is left and closes the file."""
        try:
            await self._committer.close()
        finally:
            self._reading.close()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """A change as one whole."""
        try:
            result: T = await self._committer.submit(job, durable=True)
        except StorageUnavailable as error:
            raise BridgeError(Code.JOURNAL_UNAVAILABLE, "the sandbox's folder takes no more writes") from error
        return result

    async def add(self, wanted: Wanted, now: datetime, telling: Telling) -> Transaction:
        """A new transaction; `GatewayRefusal` for an order number that was used before."""
        return await self.run(lambda connection: insert(connection, wanted, now, telling))

    async def change(self, reference: str, decide: Decide, now: datetime, telling: Telling) -> Transaction:
        """Steps of a transaction; see `writing.change`."""
        return await self.run(lambda connection: change(connection, reference, decide, now, telling))

    def one(self, reference: str) -> Transaction | None:
        """The transaction of this reference."""
        rows = self._all("SELECT * FROM payment WHERE reference = ?", reference)
        return transaction_of(rows[0]) if rows else None

    def of_order(self, order_id: str) -> Sequence[Transaction]:
        """The transactions of an order: one, two where the switch for a second one was on, a page's attempts."""
        query = "SELECT * FROM payment WHERE order_id = ? ORDER BY seq"
        return [transaction_of(row) for row in self._all(query, order_id)]

    def of_acquirer(self, reference: str) -> Sequence[Transaction]:
        """The transactions with this reference of the acquirer."""
        query = "SELECT * FROM payment WHERE acquirer_reference = ? AND acquirer_reference <> '' LIMIT 100"
        return [transaction_of(row) for row in self._all(query, reference)]

    def of_operation(self, operation_id: str) -> Sequence[Transaction]:
        """The transactions that an operation of this id has changed."""
        query = (
            "SELECT * FROM payment WHERE reference IN"
            " (SELECT reference FROM step WHERE operation_id = ? AND operation_id <> '') LIMIT 100"
        )
        return [transaction_of(row) for row in self._all(query, operation_id)]

    def page(self, before: int | None, most: int, order_id: str = "") -> Sequence[Transaction]:
        """The newest transactions before `before`, at most so many; `order_id` may name an order or a reference."""
        if order_id:
            query = (
                "SELECT * FROM payment WHERE (?1 IS NULL OR seq < ?1) AND ?3 IN (order_id, reference) ORDER BY seq DESC"
            )
            return [transaction_of(row) for row in self._all(f"{query} LIMIT ?2", before, most, order_id)]
        query = "SELECT * FROM payment WHERE (?1 IS NULL OR seq < ?1) ORDER BY seq DESC LIMIT ?2"
        return [transaction_of(row) for row in self._all(query, before, most)]

    def count(self) -> int:
        """How many transactions there are."""
        return int(self._all("SELECT count(*) FROM payment")[0][0])

    def steps(self, reference: str, most: int) -> Sequence[Passed]:
        """The history of a transaction: its newest steps, the oldest of them first."""
        query = "SELECT * FROM step WHERE reference = ? ORDER BY seq DESC LIMIT ?"
        return [passed_of(row) for row in reversed(self._all(query, reference, most))]

    def waiting_for_terminals(self, until: datetime, most: int) -> Sequence[Transaction]:
        """Orders that wait for their terminal and were given until then."""
        query = "SELECT * FROM payment WHERE due IS NOT NULL AND due <= ? ORDER BY due LIMIT ?"
        return [transaction_of(row) for row in self._all(query, text_of(until), most)]

    def collectable(self, most: int) -> Sequence[str]:
        """References of what is authorised and not captured yet, the oldest first."""
        query = "SELECT reference FROM payment WHERE status = 116 ORDER BY seq LIMIT ?"
        return [row[0] for row in self._all(query, most)]

    def alone(self, most: int) -> Sequence[tuple[str, str]]:
        """Order and contract of payments that only our own receiver has been told of, the oldest first."""
        query = (
            "SELECT order_id, mid FROM message WHERE reference IS NULL AND minor IS NOT NULL AND order_id <> ''"
            " AND order_id NOT IN (SELECT order_id FROM payment) GROUP BY order_id ORDER BY min(seq) LIMIT ?"
        )
        return [(row["order_id"], row["mid"]) for row in self._all(query, most)]

    def due_notices(self, now: datetime, most: int, *, named: bool = False) -> Sequence[Notice]:
        """Notifications that are due, at most one for each transaction, the oldest first.

        `named` only those whose order says itself where they go.
        """
        where = f"notice.due <= ? AND {_NAMED}" if named else "notice.due <= ?"
        query = f"{_NOTICES} WHERE {where} ORDER BY notice.due, notice.seq LIMIT ?"
        found: dict[str, Notice] = {}
        for row in self._all(query, text_of(now), most * LOOKED_AT):
            one = notice_of(row)
            found.setdefault(one.reference, one)
        return list(found.values())[:most]

    def next_notice(self, *, named: bool = False) -> datetime | None:
        """When the next notification is due; `named` as for `due_notices`."""
        query = "SELECT min(notice.due) FROM notice"
        if named:
            query = f"{query} JOIN payment USING (reference) WHERE {_NAMED}"
        found = self._all(query)[0][0]
        return None if found is None else time_of(found)

    def notices(self, before: int | None, most: int, reference: str = "") -> Sequence[Notice]:
        """The newest notifications before `before`; only those of a transaction where one is named."""
        where = "AND reference = ?3" if reference else ""
        query = f"{_NOTICES} WHERE (?1 IS NULL OR notice.seq < ?1) {where} ORDER BY notice.seq DESC LIMIT ?2"
        return [notice_of(row) for row in self._all(query, before, most, *([reference] if reference else []))]

    def notice(self, seq: int) -> Notice | None:
        """One notification."""
        rows = self._all(f"{_NOTICES} WHERE notice.seq = ?", seq)
        return notice_of(rows[0]) if rows else None

    async def note_attempt(self, seq: int, delivery: Delivery, due: datetime | None, said: str) -> None:
        """What came of an attempt to send a notification, and when the next one is."""
        values = (delivery, None if due is None else text_of(due), said, seq)
        query = "UPDATE notice SET attempts = attempts + 1, delivery = ?, due = ?, said = ? WHERE seq = ?"
        await self.run(lambda connection: connection.execute(query, values).rowcount)

    async def send_again(self, seq: int, now: datetime) -> None:
        """A notification is due once more."""
        query = "UPDATE notice SET due = ?, delivery = ?, attempts = 0 WHERE seq = ?"
        await self.run(lambda one: one.execute(query, (text_of(now), Delivery.WAITING, seq)).rowcount)

    def messages(self, before: int | None, most: int) -> Sequence[Message]:
        """What our own receiver was told, the newest first."""
        query = "SELECT * FROM message WHERE (?1 IS NULL OR seq < ?1) ORDER BY seq DESC LIMIT ?2"
        return [message_of(row) for row in self._all(query, before, most)]

    def rows(self, query: str, *values: object) -> Sequence[sqlite3.Row]:
        """What a query of another file finds."""
        return self._all(query, *values)

    def _all(self, query: str, *values: Any) -> list[sqlite3.Row]:  # noqa: ANN401  # whatever SQLite binds
        try:
            return self._reading.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise BridgeError(Code.JOURNAL_UNAVAILABLE, "the sandbox's database cannot be read") from error
