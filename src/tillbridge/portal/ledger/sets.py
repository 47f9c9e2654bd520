"""Writes many rows with one statement: arrays on PostgreSQL, one prepared statement for all rows on SQLite.

The text of a statement does not depend on how many rows there are, so that it is prepared once.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    String,
    Table,
    TextClause,
    any_,
    bindparam,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from tillbridge.portal.storage.columns import Instant

Row = Mapping[str, object]
Pair = tuple[str, str]

_ARRAYS: Final[Mapping[type[TypeEngine[Any]], str]] = {
    String: "text",
    BigInteger: "bigint",
    Integer: "integer",
    Boolean: "boolean",
    LargeBinary: "bytea",
    Instant: "timestamptz",
}


async def add(connection: AsyncConnection, table: Table, rows: Sequence[Row], unless: tuple[str, ...] = ()) -> int:
    """Adds rows that name every column alike; returns how many it added.

    `unless` are columns in which a row that is there already keeps a new one out; without them that is a fault.
    """
    if not rows:
        return 0
    postgresql = connection.dialect.name == "postgresql"
    statement = _insert(table, tuple(rows[0]), unless, postgresql=postgresql)
    return await _run(connection, statement, rows, postgresql=postgresql)


async def change(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], sets: tuple[tuple[str, str], ...], holds: str = ""
) -> int:
    """Changes the rows of these ids; returns how many it changed.

    `sets` are columns with their new values, `holds` what a row must still be like; both are SQL in which `{name}`
    stands for a member of the row that is given.
    """
    if not rows:
        return 0
    postgresql = connection.dialect.name == "postgresql"
    statement = _update(table, tuple(rows[0]), sets, holds, postgresql=postgresql)
    return await _run(connection, statement, rows, postgresql=postgresql)


def among(connection: AsyncConnection, column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    """Whether a column has one of these values: as one array on PostgreSQL, for the same reason."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(sorted(values), ARRAY(String)))
    return column.in_(sorted(values))


def pairs_among(
    connection: AsyncConnection, first: ColumnElement[str], second: ColumnElement[str], pairs: Collection[Pair]
) -> ColumnElement[bool]:
    """Whether two columns together have one of these pairs. Each pair is one descent of an index over both."""
    if connection.dialect.name != "postgresql":
        return tuple_(first, second).in_(sorted(pairs))
    arrays = (literal(list(side), ARRAY(String)) for side in zip(*sorted(pairs), strict=True))
    given = func.unnest(*arrays).table_valued("one", "other").render_derived(name="given")
    return tuple_(first, second).in_(select(given.c.one, given.c.other))


async def _run(connection: AsyncConnection, statement: TextClause, rows: Sequence[Row], *, postgresql: bool) -> int:
    if postgresql:
        return (await connection.execute(statement, {name: [row[name] for row in rows] for name in rows[0]})).rowcount
    return (await connection.execute(statement, [dict(row) for row in rows])).rowcount


@cache
def _insert(table: Table, names: tuple[str, ...], unless: tuple[str, ...], *, postgresql: bool) -> TextClause:
    into = f"insert into {table.name} ({', '.join(names)})"
    conflict = f" on conflict ({', '.join(unless)}) do nothing" if unless else ""
    if postgresql:
        return text(f"{into} select * from {_unnest(table, names)}{conflict}")  # noqa: S608  # names of our own columns
    values = ", ".join(f":{name}" for name in names)
    return _typed(table, names, f"{into} values ({values}){conflict}")


@cache
def _update(
    table: Table, names: tuple[str, ...], sets: tuple[tuple[str, str], ...], holds: str, *, postgresql: bool
) -> TextClause:
    given = {name: f"given.{name}" if postgresql else f":{name}" for name in names}
    changes = ", ".join(f"{column} = {value.format_map(given)}" for column, value in sets)
    where = f"{table.name}.id = {given['id']}" + (f" and {holds.format_map(given)}" if holds else "")
    if postgresql:
        rows = f"{_unnest(table, names)} as given ({', '.join(names)})"
        return text(f"update {table.name} set {changes} from {rows} where {where}")  # noqa: S608  # as above
    return _typed(table, names, f"update {table.name} set {changes} where {where}")  # noqa: S608  # as above


def _unnest(table: Table, names: tuple[str, ...]) -> str:
    return f"unnest({', '.join(f'cast(:{name} as {_array(table, name)}[])' for name in names)})"


def _array(table: Table, name: str) -> str:
    return next(word for kind, word in _ARRAYS.items() if isinstance(_type(table, name), kind))


def _type(table: Table, name: str) -> TypeEngine[Any]:
    """The type of a column; a name that is none, such as a difference, is an amount."""
    return table.c[name].type if name in table.c else BigInteger()


def _typed(table: Table, names: tuple[str, ...], statement: str) -> TextClause:
    return text(statement).bindparams(*(bindparam(name, type_=_type(table, name)) for name in names))
