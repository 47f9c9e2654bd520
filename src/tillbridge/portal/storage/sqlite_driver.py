"""SQLite's asynchronous driver with one trip to its thread for a statement.

The driver's own cursor goes there four times: to be made, to run, for the rows, to be closed. Between two threads of
Python each trip waits for the other's lock, which is most of the time that a small statement takes.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import aiosqlite

_CHUNK: Final = 64
"""Rows that the driver's own cursors fetch at once; ours fetch all."""


class _Cursor:
    """A cursor that has all its rows once it has run: nothing of the portal needs a result piece by piece."""

    arraysize = 1

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        await self._run(sqlite3.Cursor.execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> None:
        await self._run(sqlite3.Cursor.executemany, statement, parameters)

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def fetchmany(self, size: int = _CHUNK) -> list[Any]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def fetchone(self) -> Any:  # noqa: ANN401  # a row
        return (await self.fetchmany(1) or [None])[0]

    async def close(self) -> None:
        """Nothing is left open."""

    async def _run(self, how: Any, statement: str, parameters: Any) -> None:  # noqa: ANN401  # the driver's own methods
        await self._connection.whole(self._in_thread, how, statement, parameters)

    def _in_thread(self, connection: sqlite3.Connection, how: Any, statement: str, parameters: Any) -> None:  # noqa: ANN401  # as above
        cursor = connection.cursor()
        try:
            how(cursor, statement, parameters)
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()


class _Connection(aiosqlite.Connection):
    """A connection with such cursors."""

    def cursor(self) -> _Cursor:  # type: ignore[override]  # SQLAlchemy enters it; the driver's own is awaited as well
        return _Cursor(self)

    async def whole(self, work: Any, *arguments: Any) -> None:  # noqa: ANN401  # see `_Cursor`
        """Runs this in the driver's thread."""
        await self._execute(work, self._conn, *arguments)  # type: ignore[no-untyped-call]  # the driver's own


async def connect(path: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  # those of sqlite3.connect
    """Opens a database for SQLAlchemy: `async_creator_fn` of its connect arguments."""
    connection = _Connection(lambda: sqlite3.connect(path, **options), _CHUNK)
    # A connection that nobody closed must not keep the program from ending.
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy does with those that it opens itself
    return await connection
