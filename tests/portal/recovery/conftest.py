"""A shop whose database can be backed up and restored."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.portal.postgres import Cluster
from tests.portal.vouchers.floor import Floor, open_desk, open_floor
from tillbridge.portal.app import open_house
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import FILE, Dialect
from tillbridge.runtime.effects import Runtime


class Shop:
    """Opened as often as one likes; between two openings its database is backed up and restored."""

    def __init__(self, settings: PortalSettings, runtime: Runtime, postgres: Callable[[], Cluster]) -> None:
        self._settings = settings
        self._runtime = runtime
        self._postgres = postgres
        self._former: Floor | None = None

    @property
    def folder(self) -> Path:
        return self._settings.data

    def open(self) -> AbstractAsyncContextManager[Floor]:
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Floor]:
        async with open_house(self._settings, self._runtime) as house:
            former = self._former
            if former is None:
                async with open_floor(house) as floor:
                    # The audit log takes a link's own id.
                    floor.here, floor.there, floor.third = (
                        replace(one, link_id=house.runtime.ids.new()) for one in (floor.here, floor.there, floor.third)
                    )
                    self._former = floor
                    yield floor
                return
            async with open_desk(house) as desk:
                counters = (former.here, former.there, former.third)
                yield Floor(house, desk, former.system_id, *counters, former.made)

    def back_up(self) -> None:
        """While it is closed."""
        if self._settings.database.url is None:
            shutil.copy(self.folder / FILE, self.folder / "backup.db")
            return
        self._postgres().run("drop database if exists backup")
        # A template is copied while nobody is connected to it, not even whoever empties it between tests.
        self._postgres().run("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'migrated'")
        self._postgres().run("create database backup template migrated")

    def restore(self) -> None:
        """While it is closed. Everything since the backup is gone; the data folder stays."""
        if self._settings.database.url is None:
            for left in self.folder.glob(f"{FILE}*"):
                left.unlink()
            shutil.copy(self.folder / "backup.db", self.folder / FILE)
            return
        self._postgres().run("drop database migrated with (force)")
        self._postgres().run("create database migrated template backup")


@pytest.fixture
def closed_shop(settings: PortalSettings, runtime: Runtime, dialect: Dialect, request: pytest.FixtureRequest) -> Shop:
    assert dialect
    return Shop(settings, runtime, lambda: request.getfixturevalue("postgres"))
