"""Opens an engine on a data folder: migrates the journal, recovers what was open, starts listening, and winds up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tillbridge.engine.books import Books
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.journal import schema
from tillbridge.engine.journal.journal import Journal
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer, CommittingThread, Connect, connect_writing

JOURNAL_FILE: Final = "journal.sqlite"

MakeCommitter = Callable[[Connect], Committer]


@asynccontextmanager
async def open_engine(
    folder: Path,
    setups: Sequence[TerminalSetup],
    settings: EngineSettings,
    runtime: Runtime,
    make_committer: MakeCommitter = CommittingThread,
) -> AsyncIterator[Engine]:
    """An engine on the journal in this folder, recovered and listening. Leaving the block closes the terminals.

    The caller holds the folder's lock. A payment that still runs when the block is left is found again at the next
    start, in doubt if anything of it may have been sent.
    """
    path = folder / JOURNAL_FILE
    schema.migrate(path)
    journal = Journal(make_committer(lambda: connect_writing(path)))
    reading = Reading(path)
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            engine = Engine(Books(journal, reading, runtime), setups, settings, group)
            try:
                await engine.recover()
                engine.attend()
                yield engine
            except Exception as error:  # noqa: BLE001 - carried around the group, which would wrap it, and raised below
                failure = error
            finally:
                await engine.wind_up()
    finally:
        await journal.shut()
        reading.close()
    if failure is not None:
        raise failure
