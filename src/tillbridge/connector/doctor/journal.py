"""The journal, opened only to be read: whether it is sound, which release wrote it, and what it says of the clock."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, well, wrong
from tillbridge.connector.doctor.scene import Scene
from tillbridge.engine.journal.records import from_micros
from tillbridge.engine.journal.schema import VERSION
from tillbridge.engine.opening import JOURNAL_FILE

FUTURE: Final = timedelta(minutes=2)
"""By so much the newest event may lie ahead of the clock: time servers move a clock by less while it runs."""

BUSY_SECONDS: Final = 5.0
"""For the writer to let a reader in; it holds the file for milliseconds."""


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """What was read of a journal. `damage` is empty for a sound one; `newest` is when its last event happened."""

    version: int
    oldest_reader: int
    damage: str
    payments: int
    in_doubt: int
    newest: datetime | None


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.row_factory = sqlite3.Row
        yield connection
    finally:
        connection.close()


async def journal_facts(path: Path) -> JournalFacts:
    """Reads them in a thread; whoever stops waiting stops the reading too. Raises `sqlite3.Error`."""
    opened: list[sqlite3.Connection] = []

    def read() -> JournalFacts:
        with reading(path) as connection:
            opened.append(connection)
            return _facts(connection)

    try:
        return await asyncio.to_thread(read)
    except asyncio.CancelledError:
        # A thread cannot be cancelled: its statement is, and the thread then ends by itself.
        for connection in opened:
            with suppress(sqlite3.Error):
                connection.interrupt()
        raise


def _facts(connection: sqlite3.Connection) -> JournalFacts:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    damage = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if damage != "ok":
        return JournalFacts(version, 0, damage, 0, 0, None)
    oldest = connection.execute("SELECT max(version) FROM readable_by").fetchone()[0]
    newest = connection.execute("SELECT at FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return JournalFacts(
        version=version,
        oldest_reader=int(oldest),
        damage="",
        payments=int(connection.execute("SELECT count(*) FROM operation").fetchone()[0]),
        in_doubt=int(connection.execute("SELECT count(*) FROM operation WHERE stage = 'in_doubt'").fetchone()[0]),
        newest=None if newest is None else from_micros(newest[0]),
    )


def took_no_message(path: Path, terminal: str) -> bool:
    """Whether the newest operation of this terminal ended with the terminal taking no message."""
    with reading(path) as connection:
        row = connection.execute(
            "SELECT stage = 'not_started' AND json_extract(outcome, '$.reason') = 'terminal_refused_message'"
            " FROM operation WHERE terminal = ? ORDER BY seq DESC LIMIT 1",
            (terminal,),
        ).fetchone()
    return row is not None and bool(row[0])


async def look_at_journal(scene: Scene) -> Sequence[Finding]:
    """Whether the journal opens, is sound, and can be read by this release; and what in it waits for a person."""
    path = None if scene.folder is None else scene.folder / JOURNAL_FILE
    if path is None:
        return []
    if not path.is_file():
        return [unknown(Part.JOURNAL, Saw.JOURNAL_NONE)]
    try:
        facts = await journal_facts(path)
    except sqlite3.Error as error:
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        saw = Saw.JOURNAL_DAMAGED if damaged else Saw.JOURNAL_UNREADABLE
        return [wrong(Part.JOURNAL, saw, file=str(path), detail=str(error))]
    return list(_judged(facts, path))


def _judged(facts: JournalFacts, path: Path) -> Iterator[Finding]:
    if facts.damage:
        yield wrong(Part.JOURNAL, Saw.JOURNAL_DAMAGED, file=str(path), detail=facts.damage)
        return
    if facts.version > VERSION and facts.oldest_reader > VERSION:
        yield wrong(Part.JOURNAL, Saw.JOURNAL_TOO_NEW, found=str(facts.version), known=str(VERSION))
    else:
        yield well(Part.JOURNAL, Saw.JOURNAL_SOUND, payments=str(facts.payments), file=str(path))
    if facts.in_doubt:
        yield care(Part.JOURNAL, Saw.PAYMENTS_IN_DOUBT, count=str(facts.in_doubt))


async def went_back(scene: Scene) -> Finding | None:
    """Whether the newest event lies in the future: then somebody has set the clock back since it was written."""
    path = None if scene.folder is None else scene.folder / JOURNAL_FILE
    if path is None or not path.is_file():
        return None

    def newest() -> datetime | None:
        with reading(path) as connection:
            row = connection.execute("SELECT at FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else from_micros(row[0])

    try:
        at = await asyncio.to_thread(newest)
    except sqlite3.Error:
        return None  # said by the look at the journal itself
    if at is None or at - scene.runtime.clock.now() <= FUTURE:
        return None
    return wrong(Part.CLOCK, Saw.CLOCK_WENT_BACK, moment=f"{at:%Y-%m-%d %H:%M} UTC")
