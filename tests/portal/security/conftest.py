"""A town that is built once and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.portal.clock import HandClock
from tests.portal.security.settling import settle
from tests.portal.security.town import Ids, Town, opened, town_of
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import FILE


@pytest.fixture(scope="session")
def built(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ids]:
    """A folder with a filled portal on SQLite."""
    folder = tmp_path_factory.mktemp("town")
    shutil.copy(migrated_file, folder / FILE)

    async def build() -> Ids:
        async with opened(PortalSettings(data=folder), seed=1) as town:
            await settle(town)
            return dict(town.ids)

    return folder, asyncio.run(build())


@pytest.fixture
def folder(built: tuple[Path, Ids], tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(built[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
async def town(built: tuple[Path, Ids], folder: Path) -> AsyncIterator[Town]:
    """The copy, served on SQLite."""
    clock = HandClock()
    clock.forward(minutes=1)
    async with opened(PortalSettings(data=folder), built[1], clock=clock) as one:
        yield one


@pytest.fixture
async def either(house: House, clock: HandClock) -> Town:
    """A filled portal on each of the two databases."""
    one = town_of(house, clock)
    await settle(one)
    return one
