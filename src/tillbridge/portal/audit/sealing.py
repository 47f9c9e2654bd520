"""The sealer: chains what is committed, signs the head of each day that is over, and keeps an anchor outside.

Entries are appended unchained, so that no two of them wait for each other. Their ids stand in a queue that a trigger
fills in the same transaction; the sealer takes what is in it and gives it the next positions. An entry that is
committed late, under an id smaller than those sealed before, simply comes later in the chain: none is passed over.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from tillbridge.portal.audit import store
from tillbridge.portal.audit.chain import AUDIT, START, Head, Link, following, sign
from tillbridge.portal.chains import anchor
from tillbridge.portal.house import House

ANCHOR_FILE: Final = "audit-anchor.json"
"""The newest link that was sealed here: beside the keys, where nobody reaches it with the database alone."""

PAUSE_SECONDS: Final = 2.0
MOST_AT_ONCE: Final = 500
"""Entries in one transaction: short enough that nobody waits long for SQLite's one writer."""

log = structlog.get_logger(__name__)


class Sealer:
    """Seals the audit log of one portal. Any number of processes may run one; the database lets one at a time work."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Seals until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(PAUSE_SECONDS)

    async def catch_up(self) -> int:
        """Seals everything that is committed, then signs the day before, if nobody has; returns how many it sealed."""
        count = 0
        while await self._due():
            sealed = await self._seal_some()
            if sealed is None:
                break  # another process does it
            count += sealed
            if sealed == 0:
                break
        return count

    async def _due(self) -> bool:
        yesterday = (self._house.runtime.clock.now() - timedelta(days=1)).date()
        async with self._house.database.reading() as connection:
            if await store.anything_unsealed(connection):
                return True
            newest = await store.newest_day(connection)
            return (newest is None or newest < yesterday) and await store.end_of_chain(connection) != START

    async def _seal_some(self) -> int | None:
        """Seals a batch, or signs where none is left; None where somebody else is at it."""
        head: Head | None = None
        async with self._house.database.writing() as connection:
            if not await store.sealing_alone(connection):
                return None
            end = await store.end_of_chain(connection)
            sealed: list[tuple[str, Link]] = []
            for row in await store.unsealed(connection, MOST_AT_ONCE):
                end = following(end, row)
                sealed.append((row["id"], end))
            now = self._house.runtime.clock.now()
            if sealed:
                await store.seal(connection, sealed)
            elif end != START:
                head = sign(self._house.vault, (now - timedelta(days=1)).date(), end)
                await store.add_head(connection, head, now)
        if sealed:
            # After the commit, so that the anchor never tells of more than there is.
            newest = sign(self._house.vault, now.date(), end)
            await asyncio.to_thread(anchor.keep, self._house, AUDIT, ANCHOR_FILE, newest)
        if head is not None:
            log.info("audit_head_signed", day=head.day.isoformat(), position=end.position)
        return len(sealed)


def kept_anchor(house: House) -> Head | None:
    """The anchor beside the keys. `ValueError` if it is not as we have written it; None if there is none yet."""
    return anchor.kept_anchor(house, AUDIT, ANCHOR_FILE)
