"""A desk without a portal, over the sandbox of a provider. Leaving it is a crash: nothing is said to anybody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.places import Places
from tillbridge.connector.vouchers.desk import VoucherDesk
from tillbridge.connector.vouchers.journal import open_journal
from tillbridge.connector.vouchers.providers.known import Opener, Providers, adapter_for
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.connector.vouchers.way import Way
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer, CommittingThread, Connect


@asynccontextmanager
async def desk(
    folder: Path,
    *providers: Provider,
    runtime: Runtime | None = None,
    make_committer: Callable[[Connect], Committer] = CommittingThread,
    opener: Opener = adapter_for,
) -> AsyncIterator[VoucherDesk]:
    runtime = runtime or Runtime()
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    connection = Connection(Places(None, folder), folder, runtime, "1.4.0")
    journal = open_journal(folder, runtime, {}, make_committer)
    known = Providers(providers, "1.4.0", opener)
    made = VoucherDesk(journal, Way(connection), runtime, known)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(made.run())
            await asyncio.sleep(0)
            try:
                yield made
            finally:
                running.cancel()
    finally:
        await known.close()
        await journal.close()
        await connection.close()
