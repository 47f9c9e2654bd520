"""Licences and the switches of services; the counter, the owners and the moves of locations."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIRST_SERIAL = 1_000_000
"""Serial numbers below it stay unused: a number that does not begin with 0 is read out and typed with fewer slips."""


def upgrade() -> None:
    """Makes the tables."""
    _licences()
    _locations()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("location_move", "location_ownership", "location_counter", "service_switch", "licence"):
        op.drop_table(table)


def _licences() -> None:
    op.create_table(
        "licence",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("product", sa.String(30), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("allotted_at", Instant(), nullable=False),
        sa.Column("allotted_by", sa.String(32), nullable=False, server_default=""),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("withdrawn_by", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_licence"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_licence_location_id"),
        sa.CheckConstraint("ends_at is null or ends_at > starts_at", name="ck_licence_span"),
    )
    op.create_index("ix_licence_location_id", "licence", ["location_id"])
    op.create_index("ix_licence_ends_at", "licence", ["ends_at"])
    op.create_table(
        "service_switch",
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("service", sa.String(30), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("changed_by", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "service", name="pk_service_switch"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_service_switch_location_id"),
    )
    op.create_index("ix_service_switch_location_id", "service_switch", ["location_id"])


def _locations() -> None:
    counter = op.create_table(
        "location_counter",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("next_serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_location_counter"),
    )
    op.bulk_insert(counter, [{"id": 1, "next_serial": FIRST_SERIAL}])
    _make_location_ownership()
    _make_location_move()


def _only_one(name: str, table: str, where: str) -> None:
    """A location has at most one row of this table for which that holds."""
    condition = sa.text(where)
    op.create_index(name, table, ["location_id"], unique=True, sqlite_where=condition, postgresql_where=condition)


def _make_location_ownership() -> None:
    op.create_table(
        "location_ownership",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("client_number", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_location_ownership"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_location_ownership_location_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_location_ownership_tenant_id"),
    )
    op.create_index("ix_location_ownership_location_id", "location_ownership", ["location_id"])
    op.create_index("ix_location_ownership_tenant_id", "location_ownership", ["tenant_id"])
    _only_one("uq_location_ownership_current", "location_ownership", "until is null")
    # A location that is there already has had one owner so far; its own id is as good as any for that row.
    op.execute(
        "insert into location_ownership (id, location_id, tenant_id, client_number, since)"
        " select id, id, tenant_id, client_number, created_at from location"
    )


def _make_location_move() -> None:
    op.create_table(
        "location_move",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("from_tenant_id", sa.String(32), nullable=False),
        sa.Column("to_tenant_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("offered_at", Instant(), nullable=False),
        sa.Column("offered_by", sa.String(32), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_location_move"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_location_move_location_id"),
        sa.ForeignKeyConstraint(["from_tenant_id"], ["tenant.id"], name="fk_location_move_from_tenant_id"),
        sa.ForeignKeyConstraint(["to_tenant_id"], ["tenant.id"], name="fk_location_move_to_tenant_id"),
        sa.CheckConstraint("state in ('offered', 'accepted', 'declined', 'withdrawn')", name="ck_location_move_state"),
    )
    for column in ("location_id", "from_tenant_id", "to_tenant_id"):
        op.create_index(f"ix_location_move_{column}", "location_move", [column])
    _only_one("uq_location_move_open", "location_move", "state = 'offered'")
