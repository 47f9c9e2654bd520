"""Statements that go to the database one after another without waiting for each other's answers.

PostgreSQL answers them all at once: ten statements that need nothing of each other cost one way there and back instead
of ten. On SQLite, which is in our own process, they are simply carried out in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Dialect, Executable, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ClauseElement

Values = Mapping[str, Any]
Row = RowMapping | Mapping[str, Any]
"""A row by the names of its columns, as SQLAlchemy or the driver gives it."""


STATEMENTS: Final = 256
"""Texts that are remembered; a statement is the same object each time it is asked (`cache` its builder)."""


@dataclass(slots=True)
class Asked:
    """A statement on its way; after `run` the rows that it found, or how many it changed."""

    statement: Executable
    values: Values | Sequence[Values] = field(repr=False)
    rows: Sequence[Row] = field(default=(), repr=False)
    count: int | None = None


class Line:
    """The statements of one step, in the order in which they are carried out."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._asked: list[Asked] = []

    @property
    def postgresql(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self._connection.dialect.name == "postgresql"

    def ask(self, statement: Executable, values: Values | Sequence[Values]) -> Asked:
        """Puts a statement on the line. Several rows of values are for SQLite; on PostgreSQL they are arrays."""
        asked = Asked(statement, values)
        self._asked.append(asked)
        return asked

    async def run(self) -> None:
        """Carries them all out. An error is that of the first that failed; what went before it has its `count`."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        if self.postgresql:
            await _send(self._connection, asked)
            return
        for one in asked:
            result = await self._connection.execute(one.statement, one.values)
            if result.returns_rows:
                one.rows = result.mappings().all()
            one.count = result.rowcount


async def _send(connection: AsyncConnection, asked: Sequence[Asked]) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError(f"the driver of PostgreSQL is psycopg, and not {type(driver).__name__}")
    cursors = [driver.cursor(row_factory=dict_row) for _ in asked]
    try:
        async with driver.pipeline():
            for one, cursor in zip(asked, cursors, strict=True):
                text, fixed = _text(one.statement, connection.dialect)
                await cursor.execute(text, {**fixed, **one.values}, prepare=True)  # type: ignore[dict-item]
        for one, cursor in zip(asked, cursors, strict=True):
            if cursor.description is not None:
                one.rows = await cursor.fetchall()
    except psycopg.Error as error:
        if driver.closed:
            await connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, connection_invalidated=driver.closed, dialect=connection.dialect
        ) from error
    finally:
        for one, cursor in zip(asked, cursors, strict=True):
            one.count = cursor.rowcount if cursor.rowcount >= 0 else None


@lru_cache(maxsize=STATEMENTS)
def _text(statement: Executable, dialect: Dialect) -> tuple[bytes, Values]:
    """A statement as the driver takes it, and the values that stand in it already."""
    if not isinstance(statement, ClauseElement):
        raise TypeError("a statement of SQLAlchemy")
    compiled = statement.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled).encode(), fixed
