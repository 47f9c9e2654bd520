"""What of batches was printed, the links of exports, and the types of vouchers."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, String, Table

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

voucher_printing: Final = Table(
    "voucher_printing",
    metadata,
    identity(),
    reference("batch_id", "voucher_batch.id"),
    # Places in the batch, counted from 1.
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("medium", String(8), nullable=False),
    Column("pins", Boolean, nullable=False),
    moment("made_at"),
    Column("made_by", String(200), nullable=False),
    CheckConstraint("1 <= first and first <= last", name="span"),
)

voucher_export: Final = Table(
    "voucher_export",
    metadata,
    # SHA-256 of what stands in the link, in hexadecimal digits.
    Column("secret_hash", String(64), primary_key=True),
    reference("batch_id", "voucher_batch.id"),
    # Whoever asked for it; nobody else can follow the link.
    Column("person_id", String(ID_LENGTH), nullable=False),
    Column("form", String(8), nullable=False),
    Column("pins", Boolean, nullable=False),
    moment("ends_at"),
)

voucher_type: Final = Table(
    "voucher_type",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    # By language: {"de": "Geschenkgutschein"}, at least one.
    Column("names", Document, nullable=False),
    # Minor units; null: an amount within the limits of the system is asked for at the till.
    Column("price", BigInteger, nullable=True),
    Column("active", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    # The name of a design that is kept elsewhere ("" for none).
    Column("design", String(64), nullable=False),
    moment("changed_at"),
    CheckConstraint("price is null or price > 0", name="price"),
)
