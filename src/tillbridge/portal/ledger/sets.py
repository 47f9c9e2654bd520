"""Reads and writes many rows with one statement: arrays on PostgreSQL, one prepared statement for all rows on SQLite.

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
from tillbridge.portal.storage.line import Asked, Line

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
    """Adds rows at once; returns how many it added. See `ask_add`."""
    line = Line(connection)
    asked = ask_add(line, table, rows, unless)
    await line.run()
    return 0 if asked is None else asked.count or 0


async def change(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], sets: tuple[tuple[str, str], ...], holds: str = ""
) -> int:
    """Changes rows at once; returns how many it changed. See `ask_change`."""
    line = Line(connection)
    asked = ask_change(line, table, rows, sets, holds)
    await line.run()
    return 0 if asked is None else asked.count or 0


def ask_add(line: Line, table: Table, rows: Sequence[Row], unless: tuple[str, ...] = ()) -> Asked | None:
    """Will add rows that name every column alike; its `count` is how many it added. None for no rows.

    `unless` are columns in which a row that is there already keeps a new one out; without them that is a fault.
    """
    if not rows:
        return None
    return _ask(line, _insert(table, tuple(rows[0]), unless, postgresql=line.postgresql), rows)


def ask_change(
    line: Line, table: Table, rows: Sequence[Row], sets: tuple[tuple[str, str], ...], holds: str = ""
) -> Asked | None:
    """Will change the rows of these ids; its `count` is how many it changed. None for no rows.

    `sets` are columns with their new values, `holds` what a row must still be like; both are SQL in which `{name}`
    stands for a member of the row that is given.
    """
    if not rows:
        return None
    return _ask(line, _update(table, tuple(rows[0]), sets, holds, postgresql=line.postgresql), rows)


# ------------------------------------------------------------ what a statement asks for


def among(connection: AsyncConnection, column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    """Whether a column has one of these values: as one array on PostgreSQL, for the same reason."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(sorted(values), ARRAY(String)))
    return column.in_(sorted(values))


def one_of(column: ColumnElement[str], name: str, *, postgresql: bool) -> ColumnElement[bool]:
    """The same for a statement that is built once: the values are those of the parameter `name`, a sorted list."""
    if postgresql:
        return column == any_(bindparam(name, type_=ARRAY(String)))
    return column.in_(bindparam(name, expanding=True))


def one_pair_of(
    first: ColumnElement[str], second: ColumnElement[str], name: str, *, postgresql: bool
) -> ColumnElement[bool]:
    """Whether two columns together have one of some pairs. Each pair is one descent of an index over both.

    Its values are what `pairs` makes of them.
    """
    if not postgresql:
        return tuple_(first, second).in_(bindparam(name, expanding=True))
    sides = (bindparam(f"{name}_{side}", type_=ARRAY(String)) for side in ("first", "second"))
    given = func.unnest(*sides).table_valued("one", "other").render_derived(name=f"given_{name}")
    return tuple_(first, second).in_(select(given.c.one, given.c.other))


def pairs(name: str, given: Collection[Pair], *, postgresql: bool) -> dict[str, Any]:
    """The values of `one_pair_of`."""
    ordered = sorted(given)
    if not postgresql:
        return {name: ordered}
    return {f"{name}_first": [one for one, _ in ordered], f"{name}_second": [other for _, other in ordered]}


# ------------------------------------------------------------ the statements


def _ask(line: Line, statement: TextClause, rows: Sequence[Row]) -> Asked:
    if line.postgresql:
        return line.ask(statement, {name: [row[name] for row in rows] for name in rows[0]})
    return line.ask(statement, [dict(row) for row in rows])


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
