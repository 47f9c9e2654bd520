"""The conversion that a pairing makes due (docs/explanation/customer-base.md): the portal starts it by itself.

A link of a location whose customers are still in 1.0 online does nothing else until they are converted. What stands in
the way is a report for the merchant, who mends it and converts by hand; neither needs a new PIN.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.customers import job_store
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.model import Job, JobKind, JobState
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import CustomerBase, Location

LOOK_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


class AtPairing:
    """Looks after the links that wait for a conversion. Any number of processes may do so."""

    def __init__(self, house: House, links: Links, conversions: Conversions) -> None:
        self._house = house
        self._links = links
        self._conversions = conversions

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """One look at each link that waits."""
        waiting = select(link.c.location_id).where(
            link.c.state.in_((LinkState.CONVERTING, LinkState.CONVERSION_FAILED))
        )
        async with self._house.database.reading() as connection:
            due = list(await connection.scalars(waiting.order_by(link.c.location_id)))
        for location_id in due:
            async with self._house.database.writing() as connection:
                place = await locations.find(connection, location_id, locked=True)
                if place is not None:
                    await self._further(connection, place)

    async def _further(self, connection: AsyncConnection, place: Location) -> None:
        standing = await self._links.state_of(connection, place.id)
        if standing.state not in {LinkState.CONVERTING, LinkState.CONVERSION_FAILED} or standing.since is None:
            return
        if place.customer_base is not CustomerBase.V1_ONLINE:
            await self._links.note_conversion(connection, place.id, LinkState.ACTIVE, PORTAL)
            return
        latest = await job_store.latest(connection, place.id)
        if standing.state is LinkState.CONVERTING and (latest is None or latest.over):
            await self._next(connection, place, latest if latest and latest.made_at >= standing.since else None)

    async def _next(self, connection: AsyncConnection, place: Location, latest: Job | None) -> None:
        """What comes after a job of this pairing that is over; None: there was none yet."""
        try:
            match latest:
                case None:
                    await self._conversions.queue_dry_run(connection, place, PORTAL)
                case Job(kind=JobKind.DRY_RUN, state=JobState.DONE):
                    await self._conversions.queue_conversion(connection, place, PORTAL, latest.id)
                case _:
                    await self._links.note_conversion(connection, place.id, LinkState.CONVERSION_FAILED, PORTAL)
        except BridgeError as error:
            log.warning("conversion_at_pairing_refused", location=place.id, code=error.code.value)
            await self._links.note_conversion(connection, place.id, LinkState.CONVERSION_FAILED, PORTAL)
