"""Writes many rows at once: on PostgreSQL by COPY, on SQLite row by row in one prepared statement."""

import json
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

ROWS_AT_ONCE: Final = 2000
"""Rows of a statement: few enough to hold in memory, enough that the way there and back costs nothing."""

_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
"""What COPY's text format would take for a mark of its own."""


async def insert_rows(
    connection: AsyncConnection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Writes rows, each a tuple in the order of `names`, within the connection's transaction."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        await connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError("PostgreSQL is spoken to through psycopg")
    statement = f"copy {table.name} ({', '.join(names)}) from stdin"
    try:
        async with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            await copy.write("".join("\t".join(map(_cell, row)) + "\n" for row in rows))
    except psycopg.OperationalError as error:
        # The driver is spoken to past SQLAlchemy, which else would name its faults.
        raise OperationalError(statement, None, error, connection_invalidated=driver.broken) from error
    except psycopg.Error as error:
        raise DBAPIError(statement, None, error) from error


def _cell(value: Any) -> str:  # noqa: ANN401  # whatever a column holds
    match value:
        case str():
            return value.translate(_ESCAPES)
        case int():
            return str(value)
        case bytes():
            return rf"\\x{value.hex()}"
        case None:
            return r"\N"
        case dict() | list():
            return json.dumps(value).translate(_ESCAPES)
        case _:
            return str(value)
