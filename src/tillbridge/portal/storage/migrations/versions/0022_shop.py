"""The voucher shop."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OPEN_CASE = sa.text("open_case <> ''")
_ASKED = sa.text("next_ask_at is not null")
_RUNNING = sa.text("state <> 'refunded'")

_KEPT = ("shop_picture", "shop_design_version", "shop_unit", "shop_event")
"""Tables whose rows never change."""

_SAID = "this is only ever appended to"


def upgrade() -> None:
    """Makes the tables and the triggers."""
    _make_shop()
    _make_shop_picture()
    _make_shop_design()
    _make_shop_design_version()
    _make_shop_order()
    _make_shop_line()
    _make_shop_unit()
    _make_shop_event()
    _make_shop_link()
    _make_shop_payment()
    _make_shop_refund()
    _make_shop_refund_unit()
    _make_shop_test_payment()
    _make_shop_test_refund()
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for table in (
        "shop_test_refund",
        "shop_test_payment",
        "shop_refund_unit",
        "shop_refund",
        "shop_payment",
        "shop_link",
        "shop_event",
        "shop_unit",
        "shop_line",
        "shop_order",
        "shop_design_version",
        "shop_design",
        "shop_picture",
        "shop",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function shop_keep()")


def _guard_on_sqlite() -> None:
    for table in _KEPT:
        for event in ("update", "delete"):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" begin select raise(abort, '{_SAID}'); end"
            )


def _guard_on_postgresql() -> None:
    op.execute(
        f"create function shop_keep() returns trigger language plpgsql as $$ begin raise exception '{_SAID}'; end $$"
    )
    for table in _KEPT:
        for event, each in (("update", "row"), ("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function shop_keep()"
            )


def _make_shop() -> None:
    op.create_table(
        "shop",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("is_open", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("welcome", Document, nullable=False),
        sa.Column("terms", Document, nullable=False),
        sa.Column("withdrawal", Document, nullable=False),
        sa.Column("imprint", Document, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_shop_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop"),
        sa.UniqueConstraint("slug", name="uq_shop_slug"),
        sa.UniqueConstraint("system_id", name="uq_shop_system_id"),
    )


def _make_shop_picture() -> None:
    op.create_table(
        "shop_picture",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("shop_id", sa.String(32), nullable=False),
        sa.Column("media_type", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("media_type in ('image/png', 'image/jpeg')", name="ck_shop_picture_media_type"),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name="fk_shop_picture_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_picture"),
    )
    op.create_index("ix_shop_picture_shop_id", "shop_picture", ["shop_id"])


def _make_shop_design() -> None:
    op.create_table(
        "shop_design",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("shop_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_offered", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.CheckConstraint("stock is null or stock >= 0", name="ck_shop_design_stock"),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name="fk_shop_design_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_design"),
    )
    op.create_index("ix_shop_design_shop_id", "shop_design", ["shop_id"])


def _make_shop_design_version() -> None:
    op.create_table(
        "shop_design_version",
        sa.Column("design_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("names", Document, nullable=False),
        sa.Column("texts", Document, nullable=False),
        sa.Column("picture_id", sa.String(32), nullable=True),
        sa.Column("fixed", Document, nullable=False),
        sa.Column("free_min", sa.BigInteger(), nullable=True),
        sa.Column("free_max", sa.BigInteger(), nullable=True),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.CheckConstraint("(free_min is null) = (free_max is null)", name="ck_shop_design_version_free"),
        sa.CheckConstraint(
            "free_min is null or (0 < free_min and free_min <= free_max)", name="ck_shop_design_version_free_range"
        ),
        sa.ForeignKeyConstraint(["design_id"], ["shop_design.id"], name="fk_shop_design_version_design_id"),
        sa.ForeignKeyConstraint(["picture_id"], ["shop_picture.id"], name="fk_shop_design_version_picture_id"),
        sa.PrimaryKeyConstraint("design_id", "version", name="pk_shop_design_version"),
    )
    op.create_index("ix_shop_design_version_picture_id", "shop_design_version", ["picture_id"])


def _make_shop_order() -> None:
    op.create_table(
        "shop_order",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("shop_id", sa.String(32), nullable=False),
        sa.Column("form_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("holds_stock", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("open_case", sa.String(16), server_default="", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("issued_at", Instant(), nullable=True),
        sa.CheckConstraint("amount > 0", name="ck_shop_order_amount"),
        sa.CheckConstraint(
            "open_case in ('', 'mismatch', 'taken_back', 'disputed', 'silent')", name="ck_shop_order_open_case"
        ),
        sa.CheckConstraint(
            "state in ('cart', 'placed', 'payment_pending', 'paid', 'issued',"
            " 'delivered', 'failed', 'expired', 'refunded')",
            name="ck_shop_order_state",
        ),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_shop_order_location_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name="fk_shop_order_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_order"),
        sa.UniqueConstraint("shop_id", "form_key", name="uq_shop_order_shop_id_form_key"),
    )
    op.create_index("ix_shop_order_location_id", "shop_order", ["location_id"])
    op.create_index(
        "ix_shop_order_open_case", "shop_order", ["shop_id"], sqlite_where=_OPEN_CASE, postgresql_where=_OPEN_CASE
    )
    op.create_index("ix_shop_order_shop_id", "shop_order", ["shop_id"])
    op.create_index("ix_shop_order_state_expires_at", "shop_order", ["state", "expires_at"])


def _make_shop_line() -> None:
    op.create_table(
        "shop_line",
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("design_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_amount", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.String(100), server_default="", nullable=False),
        sa.Column("message", sa.String(600), server_default="", nullable=False),
        sa.Column("sender", sa.String(100), server_default="", nullable=False),
        sa.CheckConstraint("persons between 1 and 99", name="ck_shop_line_persons"),
        sa.CheckConstraint("quantity between 1 and 20", name="ck_shop_line_quantity"),
        sa.CheckConstraint("unit_amount = value * persons and value > 0", name="ck_shop_line_unit_amount"),
        sa.ForeignKeyConstraint(
            ["design_id", "version"],
            ["shop_design_version.design_id", "shop_design_version.version"],
            name="fk_shop_line_design_id_version",
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_line_order_id"),
        sa.PrimaryKeyConstraint("order_id", "line", name="pk_shop_line"),
    )
    op.create_index("ix_shop_line_design_id_version", "shop_line", ["design_id", "version"])


def _make_shop_unit() -> None:
    op.create_table(
        "shop_unit",
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name="fk_shop_unit_entry_id"),
        sa.ForeignKeyConstraint(
            ["order_id", "line"], ["shop_line.order_id", "shop_line.line"], name="fk_shop_unit_order_id_line"
        ),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_shop_unit_voucher_id"),
        sa.PrimaryKeyConstraint("order_id", "line", "unit", name="pk_shop_unit"),
        sa.UniqueConstraint("entry_id", name="uq_shop_unit_entry_id"),
        sa.UniqueConstraint("voucher_id", name="uq_shop_unit_voucher_id"),
    )


def _make_shop_event() -> None:
    op.create_table(
        "shop_event",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("actor", sa.String(200), server_default="", nullable=False),
        sa.Column("facts", Document, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_event_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_event"),
    )
    op.create_index("ix_shop_event_order_id", "shop_event", ["order_id"])


def _make_shop_link() -> None:
    op.create_table(
        "shop_link",
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_link_order_id"),
        sa.PrimaryKeyConstraint("order_id", "serial", name="pk_shop_link"),
        sa.UniqueConstraint("secret_hash", name="uq_shop_link_secret_hash"),
    )


def _make_shop_payment() -> None:
    op.create_table(
        "shop_payment",
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("service", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(200), nullable=True),
        sa.Column("page", sa.String(2000), server_default="", nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("paid_amount", sa.BigInteger(), nullable=True),
        sa.Column("paid_currency", sa.String(3), nullable=True),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("next_ask_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'paid', 'failed', 'cancelled', 'refunded', 'disputed')", name="ck_shop_payment_state"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_payment_order_id"),
        sa.PrimaryKeyConstraint("order_id", name="pk_shop_payment"),
        sa.UniqueConstraint("service", "reference", name="uq_shop_payment_service_reference"),
    )
    op.create_index(
        "ix_shop_payment_next_ask_at", "shop_payment", ["next_ask_at"], sqlite_where=_ASKED, postgresql_where=_ASKED
    )


def _make_shop_refund() -> None:
    op.create_table(
        "shop_refund",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.CheckConstraint("amount >= 0", name="ck_shop_refund_amount"),
        sa.CheckConstraint("state in ('blocked', 'reversed', 'refused', 'refunded')", name="ck_shop_refund_state"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_shop_refund_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_refund"),
    )
    op.create_index(
        "ix_shop_refund_next_at", "shop_refund", ["next_at"], sqlite_where=_RUNNING, postgresql_where=_RUNNING
    )
    op.create_index("ix_shop_refund_order_id", "shop_refund", ["order_id"])


def _make_shop_refund_unit() -> None:
    op.create_table(
        "shop_refund_unit",
        sa.Column("order_id", sa.String(32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("refund_id", sa.String(32), nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name="fk_shop_refund_unit_entry_id"),
        sa.ForeignKeyConstraint(
            ["order_id", "line", "unit"],
            ["shop_unit.order_id", "shop_unit.line", "shop_unit.unit"],
            name="fk_shop_refund_unit_order_id_line_unit",
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["shop_refund.id"], name="fk_shop_refund_unit_refund_id"),
        sa.PrimaryKeyConstraint("order_id", "line", "unit", name="pk_shop_refund_unit"),
        sa.UniqueConstraint("entry_id", name="uq_shop_refund_unit_entry_id"),
    )
    op.create_index("ix_shop_refund_unit_refund_id", "shop_refund_unit", ["refund_id"])


def _make_shop_test_payment() -> None:
    op.create_table(
        "shop_test_payment",
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("return_url", sa.String(500), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("paid_amount", sa.BigInteger(), nullable=True),
        sa.Column("paid_currency", sa.String(3), nullable=True),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_shop_test_payment"),
        sa.UniqueConstraint("key", name="uq_shop_test_payment_key"),
    )


def _make_shop_test_refund() -> None:
    op.create_table(
        "shop_test_refund",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["reference"], ["shop_test_payment.reference"], name="fk_shop_test_refund_reference"),
        sa.PrimaryKeyConstraint("key", name="pk_shop_test_refund"),
    )
    op.create_index("ix_shop_test_refund_reference", "shop_test_refund", ["reference"])
