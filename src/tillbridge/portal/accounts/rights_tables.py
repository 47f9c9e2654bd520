"""Groups with their rights, who is in them and where, invitations, and the support access of the operator's staff."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint, text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

GROUP_NAME_LENGTH: Final = 60
RIGHT_LENGTH: Final = 60
REASON_LENGTH: Final = 300

people_group: Final = Table(
    "people_group",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    # Empty for a stock group: pages name it in the reader's language.
    Column("name", String(GROUP_NAME_LENGTH), nullable=False),
    # Absent for a group of the merchant's own.
    Column("stock", String(12)),
    moment("created_at"),
    UniqueConstraint("tenant_id", "stock"),
    CheckConstraint(
        "stock in ('owner', 'manager', 'accounting', 'shop_editor', 'technician', 'auditor')", name="stock"
    ),
)

group_right: Final = Table(
    "group_right",
    metadata,
    Column("group_id", String(ID_LENGTH), ForeignKey("people_group.id"), primary_key=True),
    # "locations.edit"; a name that this version does not know gives nothing.
    Column("name", String(RIGHT_LENGTH), primary_key=True),
)

membership: Final = Table(
    "membership",
    metadata,
    identity(),
    reference("person_id", "person.id"),
    reference("group_id", "people_group.id"),
    Column("scope", String(8), nullable=False),
    # The location itself, or the root of the subtree; absent for the whole merchant.
    reference("location_id", "location.id", optional=True),
    CheckConstraint("scope in ('tenant', 'subtree', 'location')", name="scope"),
    CheckConstraint("(scope = 'tenant') = (location_id is null)", name="place"),
    UniqueConstraint("person_id", "group_id", "scope", "location_id"),
    # Two absent locations count as different in the constraint above.
    Index(
        "uq_membership_tenant",
        "person_id",
        "group_id",
        unique=True,
        sqlite_where=text("location_id is null"),
        postgresql_where=text("location_id is null"),
    ),
)

invitation: Final = Table(
    "invitation",
    metadata,
    # One for each person: a new invitation ends the one before.
    Column("person_id", String(ID_LENGTH), ForeignKey("person.id"), primary_key=True),
    # SHA-256 of the token in the letter.
    Column("token_hash", String(64), nullable=False, unique=True),
    moment("made_at"),
    moment("ends_at"),
)

support_access: Final = Table(
    "support_access",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    # Absent: the whole merchant.
    reference("location_id", "location.id", optional=True),
    Column("reason", String(REASON_LENGTH), nullable=False),
    # Kept as it was then: it outlives whoever opened or closed it.
    Column("opened_by", String(200), nullable=False),
    moment("opened_at"),
    moment("ends_at"),
    moment("closed_at", optional=True),
    Column("closed_by", String(200), nullable=False, server_default=""),
)
