"""A shop that wants to be paired."""

import pytest

from tests.portal.pairing.floor import Connector, Floor, open_floor
from tillbridge.portal.house import House


@pytest.fixture
async def floor(house: House) -> Floor:
    return await open_floor(house)


@pytest.fixture
def connector(floor: Floor) -> Connector:
    return Connector(floor)
