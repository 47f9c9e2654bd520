"""Voucher systems, the locations that take part in one, and the vouchers themselves."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

OWN: Final = text("scheme = 'own'")
PIN_SHUT: Final = text("pin_blocked or pin_locked_until is not null")

voucher_system: Final = Table(
    "voucher_system",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    Column("name", String(100), nullable=False),
    # For life: numbers and credit never cross into another currency.
    Column("currency", String(3), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("cross_country", Boolean, nullable=False, server_default="0"),
    Column("load_min", BigInteger, nullable=False),
    Column("load_max", BigInteger, nullable=False),
    Column("balance_max", BigInteger, nullable=False),
    Column("codes_a_month", Integer, nullable=False),
    moment("created_at"),
    # Since the portal was restored from a backup and hears again what it had answered: nothing is taken meanwhile.
    moment("recovering_since", optional=True),
    CheckConstraint("0 < load_min and load_min <= load_max and load_max <= balance_max", name="limits"),
)

voucher_location: Final = Table(
    "voucher_location",
    metadata,
    # A location takes part in one system at a time: it has one currency.
    Column("location_id", String(ID_LENGTH), primary_key=True),
    reference("system_id", "voucher_system.id"),
    moment("joined_at"),
)

voucher_batch: Final = Table(
    "voucher_batch",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    Column("name", String(100), nullable=False),
    # Three digits of ISO 3166-1, as they stand in the numbers.
    Column("country", String(3), nullable=False),
    Column("amount_of_codes", Integer, nullable=False),
    # "2026-11" in the system's zone: what counts toward the month's codes.
    Column("month", String(7), nullable=False),
    moment("made_at"),
    Column("made_by", String(200), nullable=False),
    # What the codes are for, in the office's own words: an invitation, a discount.
    Column("group_name", String(64), nullable=False, server_default=""),
    Index("ix_voucher_batch_system_id_month", "system_id", "month"),
)

voucher: Final = Table(
    "voucher",
    metadata,
    identity(),
    # Found by its unique constraint with the number; see `ledger.tables.entry` on an index of its own.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), nullable=False),
    reference("batch_id", "voucher_batch.id", optional=True),
    Column("number", String(14), nullable=False),
    # Sealed with a key outside the database, because cards and letters are printed from it again.
    Column("pin_sealed", LargeBinary, nullable=True),
    Column("country", String(3), nullable=False),
    Column("scheme", String(8), nullable=False),
    Column("vat_class", String(8), nullable=False, server_default="multi"),
    Column("life", String(8), nullable=False),
    Column("blocked", Boolean, nullable=False, server_default="0"),
    Column("block_reason", String(500), nullable=False, server_default=""),
    # Money on it, kept beside the entries that it is the sum of (`tillbridge portal ledger verify`).
    Column("balance", BigInteger, nullable=False, server_default="0"),
    # Entries so far: the last one's `seq`.
    Column("seq", Integer, nullable=False, server_default="0"),
    Column("written_off", Boolean, nullable=False, server_default="0"),
    Column("loaded_once", Boolean, nullable=False, server_default="0"),
    # The last load or redemption that was not taken back.
    moment("last_activity", optional=True),
    # Wrong PINs since the last right one, and until when none is judged.
    Column("pin_misses", Integer, nullable=False, server_default="0"),
    moment("pin_locked_until", optional=True),
    Column("pin_blocked", Boolean, nullable=False, server_default="0"),
    moment("made_at"),
    UniqueConstraint("system_id", "number"),
    # A number that the portal drew is never drawn again, for nobody.
    Index("uq_voucher_own_number", "number", unique=True, sqlite_where=OWN, postgresql_where=OWN),
    # The few whose PIN may be shut, for the page of exceptions.
    Index("ix_voucher_pin_shut", "system_id", sqlite_where=PIN_SHUT, postgresql_where=PIN_SHUT),
    CheckConstraint("balance >= 0", name="balance"),
    CheckConstraint("scheme in ('own', 'imported')", name="scheme"),
    CheckConstraint("life in ('produced', 'active', 'retired')", name="life"),
    CheckConstraint("vat_class in ('multi')", name="vat_class"),
    CheckConstraint("life <> 'retired' or balance = 0", name="retired_empty"),
)

voucher_guessing: Final = Table(
    "voucher_guessing",
    metadata,
    # What was guessed at a location within the last hour: `pin` or `unknown` number. No foreign key: it is soon gone.
    Column("location_id", String(ID_LENGTH), primary_key=True),
    Column("kind", String(8), primary_key=True),
    # Microseconds since 1970, the oldest first.
    Column("moments", Document, nullable=False),
    moment("paused_until", optional=True),
    # When the row says nothing any more.
    moment("until"),
    CheckConstraint("kind in ('pin', 'unknown')", name="kind"),
)
