"""Puts old payments away while nobody pays, a step at a time. docs/reference/keeping.md, section 4."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.keeping.archive import append, file_for, sizes
from tillbridge.connector.keeping.putting_away import Changed, Look, Rule, believed, look, put_away
from tillbridge.connector.keeping.settings import KeepingSettings
from tillbridge.engine.books import OutboxAccess
from tillbridge.engine.rules import OrderIdsRepeat
from tillbridge.runtime.effects import Clock
from tillbridge.runtime.sqlite import StorageUnavailable, connect_reading

FIRST_PASS_SECONDS: Final = 3600.0
"""Before the first pass: who starts the connector anew wants to take payments, and a clock may be set right by then."""

PASS_SECONDS: Final = 24 * 3600.0
STEP_SECONDS: Final = 0.5
"""Between two steps: a hundred thousand payments are put away in a night, and a payment never meets two of them."""

IDLE_SECONDS: Final = 5.0
"""Until it is looked again whether a payment still runs."""

MOST_FREE_PAGES: Final = 16 * 1024
"""Free pages of 4 KiB that a journal keeps for the payments to come; what is beyond them is given back to the disk."""

VACUUMED_PAGES: Final = 64
"""Pages that one step gives back: a quarter of a megabyte, written in some milliseconds."""

log = structlog.get_logger(__name__)


class Compactor:
    """Tidies up one journal. `busy` says whether a payment runs right now."""

    def __init__(
        self,
        folder: Path,
        journal: OutboxAccess,
        settings: KeepingSettings,
        repeat: OrderIdsRepeat,
        clock: Clock,
        busy: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._keep = timedelta(days=settings.keep_days)
        self._repeat = repeat
        self._clock = clock
        self._busy = busy
        self._held_seq = 0

    async def run(self) -> None:
        """Until cancelled: a pass a day. What a disk refuses is tried again on the next one."""
        pause = FIRST_PASS_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = PASS_SECONDS
            try:
                await self.one_pass()
            except (StorageUnavailable, OSError, sqlite3.Error) as error:
                log.warning("tidying_up_delayed", type=type(error).__name__, detail=str(error))
            except Exception:
                log.exception("tidying_up_fault")  # what tidies up must never stop a payment

    async def one_pass(self) -> int:
        """Puts away all that is old by now, in steps while no payment runs; says how many payments that were."""
        rule = await asyncio.to_thread(self.todays_rule)
        self._held_seq, total = 0, 0
        while rule is not None:
            await self._until_idle()
            found = await self.step(rule)
            if found is None:
                continue
            total += sum(len(family.members) for family in found.old)
            if not found.more and not found.old:
                break
            await asyncio.sleep(STEP_SECONDS)
        await self._give_room_back()
        if total:
            log.info("payments_put_away", payments=total)
        return total

    async def _until_idle(self) -> None:
        while self._busy():  # noqa: ASYNC110  # a payment is waited for from afar: nothing hangs on the moment
            await asyncio.sleep(IDLE_SECONDS)

    async def step(self, rule: Rule) -> Look | None:
        """What was done; None where a payment changed meanwhile, and it has to be looked at again."""
        found = await asyncio.to_thread(self._look, rule)
        file, size = None, 0
        if found.year is not None:
            file, size = await self._write(found, found.year)
        try:
            # Durable by itself: how many bytes of the file count has to be on the disk before more is written to it.
            await self._journal.committer.submit(
                lambda connection: put_away(connection, found, rule, file, size), durable=True
            )
        except Changed:
            return None
        self._held_seq = found.held_seq
        return found

    async def _write(self, found: Look, year: int) -> tuple[str, int]:
        known = await asyncio.to_thread(self._known)
        file = file_for(self._folder, year, known)
        if file not in known:
            await self._journal.committer.submit(
                lambda connection: connection.execute("INSERT INTO archive_file (name, bytes) VALUES (?, 0)", (file,)),
                durable=True,
            )
        return file, await asyncio.to_thread(append, self._folder, file, known.get(file, 0), found.histories)

    async def _give_room_back(self) -> None:
        while await asyncio.to_thread(self._free_pages) > MOST_FREE_PAGES:
            await self._until_idle()
            await self._journal.committer.submit(
                lambda connection: connection.execute(f"PRAGMA incremental_vacuum({VACUUMED_PAGES})").fetchall(),
                durable=True,
            )
            await asyncio.sleep(STEP_SECONDS)

    # ------------------------------------------------------------ in a thread: reading holds up no payment

    def todays_rule(self) -> Rule | None:
        """What a pass that begins now goes by; None in an empty journal."""
        with closing(connect_reading(self._journal.path)) as connection:
            day = believed(connection, self._clock.now())
        return None if day is None else Rule(self._keep, self._repeat, day)

    def _look(self, rule: Rule) -> Look:
        with closing(connect_reading(self._journal.path)) as connection:
            connection.execute("BEGIN")
            return look(connection, rule, self._held_seq)

    def _known(self) -> dict[str, int]:
        with closing(connect_reading(self._journal.path)) as connection:
            return dict(sizes(connection))

    def _free_pages(self) -> int:
        with closing(connect_reading(self._journal.path)) as connection:
            gives = connection.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL
            return int(connection.execute("PRAGMA freelist_count").fetchone()[0]) if gives else 0


_INCREMENTAL: Final = 2
"""SQLite's number for `auto_vacuum = INCREMENTAL`."""
