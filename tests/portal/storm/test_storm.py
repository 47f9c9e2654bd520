"""Redemptions from 64 tills on vouchers of which one is hot, while processes, databases and connections are ended."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from tests.portal.postgres import Cluster, cluster
from tests.portal.storm.plan import BLOWS, Cut, Plan
from tests.portal.storm.storm import storm
from tillbridge.domain.errors import Code
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.database import Dialect, database_url
from tillbridge.portal.storage.migrating import migrate

LONG: Final = {Dialect.POSTGRESQL: 100_000, Dialect.SQLITE: 50_000}
"""Redemptions of `make soak`, which take ten to fifteen minutes on two cores. `--storm` takes another number."""

BETWEEN_BLOWS: Final = 2_000
"""Redemptions of a long storm for each blow."""

A_SECOND: Final = 25
"""Redemptions that the slowest computer manages, blows and all: a storm that takes longer hangs."""


def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed") or 20261122)


def server_of(dialect: Dialect, request: pytest.FixtureRequest) -> Cluster | None:
    return None if dialect is Dialect.SQLITE else request.getfixturevalue("postgres")


@contextmanager
def committing(server: Cluster | None, settings: PortalSettings) -> Iterator[None]:
    """What is committed is there after a crash of the server, which the tests that never end it do without."""
    if server is None:
        yield
        return
    database = database_url(settings).database
    server.run(f"alter database {database} set synchronous_commit = on")
    try:
        yield
    finally:
        server.start()
        server.run(f"alter database {database} reset synchronous_commit")


def assert_raged(plan: Plan, happened: Counter[str]) -> None:
    """It hit everything that it was to hit, and the tills noticed."""
    for blow in BLOWS[plan.dialect]:
        assert happened[blow.value] >= plan.blows // len(BLOWS[plan.dialect]), happened
    for cut in set(Cut) - {Cut.NOWHERE}:
        assert happened[cut.value] > 5, happened
    assert happened[Code.DATABASE_UNAVAILABLE] or plan.dialect is Dialect.SQLITE, happened


async def in_time(plan: Plan, happened: Awaitable[Counter[str]]) -> Counter[str]:
    async with asyncio.timeout(plan.redemptions / A_SECOND):
        return await happened


async def test_a_short_storm(dialect: Dialect, settings: PortalSettings, request: pytest.FixtureRequest) -> None:
    """Each kind of blow once."""
    plan = Plan(seed(request), dialect, 300, 100, len(BLOWS[dialect]))
    server = server_of(dialect, request)
    with committing(server, settings):
        assert_raged(plan, await storm(plan, settings, server))


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_long_storm(dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A thousand vouchers; on a PostgreSQL that flushes as in earnest."""
    wanted = int(request.config.getoption("--storm") or LONG[dialect])
    plan = Plan(seed(request), dialect, wanted, 1_000, max(wanted // BETWEEN_BLOWS, len(BLOWS[dialect])))
    if dialect is Dialect.SQLITE:
        settings = PortalSettings(data=tmp_path)
        migrate(settings)
        happened = await in_time(plan, storm(plan, settings, None))
    else:
        with cluster(durable=True) as server:
            server.run("create database storm")
            database = DatabaseSettings(url=SecretStr(server.url("storm")), connections=6)
            settings = PortalSettings(data=tmp_path, database=database)
            migrate(settings)
            happened = await in_time(plan, storm(plan, settings, server))
    assert_raged(plan, happened)
    sys.stdout.write(f"\n{wanted} redemptions on {dialect.value}: {dict(sorted(happened.items()))}\n")
