"""Brings a database up to date: the numbered steps of `migrations/versions`, all or none of them.

On PostgreSQL the migrating role owns the tables. The serving role, if it is another one, is granted what it needs and
no more: the audit log, for one, it can only read and append to.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import FILE, Database, Dialect, database_url
from tillbridge.portal.storage.schema import metadata
from tillbridge.runtime.data_folder import OWNER_ONLY_FILE, make

APPEND_ONLY: Final = frozenset(
    {
        *("audit_entry", "audit_seal", "audit_head", "keys_proof"),
        *("ledger_entry", "ledger_allocation", "ledger_reissue", "voucher_grant", "voucher_offline"),
        *("ledger_seal", "ledger_head"),
        *("settlement_day", "settlement_sum", "settlement_month", "settlement_paper"),
        *("shop_picture", "shop_design_version", "shop_unit", "shop_event"),
    }
)
"""Tables that the serving role may only read and append to."""

CHANGING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ledger_lot": ("remaining",),
        "ledger_recovery_line": ("verdict", "short", "settled_at", "settled_by", "settled_reason"),
        "settlement_statement": ("taken_until", "frozen_at", "claimed", "owed"),
        "voucher_operation": ("state", "closed_at", "contested_at"),
        "voucher_correction": (
            *("state", "decided_by", "decided_name", "decided_at"),
            *("decision", "failure", "entry_id"),
        ),
    }
)
"""Tables that it may append to, and change in these columns alone."""

_LOCK: Final = 7_455_301
"""PostgreSQL's advisory lock of a migration: two that start together run one after the other."""

log = structlog.get_logger(__name__)


@cache
def newest() -> str:
    """The step that this version of tillbridge ends with; looked up once, since reading all steps takes a while."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def migrate(settings: PortalSettings) -> tuple[str, str]:
    """Runs every step that is missing; returns the last one before and after ("" for an empty database).

    `BridgeError`: DATABASE_UNAVAILABLE, or DATABASE_TOO_NEW when a newer version was here.
    """
    if database_url(settings).get_backend_name() == Dialect.SQLITE:
        make(settings.data)
        # SQLite would make it readable to everybody, and its log beside it gets the rights that the database has.
        (settings.data / FILE).touch(OWNER_ONLY_FILE)
    url = database_url(settings, migrating=True)
    serving = database_url(settings).username
    postgresql = url.get_backend_name() == Dialect.POSTGRESQL
    engine = create_engine(url.set(drivername="postgresql+psycopg" if postgresql else "sqlite+pysqlite"))
    if not postgresql:

        @event.listens_for(engine, "connect")
        def _by_hand(connection: object, _: object) -> None:
            # Else the driver would commit before each statement that changes a table, and a step could end half done.
            connection.isolation_level = None  # type: ignore[attr-defined]

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            if postgresql:
                connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            before = _current(connection)
            _upgrade(connection)
            if postgresql and serving and serving != url.username:
                _grant(connection, serving)
            return before, _current(connection)
    except OperationalError as error:
        raise BridgeError(Code.DATABASE_UNAVAILABLE, _why(error)) from error
    finally:
        engine.dispose()


def _why(error: OperationalError) -> str:
    """What went wrong. The text of a refused connection is the driver's own; that of a statement may quote a row."""
    found = str(error.orig).partition("\n")[0] if error.statement is None else type(error.orig).__name__
    return f"the database of the portal cannot be reached: {found}"


async def check_current(database: Database) -> None:
    """Nothing if the database is as this version needs it; else `BridgeError`: DATABASE_TOO_OLD or DATABASE_TOO_NEW."""
    async with database.reading() as connection:
        found = await connection.run_sync(_current)
    if found == newest():
        return
    known = {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}
    raise BridgeError(Code.DATABASE_TOO_OLD if found in known or not found else Code.DATABASE_TOO_NEW)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _current(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _upgrade(connection: Connection) -> None:
    config = _config()
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if (found := _current(connection)) and found not in known:
        raise BridgeError(Code.DATABASE_TOO_NEW)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _grant(connection: Connection, role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    connection.execute(text(f"grant usage on schema public to {quote(role)}"))
    for table in metadata.sorted_tables:
        rights = _rights(table.name)
        connection.execute(text(f"revoke all on {quote(table.name)} from {quote(role)}"))
        connection.execute(text(f"grant {rights} on {quote(table.name)} to {quote(role)}"))
    connection.execute(text(f"grant select on alembic_version to {quote(role)}"))


def _rights(table: str) -> str:
    if table in APPEND_ONLY:
        return "select, insert"
    if table in CHANGING:
        return f"select, insert, update ({', '.join(CHANGING[table])})"
    return "select, insert, update, delete"
