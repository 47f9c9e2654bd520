"""The customer base."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _old_base()
    _customers()
    _numbers_and_movements()
    _conversions()
    _uploads()


def _old_base() -> None:
    op.create_table(
        "customer_base",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("declared_balance", sa.BigInteger(), nullable=True),
        sa.Column("conversion_id", sa.String(32), nullable=True),
        sa.Column("readable_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_customer_base"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_customer_base_location_id"),
        sa.UniqueConstraint("location_id", name="uq_customer_base_location_id"),
    )
    op.create_index("ix_customer_base_location_id", "customer_base", ["location_id"])
    op.create_table(
        "customer_v1",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("number", "name", "contact", "email", "phone")),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("legacy", Document, nullable=False),
        sa.PrimaryKeyConstraint("location_id", "position", name="pk_customer_v1"),
    )
    op.create_index("ix_customer_v1_number", "customer_v1", ["number"])


def _customers() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("number", sa.String(7), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("merged_into", sa.String(32), nullable=True),
        sa.Column("v1_positions", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_customer_tenant_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_customer_location_id"),
        sa.UniqueConstraint("tenant_id", "number", name="uq_customer_tenant_id_number"),
        sa.CheckConstraint("state in ('live', 'merged', 'erased')", name="ck_customer_state"),
    )
    op.create_table(
        "customer_key",
        sa.Column("customer_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customer_key"),
    )
    op.create_table(
        "customer_token",
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("token", "customer_id", name="pk_customer_token"),
    )
    op.create_index("ix_customer_token_customer_id", "customer_token", ["customer_id"])


def _numbers_and_movements() -> None:
    op.create_table(
        "customer_alias",
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("alias", sa.String(40), nullable=False),
        sa.Column("customer_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "alias", "customer_id", name="pk_customer_alias"),
    )
    op.create_index("ix_customer_alias_customer_id", "customer_alias", ["customer_id"])
    op.create_table(
        "customer_movement",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("customer_id", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer_movement"),
    )
    op.create_index("ix_customer_movement_customer_id", "customer_movement", ["customer_id"])
    op.create_table(
        "customer_series",
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_customer_series"),
    )


def _conversions() -> None:
    op.create_table(
        "customer_conversion",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("stage", sa.String(12), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("remedies", Document, nullable=False),
        sa.Column("base_revision", sa.Integer(), nullable=False),
        sa.Column("source_hash", sa.String(64), nullable=False),
        sa.Column("dry_run_id", sa.String(32), nullable=True),
        sa.Column("report", Document, nullable=False),
        sa.Column("fault", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("person_name", sa.String(200), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("runner", sa.String(32), nullable=False),
        sa.Column("lease_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer_conversion"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_customer_conversion_location_id"),
        sa.CheckConstraint("kind in ('dry_run', 'conversion')", name="ck_customer_conversion_kind"),
        sa.CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="ck_customer_conversion_state"),
    )
    op.create_index("ix_customer_conversion_location_id", "customer_conversion", ["location_id"])
    op.create_index("ix_customer_conversion_state", "customer_conversion", ["state"])


def _uploads() -> None:
    op.create_table(
        "customer_upload",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("target", sa.String(2), nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer_upload"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_customer_upload_location_id"),
    )
    op.create_index("ix_customer_upload_location_id", "customer_upload", ["location_id"])
    op.create_table(
        "customer_acceptance",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("person_name", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "edition", name="pk_customer_acceptance"),
    )


def downgrade() -> None:
    """Takes them away again."""
    for name in ("acceptance", "upload", "conversion", "series", "movement", "alias", "token", "key"):
        op.drop_table(f"customer_{name}")
    for table in ("customer", "customer_v1", "customer_base"):
        op.drop_table(table)
