"""A till of another maker."""

import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.portal.thirdparty.till import Till, open_till
from tillbridge.portal.house import House
from tillbridge.portal.storage.database import Dialect

_ONE_IS_ENOUGH = frozenset({"test_guarding", "test_conformance", "test_reference_page"})
"""What comes to the database through stores that the other tests, or those of partners, try on both."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of these one of the two runs, as tests/portal/conftest.py has it for pages."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call is None or item.path.parent != Path(__file__).parent or item.path.stem not in _ONE_IS_ENOUGH:
            continue
        name = item.nodeid.replace(call.params["dialect"].value, "")
        if call.params["dialect"] is not list(Dialect)[zlib.crc32(name.encode()) % 2]:
            item.add_marker(pytest.mark.soak)


@pytest.fixture
async def till(house: House) -> AsyncIterator[Till]:
    async with open_till(house) as opened:
        yield opened
