"""Makes a PostgreSQL database as it was after its migrations: emptied, a tenth of the work of a new copy."""

import psycopg
from psycopg import sql

_KEPT = "as_migrated"

_END_OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


class Emptied:
    """A migrated database that is used by one test after another.

    It is emptied over one connection that stays open and by a function that stays planned: a new one would read the
    catalogue of some eighty tables each time.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)
        tables = [
            name for (name,) in self._connection.execute("select tablename from pg_tables where schemaname = 'public'")
        ]
        self._connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_KEPT)))
        filled = [name for name in tables if self._keep(name)]
        self._connection.execute(_function(tables, filled))

    def empty(self) -> None:
        """Ends whatever is still connected, and brings back what the migrations had put in."""
        try:
            self._empty()
        except psycopg.OperationalError:
            # The test before has ended the server and started it again.
            self._connection.close()
            self._connection = psycopg.connect(self._url, autocommit=True)
            self._empty()

    def close(self) -> None:
        self._connection.close()

    def _empty(self) -> None:
        self._connection.execute(_END_OTHERS)
        self._connection.execute(sql.SQL("select {}()").format(sql.Identifier(_KEPT, "empty")))

    def _keep(self, name: str) -> bool:
        source, kept = sql.Identifier("public", name), sql.Identifier(_KEPT, name)
        self._connection.execute(sql.SQL("create table {} as table {}").format(kept, source))
        found = self._connection.execute(sql.SQL("select 1 from {} limit 1").format(kept))
        return found.fetchone() is not None


def _function(tables: list[str], filled: list[str]) -> sql.Composed:
    """Neither foreign keys nor the triggers that guard the audit log hold while it runs."""
    steps = [sql.SQL("delete from {};").format(sql.Identifier("public", name)) for name in tables]
    steps += [
        sql.SQL("insert into {} select * from {};").format(sql.Identifier("public", name), sql.Identifier(_KEPT, name))
        for name in filled
    ]
    return sql.SQL(
        "create function {}() returns void language plpgsql set session_replication_role = replica as $$begin {} end$$"
    ).format(sql.Identifier(_KEPT, "empty"), sql.SQL(" ").join(steps))
