"""Voucher systems, who takes part in them, and the vouchers."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_LIMITS = "0 < load_min and load_min <= load_max and load_max <= balance_max"
_OWN = sa.text("scheme = 'own'")


def upgrade() -> None:
    """Makes the tables."""
    _make_voucher_system()
    _make_voucher_location()
    _make_voucher_batch()
    _make_voucher()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("voucher", "voucher_batch", "voucher_location", "voucher_system"):
        op.drop_table(table)


def _make_voucher_system() -> None:
    op.create_table(
        "voucher_system",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("cross_country", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("load_min", sa.BigInteger(), nullable=False),
        sa.Column("load_max", sa.BigInteger(), nullable=False),
        sa.Column("balance_max", sa.BigInteger(), nullable=False),
        sa.Column("codes_a_month", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(_LIMITS, name="ck_voucher_system_limits"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_voucher_system_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_system"),
    )
    op.create_index("ix_voucher_system_tenant_id", "voucher_system", ["tenant_id"])


def _make_voucher_location() -> None:
    op.create_table(
        "voucher_location",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("joined_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_location_system_id"),
        sa.PrimaryKeyConstraint("location_id", name="pk_voucher_location"),
    )
    op.create_index("ix_voucher_location_system_id", "voucher_location", ["system_id"])


def _make_voucher_batch() -> None:
    op.create_table(
        "voucher_batch",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("country", sa.String(3), nullable=False),
        sa.Column("amount_of_codes", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_batch_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_batch"),
    )
    op.create_index("ix_voucher_batch_system_id", "voucher_batch", ["system_id"])
    op.create_index("ix_voucher_batch_system_id_month", "voucher_batch", ["system_id", "month"])


def _make_voucher() -> None:
    op.create_table(
        "voucher",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("batch_id", sa.String(32), nullable=True),
        sa.Column("number", sa.String(14), nullable=False),
        sa.Column("pin_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("country", sa.String(3), nullable=False),
        sa.Column("scheme", sa.String(8), nullable=False),
        sa.Column("vat_class", sa.String(8), server_default="multi", nullable=False),
        sa.Column("life", sa.String(8), nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("block_reason", sa.String(500), server_default="", nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("written_off", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("loaded_once", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("last_activity", Instant(), nullable=True),
        sa.Column("pin_misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pin_locked_until", Instant(), nullable=True),
        sa.Column("pin_blocked", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.CheckConstraint("life <> 'retired' or balance = 0", name="ck_voucher_retired_empty"),
        sa.CheckConstraint("life in ('produced', 'active', 'retired')", name="ck_voucher_life"),
        sa.CheckConstraint("scheme in ('own', 'imported')", name="ck_voucher_scheme"),
        sa.CheckConstraint("vat_class in ('multi')", name="ck_voucher_vat_class"),
        sa.CheckConstraint("balance >= 0", name="ck_voucher_balance"),
        sa.ForeignKeyConstraint(["batch_id"], ["voucher_batch.id"], name="fk_voucher_batch_id"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher"),
        sa.UniqueConstraint("system_id", "number", name="uq_voucher_system_id_number"),
    )
    _make_voucher_indexes()


def _make_voucher_indexes() -> None:
    op.create_index("ix_voucher_batch_id", "voucher", ["batch_id"])
    op.create_index(
        "uq_voucher_own_number",
        "voucher",
        ["number"],
        unique=True,
        sqlite_where=sa.text("scheme = 'own'"),
        postgresql_where=sa.text("scheme = 'own'"),
    )
