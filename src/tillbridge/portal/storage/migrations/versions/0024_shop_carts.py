"""Carts of several lines."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Gives every line the key of the form that made it: as yet an order has one line."""
    op.add_column("shop_line", sa.Column("form_key", sa.String(64), server_default="", nullable=False))
    op.execute(
        "update shop_line set form_key ="
        " (select shop_order.form_key from shop_order where shop_order.id = shop_line.order_id)"
    )
    op.create_index("uq_shop_line_form_key", "shop_line", ["form_key"], unique=True)


def downgrade() -> None:
    """Takes it away again."""
    op.drop_index("uq_shop_line_form_key", "shop_line")
    op.drop_column("shop_line", "form_key")
