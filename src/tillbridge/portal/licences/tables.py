"""Licences of locations, and the switches of their services."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Index, PrimaryKeyConstraint, String, Table

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

licence: Final = Table(
    "licence",
    metadata,
    identity(),
    reference("location_id", "location.id"),
    Column("product", String(30), nullable=False),
    # From the first moment on and up to, not including, the last; no end: for as long as the location exists.
    moment("starts_at"),
    moment("ends_at", optional=True),
    moment("allotted_at"),
    # No foreign keys to people: a licence outlives those who gave it. Empty: the portal itself.
    Column("allotted_by", String(ID_LENGTH), nullable=False, server_default=""),
    moment("withdrawn_at", optional=True),
    Column("withdrawn_by", String(ID_LENGTH), nullable=False, server_default=""),
    CheckConstraint("ends_at is null or ends_at > starts_at", name="span"),
    Index("ix_licence_ends_at", "ends_at"),
)

service_switch: Final = Table(
    "service_switch",
    metadata,
    reference("location_id", "location.id"),
    Column("service", String(30), nullable=False),
    Column("is_on", Boolean, nullable=False),
    moment("changed_at"),
    Column("changed_by", String(ID_LENGTH), nullable=False),
    PrimaryKeyConstraint("location_id", "service"),
)
