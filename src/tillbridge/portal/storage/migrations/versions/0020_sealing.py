"""The chain over the ledger, and recovery."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_IMMUTABLE = ("ledger_seal", "ledger_head")
_OPEN = sa.text("ended_at is null")
_WAITING = sa.text("verdict = 'waiting'")
_CASE = sa.text("verdict in ('short', 'unknown_voucher', 'differs') and settled_at is null")
_VERDICTS = "verdict in ('waiting', 'known', 'booked', 'taken_back', 'short', 'unknown_voucher', 'differs')"
_KEPT = "the ledger is only ever appended to"


def upgrade() -> None:
    """Makes the tables, and the triggers that refuse every change."""
    _make_chain()
    op.add_column("voucher_system", sa.Column("recovering_since", Instant(), nullable=True))
    _make_recovery()
    _make_recovery_places()
    _make_recovery_line()
    _index_recovery_line()
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for table in ("ledger_recovery_doubt", "ledger_recovery_line", "ledger_recovery_place", "ledger_recovery"):
        op.drop_table(table)
    op.drop_column("voucher_system", "recovering_since")
    for table in ("ledger_sealing", "ledger_head", "ledger_seal"):
        op.drop_table(table)


def _make_chain() -> None:
    op.create_table(
        "ledger_seal",
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_ledger_seal"),
        sa.UniqueConstraint("entry_id", name="uq_ledger_seal_entry_id"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key_name", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(100), nullable=False),
        sa.Column("signed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_ledger_head"),
    )
    op.create_table(
        "ledger_sealing",
        sa.Column("name", sa.String(10), nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ledger_sealing"),
    )


def _make_recovery() -> None:
    op.create_table(
        "ledger_recovery",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(200), server_default="", nullable=False),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        sa.CheckConstraint("cause in ('anchor', 'person')", name="ck_ledger_recovery_cause"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_ledger_recovery_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_recovery"),
    )
    op.create_index("ix_ledger_recovery_system_id", "ledger_recovery", ["system_id"])
    op.create_index(
        "uq_ledger_recovery_open",
        "ledger_recovery",
        ["system_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _make_recovery_places() -> None:
    op.create_table(
        "ledger_recovery_place",
        sa.Column("recovery_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("reached", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["recovery_id"], ["ledger_recovery.id"], name="fk_ledger_recovery_place_recovery_id"),
        sa.PrimaryKeyConstraint("recovery_id", "location_id", name="pk_ledger_recovery_place"),
    )
    op.create_index("ix_ledger_recovery_place_location_id", "ledger_recovery_place", ["location_id"])
    op.create_table(
        "ledger_recovery_doubt",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("noticed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", name="pk_ledger_recovery_doubt"),
    )


def _make_recovery_line() -> None:
    op.create_table(
        "ledger_recovery_line",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("recovery_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("transaction_ref", sa.String(64), nullable=False),
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("answered_at", Instant(), nullable=False),
        sa.Column("told_at", Instant(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("short", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("settled_by", sa.String(200), server_default="", nullable=False),
        sa.Column("settled_reason", sa.String(500), server_default="", nullable=False),
        sa.CheckConstraint("kind in ('redeem', 'load')", name="ck_ledger_recovery_line_kind"),
        sa.CheckConstraint("state in ('booked', 'confirmed', 'taken_back')", name="ck_ledger_recovery_line_state"),
        sa.CheckConstraint(_VERDICTS, name="ck_ledger_recovery_line_verdict"),
        sa.CheckConstraint("taken > 0 and short >= 0 and short <= taken", name="ck_ledger_recovery_line_short"),
        sa.ForeignKeyConstraint(["recovery_id"], ["ledger_recovery.id"], name="fk_ledger_recovery_line_recovery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_recovery_line"),
        sa.UniqueConstraint("location_id", "key", name="uq_ledger_recovery_line_location_id_key"),
    )


def _index_recovery_line() -> None:
    op.create_index("ix_ledger_recovery_line_recovery_id", "ledger_recovery_line", ["recovery_id"])
    for name, where in (("waiting", _WAITING), ("case", _CASE)):
        op.create_index(
            f"ix_ledger_recovery_line_{name}",
            "ledger_recovery_line",
            ["recovery_id"],
            sqlite_where=where,
            postgresql_where=where,
        )


def _guard_on_sqlite() -> None:
    for table in _IMMUTABLE:
        for change in ("update", "delete"):
            op.execute(
                f"create trigger {table}_keep_{change} before {change} on {table}"
                f" begin select raise(abort, '{_KEPT}'); end"
            )


def _guard_on_postgresql() -> None:
    # The function is that of migration 0013.
    for table in _IMMUTABLE:
        for event, each in (("update", "row"), ("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function ledger_keep()"
            )
