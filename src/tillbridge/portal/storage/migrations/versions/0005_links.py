"""Links of locations, their credentials, and what was used once."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IN_USE = sa.text("state in ('active', 'suspended', 'converting', 'conversion_failed')")
_WAITING = sa.text("state = 'waiting_first_contact'")
_STATES = (
    "state in ('waiting_first_contact', 'active', 'suspended', 'revoked', 'replaced', 'abandoned', 'converting',"
    " 'conversion_failed')"
)
_CURRENT_CREDENTIAL = sa.text("standing = 'current'")
_WAITING_CREDENTIAL = sa.text("standing = 'waiting'")


def upgrade() -> None:
    """Makes the tables."""
    _links()
    _credentials()
    _rotations()
    _used_once()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("session_key", "used_proof", "link_choice", "link_rotation", "link_credential", "link"):
        op.drop_table(table)


def _links() -> None:
    _make_link()


def _credentials() -> None:
    op.create_table(
        "link_credential",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("standing", sa.String(8), nullable=False),
        sa.Column("public_key", sa.String(43), nullable=False),
        sa.Column("thumbprint", sa.String(43), nullable=False),
        sa.Column("master_hash", sa.String(64), nullable=False),
        sa.Column("master_last4", sa.String(4), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("first_used_at", Instant(), nullable=True),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_link_credential"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_link_credential_link_id"),
        sa.UniqueConstraint("master_hash", name="uq_link_credential_master_hash"),
        sa.CheckConstraint("standing in ('waiting', 'current', 'ended')", name="ck_link_credential_standing"),
    )
    op.create_index("ix_link_credential_link_id", "link_credential", ["link_id"])
    for name, where in (("current", _CURRENT_CREDENTIAL), ("waiting", _WAITING_CREDENTIAL)):
        op.create_index(
            f"uq_link_credential_{name}",
            "link_credential",
            ["link_id"],
            unique=True,
            sqlite_where=where,
            postgresql_where=where,
        )


def _rotations() -> None:
    op.create_table(
        "link_rotation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("credential_id", sa.String(32), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_link_rotation"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_link_rotation_link_id"),
        sa.ForeignKeyConstraint(["credential_id"], ["link_credential.id"], name="fk_link_rotation_credential_id"),
    )
    op.create_index("ix_link_rotation_link_id", "link_rotation", ["link_id"])
    op.create_index("ix_link_rotation_credential_id", "link_rotation", ["credential_id"])
    op.create_table(
        "link_choice",
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("suspend_clones", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_link_choice"),
    )


def _used_once() -> None:
    op.create_table(
        "used_proof",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_used_proof"),
    )
    op.create_index("ix_used_proof_until", "used_proof", ["until"])
    op.create_table(
        "session_key",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(400), nullable=False),
        sa.Column("thumbprint", sa.String(43), nullable=False),
        sa.Column("sealed_secret", sa.String(200), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session_key"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_session_key_link_id"),
    )
    op.create_index("ix_session_key_link_id", "session_key", ["link_id"])
    op.create_index("ix_session_key_until", "session_key", ["until"])


def _make_link() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("location_id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("state_since", Instant(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False, server_default=""),
        sa.Column("conversion_due", sa.Boolean(), nullable=False),
        sa.Column("connector_id", sa.String(32), nullable=False),
        sa.Column("connector_name", sa.String(200), nullable=False),
        sa.Column("connector_version", sa.String(64), nullable=False),
        sa.Column("connector_os", sa.String(200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("first_contact_at", Instant(), nullable=True),
        sa.Column("last_contact_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("rotation_asked_at", Instant(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=True),
        sa.Column("counter_left", sa.BigInteger(), nullable=True),
        sa.Column("counter_fell_at", Instant(), nullable=True),
        sa.Column("clone_suspected_at", Instant(), nullable=True),
        sa.Column("clock_skew_seconds", sa.BigInteger(), nullable=True),
        sa.Column("unsent_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("oldest_unsent_seconds", sa.Integer(), nullable=True),
        sa.Column("open_put_backs", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_link"),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name="fk_link_location_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_link_tenant_id"),
        sa.CheckConstraint(_STATES, name="ck_link_state"),
    )
    _make_link_indexes()


def _make_link_indexes() -> None:
    op.create_index("ix_link_location_id", "link", ["location_id"])
    op.create_index("ix_link_tenant_id", "link", ["tenant_id"])
    op.create_index(
        "uq_link_in_use", "link", ["location_id"], unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE
    )
    op.create_index(
        "uq_link_waiting", "link", ["location_id"], unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index("ix_link_waiting_since", "link", ["created_at"], sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.create_index("ix_link_state_since", "link", ["state_since"])
