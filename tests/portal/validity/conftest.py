"""A floor with a rule of write-offs."""

from collections.abc import AsyncIterator

import pytest

from tests.portal.clock import HandClock
from tests.portal.validity.yearly import Yearly
from tests.portal.vouchers.floor import open_floor
from tillbridge.portal.house import House


@pytest.fixture
async def yearly(house: House, clock: HandClock) -> AsyncIterator[Yearly]:
    """Three years and New Year's Eve, in Berlin, since March 2026."""
    async with open_floor(house) as floor:
        made = Yearly(house, floor, clock)
        await made.validity.change(made.chief(), floor.system_id, made.rule)
        yield made
