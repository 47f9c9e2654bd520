"""Maintenance windows and maintenance mode."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _make_maintenance_window()
    _make_maintenance_mode()
    _make_maintenance_feed()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("maintenance_feed", "maintenance_mode", "maintenance_window"):
        op.drop_table(table)


def _make_maintenance_window() -> None:
    op.create_table(
        "maintenance_window",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=True),
        sa.Column("component", sa.String(10), nullable=False),
        sa.Column("effect", sa.String(12), nullable=False),
        sa.Column("auto_switch", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("local_start", sa.String(15), nullable=False),
        sa.Column("duration_seconds", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("left_out", Document, nullable=False),
        sa.Column("added", Document, nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_window"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_maintenance_window_tenant_id"),
        sa.CheckConstraint("component in ('portal', 'vouchers', 'shop')", name="ck_maintenance_window_component"),
        sa.CheckConstraint("effect in ('unavailable', 'restricted')", name="ck_maintenance_window_effect"),
        sa.CheckConstraint("duration_seconds > 0", name="ck_maintenance_window_duration"),
    )
    op.create_index("ix_maintenance_window_tenant_id", "maintenance_window", ["tenant_id"])


def _make_maintenance_mode() -> None:
    op.create_table(
        "maintenance_mode",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=True),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("component", sa.String(10), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("window_id", sa.String(32), nullable=True),
        sa.Column("occurrence_at", Instant(), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_mode"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_maintenance_mode_tenant_id"),
        sa.UniqueConstraint("window_id", "occurrence_at", name="uq_maintenance_mode_window_id_occurrence_at"),
        sa.CheckConstraint("component in ('portal', 'vouchers', 'shop')", name="ck_maintenance_mode_component"),
    )
    op.create_index("ix_maintenance_mode_tenant_id", "maintenance_mode", ["tenant_id"])
    op.create_index(
        "uq_maintenance_mode_open",
        "maintenance_mode",
        ["scope", "component"],
        unique=True,
        sqlite_where=sa.text("ended_at is null"),
        postgresql_where=sa.text("ended_at is null"),
    )


def _make_maintenance_feed() -> None:
    op.create_table(
        "maintenance_feed",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_feed"),
        sa.UniqueConstraint("tenant_id", name="uq_maintenance_feed_tenant_id"),
    )
