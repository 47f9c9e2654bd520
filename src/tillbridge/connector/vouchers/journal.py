"""The vouchers' journal: what is written to it, as jobs for its one committing thread, and what is read from it.

`begin` rides along and is flushed with `sending`, before the first byte goes out; every other move is flushed before
anybody hears of it. docs/reference/connector-vouchers.md, section 2.
"""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.vouchers import offline
from tillbridge.connector.vouchers.model import (
    ENDED,
    WORKING,
    Action,
    Claim,
    Elsewhere,
    Line,
    Offline,
    State,
    Wanted,
    conflict,
)
from tillbridge.connector.vouchers.moves import LINE, NOTHING_NEW, Found, begin_claim, move
from tillbridge.connector.vouchers.offline import Sealed
from tillbridge.connector.vouchers.receipts import ReceiptState, end, receipt_for
from tillbridge.connector.vouchers.rows import SELECT, read_action, read_line
from tillbridge.connector.vouchers.schema import FILE, connect, migrate
from tillbridge.connector.vouchers.seal import PinSeal, open_seal
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import to_micros
from tillbridge.link.offline_messages import OfflineTaken, OfflineTerms
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer, CommittingThread, Connect, Job, connect_reading

_INSERT: Final = """
INSERT INTO action (key, kind, state, number, amount, currency, exact, receipt_id, station, operator, portal,
    pin_sealed, pin_mark, merchant, offline, begun_at, changed_at)
    VALUES (?, ?, 'intent', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ANEW: Final = """
UPDATE action SET state = 'intent', refusal = NULL, receipt_id = ?, portal = ?, pin_sealed = ?, pin_mark = ?,
    changed_at = ? WHERE key = ? AND state = 'refused'"""
_NOTHING: Final = """
INSERT INTO action (key, kind, state, number, amount, currency, exact, station, operator, portal, begun_at, changed_at,
    queued_at) VALUES (?, 'nothing', ?, '', 0, '', 0, '', '', ?, ?, ?, ?)"""


def _listed(states: frozenset[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


# Word for word as the index has it: only then is it used.
_NOT_OVER: Final = f"action.state NOT IN ({_listed(ENDED)}) AND NOT (action.kind = 'load' AND action.state = 'done')"

_ANSWERED: Final = "action.taken > 0 AND NOT set_aside AND offline IS NOT 'open'"
_NEWEST_ANSWERED: Final = f"{SELECT} WHERE portal = ? AND {_ANSWERED} ORDER BY seq DESC LIMIT 1"
_ANSWERED_PAGE: Final = f"seq > ? AND seq <= ? AND portal = ? AND action.changed_at >= ? AND {_ANSWERED}"

PAGE: Final = 2000
"""Rows that are looked at in one go, so that no payment stands still while a long journal is told."""

MOST_LISTED: Final = 500
"""Open actions in one list. A shop has a few; the queue behind is worked on all the same."""


class Journal:
    """One file. Writing gives futures that fail with `StorageUnavailable` where the disk did not take it."""

    def __init__(self, path: Path, committer: Committer, seal: PinSeal) -> None:
        self._committer = committer
        self._seal = seal
        self._reading = connect_reading(path)

    async def close(self) -> None:
        """Commits what still rides along and closes the file."""
        await self._committer.close()
        self._reading.close()

    # ------------------------------------------------------------ what is written

    def begin(
        self, key: str, wanted: Wanted, portal: str, at: datetime, claim: Claim | None = None
    ) -> "asyncio.Future[None]":
        """A new action; rides along. Also one that was refused before anything was done, and is asked for anew.

        With `claim` it is one of another maker's provider, and durable.

        `BridgeError`: VOUCHER_VOIDED, ALREADY_CLOSED for a receipt that is over.
        """
        sealed = None if wanted.pin is None else self._seal.seal(key, wanted.pin)
        mark = self._seal.mark(key, wanted.pin)

        def job(connection: sqlite3.Connection) -> None:
            micros = to_micros(at)
            receipt = receipt_for(connection, wanted, micros)
            anew = connection.execute(_ANEW, (receipt, portal, sealed, mark, micros, key))
            if anew.rowcount == 0:
                what = (wanted.number, wanted.amount, wanted.currency, wanted.exact, receipt)
                where = (wanted.station, wanted.operator, portal)
                more = (sealed, mark, wanted.merchant, Offline.WANTED if wanted.offline else None)
                connection.execute(_INSERT, (key, wanted.kind, *what, *where, *more, micros, micros))
            if claim is not None:
                begin_claim(connection, key, claim, micros)
            connection.execute(LINE, (key, State.INTENT, micros, "{}"))

        return self._committer.submit(job, durable=claim is not None)

    def write(self, job: Job) -> "asyncio.Future[Any]":
        """Runs a job of another part of this journal in its turn, durably."""
        return self._committer.submit(job, durable=True)

    def rows(self, where: str, values: tuple[object, ...]) -> list[Action]:
        """The actions for which this holds: the end of a statement behind `SELECT`, with its values."""
        return [read_action(row) for row in self._reading.execute(f"{SELECT} {where}", values).fetchall()]

    def move(
        self,
        key: str,
        to: State,
        at: datetime,
        found: Found = NOTHING_NEW,
        words: Mapping[str, object] | None = None,
    ) -> "asyncio.Future[None]":
        """Moves an action, durably. `Elsewhere` where it does not stand any more where such a move begins."""

        def job(connection: sqlite3.Connection) -> None:
            move(connection, key, to, to_micros(at), found, words)

        return self._committer.submit(job, durable=True)

    def note(self, key: str, at: datetime, found: Found, words: Mapping[str, object]) -> "asyncio.Future[None]":
        """Something that was learned and moves nothing, durably."""

        def job(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT state FROM action WHERE key = ?", (key,)).fetchone()
            connection.execute(
                "UPDATE action SET taken = coalesce(?, taken),"
                " open_case = CASE WHEN ? THEN NULL ELSE coalesce(?, open_case) END WHERE key = ?",
                (found.taken, found.settled, found.case, key),
            )
            connection.execute(LINE, (key, row[0], to_micros(at), json.dumps(words, ensure_ascii=False)))

        return self._committer.submit(job, durable=True)

    def set_aside(self, key: str, at: datetime, words: Mapping[str, object]) -> "asyncio.Future[None]":
        """A person has looked after it, and nothing more is done here; durably. What was sealed for it is wiped."""

        def job(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT state FROM action WHERE key = ?", (key,)).fetchone()
            connection.execute(
                "UPDATE action SET set_aside = 1, open_case = NULL, pin_sealed = NULL, offline_pin = NULL"
                " WHERE key = ?",
                (key,),
            )
            connection.execute(LINE, (key, row[0], to_micros(at), json.dumps(dict(words), ensure_ascii=False)))

        return self._committer.submit(job, durable=True)

    def accept(self, action: Action, terms: OfflineTerms, sealed: Sealed, at: datetime) -> "asyncio.Future[None]":
        """Takes a payment without a connection, durably. `BridgeError(VOUCHER_OFFLINE_LIMIT)`; `Elsewhere`."""

        def job(connection: sqlite3.Connection) -> None:
            offline.accept(connection, action, terms, sealed, at)

        return self._committer.submit(job, durable=True)

    def told(self, key: str, found: OfflineTaken, at: datetime) -> "asyncio.Future[None]":
        """The portal has heard of what was taken without a connection; durably. The sealed PIN is wiped."""

        def job(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT state FROM action WHERE key = ?", (key,)).fetchone()
            connection.execute(
                "UPDATE action SET offline = 'told', loss = ?, balance = ?, offline_pin = NULL"
                " WHERE key = ? AND offline = 'open'",
                (found.loss, found.balance, key),
            )
            words = {"offline": Offline.TOLD.value, "taken": found.taken, "loss": found.loss, "code": found.code}
            connection.execute(LINE, (key, row[0], to_micros(at), json.dumps(words)))

        return self._committer.submit(job, durable=True)

    def keep_terms(self, portal: str, terms: OfflineTerms | None, at: datetime) -> "asyncio.Future[None]":
        """Keeps what the portal last said about taking vouchers without it; durably, for it counts when it is away."""

        def job(connection: sqlite3.Connection) -> None:
            if terms is None:
                connection.execute("DELETE FROM offline_terms WHERE portal = ?", (portal,))
                return
            connection.execute(
                "INSERT INTO offline_terms (portal, terms, told_at) VALUES (?, ?, ?)"
                " ON CONFLICT (portal) DO UPDATE SET terms = excluded.terms, told_at = excluded.told_at",
                (portal, terms.model_dump_json(), to_micros(at)),
            )

        return self._committer.submit(job, durable=True)

    def forbid(self, key: str, to: State, portal: str | None, at: datetime) -> "asyncio.Future[None]":
        """An action that was taken back before it came: if it comes, nothing is done. `Elsewhere` if it came.

        The portal is told as well, for an action of this key may have been sent before this journal was begun.
        """

        def job(connection: sqlite3.Connection) -> None:
            micros, state = to_micros(at), State.VOIDED if portal is None else to
            queued = None if portal is None else micros
            try:
                connection.execute(_NOTHING, (key, state, portal or "", micros, micros, queued))
            except sqlite3.IntegrityError:
                raise Elsewhere from None
            connection.execute(LINE, (key, state, micros, "{}"))

        return self._committer.submit(job, durable=True)

    def end_receipt(self, ref: str, to: ReceiptState, at: datetime) -> "asyncio.Future[list[str]]":
        """Closes or cancels a receipt with all its actions at once, durably; gives their keys, oldest first.

        `BridgeError(VOUCHER_RUNNING)` where it is to be closed and one of its payments is not known yet.
        """

        def job(connection: sqlite3.Connection) -> list[str]:
            return end(connection, ref, to, to_micros(at))

        return self._committer.submit(job, durable=True)

    # ------------------------------------------------------------ what is read

    def find(self, key: str) -> Action | None:
        """This action as it stands on the disk."""
        row = self._reading.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
        return None if row is None else read_action(row)

    def check_same(self, action: Action, wanted: Wanted) -> None:
        """`BridgeError(VOUCHER_KEY_BODY)` where the action's key was given to something else."""
        asked = (wanted.kind, wanted.number, wanted.amount, wanted.currency, wanted.exact)
        more = (wanted.receipt, wanted.station, wanted.operator, wanted.merchant, wanted.offline)
        had = (action.kind, action.number, action.amount, action.currency, action.exact)
        if (
            asked != had
            or more
            != (
                action.receipt,
                action.station,
                action.operator,
                action.merchant,
                action.offline is not None,
            )
            or wanted.provider != (action.claim.prefix if action.claim else "")
        ):
            raise conflict()
        row = self._reading.execute("SELECT pin_mark FROM action WHERE key = ?", (action.key,)).fetchone()
        if not self._seal.same(action.key, wanted.pin, row["pin_mark"]):
            raise conflict()

    def pin(self, key: str) -> str | None:
        """The PIN that was sealed for this action; None where there is none, or it can no longer be opened."""
        row = self._reading.execute("SELECT pin_sealed FROM action WHERE key = ?", (key,)).fetchone()
        sealed = None if row is None else row["pin_sealed"]
        return None if sealed is None else self._seal.open(key, sealed)

    def offline_pin(self, key: str) -> Sealed | None:
        """The PIN that was sealed for the portal; None where it has it by now."""
        row = self._reading.execute("SELECT offline_pin, offline_key FROM action WHERE key = ?", (key,)).fetchone()
        if row is None or row["offline_pin"] is None:
            return None
        return Sealed(row["offline_key"], row["offline_pin"])

    def terms(self, portal: str | None) -> OfflineTerms | None:
        """Up to where vouchers may be taken without this portal; None where it never said so."""
        row = self._reading.execute("SELECT terms FROM offline_terms WHERE portal = ?", (portal,)).fetchone()
        return None if row is None else OfflineTerms.model_validate_json(row["terms"])

    def working(self) -> list[Action]:
        """What the desk has to go on with, oldest first."""
        going_on = f"(action.state IN ({_listed(WORKING)}) OR offline = 'open')"
        return self._where(f"{_NOT_OVER} AND NOT set_aside AND {going_on}", -1)

    def open(self) -> list[Action]:
        """Everything that is not over, and what is over and has an open case; each oldest first."""
        # Each of them has an index of its own, and both together would have none.
        found = self._where(f"{_NOT_OVER} AND NOT set_aside", MOST_LISTED)
        return found + self._where(f"open_case IS NOT NULL AND NOT ({_NOT_OVER})", MOST_LISTED)

    def of_receipt(self, ref: str) -> list[Action]:
        """The actions of the newest receipt of this number, oldest first."""
        newest = "SELECT max(id) FROM receipt WHERE ref = ?"
        rows = self._reading.execute(f"{SELECT} WHERE receipt_id = ({newest}) ORDER BY seq", (ref,)).fetchall()
        return [read_action(row) for row in rows]

    def history(self, key: str) -> list[Line]:
        """How an action came to where it stands, oldest first."""
        rows = self._reading.execute("SELECT * FROM history WHERE key = ? ORDER BY seq", (key,)).fetchall()
        return [read_line(row) for row in rows]

    def newest_answered(self, portal: str) -> str | None:
        """The key of the last action that this portal has booked; None if there is none."""
        row = self._reading.execute(_NEWEST_ANSWERED, (portal,)).fetchone()
        return None if row is None else str(row["key"])

    def answered_page(
        self, portal: str, since: datetime | None, after: int
    ) -> tuple[list[tuple[int, Action]], int | None]:
        """What this portal has answered, changed since then, behind this place: each with its place, in their order.

        It looks at no more than `PAGE` rows; the second value is where the next look begins, None at the end.
        """
        edge = after + PAGE
        moment = 0 if since is None else to_micros(since)
        found = self._reading.execute(f"{SELECT} WHERE {_ANSWERED_PAGE} ORDER BY seq", (after, edge, portal, moment))
        rows = [(int(row["seq"]), read_action(row)) for row in found.fetchall()]
        last = self._reading.execute("SELECT coalesce(max(seq), 0) FROM action").fetchone()[0]
        return rows, edge if edge < last else None

    def last_line(self) -> int:
        """The number of the newest line of all histories."""
        return int(self._reading.execute("SELECT coalesce(max(seq), 0) FROM history").fetchone()[0])

    def lines_after(self, seq: int) -> list[tuple[int, str, Line]]:
        """The lines of all histories behind this number, each with its number and its action's key, oldest first."""
        rows = self._reading.execute(
            "SELECT * FROM history WHERE seq > ? ORDER BY seq LIMIT ?", (seq, MOST_LISTED)
        ).fetchall()
        return [(int(row["seq"]), str(row["key"]), read_line(row)) for row in rows]

    def _where(self, condition: str, limit: int) -> list[Action]:
        rows = self._reading.execute(f"{SELECT} WHERE {condition} ORDER BY seq LIMIT ?", (limit,)).fetchall()
        return [read_action(row) for row in rows]


def open_journal(
    folder: Path,
    runtime: Runtime,
    environment: Mapping[str, str] = os.environ,
    make_committer: Callable[[Connect], Committer] = CommittingThread,
) -> Journal:
    """The journal of a data folder, brought up to date; call it on the event loop.

    `BridgeError`: FOLDER_UNUSABLE, JOURNAL_TOO_NEW.
    """
    path = folder / FILE
    migrate(path)
    connection = connect(path)
    try:
        seal = open_seal(connection, folder, runtime.chance.randbytes, environment)
    except sqlite3.Error as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"the vouchers' journal: {error}", place=str(path)) from error
    finally:
        connection.close()
    return Journal(path, make_committer(lambda: connect(path)), seal)
