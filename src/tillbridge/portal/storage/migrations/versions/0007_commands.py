"""Commands to connectors, and what connectors say of themselves."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("state in ('queued', 'given', 'accepted', 'running')")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "command",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", Document, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("given_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("code", sa.String(64), nullable=False, server_default=""),
        sa.Column("result", Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_command"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_command_tenant_id"),
        sa.CheckConstraint(
            "state in ('queued', 'given', 'accepted', 'running', 'done', 'refused', 'expired')",
            name="ck_command_state",
        ),
    )
    op.create_index("ix_command_tenant_id", "command", ["tenant_id"])
    op.create_index("ix_command_location_id_created_at", "command", ["location_id", "created_at"])
    op.create_index("ix_command_open", "command", ["location_id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    _reports()
    _lines()


def downgrade() -> None:
    """Takes them away again."""
    op.drop_table("connector_line")
    op.drop_table("connector_report")
    op.drop_table("command")


def _reports() -> None:
    op.create_table(
        "connector_report",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("stations", Document, nullable=False),
        sa.Column("configuration_revision", sa.String(64), nullable=False),
        sa.Column("configuration_since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", name="pk_connector_report"),
    )


def _lines() -> None:
    op.create_table(
        "connector_line",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("line_id", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", name="pk_connector_line"),
    )
    op.create_index("ix_connector_line_at", "connector_line", ["at"])
