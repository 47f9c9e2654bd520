"""Groups with their rights, memberships, invitations, support access."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _groups()
    _memberships()
    op.create_table(
        "invitation",
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_invitation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_invitation_person_id"),
        sa.UniqueConstraint("token_hash", name="uq_invitation_token_hash"),
    )
    op.create_table(
        "support_access",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("closed_by", sa.String(200), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_support_access"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_support_access_tenant_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_support_access_location_id"),
    )
    op.create_index("ix_support_access_tenant_id", "support_access", ["tenant_id"])
    op.create_index("ix_support_access_location_id", "support_access", ["location_id"])


def _groups() -> None:
    op.create_table(
        "people_group",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("stock", sa.String(12), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people_group"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_people_group_tenant_id"),
        sa.UniqueConstraint("tenant_id", "stock", name="uq_people_group_tenant_id_stock"),
        sa.CheckConstraint(
            "stock in ('owner', 'manager', 'accounting', 'shop_editor', 'technician', 'auditor')",
            name="ck_people_group_stock",
        ),
    )
    op.create_index("ix_people_group_tenant_id", "people_group", ["tenant_id"])
    op.create_table(
        "group_right",
        sa.Column("group_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "name", name="pk_group_right"),
        sa.ForeignKeyConstraint(["group_id"], ["people_group.id"], name="fk_group_right_group_id"),
    )


def _memberships() -> None:
    op.create_table(
        "membership",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("group_id", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_membership_person_id"),
        sa.ForeignKeyConstraint(["group_id"], ["people_group.id"], name="fk_membership_group_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_membership_location_id"),
        sa.UniqueConstraint(
            "person_id", "group_id", "scope", "location_id", name="uq_membership_person_id_group_id_scope_location_id"
        ),
        sa.CheckConstraint("scope in ('tenant', 'subtree', 'location')", name="ck_membership_scope"),
        sa.CheckConstraint("(scope = 'tenant') = (location_id is null)", name="ck_membership_place"),
    )
    for column in ("person_id", "group_id", "location_id"):
        op.create_index(f"ix_membership_{column}", "membership", [column])
    op.create_index(
        "uq_membership_tenant",
        "membership",
        ["person_id", "group_id"],
        unique=True,
        sqlite_where=sa.text("location_id is null"),
        postgresql_where=sa.text("location_id is null"),
    )


def downgrade() -> None:
    """Takes them away again."""
    for table in ("support_access", "invitation", "membership", "group_right", "people_group"):
        op.drop_table(table)
