"""The columns that every feature's tables are made of, the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, Column, Dialect, ForeignKey, MetaData, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables. A migration and the tables here say the same (tests/portal/test_migrations.py)."""

ID_LENGTH: Final = 32
_MOMENT_LENGTH: Final = 27


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, on SQLite a text of fixed width that sorts by time."""

    impl = String(_MOMENT_LENGTH)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the column is on this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(_MOMENT_LENGTH))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """The moment as it is stored."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The stored moment, in UTC."""
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)


Document: Final = JSON().with_variant(JSONB(), "postgresql")
"""A JSON object."""


def identity() -> Column[str]:
    """The primary key: an id of `runtime.ids`."""
    return Column("id", String(ID_LENGTH), primary_key=True)


def reference(name: str, to: str, *, optional: bool = False) -> Column[str]:
    """A foreign key with an index, for a column of another table such as `location.id`."""
    return Column(name, String(ID_LENGTH), ForeignKey(to), nullable=optional, index=True)


def moment(name: str, *, optional: bool = False) -> Column[datetime]:
    """A moment in UTC."""
    return Column(name, Instant(), nullable=optional)
