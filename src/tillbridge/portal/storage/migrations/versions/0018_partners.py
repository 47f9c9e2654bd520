"""Partners, their keys, and webhooks."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Makes the tables."""
    _make_partner()
    _make_partner_key()
    _make_partner_calls()
    _make_webhook()
    _make_webhook_told()
    _make_webhook_delivery()
    _make_webhook_cursor()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("webhook_cursor", "webhook_delivery", "webhook_told", "webhook"):
        op.drop_table(table)
    for table in ("partner_calls", "partner_key", "partner"):
        op.drop_table(table)


def _make_partner() -> None:
    op.create_table(
        "partner",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_partner_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_partner"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_partner_tenant_id_name"),
    )
    op.create_index("ix_partner_tenant_id", "partner", ["tenant_id"])


def _make_partner_key() -> None:
    op.create_table(
        "partner_key",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("partner_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("ending", sa.String(4), nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("in_address", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("used_from", sa.String(64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name="fk_partner_key_partner_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_partner_key_location_id"),
        sa.PrimaryKeyConstraint("id", name="pk_partner_key"),
        sa.UniqueConstraint("digest", name="uq_partner_key_digest"),
    )
    op.create_index("ix_partner_key_partner_id", "partner_key", ["partner_id"])
    op.create_index("ix_partner_key_location_id", "partner_key", ["location_id"])


def _make_partner_calls() -> None:
    op.create_table(
        "partner_calls",
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "minute", name="pk_partner_calls"),
    )


def _make_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("description", sa.String(100), server_default="", nullable=False),
        sa.Column("events", Document, nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_webhook_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    op.create_index("ix_webhook_tenant_id", "webhook", ["tenant_id"])


def _make_webhook_told() -> None:
    op.create_table(
        "webhook_told",
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_webhook_told_voucher_id"),
        sa.PrimaryKeyConstraint("voucher_id", name="pk_webhook_told"),
    )


def _make_webhook_delivery() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("webhook_id", sa.String(32), nullable=False),
        sa.Column("voucher_id", sa.String(32), server_default="", nullable=False),
        sa.Column("place", sa.Integer(), server_default="0", nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("happened_at", Instant(), nullable=False),
        sa.Column("body", Document, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("fault", sa.String(200), server_default="", nullable=False),
        sa.CheckConstraint("state in ('waiting', 'delivered', 'gave_up')", name="ck_webhook_delivery_state"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name="fk_webhook_delivery_webhook_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
    )
    op.create_index(
        "ix_webhook_delivery_waiting",
        "webhook_delivery",
        ["webhook_id", "next_at"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index(
        "ix_webhook_delivery_order",
        "webhook_delivery",
        ["webhook_id", "voucher_id", "place"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_webhook_delivery_log", "webhook_delivery", ["webhook_id", "id"])
    op.create_index("ix_webhook_delivery_ended_at", "webhook_delivery", ["ended_at"])


def _make_webhook_cursor() -> None:
    op.create_table(
        "webhook_cursor",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("looked_until", Instant(), nullable=False),
        sa.Column("counted_until", sa.String(32), server_default="", nullable=False),
        sa.Column("taken_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_cursor"),
    )
