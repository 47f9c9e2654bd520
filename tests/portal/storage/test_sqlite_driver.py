"""SQLite's driver as the portal uses it: one trip to its thread for a statement, and all that a statement says."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tillbridge.portal.storage.sqlite_driver import connect


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/one.db", connect_args={"async_creator_fn": connect})
    async with made.begin() as connection:
        await connection.execute(text("create table row (id integer primary key, name text unique)"))
    yield made
    await made.dispose()


async def test_a_statement_says_all_that_sqlite_says(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        made = await connection.execute(text("insert into row (name) values ('a'), ('b')"))
        assert made.rowcount == 2
        many = [{"name": name} for name in "cd"]
        await connection.execute(text("insert into row (name) values (:name)"), many)
        found = await connection.execute(text("select id, name from row order by id"))
        assert (list(found.keys()), found.all()) == (["id", "name"], [(1, "a"), (2, "b"), (3, "c"), (4, "d")])
        changed = await connection.execute(text("update row set name = name || 'x' where id > 2 returning name"))
        assert sorted(changed.scalars()) == ["cx", "dx"]
        nothing = await connection.execute(text("delete from row where id = 99"))
        assert nothing.rowcount == 0


async def test_a_refused_statement_is_told_and_the_connection_goes_on(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("insert into row (name) values ('a')"))
        async with connection.begin_nested():
            with pytest.raises(IntegrityError) as refused:
                await connection.execute(text("insert into row (name) values ('a')"))
            assert isinstance(refused.value.orig, sqlite3.IntegrityError)
        assert (await connection.execute(text("select count(*) from row"))).scalar_one() == 1


async def test_a_statement_is_one_trip_to_the_thread(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    trips: list[Any] = []
    execute = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, *what: Any, **more: Any) -> Any:
        trips.append(what)
        return await execute(self, *what, **more)  # type: ignore[no-untyped-call]  # the driver's own

    async with engine.connect() as connection:
        monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
        for _ in range(3):
            (await connection.execute(text("select name from row where id = :id"), {"id": 1})).all()
        monkeypatch.undo()
    assert len(trips) == 3


async def test_a_result_can_be_read_in_pieces(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        many = [{"name": str(number)} for number in range(150)]
        await connection.execute(text("insert into row (name) values (:name)"), many)
        read = [row.id async for row in await connection.stream(text("select id from row order by id"))]
    assert read == list(range(1, 151))
