"""Makes a PostgreSQL database as it was after its migrations: emptied, a tenth of the work of a new copy."""

import psycopg
from psycopg import sql

_KEPT = "as_migrated"


class Emptied:
    """A migrated database that is used by one test after another."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url, autocommit=True) as connection:
            self._tables = [
                name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")
            ]
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_KEPT)))
            self._filled = [name for name in self._tables if self._keep(connection, name)]

    def empty(self) -> None:
        """Ends whatever is still connected, and brings back what the migrations had put in."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            with connection.transaction():
                # Neither foreign keys nor the triggers that guard the audit log hold for this one connection.
                connection.execute("set local session_replication_role = replica")
                for name in self._tables:
                    connection.execute(sql.SQL("delete from {}").format(sql.Identifier("public", name)))
                for name in self._filled:
                    connection.execute(
                        sql.SQL("insert into {} select * from {}").format(
                            sql.Identifier("public", name), sql.Identifier(_KEPT, name)
                        )
                    )

    @staticmethod
    def _keep(connection: psycopg.Connection, name: str) -> bool:
        source, kept = sql.Identifier("public", name), sql.Identifier(_KEPT, name)
        connection.execute(sql.SQL("create table {} as table {}").format(kept, source))
        return connection.execute(sql.SQL("select 1 from {} limit 1").format(kept)).fetchone() is not None
