"""Validity by inactivity, and the exceptions that a person looks at."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEPT = "the ledger is only ever appended to"

_IMMUTABLE = ("voucher_write_off", "voucher_case", "voucher_late_put_back")
"""Tables whose rows never change, by the function that guards the ledger."""

_OUTCOMES = "outcome in ('written_off', 'blocked', 'interim', 'fault')"
_DECISIONS = "(kind = 'open' and decision in ('paid', 'not_paid')) or (kind = 'contested' and decision = 'settled')"

_PARTIAL = (
    ("ix_ledger_entry_adjusted", "ledger_entry", "booked_at", "kind = 'adjust'"),
    ("ix_voucher_operation_contested", "voucher_operation", "contested_at", "contested_at is not null"),
    ("ix_voucher_pin_shut", "voucher", "system_id", "pin_blocked or pin_locked_until is not null"),
)
"""Indexes of the few rows that are exceptions, so that nobody reads all of them for a page."""


def upgrade() -> None:
    """Makes the tables, the triggers and the indexes."""
    _make_voucher_validity()
    _make_voucher_write_off_run()
    _make_voucher_write_off()
    _make_voucher_write_off_notice()
    _make_voucher_case()
    _make_voucher_late_put_back()
    _make_voucher_alarm()
    for name, table, column, where in _PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    _guard_on_postgresql() if op.get_bind().dialect.name == "postgresql" else _guard_on_sqlite()


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for name, table, _, _ in reversed(_PARTIAL):
        op.drop_index(name, table)
    for table in (
        "voucher_alarm",
        "voucher_late_put_back",
        "voucher_case",
        "voucher_write_off_notice",
        "voucher_write_off",
        "voucher_write_off_run",
        "voucher_validity",
    ):
        op.drop_table(table)


def _guard_on_sqlite() -> None:
    for table in _IMMUTABLE:
        for event in ("update", "delete"):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" begin select raise(abort, '{_KEPT}'); end"
            )


def _guard_on_postgresql() -> None:
    for table in _IMMUTABLE:
        for event, each in (("update", "row"), ("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger {table}_keep_{event} before {event} on {table}"
                f" for each {each} execute function ledger_keep()"
            )


def _make_voucher_validity() -> None:
    op.create_table(
        "voucher_validity",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.CheckConstraint("years between 1 and 30", name="ck_voucher_validity_years"),
        sa.CheckConstraint("month between 1 and 12 and day between 1 and 31", name="ck_voucher_validity_date"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_validity_system_id"),
        sa.PrimaryKeyConstraint("system_id", name="pk_voucher_validity"),
    )


def _make_voucher_write_off_run() -> None:
    op.create_table(
        "voucher_write_off_run",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("date", sa.String(10), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("cut", Instant(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("position", sa.String(32), server_default="", nullable=False),
        sa.Column("vouchers", sa.Integer(), server_default="0", nullable=False),
        sa.Column("money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("reversed_by", sa.String(200), server_default="", nullable=False),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        sa.Column("reversed_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state in ('writing', 'done', 'reversing', 'reversed')", name="ck_voucher_write_off_run_state"
        ),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_write_off_run_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_write_off_run"),
        sa.UniqueConstraint("system_id", "date", name="uq_voucher_write_off_run_system_id_date"),
    )
    op.create_index("ix_voucher_write_off_run_system_id", "voucher_write_off_run", ["system_id"])


def _make_voucher_write_off() -> None:
    op.create_table(
        "voucher_write_off",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("voucher_id", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(11), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=True),
        sa.CheckConstraint(_OUTCOMES, name="ck_voucher_write_off_outcome"),
        sa.CheckConstraint("(entry_id is not null) = (outcome = 'written_off')", name="ck_voucher_write_off_entry"),
        sa.ForeignKeyConstraint(["run_id"], ["voucher_write_off_run.id"], name="fk_voucher_write_off_run_id"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name="fk_voucher_write_off_voucher_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name="fk_voucher_write_off_entry_id"),
        sa.PrimaryKeyConstraint("run_id", "voucher_id", name="pk_voucher_write_off"),
        sa.UniqueConstraint("entry_id", name="uq_voucher_write_off_entry_id"),
    )
    op.create_index("ix_voucher_write_off_voucher_id", "voucher_write_off", ["voucher_id"])


def _make_voucher_write_off_notice() -> None:
    op.create_table(
        "voucher_write_off_notice",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("date", sa.String(10), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.Column("vouchers", sa.Integer(), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.Column("told_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_write_off_notice_system_id"),
        sa.PrimaryKeyConstraint("system_id", "date", "days_before", name="pk_voucher_write_off_notice"),
    )


def _make_voucher_case() -> None:
    op.create_table(
        "voucher_case",
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(9), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("evidence", sa.String(500), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.CheckConstraint(_DECISIONS, name="ck_voucher_case_decision"),
        sa.ForeignKeyConstraint(["operation_id"], ["voucher_operation.id"], name="fk_voucher_case_operation_id"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_case_system_id"),
        sa.PrimaryKeyConstraint("operation_id", "kind", name="pk_voucher_case"),
    )
    op.create_index("ix_voucher_case_system_id", "voucher_case", ["system_id"])


def _make_voucher_late_put_back() -> None:
    op.create_table(
        "voucher_late_put_back",
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("put_back_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["voucher_operation.id"], name="fk_voucher_late_put_back_operation_id"
        ),
        sa.PrimaryKeyConstraint("operation_id", name="pk_voucher_late_put_back"),
    )
    op.create_index("ix_voucher_late_put_back_put_back_at", "voucher_late_put_back", ["put_back_at"])


def _make_voucher_alarm() -> None:
    op.create_table(
        "voucher_alarm",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("told_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_alarm"),
    )
    untold = sa.text("told_at is null")
    op.create_index("ix_voucher_alarm_location_id", "voucher_alarm", ["location_id"])
    op.create_index("ix_voucher_alarm_untold", "voucher_alarm", ["at"], sqlite_where=untold, postgresql_where=untold)
