"""A portal on each of the two databases, with a clock that the test moves."""

import random
import shutil
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.portal.clock import HandClock
from tests.portal.emptying import Emptied
from tests.portal.postgres import Cluster, cluster
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.database import FILE, Dialect
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime, TimeOrderedIds

_DATABASE = "migrated"

_ON_BOTH = frozenset({"ledger", "storage", "storm", "vouchers"})
"""Folders whose tests are of the statements themselves: who is first, what is locked, what is counted."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that comes to the database through stores which are tested on both, one of the two runs.

    Those are the tests of pages, of services and of what asks the ledger. Which one it is goes by the test's name, so
    that half of them run on each; `make soak` runs all of them on both.
    """
    for item in items:
        call = getattr(item, "callspec", None)
        if call is None or "dialect" not in call.params or not _one_is_enough(item.path):
            continue
        name = item.nodeid.replace(call.params["dialect"].value, "")
        if call.params["dialect"] is not list(Dialect)[zlib.crc32(name.encode()) % 2]:
            item.add_marker(pytest.mark.soak)


def _one_is_enough(path: Path) -> bool:
    if Path(__file__).parent not in path.parents:
        return False
    both = path.parent.name in _ON_BOTH or any(word in path.stem for word in ("store", "races"))
    return "pages" in path.stem or not both


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One PostgreSQL for each worker."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def emptied(postgres: Cluster) -> Iterator[Emptied]:
    """A migrated database in it, which one test after another finds empty."""
    postgres.run(f"create database {_DATABASE}")
    migrate(_on_postgres(Path(), postgres))
    with closing(Emptied(postgres.url(_DATABASE))) as made:
        yield made


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy from."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(PortalSettings(data=folder))
    return folder / FILE


@pytest.fixture(params=Dialect)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Every test that asks for a portal runs on both databases."""
    chosen: Dialect = request.param
    return chosen


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def runtime(clock: HandClock) -> Runtime:
    chance = random.Random(1)
    return Runtime(clock, TimeOrderedIds(clock, chance), chance)


@pytest.fixture
def settings(dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest) -> PortalSettings:
    """The settings of a portal with a migrated, empty database of this test's own."""
    if dialect is Dialect.SQLITE:
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / FILE)
        return PortalSettings(data=tmp_path)
    emptied: Emptied = request.getfixturevalue("emptied")
    emptied.empty()
    return _on_postgres(tmp_path, request.getfixturevalue("postgres"))


@pytest.fixture
async def house(settings: PortalSettings, runtime: Runtime) -> AsyncIterator[House]:
    """What every feature is handed."""
    async with open_house(settings, runtime) as opened:
        yield opened


def _on_postgres(data: Path, running: Cluster) -> PortalSettings:
    return PortalSettings(data=data, database=DatabaseSettings(url=SecretStr(running.url(_DATABASE)), connections=6))
