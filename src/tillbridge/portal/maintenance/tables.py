"""Maintenance windows, the mode that is on, and the addresses of merchants' calendar feeds."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, UniqueConstraint, text

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

maintenance_window: Final = Table(
    "maintenance_window",
    metadata,
    identity(),
    # Null: it is about the portal as a whole.
    reference("tenant_id", "tenant.id", optional=True),
    Column("component", String(10), nullable=False),
    Column("effect", String(12), nullable=False),
    Column("auto_switch", Boolean, nullable=False, server_default="0"),
    # Local times have no offset: they are kept as texts of RFC 5545, such as 20260107T030000.
    Column("local_start", String(15), nullable=False),
    Column("duration_seconds", Integer, nullable=False),
    Column("rule", String(200), nullable=False),
    Column("left_out", Document, nullable=False),
    Column("added", Document, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("note", String(200), nullable=False),
    # Calendars that have subscribed take a change only with a higher number.
    Column("revision", Integer, nullable=False, server_default="0"),
    moment("changed_at"),
    # A removed window stays, so that what it switched is still explained.
    moment("removed_at", optional=True),
    CheckConstraint("component in ('portal', 'vouchers', 'shop')", name="component"),
    CheckConstraint("effect in ('unavailable', 'restricted')", name="effect"),
    CheckConstraint("duration_seconds > 0", name="duration"),
)

maintenance_mode: Final = Table(
    "maintenance_mode",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id", optional=True),
    # The merchant's id, or "" for the portal: null is equal to nothing in a unique index.
    Column("scope", String(ID_LENGTH), nullable=False),
    Column("component", String(10), nullable=False),
    moment("since"),
    moment("until", optional=True),
    Column("reason", String(500), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("by", String(200), nullable=False),
    # The window and its occurrence that switched it; each occurrence switches at most once.
    Column("window_id", String(ID_LENGTH)),
    moment("occurrence_at", optional=True),
    # Whether a person has taken it over: then it lasts until a person ends it.
    Column("by_hand", Boolean, nullable=False),
    moment("ended_at", optional=True),
    CheckConstraint("component in ('portal', 'vouchers', 'shop')", name="component"),
    UniqueConstraint("window_id", "occurrence_at"),
    Index(
        "uq_maintenance_mode_open",
        "scope",
        "component",
        unique=True,
        sqlite_where=text("ended_at is null"),
        postgresql_where=text("ended_at is null"),
    ),
)

maintenance_feed: Final = Table(
    "maintenance_feed",
    metadata,
    identity(),
    # One address for each merchant: a new one replaces the old one.
    Column("tenant_id", String(ID_LENGTH), nullable=False),
    moment("made_at"),
    UniqueConstraint("tenant_id"),
)
