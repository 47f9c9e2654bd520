"""Merchants, locations, the audit log and letters."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _tenants()
    _locations()
    _audit()
    _letters()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("letter", "audit_entry", "location", "tenant"):
        op.drop_table(table)


def _tenants() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("pin_digits", sa.Integer(), nullable=False, server_default="4"),
        sa.Column("confirm_pairing", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.CheckConstraint("pin_digits in (4, 6)", name="ck_tenant_pin_digits"),
    )


def _locations() -> None:
    op.create_table(
        "location",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("number", sa.String(8), nullable=False),
        sa.Column("client_number", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.String(32), nullable=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("street", sa.String(200), nullable=False, server_default=""),
        sa.Column("postal_code", sa.String(20), nullable=False, server_default=""),
        sa.Column("city", sa.String(100), nullable=False, server_default=""),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("restricted", Document, nullable=False),
        sa.Column("customer_base", sa.String(12), nullable=False, server_default="none"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_location"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_location_tenant_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["location.id"], name="fk_location_parent_id"),
        sa.UniqueConstraint("number", name="uq_location_number"),
        sa.UniqueConstraint("tenant_id", "client_number", name="uq_location_tenant_id_client_number"),
        sa.CheckConstraint("kind in ('head_office', 'branch', 'franchise')", name="ck_location_kind"),
        sa.CheckConstraint(
            "customer_base in ('none', 'v1_offline', 'v1_online', 'v2')", name="ck_location_customer_base"
        ),
    )
    op.create_index("ix_location_tenant_id", "location", ["tenant_id"])
    op.create_index("ix_location_parent_id", "location", ["parent_id"])


def _audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.String(60), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=True),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("actor_kind", sa.String(10), nullable=False),
        sa.Column("actor_id", sa.String(32), nullable=False),
        sa.Column("actor_name", sa.String(200), nullable=False),
        sa.Column("on_behalf_of", sa.String(200), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("before", Document, nullable=False),
        sa.Column("after", Document, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_tenant_id_at", "audit_entry", ["tenant_id", "at"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])


def _letters() -> None:
    op.create_table(
        "letter",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=True),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("sealed_body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("fault", sa.String(200), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
    )
    op.create_index("ix_letter_state_next_at", "letter", ["state", "next_at"])
