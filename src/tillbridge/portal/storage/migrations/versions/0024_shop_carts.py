"""Carts of several lines, letters to recipients on a day, and letters with files."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Gives every line the key of the form that made it: as yet an order has one line."""
    op.add_column("shop_line", sa.Column("form_key", sa.String(64), server_default="", nullable=False))
    op.execute(
        "update shop_line set form_key ="
        " (select shop_order.form_key from shop_order where shop_order.id = shop_line.order_id)"
    )
    op.create_index("uq_shop_line_form_key", "shop_line", ["form_key"], unique=True)
    op.add_column("shop_line", sa.Column("send_to", sa.String(254), server_default="", nullable=False))
    op.add_column("shop_line", sa.Column("send_on", sa.String(10), server_default="", nullable=False))
    op.add_column("shop_link", sa.Column("line", sa.Integer(), server_default="0", nullable=False))
    op.add_column("shop", sa.Column("attach_pdf", sa.Boolean(), server_default="1", nullable=False))
    _make_letter_attachment()
    _make_shop_dispatch()


def downgrade() -> None:
    """Takes it away again."""
    op.drop_table("shop_dispatch")
    op.drop_table("letter_attachment")
    op.drop_column("shop", "attach_pdf")
    op.drop_column("shop_link", "line")
    op.drop_column("shop_line", "send_on")
    op.drop_column("shop_line", "send_to")
    op.drop_index("uq_shop_line_form_key", "shop_line")
    op.drop_column("shop_line", "form_key")


def _make_letter_attachment() -> None:
    op.create_table(
        "letter_attachment",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("letter_id", sa.String(32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("media_type", sa.String(50), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_letter_attachment_letter_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letter_attachment"),
    )
    op.create_index("ix_letter_attachment_letter_id", "letter_attachment", ["letter_id"])


def _make_shop_dispatch() -> None:
    """Also a row for every letter that is still owed."""
    op.create_table(
        "shop_dispatch",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("letter_id", sa.String(32), nullable=True),
        sa.CheckConstraint("state in ('waiting', 'written', 'dropped')", name="ck_shop_dispatch_state"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_dispatch_order_id"),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_shop_dispatch_letter_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_dispatch"),
    )
    for column in ("order_id", "letter_id"):
        op.create_index(f"ix_shop_dispatch_{column}", "shop_dispatch", [column])
    op.create_index(
        "ix_shop_dispatch_next_at", "shop_dispatch", ["next_at"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.execute(
        "insert into shop_dispatch (id, order_id, line, recipient, state, due_at, next_at)"
        " select id, id, 0, email, 'waiting', created_at, created_at from shop_order where state = 'issued'"
    )
