"""The sealer of the ledger: chains what is committed, signs the head of each day that is over, keeps an anchor outside.

Booking an entry writes nothing for it. The sealer looks for entries that have no seal, in the order of their ids, which
is that of time. One that is committed late, under an id smaller than those sealed before, simply comes later in the
chain. So that none is passed over, the sealer moves on behind no id that a transaction which is still running may yet
use, and before a day is signed it looks at the whole ledger once more. docs/reference/voucher-sealing.md.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.chains import anchor
from tillbridge.portal.chains.chain import START, Head, Link
from tillbridge.portal.house import House
from tillbridge.portal.sealing import store
from tillbridge.portal.sealing.chain import LEDGER
from tillbridge.portal.sealing.restored import ANCHOR_FILE, lost_anchor
from tillbridge.portal.sealing.store import CHAIN

PAUSE_SECONDS: Final = 5.0
"""Between two looks: for so long the newest entries are guarded by the database's own triggers alone."""

MOST_AT_ONCE: Final = 500
"""Entries in one transaction: short enough that nobody waits long for SQLite's one writer."""

CLOCKS_APART: Final = timedelta(minutes=2)
"""How far the clocks of the portal's computers may be apart for an entry to be found at once, and not by the sweep."""

NIGHT: Final = timedelta(hours=1)
"""A day is signed so long after it is over: whatever was under way at midnight has ended by then."""

log = structlog.get_logger(__name__)


class LedgerSealer:
    """Seals the ledger. Any number of processes may run one; the database lets one at a time work, and none waits."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Seals until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(PAUSE_SECONDS)

    async def catch_up(self) -> int:
        """Seals everything that is committed, then signs the last day that is over; returns how many it sealed."""
        if await lost_anchor(self._house) is not None:
            # Going on would wipe out the evidence. Recovery puts the anchor aside, and only then it goes on.
            log.error("ledger_is_older_than_its_anchor")
            return 0
        count = 0
        while sealed := await self._next():
            count += sealed
        day = (self._house.runtime.clock.now() - NIGHT - timedelta(days=1)).date()
        if await self._unsigned(day):
            count += await self._sweep()
            await self._sign(day)
        return count

    async def _next(self) -> int:
        """Seals a batch; 0 where nothing is left to seal, or somebody else is at it."""
        async with self._house.database.reading() as connection:
            if not await store.unsealed(connection, await store.reached(connection), 1):
                return 0
        async with self._house.database.writing() as connection:
            if not await CHAIN.sealing_alone(connection):
                return 0
            # Looked at before the entries: whoever begins after this has ids behind it.
            horizon = await self._horizon(connection)
            after = await store.reached(connection)
            ids = await store.unsealed(connection, after, MOST_AT_ONCE)
            end = await self._append(connection, ids)
            if horizon is not None:
                whole_batch = len(ids) == MOST_AT_ONCE
                await store.reach(connection, min(horizon, ids[-1]) if whole_batch else horizon)
        await self._keep(end)
        return len(ids)

    async def _horizon(self, connection: AsyncConnection) -> str | None:
        """The smallest id that somebody may still be about to commit; None where that cannot be known."""
        oldest, known = await store.oldest_running(connection)
        if not known:
            return None
        now = self._house.runtime.clock.now()
        return id_at((now if oldest is None else min(now, oldest)) - CLOCKS_APART)

    async def _append(self, connection: AsyncConnection, ids: list[str]) -> Link:
        end = await CHAIN.end_of_chain(connection)
        sealed: list[tuple[str, Link]] = []
        for row in await store.whole(connection, ids):
            end = LEDGER.following(end, row)
            sealed.append((row["id"], end))
        if sealed:
            await CHAIN.append(connection, sealed)
        return end

    async def _sweep(self) -> int:
        """Looks at the whole ledger, page by page, for entries that came under an id far behind."""
        count, after = 0, ""
        following: str | None = ""
        while following is not None:
            async with self._house.database.reading() as connection:
                found, following = await store.swept(connection, after)
            for first in range(0, len(found), MOST_AT_ONCE):
                count += await self._append_alone(found[first : first + MOST_AT_ONCE])
            after = following or after
        if count:
            log.warning("ledger_sealed_late", entries=count)
        return count

    async def _append_alone(self, ids: list[str]) -> int:
        async with self._house.database.writing() as connection:
            if not await CHAIN.sealing_alone(connection):
                return 0
            left = await store.without_seal(connection, ids)
            end = await self._append(connection, left)
        if left:
            await self._keep(end)
        return len(left)

    async def _unsigned(self, day: date) -> bool:
        async with self._house.database.reading() as connection:
            newest = await CHAIN.newest_day(connection)
            return (newest is None or newest < day) and await CHAIN.end_of_chain(connection) != START

    async def _sign(self, day: date) -> None:
        head: Head | None = None
        async with self._house.database.writing() as connection:
            if await CHAIN.sealing_alone(connection):
                end = await CHAIN.end_of_chain(connection)
                head = LEDGER.sign(self._house.vault, day, end)
                await CHAIN.add_head(connection, head, self._house.runtime.clock.now())
        if head is not None:
            log.info("ledger_head_signed", day=day.isoformat(), position=head.link.position)

    async def _keep(self, end: Link) -> None:
        """After the commit, so that the anchor never tells of more than there is."""
        head = LEDGER.sign(self._house.vault, self._house.runtime.clock.now().date(), end)
        await asyncio.to_thread(anchor.keep, self._house, LEDGER, ANCHOR_FILE, head)


def id_at(moment: datetime) -> str:
    """The smallest id of this moment: ids begin with 48 bits of milliseconds (RFC 9562, version 7)."""
    milliseconds = max(0, int(moment.astimezone(UTC).timestamp() * 1000))
    return f"{milliseconds:012x}{'0' * 20}"
