"""A merchant with one shop, and its links."""

import pytest

from tests.portal.links.posting import Box
from tests.portal.shops import merchant, shop
from tillbridge.portal.house import House
from tillbridge.portal.links.contact import Contacts
from tillbridge.portal.links.service import Links


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def links(house: House, box: Box) -> Links:
    return Links(house, box.owners)


@pytest.fixture
def contacts(links: Links) -> Contacts:
    return Contacts(links)


@pytest.fixture
async def tenant_id(house: House) -> str:
    return await merchant(house)


@pytest.fixture
async def location_id(house: House, tenant_id: str) -> str:
    return await shop(house, tenant_id, 1_004_711)
