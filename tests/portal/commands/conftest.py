"""A merchant with two shops whose connectors are paired, and a second replica of the portal."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.links.opening import pair
from tests.portal.shops import merchant, shop
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import Holder
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.settings import PortalSettings
from tillbridge.runtime.effects import Runtime


@pytest.fixture
async def other_house(house: House, settings: PortalSettings, runtime: Runtime) -> AsyncIterator[House]:
    """Another process of the same portal."""
    async with open_house(settings, runtime) as opened:
        assert opened.database is not house.database
        yield opened


@pytest.fixture
def links(house: House) -> Links:
    return Links(house)


@pytest.fixture
async def tenant_id(house: House) -> str:
    return await merchant(house)


async def in_use(house: House, links: Links, tenant_id: str, serial: int, name: str) -> Holder:
    """A location whose link is in use."""
    location_id = await shop(house, tenant_id, serial, client_number=serial % 1000, name=name)
    paired = await pair(house, links, location_id)
    async with house.database.writing() as connection:
        await links.acknowledge(connection, await links.link(connection, paired.link_id), PORTAL)
    return Holder(paired.link_id, location_id, tenant_id)


@pytest.fixture
async def holder(house: House, links: Links, tenant_id: str) -> Holder:
    return await in_use(house, links, tenant_id, 1_004_711, "Am Markt")


@pytest.fixture
async def neighbour(house: House, links: Links, tenant_id: str) -> Holder:
    """Another location of the same merchant."""
    return await in_use(house, links, tenant_id, 1_004_712, "Am Bahnhof")


@pytest.fixture
def hub(house: House) -> Hub:
    return Hub(house)


@pytest.fixture
def desk(house: House, hub: Hub) -> CommandDesk:
    return CommandDesk(house, hub)
