"""People, their sessions and second factors."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _people()
    _factors()
    op.create_table(
        "attempt",
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_attempt"),
    )


def _people() -> None:
    _make_person()
    _make_session()


def _factors() -> None:
    _make_factor()
    _make_spent_challenge()
    _make_recovery_code()
    _make_password_link()


def downgrade() -> None:
    """Takes them away again."""
    for table in ("attempt", "password_link", "recovery_code", "spent_challenge", "factor", "session", "person"):
        op.drop_table(table)


def _make_person() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(32), nullable=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("language", sa.String(2), nullable=True),
        sa.Column("password_hash", sa.String(200), nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("locks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_person_tenant_id"),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sa.CheckConstraint("state in ('invited', 'active', 'disabled')", name="ck_person_state"),
    )
    op.create_index("ix_person_tenant_id", "person", ["tenant_id"])


def _make_session() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("handle", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(120), nullable=False),
        sa.Column("awaits_factor", sa.Boolean(), nullable=False),
        sa.Column("stepped_up_at", Instant(), nullable=True),
        sa.Column("recovered_at", Instant(), nullable=True),
        sa.Column("helping_tenant_id", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("handle", name="uq_session_handle"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_session_person_id"),
        sa.ForeignKeyConstraint(["helping_tenant_id"], ["tenant.id"], name="fk_session_helping_tenant_id"),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])
    op.create_index("ix_session_ends_at", "session", ["ends_at"])


def _make_factor() -> None:
    op.create_table(
        "factor",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(7), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("sealed_secret", sa.String(200), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("credential_id", sa.String(1400), nullable=True),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=True),
        sa.Column("rp_id", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_factor"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_factor_person_id"),
        sa.UniqueConstraint("credential_id", name="uq_factor_credential_id"),
        sa.CheckConstraint("kind in ('totp', 'passkey')", name="ck_factor_kind"),
    )
    op.create_index("ix_factor_person_id", "factor", ["person_id"])


def _make_spent_challenge() -> None:
    op.create_table(
        "spent_challenge",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spent_challenge"),
    )
    op.create_index("ix_spent_challenge_ends_at", "spent_challenge", ["ends_at"])


def _make_recovery_code() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_recovery_code_person_id"),
    )
    op.create_index("ix_recovery_code_person_id", "recovery_code", ["person_id"])


def _make_password_link() -> None:
    op.create_table(
        "password_link",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_password_link"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_password_link_person_id"),
    )
    op.create_index("ix_password_link_person_id", "password_link", ["person_id"])
