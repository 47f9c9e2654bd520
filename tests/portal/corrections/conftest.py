"""An office with two people who may correct vouchers, over a floor with three shops."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.corrections.office import Office, open_office
from tests.portal.vouchers.floor import open_floor
from tillbridge.portal.house import House


@pytest.fixture
async def office(house: House) -> AsyncIterator[Office]:
    async with open_floor(house) as floor:
        yield await open_office(floor)
