"""A till of another maker."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.thirdparty.till import Till, open_till
from tillbridge.portal.house import House


@pytest.fixture
async def till(house: House) -> AsyncIterator[Till]:
    async with open_till(house) as opened:
        yield opened
