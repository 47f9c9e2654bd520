"""A place where a partner works."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.partners.place import Place, open_place
from tillbridge.portal.house import House


@pytest.fixture
async def place(house: House) -> AsyncIterator[Place]:
    async with open_place(house) as opened:
        yield opened
