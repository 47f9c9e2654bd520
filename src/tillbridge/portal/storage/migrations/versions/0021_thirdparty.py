"""Redemptions that tills of other makers ask for, in their own form."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_UNDECIDED = sa.text("decided_at is null")
_NAMED = sa.text("reference <> ''")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "third_party_redemption",
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("partner_id", sa.String(32), nullable=False),
        sa.Column("referenced", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["voucher_operation.id"], name="fk_third_party_redemption_operation_id"
        ),
        sa.PrimaryKeyConstraint("operation_id", name="pk_third_party_redemption"),
    )
    _make_cancel()
    _make_repeat()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("third_party_repeat", "third_party_cancel", "third_party_redemption"):
        op.drop_table(table)


def _make_cancel() -> None:
    op.create_table(
        "third_party_cancel",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(64), server_default="", nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("booked_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["third_party_redemption.operation_id"], name="fk_third_party_cancel_operation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_third_party_cancel"),
    )
    op.create_index("ix_third_party_cancel_operation_id", "third_party_cancel", ["operation_id"])
    op.create_index(
        "uq_third_party_cancel_reference",
        "third_party_cancel",
        ["operation_id", "reference", "asked"],
        unique=True,
        sqlite_where=_NAMED,
        postgresql_where=_NAMED,
    )


def _make_repeat() -> None:
    op.create_table(
        "third_party_repeat",
        sa.Column("operation_id", sa.String(32), nullable=False),
        sa.Column("other_at", Instant(), nullable=False),
        sa.Column("decision", sa.String(8), server_default="", nullable=False),
        sa.Column("evidence", sa.String(500), server_default="", nullable=False),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(200), server_default="", nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("operation_id", name="pk_third_party_repeat"),
    )
    op.create_index(
        "ix_third_party_repeat_undecided",
        "third_party_repeat",
        ["operation_id"],
        sqlite_where=_UNDECIDED,
        postgresql_where=_UNDECIDED,
    )
