"""Types and designs of vouchers, and what was printed."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, and gives batches a group."""
    _make_voucher_printing()
    _make_voucher_export()
    _make_voucher_type()
    op.add_column("voucher_batch", sa.Column("group_name", sa.String(64), server_default="", nullable=False))


def downgrade() -> None:
    """Takes them away again."""
    op.drop_column("voucher_batch", "group_name")
    for table in ("voucher_type", "voucher_export", "voucher_printing"):
        op.drop_table(table)


def _make_voucher_printing() -> None:
    op.create_table(
        "voucher_printing",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("batch_id", sa.String(32), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("medium", sa.String(8), nullable=False),
        sa.Column("pins", sa.Boolean(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.CheckConstraint("1 <= first and first <= last", name="ck_voucher_printing_span"),
        sa.ForeignKeyConstraint(["batch_id"], ["voucher_batch.id"], name="fk_voucher_printing_batch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_printing"),
    )
    op.create_index("ix_voucher_printing_batch_id", "voucher_printing", ["batch_id"])


def _make_voucher_export() -> None:
    op.create_table(
        "voucher_export",
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("form", sa.String(8), nullable=False),
        sa.Column("pins", sa.Boolean(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["voucher_batch.id"], name="fk_voucher_export_batch_id"),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_voucher_export"),
    )
    op.create_index("ix_voucher_export_batch_id", "voucher_export", ["batch_id"])


def _make_voucher_type() -> None:
    op.create_table(
        "voucher_type",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("names", Document, nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("design", sa.String(64), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.CheckConstraint("price is null or price > 0", name="ck_voucher_type_price"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_type_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_type"),
    )
    op.create_index("ix_voucher_type_system_id", "voucher_type", ["system_id"])
