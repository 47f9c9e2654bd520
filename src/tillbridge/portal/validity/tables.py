"""Validity by inactivity: the setting of a system, its yearly runs; and the exceptions that a person looks at."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from tillbridge.portal.storage.columns import ID_LENGTH, Instant, identity, metadata, moment, reference

UNTOLD: Final = text("told_at is null")

voucher_validity: Final = Table(
    "voucher_validity",
    metadata,
    # A system without a row has no write-off.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    Column("years", Integer, nullable=False),
    Column("month", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    # Dates count from here on: what lay before is never made up for.
    moment("since"),
    CheckConstraint("years between 1 and 30", name="years"),
    CheckConstraint("month between 1 and 12 and day between 1 and 31", name="date"),
)

voucher_write_off_run: Final = Table(
    "voucher_write_off_run",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    # "2029-12-31": one run for a system and a date, whoever begins it.
    Column("date", String(10), nullable=False),
    Column("years", Integer, nullable=False),
    moment("cut"),
    Column("state", String(9), nullable=False),
    # The last voucher that was looked at: where the next batch begins, in whichever process.
    Column("position", String(ID_LENGTH), nullable=False, server_default=""),
    Column("vouchers", Integer, nullable=False, server_default="0"),
    Column("money", BigInteger, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    moment("begun_at"),
    moment("done_at", optional=True),
    Column("reversed_by", String(200), nullable=False, server_default=""),
    Column("reason", String(500), nullable=False, server_default=""),
    moment("reversed_at", optional=True),
    UniqueConstraint("system_id", "date"),
    CheckConstraint("state in ('writing', 'done', 'reversing', 'reversed')", name="state"),
)

voucher_write_off: Final = Table(
    "voucher_write_off",
    metadata,
    # What a run found of a voucher. Whether it was given back the ledger says, and nothing else.
    Column("run_id", String(ID_LENGTH), ForeignKey("voucher_write_off_run.id"), primary_key=True),
    Column("voucher_id", String(ID_LENGTH), ForeignKey("voucher.id"), primary_key=True, index=True),
    Column("outcome", String(11), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=True, unique=True),
    CheckConstraint("outcome in ('written_off', 'blocked', 'interim', 'fault')", name="outcome"),
    CheckConstraint("(entry_id is not null) = (outcome = 'written_off')", name="entry"),
)

voucher_write_off_notice: Final = Table(
    "voucher_write_off_notice",
    metadata,
    # That a date was announced, and what was due by then.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    Column("date", String(10), primary_key=True),
    Column("days_before", Integer, primary_key=True),
    Column("vouchers", Integer, nullable=False),
    Column("money", BigInteger, nullable=False),
    moment("told_at"),
)

voucher_case: Final = Table(
    "voucher_case",
    metadata,
    # What a person decided of a case. Each kind of case of an action is decided once.
    Column("operation_id", String(ID_LENGTH), ForeignKey("voucher_operation.id"), primary_key=True),
    Column("kind", String(9), primary_key=True),
    reference("system_id", "voucher_system.id"),
    Column("decision", String(8), nullable=False),
    Column("evidence", String(500), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("decided_by", String(200), nullable=False),
    moment("decided_at"),
    CheckConstraint(
        "(kind = 'open' and decision in ('paid', 'not_paid')) or (kind = 'contested' and decision = 'settled')",
        name="decision",
    ),
)

voucher_late_put_back: Final = Table(
    "voucher_late_put_back",
    metadata,
    # An action that was put back after its receipt had been closed.
    Column("operation_id", String(ID_LENGTH), ForeignKey("voucher_operation.id"), primary_key=True),
    moment("confirmed_at", optional=True),
    Column("put_back_at", Instant(), nullable=False, index=True),
)

voucher_alarm: Final = Table(
    "voucher_alarm",
    metadata,
    identity(),
    # A location that has to pause for wrong PINs, one row for each pause.
    Column("location_id", String(ID_LENGTH), nullable=False, index=True),
    moment("at"),
    moment("until"),
    # When the owners were written to, or were not because they had been of the same pause.
    moment("told_at", optional=True),
    Index("ix_voucher_alarm_untold", "at", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
)
