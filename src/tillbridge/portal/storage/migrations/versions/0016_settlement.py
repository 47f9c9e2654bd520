"""Statements between locations: closed days, their sums, what was frozen, and accounts."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SETTLED = ("settlement_day", "settlement_sum", "settlement_month", "settlement_paper")
"""Tables whose rows never change."""

_FIXED = ("id", "system_id", "location_id", "kind", "period", "number", "language", "made_at")
"""What never changes of a statement; the rest not once it is frozen."""

_KEPT = "what is settled stays as it is"
_OPEN = sa.text("frozen_at is null")


def upgrade() -> None:
    """Makes the tables and the triggers."""
    _make_settlement_day()
    _make_settlement_sum()
    _make_settlement_month()
    _make_settlement_statement()
    _make_settlement_paper()
    _make_settlement_accounts()
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for table in ("settlement_accounts", "settlement_paper", "settlement_statement"):
        op.drop_table(table)
    for table in ("settlement_month", "settlement_sum", "settlement_day"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function settlement_keep()")


def _guard_on_sqlite() -> None:
    abort = f"begin select raise(abort, '{_KEPT}'); end"
    for table in (*_SETTLED, "settlement_statement"):
        op.execute(f"create trigger {table}_keep_delete before delete on {table} {abort}")
    for table in _SETTLED:
        op.execute(f"create trigger {table}_keep_update before update on {table} {abort}")
    op.execute(
        f"create trigger settlement_statement_keep_update before update of {', '.join(_FIXED)}"
        f" on settlement_statement {abort}"
    )
    op.execute(
        "create trigger settlement_statement_keep_frozen before update on settlement_statement"
        f" when old.frozen_at is not null {abort}"
    )


def _guard_on_postgresql() -> None:
    op.execute(
        "create function settlement_keep() returns trigger language plpgsql as"
        f" $$ begin raise exception '{_KEPT}'; end $$"
    )
    old, new = (", ".join(f"{row}.{name}" for name in _FIXED) for row in ("old", "new"))
    changed = f"when (old.frozen_at is not null or ({old}) is distinct from ({new}))"
    for table in (*_SETTLED, "settlement_statement"):
        when = "" if table in _SETTLED else changed
        op.execute(
            f"create trigger {table}_keep_update before update on {table} for each row {when}"
            " execute function settlement_keep()"
        )
        for event, each in (("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function settlement_keep()"
            )


def _make_settlement_day() -> None:
    op.create_table(
        "settlement_day",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.BigInteger(), nullable=False),
        sa.Column("redeemed", sa.BigInteger(), nullable=False),
        sa.Column("other", sa.BigInteger(), nullable=False),
        sa.Column("closing", sa.BigInteger(), nullable=False),
        sa.Column("vouchers", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.BigInteger(), nullable=True),
        sa.Column("made_at", Instant(), nullable=False),
        sa.CheckConstraint("closing >= 0 and vouchers >= 0 and entries >= 0", name="ck_settlement_day_closing"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_settlement_day_system_id"),
        sa.PrimaryKeyConstraint("system_id", "day", name="pk_settlement_day"),
    )


def _make_settlement_sum() -> None:
    op.create_table(
        "settlement_sum",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("place_id", sa.String(32), nullable=False),
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system_id", "day", "place_id", "owner_id", "kind", name="pk_settlement_sum"),
    )


def _make_settlement_month() -> None:
    op.create_table(
        "settlement_month",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_settlement_month_system_id"),
        sa.PrimaryKeyConstraint("system_id", "month", name="pk_settlement_month"),
    )


def _make_settlement_statement() -> None:
    op.create_table(
        "settlement_statement",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("taken_until", Instant(), nullable=True),
        sa.Column("frozen_at", Instant(), nullable=True),
        sa.Column("claimed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("kind in ('day', 'month')", name="ck_settlement_statement_kind"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_settlement_statement_location_id"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_settlement_statement_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_settlement_statement"),
        sa.UniqueConstraint(
            "system_id",
            "location_id",
            "kind",
            "period",
            name="uq_settlement_statement_system_id_location_id_kind_period",
        ),
    )
    op.create_index("ix_settlement_statement_system_id", "settlement_statement", ["system_id"])
    op.create_index("ix_settlement_statement_location_id", "settlement_statement", ["location_id"])
    op.create_index(
        "ix_settlement_statement_open",
        "settlement_statement",
        ["system_id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _make_settlement_paper() -> None:
    op.create_table(
        "settlement_paper",
        sa.Column("statement_id", sa.String(32), nullable=False),
        sa.Column("form", sa.String(4), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.CheckConstraint("form in ('pdf', 'xlsx')", name="ck_settlement_paper_form"),
        sa.ForeignKeyConstraint(["statement_id"], ["settlement_statement.id"], name="fk_settlement_paper_statement_id"),
        sa.PrimaryKeyConstraint("statement_id", "form", name="pk_settlement_paper"),
    )


def _make_settlement_accounts() -> None:
    op.create_table(
        "settlement_accounts",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("liability", sa.String(9), nullable=False),
        sa.Column("clearing", sa.String(9), nullable=False),
        sa.Column("inter_location", sa.String(9), nullable=False),
        sa.Column("write_off", sa.String(9), nullable=False),
        sa.Column("consultant", sa.String(7), nullable=False),
        sa.Column("client", sa.String(5), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("first_month", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "digits between 4 and 8 and first_month between 1 and 12", name="ck_settlement_accounts_ranges"
        ),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_settlement_accounts_system_id"),
        sa.PrimaryKeyConstraint("system_id", name="pk_settlement_accounts"),
    )
