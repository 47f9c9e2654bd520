"""The migrations make exactly the tables that the code speaks of, on both databases."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import open_database
from tillbridge.portal.storage.migrating import check_current, migrate, newest
from tillbridge.portal.storage.schema import metadata
from tillbridge.runtime.effects import Runtime


async def test_migrations_and_tables_say_the_same(house: House) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))

    async with house.database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_a_migrated_database_stays_as_it_is(settings: PortalSettings) -> None:
    assert migrate(settings) == (newest(), newest())


@pytest.mark.parametrize(("step", "code"), [("9999", Code.DATABASE_TOO_NEW), (None, Code.DATABASE_TOO_OLD)])
def test_another_versions_database_is_not_served(
    settings: PortalSettings, runtime: Runtime, step: str | None, code: Code
) -> None:
    async def pretend() -> None:
        async with open_database(settings) as database, database.writing() as connection:
            await connection.execute(text("delete from alembic_version"))
            if step is not None:
                await connection.execute(text("insert into alembic_version values (:step)"), {"step": step})

    async def serve() -> None:
        async with open_house(settings, runtime):
            pass

    asyncio.run(pretend())
    with pytest.raises(BridgeError) as caught:
        asyncio.run(serve())
    assert caught.value.code is code


async def test_a_current_database_is_served(house: House) -> None:
    await check_current(house.database)
