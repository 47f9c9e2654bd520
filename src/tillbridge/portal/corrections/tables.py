"""Corrections of vouchers that were asked for, and codes that were granted beyond a month's own."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

OPEN: Final = text("state = 'open'")

voucher_correction: Final = Table(
    "voucher_correction",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    reference("voucher_id", "voucher.id"),
    Column("kind", String(12), nullable=False),
    # In minor units; for a new voucher what was on the old one when it was asked for, for a retired one 0.
    Column("amount", BigInteger, nullable=False),
    # The load or the redemption that is to be taken back.
    Column("original_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=True),
    # The voucher that is to take this one's place.
    Column("target_id", String(ID_LENGTH), ForeignKey("voucher.id"), nullable=True),
    # Whose credit more of it is to be; no foreign key, as everywhere in the ledger.
    Column("location_id", String(ID_LENGTH), nullable=True),
    Column("reason", String(500), nullable=False),
    # What whoever asked had before them.
    Column("seen_balance", BigInteger, nullable=False),
    Column("seen_seq", Integer, nullable=False),
    Column("requested_by", String(ID_LENGTH), nullable=False),
    Column("requested_name", String(200), nullable=False),
    moment("requested_at"),
    moment("expires_at"),
    # `failed`: it was approved, and the voucher had moved so that it could not be booked any more.
    Column("state", String(9), nullable=False),
    Column("decided_by", String(ID_LENGTH), nullable=False, server_default=""),
    Column("decided_name", String(200), nullable=False, server_default=""),
    moment("decided_at", optional=True),
    Column("decision", String(500), nullable=False, server_default=""),
    # The code of what stood in the way.
    Column("failure", String(40), nullable=False, server_default=""),
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=True),
    Index("ix_voucher_correction_system_id_requested_at", "system_id", "requested_at"),
    # A form that is sent twice asks once.
    Index("uq_voucher_correction_open", "voucher_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    CheckConstraint("kind in ('more', 'less', 'reverse', 'put_back', 'reissue', 'retire')", name="kind"),
    CheckConstraint("(kind = 'retire' and amount = 0) or (kind <> 'retire' and amount > 0)", name="amount"),
    CheckConstraint("(kind in ('reverse', 'put_back')) = (original_id is not null)", name="original"),
    CheckConstraint("(kind = 'reissue') = (target_id is not null)", name="target"),
    CheckConstraint("(kind = 'more') = (location_id is not null)", name="location"),
    CheckConstraint("state in ('open', 'booked', 'refused', 'withdrawn', 'failed', 'expired')", name="state"),
    CheckConstraint("(state = 'open') = (decided_at is null)", name="decided"),
    # Four eyes: nobody decides on a request of their own, whatever the code above would let through.
    CheckConstraint("state not in ('booked', 'refused', 'failed') or decided_by <> requested_by", name="four_eyes"),
    CheckConstraint("(state = 'booked' and kind <> 'retire') = (entry_id is not null)", name="entry"),
)

voucher_grant: Final = Table(
    "voucher_grant",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    # "2026-11" in the system's zone, as batches have it.
    Column("month", String(7), nullable=False),
    Column("codes", Integer, nullable=False),
    Column("reason", String(500), nullable=False),
    moment("granted_at"),
    Column("granted_by", String(200), nullable=False),
    Index("ix_voucher_grant_system_id_month", "system_id", "month"),
    CheckConstraint("codes > 0", name="codes"),
)
