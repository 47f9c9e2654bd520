"""The customer base: 1.0 online of a location, and the customers of 2.0 (docs/explanation/customer-base.md)."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

NUMBER_LENGTH: Final = 7
LONGEST_ALIAS: Final = 40

customer_base: Final = Table(
    "customer_base",
    metadata,
    # One row for each location that has or had a 1.0 online.
    Column("id", String(ID_LENGTH), primary_key=True),
    reference("location_id", "location.id"),
    # Counts the changes of 1.0: a dry run is about one of them.
    Column("revision", Integer, nullable=False),
    # What the old system says that all balances come to, in minor units.
    Column("declared_balance", BigInteger),
    # The conversion that holds 1.0 still. Nobody writes to 1.0 while there is one.
    Column("conversion_id", String(ID_LENGTH)),
    moment("readable_until", optional=True),
    UniqueConstraint("location_id"),
)

customer_v1: Final = Table(
    "customer_v1",
    metadata,
    Column("location_id", String(ID_LENGTH), nullable=False),
    # The line of the file that it came from.
    Column("position", Integer, nullable=False),
    Column("number", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("balance_minor", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("legacy", Document, nullable=False),
    PrimaryKeyConstraint("location_id", "position"),
    Index("ix_customer_v1_number", "number"),
)

customer: Final = Table(
    "customer",
    metadata,
    identity(),
    # The unique number below is an index on the merchant as well.
    Column("tenant_id", String(ID_LENGTH), ForeignKey("tenant.id"), nullable=False),
    # The location that this customer belongs to; the number is the merchant's. Nothing looks for a location alone.
    Column("location_id", String(ID_LENGTH), ForeignKey("location.id"), nullable=False),
    Column("number", String(NUMBER_LENGTH), nullable=False),
    Column("balance_minor", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    # Everything that says who it is, readable only with the customer's own key; empty once that is destroyed.
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(8), nullable=False),
    Column("merged_into", String(ID_LENGTH)),
    # The lines of 1.0 that it was made of, so that erasure finds them while 1.0 can still be read.
    Column("v1_positions", Document, nullable=False),
    Column("revision", Integer, nullable=False),
    moment("created_at"),
    moment("changed_at"),
    UniqueConstraint("tenant_id", "number"),
    CheckConstraint("state in ('live', 'merged', 'erased')", name="state"),
)

customer_key: Final = Table(
    "customer_key",
    metadata,
    # A customer's own key, sealed with the portal's. Erasure deletes this row, and nothing else is needed.
    Column("customer_id", String(ID_LENGTH), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

customer_alias: Final = Table(
    "customer_alias",
    metadata,
    # A number from before, which stays valid. Two customers may have had the same one.
    Column("tenant_id", String(ID_LENGTH), nullable=False),
    Column("alias", String(LONGEST_ALIAS), nullable=False),
    Column("customer_id", String(ID_LENGTH), nullable=False),
    PrimaryKeyConstraint("tenant_id", "alias", "customer_id"),
    Index("ix_customer_alias_customer_id", "customer_id"),
)

customer_token: Final = Table(
    "customer_token",
    metadata,
    # Keyed hashes of what can be searched for; without the portal's key they say nothing.
    Column("token", BigInteger, nullable=False),
    Column("customer_id", String(ID_LENGTH), nullable=False),
    PrimaryKeyConstraint("token", "customer_id"),
    Index("ix_customer_token_customer_id", "customer_id"),
)

customer_movement: Final = Table(
    "customer_movement",
    metadata,
    # Never changed and never deleted: a customer's balance is the sum of these rows.
    identity(),
    Column("customer_id", String(ID_LENGTH), nullable=False),
    moment("at"),
    Column("kind", String(12), nullable=False),
    Column("balance_minor", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    # The conversion, the import or the other customer that it came with.
    Column("origin", String(ID_LENGTH), nullable=False),
    Index("ix_customer_movement_customer_id", "customer_id"),
)

customer_series: Final = Table(
    "customer_series",
    metadata,
    # The next 7-digit number that a merchant's new customer may get.
    Column("tenant_id", String(ID_LENGTH), primary_key=True),
    Column("next_number", Integer, nullable=False),
)

customer_conversion: Final = Table(
    "customer_conversion",
    metadata,
    identity(),
    Column("tenant_id", String(ID_LENGTH), nullable=False),
    reference("location_id", "location.id"),
    Column("kind", String(12), nullable=False),
    Column("state", String(8), nullable=False),
    Column("stage", String(12), nullable=False),
    Column("rows_total", Integer, nullable=False),
    Column("rows_done", Integer, nullable=False),
    # What the merchant agreed to have mended.
    Column("remedies", Document, nullable=False),
    Column("base_revision", Integer, nullable=False),
    Column("source_hash", String(64), nullable=False),
    Column("dry_run_id", String(ID_LENGTH)),
    Column("report", Document, nullable=False),
    # The code of the error that ended it.
    Column("fault", String(40), nullable=False),
    Column("person_id", String(ID_LENGTH), nullable=False),
    Column("person_name", String(200), nullable=False),
    moment("made_at"),
    moment("ended_at", optional=True),
    # Who works on it, and until when that one counts as alive.
    Column("runner", String(ID_LENGTH), nullable=False),
    moment("lease_until"),
    CheckConstraint("kind in ('dry_run', 'conversion')", name="kind"),
    CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="state"),
    Index("ix_customer_conversion_state", "state"),
)

customer_upload: Final = Table(
    "customer_upload",
    metadata,
    identity(),
    Column("tenant_id", String(ID_LENGTH), nullable=False),
    reference("location_id", "location.id"),
    Column("person_id", String(ID_LENGTH), nullable=False),
    Column("target", String(2), nullable=False),
    Column("filename", String(200), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    moment("made_at"),
)

customer_acceptance: Final = Table(
    "customer_acceptance",
    metadata,
    Column("location_id", String(ID_LENGTH), nullable=False),
    # The edition of the table of functions that was accepted.
    Column("edition", Integer, nullable=False),
    Column("person_id", String(ID_LENGTH), nullable=False),
    Column("person_name", String(200), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("location_id", "edition"),
)
