"""A portal that was restored from a backup: what it asks of its connectors, and what they have told."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint, text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

OPEN: Final = text("ended_at is null")
WAITING: Final = text("verdict = 'waiting'")
CASE: Final = text("verdict in ('short', 'unknown_voucher', 'differs') and settled_at is null")

recovery: Final = Table(
    "ledger_recovery",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    Column("cause", String(10), nullable=False),
    Column("begun_by", String(200), nullable=False),
    moment("begun_at"),
    # Connectors tell what they were answered since then: well before the newest entry that is there.
    moment("since"),
    moment("ended_at", optional=True),
    Column("ended_by", String(200), nullable=False, server_default=""),
    Column("reason", String(500), nullable=False, server_default=""),
    Index("uq_ledger_recovery_open", "system_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    CheckConstraint("cause in ('anchor', 'person')", name="cause"),
)

place: Final = Table(
    "ledger_recovery_place",
    metadata,
    Column("recovery_id", String(ID_LENGTH), ForeignKey("ledger_recovery.id"), primary_key=True),
    Column("location_id", String(ID_LENGTH), primary_key=True, index=True),
    # Up to which place of its journal the connector there has told.
    Column("reached", BigInteger, nullable=False, server_default="0"),
    moment("told_at", optional=True),
)

line: Final = Table(
    "ledger_recovery_line",
    metadata,
    identity(),
    reference("recovery_id", "ledger_recovery.id"),
    Column("location_id", String(ID_LENGTH), nullable=False),
    Column("key", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("state", String(10), nullable=False),
    Column("number", String(32), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=True),
    Column("transaction_ref", String(64), nullable=False),
    Column("station", String(64), nullable=False),
    Column("operator", String(64), nullable=False),
    moment("answered_at"),
    moment("told_at"),
    Column("verdict", String(16), nullable=False),
    # What could not be booked of it.
    Column("short", BigInteger, nullable=False, server_default="0"),
    moment("settled_at", optional=True),
    Column("settled_by", String(200), nullable=False, server_default=""),
    Column("settled_reason", String(500), nullable=False, server_default=""),
    # However often it is told, it counts once.
    UniqueConstraint("location_id", "key"),
    Index("ix_ledger_recovery_line_waiting", "recovery_id", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_ledger_recovery_line_case", "recovery_id", sqlite_where=CASE, postgresql_where=CASE),
    CheckConstraint("kind in ('redeem', 'load')", name="kind"),
    CheckConstraint("state in ('booked', 'confirmed', 'taken_back')", name="state"),
    CheckConstraint(
        "verdict in ('waiting', 'known', 'booked', 'taken_back', 'short', 'unknown_voucher', 'differs')",
        name="verdict",
    ),
    CheckConstraint("taken > 0 and short >= 0 and short <= taken", name="short"),
)

doubt: Final = Table(
    "ledger_recovery_doubt",
    metadata,
    # A connector there was answered under a key that the portal does not know: it may have been restored.
    Column("location_id", String(ID_LENGTH), primary_key=True),
    Column("key", String(64), nullable=False),
    moment("noticed_at"),
)
