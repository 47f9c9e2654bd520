"""The ledger of vouchers, and the actions that were asked for."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Document, Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATES = "state in ('interim', 'confirmed', 'put_back', 'loaded', 'reversed', 'refused', 'voided')"
_KINDS = (
    "(kind in ('load', 'put_back', 'write_off_reversal', 'reissue_in') and amount > 0)"
    " or (kind in ('load_reversal', 'redeem', 'write_off', 'reissue_out') and amount < 0)"
    " or kind = 'adjust'"
)
_UNSPENT = sa.text("remaining > 0")
_REVERSES = "(reverses is not null) = (kind in ('load_reversal', 'put_back', 'write_off_reversal'))"


_IMMUTABLE = ("ledger_entry", "ledger_allocation")
"""Tables whose rows never change."""

_CHANGING = {"ledger_lot": {"remaining"}, "voucher_operation": {"state", "closed_at", "contested_at"}}
"""Tables whose rows change in these columns and in no other."""

_FIRST = "new.seq = 1 and new.balance_after = new.amount"
_NEXT = (
    "exists (select 1 from ledger_entry as former where former.voucher_id = new.voucher_id"
    " and former.seq = new.seq - 1 and new.balance_after = former.balance_after + new.amount)"
)
_LAST = (
    "exists (select 1 from ledger_entry as last where last.voucher_id = new.id"
    " and last.seq = new.seq and last.balance_after = new.balance)"
)
_FOLLOWS = f"({_FIRST}) or ({_NEXT})"
_MOVED = "old.balance <> new.balance or old.seq <> new.seq"
_BEGINS_FULL = "new.balance <> 0 or new.seq <> 0"

_KEPT = "the ledger is only ever appended to"
_BROKEN = "an entry follows the one before it"
_WRONG = "a balance is that of the last entry"


def upgrade() -> None:
    """Makes the tables and the triggers."""
    _make_voucher_guessing()
    _make_voucher_operation()
    _make_ledger_entry()
    _make_ledger_lot()
    _make_ledger_allocation()
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for trigger in ("voucher_begins", "voucher_balanced"):
        op.execute(f"drop trigger {trigger} on voucher" if postgresql else f"drop trigger {trigger}")
    for table in ("ledger_allocation", "ledger_lot", "ledger_entry", "voucher_operation", "voucher_guessing"):
        op.drop_table(table)
    if postgresql:
        for function in ("ledger_keep", "ledger_follow", "ledger_balance"):
            op.execute(f"drop function {function}()")


def _columns(table: str) -> list[str]:
    return [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]


def _guard_on_sqlite() -> None:
    for table in (*_IMMUTABLE, *_CHANGING):
        op.execute(
            f"create trigger {table}_keep_delete before delete on {table} begin select raise(abort, '{_KEPT}'); end"
        )
        # Named are those columns that may not change; without a name it is every column.
        fixed = [name for name in _columns(table) if name not in _CHANGING.get(table, ())]
        op.execute(
            f"create trigger {table}_keep_update before update of {', '.join(fixed)} on {table}"
            f" begin select raise(abort, '{_KEPT}'); end"
        )
    op.execute(
        f"create trigger ledger_entry_follows after insert on ledger_entry when not ({_FOLLOWS})"
        f" begin select raise(abort, '{_BROKEN}'); end"
    )
    op.execute(
        f"create trigger voucher_begins before insert on voucher when {_BEGINS_FULL}"
        f" begin select raise(abort, '{_WRONG}'); end"
    )
    op.execute(
        f"create trigger voucher_balanced after update on voucher when ({_MOVED}) and not {_LAST}"
        f" begin select raise(abort, '{_WRONG}'); end"
    )


def _guard_on_postgresql() -> None:
    _make_function("ledger_keep", f"raise exception '{_KEPT}';")
    _make_function("ledger_follow", f"if not ({_FOLLOWS}) then raise exception '{_BROKEN}'; end if; return null;")
    _make_function("ledger_balance", f"if not {_LAST} then raise exception '{_WRONG}'; end if; return null;")
    for table in (*_IMMUTABLE, *_CHANGING):
        fixed = [name for name in _columns(table) if name not in _CHANGING.get(table, ())]
        old, new = (", ".join(f"{row}.{name}" for name in fixed) for row in ("old", "new"))
        when = f"when (({old}) is distinct from ({new}))" if table in _CHANGING else ""
        op.execute(
            f"create trigger {table}_keep_update before update on {table} for each row {when}"
            " execute function ledger_keep()"
        )
        for event, each in (("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function ledger_keep()"
            )
    op.execute(
        "create trigger ledger_entry_follows after insert on ledger_entry for each row execute function ledger_follow()"
    )
    op.execute(
        f"create trigger voucher_begins after insert on voucher for each row when ({_BEGINS_FULL})"
        " execute function ledger_balance()"
    )
    op.execute(
        f"create trigger voucher_balanced after update on voucher for each row when ({_MOVED})"
        " execute function ledger_balance()"
    )


def _make_function(name: str, body: str) -> None:
    op.execute(f"create function {name}() returns trigger language plpgsql as $$ begin {body} end $$")


def _make_voucher_guessing() -> None:
    op.create_table(
        "voucher_guessing",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("moments", Document, nullable=False),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.Column("until", Instant(), nullable=False),
        sa.CheckConstraint("kind in ('pin', 'unknown')", name="ck_voucher_guessing_kind"),
        sa.PrimaryKeyConstraint("location_id", "kind", name="pk_voucher_guessing"),
    )


def _make_voucher_operation() -> None:
    op.create_table(
        "voucher_operation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("body_mac", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=True),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transaction_ref", sa.String(64), server_default="", nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("contested_at", Instant(), nullable=True),
        sa.CheckConstraint("kind in ('redeem', 'load', 'unknown')", name="ck_voucher_operation_kind"),
        sa.CheckConstraint(_STATES, name="ck_voucher_operation_state"),
        sa.CheckConstraint("taken >= 0", name="ck_voucher_operation_taken"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_voucher_operation_voucher_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_operation"),
        sa.UniqueConstraint("location_id", "key", name="uq_voucher_operation_location_id_key"),
    )
    op.create_index("ix_voucher_operation_state_created_at", "voucher_operation", ["state", "created_at"])
    op.create_index("ix_voucher_operation_voucher_id", "voucher_operation", ["voucher_id"])


def _make_ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("station", sa.String(64), server_default="", nullable=False),
        sa.Column("operator", sa.String(64), server_default="", nullable=False),
        sa.Column("transaction_ref", sa.String(64), server_default="", nullable=False),
        sa.Column("operation_id", sa.String(32), nullable=True),
        sa.Column("reverses", sa.String(32), nullable=True),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        sa.Column("business_day", sa.String(10), nullable=False),
        sa.Column("booked_at", Instant(), nullable=False),
        sa.CheckConstraint(_KINDS, name="ck_ledger_entry_kind"),
        sa.CheckConstraint(_REVERSES, name="ck_ledger_entry_reverses"),
        sa.CheckConstraint("amount <> 0", name="ck_ledger_entry_amount"),
        sa.CheckConstraint("balance_after >= 0", name="ck_ledger_entry_balance_after"),
        sa.ForeignKeyConstraint(["operation_id"], ["voucher_operation.id"], name="fk_ledger_entry_operation_id"),
        sa.ForeignKeyConstraint(["reverses"], ["ledger_entry.id"], name="fk_ledger_entry_reverses"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_ledger_entry_voucher_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_entry"),
        sa.UniqueConstraint("voucher_id", "seq", name="uq_ledger_entry_voucher_id_seq"),
        sa.UniqueConstraint("operation_id", name="uq_ledger_entry_operation_id"),
    )
    op.create_index("ix_ledger_entry_business_day", "ledger_entry", ["business_day"])
    op.create_index("ix_ledger_entry_location_id", "ledger_entry", ["location_id"])
    op.create_index("ix_ledger_entry_reverses", "ledger_entry", ["reverses"])


def _make_ledger_lot() -> None:
    op.create_table(
        "ledger_lot",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=True),
        sa.Column("loaded_at", Instant(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0 and remaining >= 0 and remaining <= amount", name="ck_ledger_lot_remaining"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name="fk_ledger_lot_entry_id"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_ledger_lot_voucher_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_lot"),
    )
    op.create_index("ix_ledger_lot_entry_id", "ledger_lot", ["entry_id"])
    op.create_index("ix_ledger_lot_voucher_id", "ledger_lot", ["voucher_id"])
    op.create_index(
        "ix_ledger_lot_open", "ledger_lot", ["voucher_id"], sqlite_where=_UNSPENT, postgresql_where=_UNSPENT
    )


def _make_ledger_allocation() -> None:
    op.create_table(
        "ledger_allocation",
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.Column("lot_id", sa.String(32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name="ck_ledger_allocation_amount"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name="fk_ledger_allocation_entry_id"),
        sa.ForeignKeyConstraint(["lot_id"], ["ledger_lot.id"], name="fk_ledger_allocation_lot_id"),
        sa.PrimaryKeyConstraint("entry_id", "lot_id", name="pk_ledger_allocation"),
    )
    op.create_index("ix_ledger_allocation_lot_id", "ledger_allocation", ["lot_id"])
