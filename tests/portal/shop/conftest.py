"""An open shop to buy in."""

import pytest

from tests.portal.shop.stand import Stand, open_stand
from tillbridge.portal.house import House


@pytest.fixture
async def stand(house: House) -> Stand:
    return await open_stand(house)
