"""How often a shop was looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "shop_view",
        sa.Column("shop_id", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name="fk_shop_view_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", "day", name="pk_shop_view"),
    )
    op.create_index("ix_shop_order_shop_id_issued_at", "shop_order", ["shop_id", "issued_at"])


def downgrade() -> None:
    """Takes it away again."""
    op.drop_index("ix_shop_order_shop_id_issued_at", "shop_order")
    op.drop_table("shop_view")
