"""Merchants and their locations."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, UniqueConstraint, text

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

tenant: Final = Table(
    "tenant",
    metadata,
    identity(),
    Column("name", String(100), nullable=False),
    # Digits of a pairing PIN: four, or six where the merchant wants more than the telephone needs.
    Column("pin_digits", Integer, nullable=False, server_default="4"),
    # Whether each pairing waits for somebody at the portal to compare the key's fingerprint.
    Column("confirm_pairing", Boolean, nullable=False, server_default="0"),
    moment("created_at"),
    CheckConstraint("pin_digits in (4, 6)", name="pin_digits"),
)

location: Final = Table(
    "location",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    # Seven digits and a check digit: public, never given to another location again.
    Column("number", String(8), nullable=False, unique=True),
    # 1 is the head office, branches count from 2 (per merchant).
    Column("client_number", Integer, nullable=False),
    reference("parent_id", "location.id", optional=True),
    Column("kind", String(12), nullable=False),
    Column("name", String(100), nullable=False),
    Column("street", String(200), nullable=False, server_default=""),
    Column("postal_code", String(20), nullable=False, server_default=""),
    Column("city", String(100), nullable=False, server_default=""),
    Column("country", String(2), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("time_zone", String(64), nullable=False),
    # What an independent franchisee does not show to the franchisor: a list of areas (rights.RESTRICTABLE).
    Column("restricted", Document, nullable=False),
    Column("customer_base", String(12), nullable=False, server_default="none"),
    moment("created_at"),
    moment("closed_at", optional=True),
    UniqueConstraint("tenant_id", "client_number"),
    CheckConstraint("kind in ('head_office', 'branch', 'franchise')", name="kind"),
    CheckConstraint("customer_base in ('none', 'v1_offline', 'v1_online', 'v2')", name="customer_base"),
)

location_counter: Final = Table(
    "location_counter",
    metadata,
    # One row. Whoever makes a location takes its next serial number and counts on in the same statement, so that two
    # processes never draw the same; a number is never given a second time, since no location is ever deleted.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("next_serial", Integer, nullable=False),
)

location_ownership: Final = Table(
    "location_ownership",
    metadata,
    identity(),
    reference("location_id", "location.id"),
    reference("tenant_id", "tenant.id"),
    Column("client_number", Integer, nullable=False),
    moment("since"),
    moment("until", optional=True),
    # A location has one owner at a time.
    Index(
        "uq_location_ownership_current",
        "location_id",
        unique=True,
        sqlite_where=text("until is null"),
        postgresql_where=text("until is null"),
    ),
)

location_move: Final = Table(
    "location_move",
    metadata,
    identity(),
    reference("location_id", "location.id"),
    reference("from_tenant_id", "tenant.id"),
    reference("to_tenant_id", "tenant.id"),
    Column("state", String(10), nullable=False),
    moment("offered_at"),
    # No foreign keys to people: a move outlives those who made it.
    Column("offered_by", String(ID_LENGTH), nullable=False),
    moment("ended_at", optional=True),
    Column("ended_by", String(ID_LENGTH), nullable=False, server_default=""),
    CheckConstraint("state in ('offered', 'accepted', 'declined', 'withdrawn')", name="state"),
    Index(
        "uq_location_move_open",
        "location_id",
        unique=True,
        sqlite_where=text("state = 'offered'"),
        postgresql_where=text("state = 'offered'"),
    ),
)
