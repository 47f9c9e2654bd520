"""Commands to connectors, and what connectors say of themselves."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, String, Table, text

from tillbridge.portal.storage.columns import Document, identity, metadata, moment, reference

OPEN: Final = text("state in ('queued', 'given', 'accepted', 'running')")
"""Word for word in the index and in the queries that shall use it: SQLite compares the texts."""

command: Final = Table(
    "command",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    Column("location_id", String(32), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("body", Document, nullable=False),
    Column("state", String(10), nullable=False),
    moment("created_at"),
    moment("expires_at"),
    Column("created_by", String(200), nullable=False),
    moment("given_at", optional=True),
    moment("answered_at", optional=True),
    Column("code", String(64), nullable=False, server_default=""),
    Column("result", Document, nullable=False),
    CheckConstraint("state in ('queued', 'given', 'accepted', 'running', 'done', 'refused', 'expired')", name="state"),
    Index("ix_command_location_id_created_at", "location_id", "created_at"),
    # What a replica looks for is few, however many commands there ever were.
    Index("ix_command_open", "location_id", sqlite_where=OPEN, postgresql_where=OPEN),
)

# The newest connection of each location, so that a process that holds an older one hears of it.
connector_line: Final = Table(
    "connector_line",
    metadata,
    Column("location_id", String(32), primary_key=True),
    Column("line_id", String(32), nullable=False),
    moment("at"),
    Index("ix_connector_line_at", "at"),
)

# What a link keeps of its connector besides stands in the link itself (links/tables.py).
report: Final = Table(
    "connector_report",
    metadata,
    Column("location_id", String(32), primary_key=True),
    Column("link_id", String(32), nullable=False),
    moment("at"),
    Column("stations", Document, nullable=False),
    Column("configuration_revision", String(64), nullable=False),
    # When a report first had that revision.
    moment("configuration_since"),
)
