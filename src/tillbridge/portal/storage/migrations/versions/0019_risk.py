"""Vouchers taken without a connection, at the merchant's risk, and the numbers by which codes name a merchant."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KIND = "(kind = 'taken' and loss = asked - taken and loss >= 0) or (kind = 'given_back' and loss < 0)"
_KEPT = "this is only ever appended to"


def upgrade() -> None:
    """Makes the tables and the triggers."""
    _make_limits()
    _make_voucher_offline()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger voucher_offline_keep_update before update on voucher_offline"
            " for each row execute function ledger_keep()"
        )
        for event, each in (("delete", "row"), ("truncate", "statement")):
            op.execute(
                f"create trigger voucher_offline_keep_{event} before {event} on voucher_offline"
                f" for each {each} execute function ledger_keep()"
            )
        return
    for event in ("update", "delete"):
        op.execute(
            f"create trigger voucher_offline_keep_{event} before {event} on voucher_offline"
            f" begin select raise(abort, '{_KEPT}'); end"
        )


def downgrade() -> None:
    """Takes them away again, and with the tables their triggers."""
    for table in ("voucher_offline", "voucher_risk_key", "voucher_risk", "voucher_merchant_number"):
        op.drop_table(table)


def _make_limits() -> None:
    op.create_table(
        "voucher_merchant_number",
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_merchant_number_system_id"),
        sa.PrimaryKeyConstraint("system_id", "number", name="pk_voucher_merchant_number"),
    )
    op.create_table(
        "voucher_risk",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("per_voucher", sa.BigInteger(), nullable=False),
        sa.Column("per_day", sa.BigInteger(), nullable=False),
        sa.Column("open_total", sa.BigInteger(), nullable=False),
        sa.Column("in_maintenance", sa.Boolean(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.CheckConstraint("per_voucher >= 0 and per_day >= 0 and open_total >= 0", name="ck_voucher_risk_limits"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_voucher_risk_location_id"),
        sa.PrimaryKeyConstraint("location_id", name="pk_voucher_risk"),
    )
    op.create_table(
        "voucher_risk_key",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_risk_key_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_risk_key"),
        sa.UniqueConstraint("system_id", name="uq_voucher_risk_key_system_id"),
    )


def _make_voucher_offline() -> None:
    op.create_table(
        "voucher_offline",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("system_id", sa.String(32), nullable=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("loss", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.String(40), server_default="", nullable=False),
        sa.Column("station", sa.String(64), server_default="", nullable=False),
        sa.Column("transaction_ref", sa.String(64), server_default="", nullable=False),
        sa.Column("accepted_at", Instant(), nullable=False),
        sa.Column("booked_at", Instant(), nullable=False),
        sa.CheckConstraint("asked > 0 and taken >= 0", name="ck_voucher_offline_asked"),
        sa.CheckConstraint(_KIND, name="ck_voucher_offline_kind"),
        sa.ForeignKeyConstraint(["operation_id"], ["voucher_operation.id"], name="fk_voucher_offline_operation_id"),
        sa.ForeignKeyConstraint(["system_id"], ["voucher_system.id"], name="fk_voucher_offline_system_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voucher_offline"),
        sa.UniqueConstraint("operation_id", "kind", name="uq_voucher_offline_operation_id_kind"),
    )
    op.create_index("ix_voucher_offline_operation_id", "voucher_offline", ["operation_id"])
    op.create_index("ix_voucher_offline_location_id", "voucher_offline", ["location_id"])
