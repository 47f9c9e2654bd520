"""Tells open connections what has changed since their welcome: a connection lasts for weeks, plans do not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.messages import Welcome
from tillbridge.portal.commands.hub import SEND_SECONDS, Hub
from tillbridge.portal.commands.model import Holder
from tillbridge.portal.house import House
from tillbridge.portal.maintenance.tables import maintenance_mode, maintenance_window

LOOK_SECONDS: Final = 10.0
"""Between two looks; maintenance is announced days ahead and switched on minutes ahead."""

Greet = Callable[[Holder], Awaitable[Welcome]]

log = structlog.get_logger(__name__)


class News:
    """Sends the welcome anew to every connection of this process when maintenance was planned or switched."""

    def __init__(self, house: House, hub: Hub, greet: Greet) -> None:
        self._house = house
        self._hub = hub
        self._greet = greet
        self._known: tuple[object, ...] | None = None

    async def spread(self) -> None:
        """Looks for news and tells them, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One look; says nothing the first time, because whoever is connected was just welcomed."""
        async with self._house.database.reading() as connection:
            # The day as well: a repeated window comes nearer by itself.
            found = (self._house.runtime.clock.now().date(), *await _signature(connection))
        before, self._known = self._known, found
        if before is None or before == found:
            return
        for line in self._hub.lines:
            welcome = await self._greet(line.holder)
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await line.send(welcome)
            except Exception as error:  # noqa: BLE001  # a connection that broke comes back and is welcomed then
                log.info("news_not_told", location=line.holder.location_id, type=type(error).__name__)


async def _signature(connection: AsyncConnection) -> tuple[object, ...]:
    """Another one whenever a window or a mode was made, changed or ended."""
    plans = select(func.max(maintenance_window.c.changed_at), func.max(maintenance_window.c.removed_at))
    modes = select(maintenance_mode.c.id, maintenance_mode.c.until, maintenance_mode.c.reason)
    opened = await connection.execute(
        modes.where(maintenance_mode.c.ended_at.is_(None)).order_by(maintenance_mode.c.id)
    )
    return (*(await connection.execute(plans)).one(), *map(tuple, opened))
