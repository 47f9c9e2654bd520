"""The portal's database: SQLite by default, PostgreSQL by one setting. The same statements run on both.

Writing transactions are short and say so: on SQLite one writes at a time (`BEGIN IMMEDIATE`, in this process through a
pool of one, between processes by the file's lock), on PostgreSQL rows are locked where a decision needs it
(`with_for_update`, in the order of ids).
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from psycopg import conninfo, sql
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.sqlite_driver import connect

FILE: Final = "portal.db"

BUSY_SECONDS: Final = 10
"""How long a writer waits for another process's transaction on SQLite, and anybody for a connection of the pool."""

STATEMENT_SECONDS: Final = 60
"""PostgreSQL ends a statement that takes longer: no request of ours needs a tenth of it."""

RETRY_SECONDS: Final = 5
"""What a client is told to wait when the database is away."""

HELD_SECONDS: Final = 1
"""The same when somebody else holds what is needed."""

READERS: Final = 8

_WATCHED: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""libpq's own names: a server that vanished without a word (a cable, a power cut) is noticed within half a minute."""

_READ_ONLY: Final = "25006"
"""PostgreSQL's state for a write on a standby: the connection still leads to a server that has been replaced."""

_HELD: Final = frozenset({"55P03", "40P01"})
"""A lock that was not to be had in time, or two transactions that waited for each other."""

log = structlog.get_logger(__name__)


class Dialect(StrEnum):
    """The two databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Database:
    """Open connections to one database. Made by `open_database`."""

    def __init__(self, dialect: Dialect, reader: AsyncEngine, writer: AsyncEngine, notifier: URL | None = None) -> None:
        self.dialect = dialect
        self._reader = reader
        self._writer = writer
        self._notifier = notifier

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees what is committed and writes nothing."""
        async with _named_faults(), self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back by an exception or a cancellation."""
        async with _named_faults(), self._writer.begin() as connection:
            yield connection

    async def notices(self, channel: str) -> AsyncGenerator[str]:
        """What PostgreSQL notifies on this channel, and first an empty text; ends at once on SQLite, which has none.

        Over a connection of its own, which is none of the pool's. `BridgeError(DATABASE_UNAVAILABLE)` when it breaks.
        """
        if self._notifier is None:
            return
        address = self._notifier.render_as_string(hide_password=False)
        try:
            async with await psycopg.AsyncConnection.connect(
                conninfo.make_conninfo(address, connect_timeout=BUSY_SECONDS, **_WATCHED), autocommit=True
            ) as connection:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
                yield ""
                async for notice in connection.notifies():
                    yield notice.payload
        except psycopg.Error as error:
            log.warning("database_unavailable", type=type(error).__name__)
            raise BridgeError(Code.DATABASE_UNAVAILABLE, retry_after=RETRY_SECONDS) from error

    async def close(self) -> None:
        """Closes every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


@asynccontextmanager
async def open_database(settings: PortalSettings) -> AsyncIterator[Database]:
    """The database of these settings, as it is; `tillbridge portal migrate` brings it up to date."""
    database = _connect(settings)
    try:
        yield database
    finally:
        await database.close()


def database_url(settings: PortalSettings, *, migrating: bool = False) -> URL:
    """Where the database is, for SQLAlchemy without a driver's name. `BridgeError(SETTINGS_INVALID)` if it is none."""
    chosen = settings.database.migrating_url if migrating else None
    secret = chosen or settings.database.url
    if secret is None:
        return URL.create("sqlite", database=str(settings.data / FILE))
    try:
        url = make_url(secret.get_secret_value())
    except ArgumentError:
        raise _no_address() from None
    if url.get_backend_name() != Dialect.POSTGRESQL:
        raise _no_address()
    return url


def _no_address() -> BridgeError:
    said = "it must be postgresql://USER:PASSWORD@HOST/NAME, or absent for SQLite"
    return BridgeError(Code.SETTINGS_INVALID, said, place="database.url")


def _connect(settings: PortalSettings) -> Database:
    url = database_url(settings)
    if url.get_backend_name() == Dialect.SQLITE:
        path = Path(url.database or "")
        return Database(
            Dialect.SQLITE, _sqlite(path, size=READERS, begin="BEGIN"), _sqlite(path, size=1, begin="BEGIN IMMEDIATE")
        )
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=settings.database.connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": BUSY_SECONDS,
            **_WATCHED,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={BUSY_SECONDS}s -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s",
        },
    )
    return Database(Dialect.POSTGRESQL, engine, engine, url.set(drivername="postgresql"))


def _sqlite(path: Path, *, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={"timeout": BUSY_SECONDS, "async_creator_fn": connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401  # the driver's own connection
        # The driver begins no transaction by itself: it would begin a reading one and then fail to make it a writing
        # one when somebody else was faster.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401  # SQLAlchemy's connection of that moment
        connection.exec_driver_sql(begin)

    return engine


def is_held(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave up because somebody else held a lock, or because two waited for each other."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _HELD


_AWAY: Final = (OperationalError, InterfaceError)


@asynccontextmanager
async def _named_faults() -> AsyncIterator[None]:
    """A database that is away or too busy is an error of the catalogue; a wrong statement stays a fault of ours."""
    try:
        yield
    except PoolExhausted as error:
        log.warning("database_connections_taken")
        said = "every connection to the database is in use"
        raise BridgeError(Code.OVERLOADED, said, retry_after=RETRY_SECONDS) from error
    except _AWAY as error:
        if is_held(error):
            log.info("database_rows_held")
            said = "another request is using the same rows"
            raise BridgeError(Code.OVERLOADED, said, retry_after=HELD_SECONDS) from error
        log.warning("database_unavailable", type=type(error).__name__, cause=_cause(error))
        raise BridgeError(Code.DATABASE_UNAVAILABLE, retry_after=RETRY_SECONDS) from error
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _READ_ONLY:
            log.warning("database_lost", cause=_cause(error))
            raise BridgeError(Code.DATABASE_UNAVAILABLE, retry_after=RETRY_SECONDS) from error
        raise


def _cause(error: BaseException) -> str:
    """The driver's own class of fault; never its text, which may quote what was to be stored."""
    return type(getattr(error, "orig", None) or error).__name__
