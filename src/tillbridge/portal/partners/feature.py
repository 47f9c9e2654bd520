"""Partners as a part of the portal: their interface, the webhooks, and the pages about both."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from starlette.routing import BaseRoute

from tillbridge import __version__
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.linked import LinkStates
from tillbridge.portal.pages.site import Site
from tillbridge.portal.partners import api, hooks_store, store
from tillbridge.portal.partners.carrying import Carrier
from tillbridge.portal.partners.hooks_model import KEPT
from tillbridge.portal.partners.hooks_service import Webhooks
from tillbridge.portal.partners.pages import PATH, PartnerPages, PartnersEntry
from tillbridge.portal.partners.pages_hooks import HookPages
from tillbridge.portal.partners.service import Partners
from tillbridge.portal.partners.telling import Telling
from tillbridge.portal.services.model import REGISTERED, Need
from tillbridge.portal.services.registry import Maintenance, Registry
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.web.webhooks.courier import CourierOnDemand

LOOK_SECONDS: Final = 1.0
"""Between two looks: nobody is told much later than that."""

SWEEP_SECONDS: Final = 600.0

MENU: Final = PartnersEntry(PATH, "partners.menu")


def registry(links: LinkStates, maintenance: Maintenance) -> Registry:
    """The services as a partner's key finds them: whether a till of the location is connected is nothing to it."""
    return Registry(links, maintenance, [replace(one, needs=one.needs - {Need.PAIRING}) for one in REGISTERED])


def feature(house: House, desk: VoucherDesk, services: Registry) -> Feature:
    """`services` is `registry`'s; `desk` is the same that connectors have, so that all share its rounds."""

    async def tell() -> None:
        """Turns what happened to vouchers into messages."""
        telling = Telling(house)
        while True:
            if not await telling.look():
                await asyncio.sleep(LOOK_SECONDS)

    async def carry() -> None:
        """Brings them to their receivers."""
        async with CourierOnDemand(house.settings.webhooks, __version__) as courier, asyncio.TaskGroup() as group:
            carrier = Carrier(house, courier)
            while True:
                await carrier.send_due(group)
                await asyncio.sleep(LOOK_SECONDS)

    async def sweep() -> None:
        """Drops what is too old to be asked for."""
        while True:
            now = house.runtime.clock.now()
            async with house.database.writing() as connection:
                await store.forget_calls(connection, now)
                await hooks_store.forget(connection, now - KEPT)
            await asyncio.sleep(SWEEP_SECONDS)

    return Feature(
        "partners",
        pages=pages(house),
        api=api.routes(house, desk, services),
        jobs=(tell, carry, sweep),
        menu=(MENU,),
    )


def pages(house: House) -> Callable[[Site], Sequence[BaseRoute]]:
    """The pages alone."""
    partners, hooks = Partners(house), Webhooks(house)
    return lambda site: [*PartnerPages(site, partners).routes(), *HookPages(site, hooks).routes()]
