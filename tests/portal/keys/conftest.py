"""A floor with vouchers whose PINs are sealed."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.vouchers.floor import Floor, open_floor
from tillbridge.portal.house import House


@pytest.fixture
async def floor(house: House) -> AsyncIterator[Floor]:
    async with open_floor(house) as opened:
        yield opened
