"""Requests of corrections, and grants of more codes."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN = sa.text("state = 'open'")
_KINDS = "kind in ('more', 'less', 'reverse', 'put_back', 'reissue', 'retire')"
_STATES = "state in ('open', 'booked', 'refused', 'withdrawn', 'failed', 'expired')"
_AMOUNT = "(kind = 'retire' and amount = 0) or (kind <> 'retire' and amount > 0)"
_FOUR_EYES = "state not in ('booked', 'refused', 'failed') or decided_by <> requested_by"
_ENTRY = "(state = 'booked' and kind <> 'retire') = (entry_id is not null)"

_IMMUTABLE = ("ledger_reissue", "voucher_grant")
"""Tables whose rows never change."""

_DECIDED = frozenset({"state", "decided_by", "decided_name", "decided_at", "decision", "failure", "entry_id"})
"""Columns of a request that change, once."""

_KEPT = "this is only ever appended to"


def upgrade() -> None:
    """Makes the tables and the triggers."""
    _make_ledger_reissue()
    _make_voucher_correction()
    _make_voucher_grant()
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for table in ("voucher_grant", "voucher_correction", "ledger_reissue"):
        op.drop_table(table)


def _fixed() -> list[str]:
    columns = sa.inspect(op.get_bind()).get_columns("voucher_correction")
    return [column["name"] for column in columns if column["name"] not in _DECIDED]


def _guard_on_sqlite() -> None:
    for table in (*_IMMUTABLE, "voucher_correction"):
        op.execute(
            f"create trigger {table}_keep_delete before delete on {table} begin select raise(abort, '{_KEPT}'); end"
        )
        of = f" of {', '.join(_fixed())}" if table == "voucher_correction" else ""
        op.execute(
            f"create trigger {table}_keep_update before update{of} on {table} begin select raise(abort, '{_KEPT}'); end"
        )
    op.execute(
        "create trigger voucher_correction_once before update on voucher_correction when old.state <> 'open'"
        f" begin select raise(abort, '{_KEPT}'); end"
    )


def _guard_on_postgresql() -> None:
    old, new = (", ".join(f"{row}.{name}" for name in _fixed()) for row in ("old", "new"))
    for table in (*_IMMUTABLE, "voucher_correction"):
        moved = f"old.state <> 'open' or ({old}) is distinct from ({new})"
        when = f"when ({moved})" if table == "voucher_correction" else ""
        op.execute(
            f"create trigger {table}_keep_update before update on {table} for each row {when}"
            " execute function ledger_keep()"
        )
        for event, each in (("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function ledger_keep()"
            )


def _make_ledger_reissue() -> None:
    op.create_table(
        "ledger_reissue",
        sa.Column("out_entry_id", sa.String(32), nullable=False),
        sa.Column("in_entry_id", sa.String(32), nullable=False),
        sa.Column("from_voucher_id", sa.String(32), nullable=False),
        sa.Column("to_voucher_id", sa.String(32), nullable=False),
        sa.CheckConstraint("from_voucher_id <> to_voucher_id", name="ck_ledger_reissue_another"),
        sa.ForeignKeyConstraint(["out_entry_id"], ["ledger_entry.id"], name="fk_ledger_reissue_out_entry_id"),
        sa.ForeignKeyConstraint(["in_entry_id"], ["ledger_entry.id"], name="fk_ledger_reissue_in_entry_id"),
        sa.ForeignKeyConstraint(["from_voucher_id"], ["voucher.id"], name="fk_ledger_reissue_from_voucher_id"),
        sa.ForeignKeyConstraint(["to_voucher_id"], ["voucher.id"], name="fk_ledger_reissue_to_voucher_id"),
        sa.PrimaryKeyConstraint("out_entry_id", name="pk_ledger_reissue"),
        sa.UniqueConstraint("in_entry_id", name="uq_ledger_reissue_in_entry_id"),
    )
    op.create_index("ix_ledger_reissue_from_voucher_id", "ledger_reissue", ["from_voucher_id"])
    op.create_index("ix_ledger_reissue_to_voucher_id", "ledger_reissue", ["to_voucher_id"])


def _make_voucher_correction() -> None:
    op.create_table(
        "voucher_correction",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("original_id", sa.String(32), nullable=True),
        sa.Column("target_id", sa.String(32), nullable=True),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("seen_balance", sa.BigInteger(), nullable=False),
        sa.Column("seen_seq", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(32), nullable=False),
        sa.Column("requested_name", sa.String(200), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("decided_by", sa.String(32), server_default="", nullable=False),
        sa.Column("decided_name", sa.String(200), server_default="", nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decision", sa.String(500), server_default="", nullable=False),
        sa.Column("failure", sa.String(40), server_default="", nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=True),
        *_correction_constraints(),
    )
    op.create_index("ix_voucher_correction_system_id", "voucher_correction", ["system_id"])
    op.create_index("ix_voucher_correction_voucher_id", "voucher_correction", ["voucher_id"])
    op.create_index("ix_voucher_correction_system_id_requested_at", "voucher_correction", ["system_id", "requested_at"])
    op.create_index(
        "uq_voucher_correction_open",
        "voucher_correction",
        ["voucher_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _correction_constraints() -> list[sa.Constraint]:
    name = "voucher_correction"
    return [
        sa.CheckConstraint(_KINDS, name=f"ck_{name}_kind"),
        sa.CheckConstraint(_AMOUNT, name=f"ck_{name}_amount"),
        sa.CheckConstraint("(kind in ('reverse', 'put_back')) = (original_id is not null)", name=f"ck_{name}_original"),
        sa.CheckConstraint("(kind = 'reissue') = (target_id is not null)", name=f"ck_{name}_target"),
        sa.CheckConstraint("(kind = 'more') = (location_id is not null)", name=f"ck_{name}_location"),
        sa.CheckConstraint(_STATES, name=f"ck_{name}_state"),
        sa.CheckConstraint("(state = 'open') = (decided_at is null)", name=f"ck_{name}_decided"),
        sa.CheckConstraint(_FOUR_EYES, name=f"ck_{name}_four_eyes"),
        sa.CheckConstraint(_ENTRY, name=f"ck_{name}_entry"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name=f"fk_{name}_system_id"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name=f"fk_{name}_voucher_id"),
        sa.ForeignKeyConstraint(["original_id"], ["ledger_entry.id"], name=f"fk_{name}_original_id"),
        sa.ForeignKeyConstraint(["target_id"], ["voucher.id"], name=f"fk_{name}_target_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=f"fk_{name}_entry_id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    ]


def _make_voucher_grant() -> None:
    op.create_table(
        "voucher_grant",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("granted_at", Instant(), nullable=False),
        sa.Column("granted_by", sa.String(200), nullable=False),
        sa.CheckConstraint("codes > 0", name="ck_voucher_grant_codes"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_grant_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_grant"),
    )
    op.create_index("ix_voucher_grant_system_id", "voucher_grant", ["system_id"])
    op.create_index("ix_voucher_grant_system_id_month", "voucher_grant", ["system_id", "month"])
