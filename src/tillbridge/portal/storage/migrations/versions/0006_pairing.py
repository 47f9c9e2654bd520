"""PINs, pairing sessions, and the limits around them."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _pins()
    _sessions()
    op.create_table(
        "pairing_window",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("moments", Document, nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pairing_window"),
    )
    op.create_index("ix_pairing_window_until", "pairing_window", ["until"])
    op.create_table(
        "pairing_guard",
        sa.Column("id", sa.String(10), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(100), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_pairing_guard"),
    )


def downgrade() -> None:
    """Takes them away again."""
    for table in ("pairing_guard", "pairing_window", "pairing_session", "pairing_pin"):
        op.drop_table(table)


def _pins() -> None:
    op.create_table(
        "pairing_pin",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("sealed_pin", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("wrong", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tried_at", Instant(), nullable=True),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("creator_id", sa.String(32), nullable=False),
        sa.Column("creator_name", sa.String(100), nullable=False),
        sa.Column("creator_email", sa.String(254), nullable=False),
        sa.Column("creator_language", sa.String(2), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pairing_pin"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_pairing_pin_tenant_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_pairing_pin_location_id"),
        sa.CheckConstraint(
            "state in ('open', 'used', 'burned', 'expired', 'replaced', 'withdrawn')", name="ck_pairing_pin_state"
        ),
    )
    op.create_index("ix_pairing_pin_tenant_id", "pairing_pin", ["tenant_id"])
    op.create_index("ix_pairing_pin_location_id", "pairing_pin", ["location_id"])
    op.create_index("ix_pairing_pin_state_expires_at", "pairing_pin", ["state", "expires_at"])
    op.create_index(
        "uq_pairing_pin_open",
        "pairing_pin",
        ["location_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _sessions() -> None:
    op.create_table(
        "pairing_session",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("pin_id", sa.String(32), nullable=True),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(7), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("sealed_state", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("consent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("refusal", sa.String(30), nullable=True),
        sa.Column("place", sa.String(100), nullable=True),
        sa.Column("link_id", sa.String(32), nullable=True),
        sa.Column("fingerprint", sa.String(14), nullable=False, server_default=""),
        sa.Column("connector_name", sa.String(200), nullable=False, server_default=""),
        sa.Column("connector_version", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_pairing_session"),
        sa.ForeignKeyConstraint(["pin_id"], ["pairing_pin.id"], name="fk_pairing_session_pin_id"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_pairing_session_location_id"),
        sa.CheckConstraint("stage in ('started', 'judging', 'waiting', 'over')", name="ck_pairing_session_stage"),
    )
    op.create_index("ix_pairing_session_pin_id", "pairing_session", ["pin_id"])
    op.create_index("ix_pairing_session_location_id", "pairing_session", ["location_id"])
    op.create_index("ix_pairing_session_stage_ends_at", "pairing_session", ["stage", "ends_at"])
    op.create_index("ix_pairing_session_finished_at", "pairing_session", ["finished_at"])
