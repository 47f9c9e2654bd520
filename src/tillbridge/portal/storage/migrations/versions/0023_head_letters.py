"""Signed heads of the ledger are sent out."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "ledger_head_address",
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("set_by", sa.String(200), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_ledger_head_address_tenant_id_tenant"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_ledger_head_address"),
    )
    op.create_table(
        "ledger_head_letter",
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "day", name="pk_ledger_head_letter"),
    )


def downgrade() -> None:
    """Takes them away again."""
    op.drop_table("ledger_head_letter")
    op.drop_table("ledger_head_address")
