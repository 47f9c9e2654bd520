"""Links as a part of the portal."""

import asyncio
from typing import Final

from tillbridge.portal.feature import Feature
from tillbridge.portal.links.rotation import Rotations
from tillbridge.portal.links.routes import LinkPages, rotation_router
from tillbridge.portal.links.service import Links

SWEEP_SECONDS: Final = 60.0


def feature(links: Links) -> Feature:
    """The pages of links, the exchange of credentials, and the end of what was never used."""
    rotations = Rotations(links)

    async def sweep() -> None:
        """Gives up links without a first contact. Any number of processes may do so at once: each link once."""
        while True:
            async with links.house.database.writing() as connection:
                await links.abandon_overdue(connection)
                await rotations.forget(connection)
            await asyncio.sleep(SWEEP_SECONDS)

    return Feature(
        "links", pages=lambda site: LinkPages(site, links).routes(), api=rotation_router(rotations), jobs=(sweep,)
    )
