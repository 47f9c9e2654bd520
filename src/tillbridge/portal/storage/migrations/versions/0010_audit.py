"""The chain over the audit log, and what keeps the log as it is."""

import sqlalchemy as sa
from alembic import op

from tillbridge.portal.storage.columns import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_entry", "audit_seal", "audit_head")


def upgrade() -> None:
    """Makes the tables, the queue's trigger and the triggers that refuse every change."""
    op.create_table(
        "audit_unsealed",
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_unsealed"),
    )
    op.create_table(
        "audit_seal",
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_audit_seal"),
        sa.UniqueConstraint("entry_id", name="uq_audit_seal_entry_id"),
    )
    op.create_table(
        "audit_head",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key_name", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(100), nullable=False),
        sa.Column("signed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_audit_head"),
    )
    op.execute("insert into audit_unsealed (entry_id) select id from audit_entry")
    _on_postgresql() if op.get_bind().dialect.name == "postgresql" else _on_sqlite()


def downgrade() -> None:
    """Takes them away again; the log itself stays, unguarded."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute("drop trigger audit_entry_queue on audit_entry")
        for kind in ("row", "all"):
            op.execute(f"drop trigger audit_entry_keep_{kind} on audit_entry")
    else:
        for trigger in ("queue", "keep_update", "keep_delete"):
            op.execute(f"drop trigger audit_entry_{trigger}")
    for table in ("audit_head", "audit_seal", "audit_unsealed"):
        op.drop_table(table)
    if postgresql:
        op.execute("drop function audit_keep()")
        op.execute("drop function audit_queue()")


def _on_sqlite() -> None:
    op.execute(
        "create trigger audit_entry_queue after insert on audit_entry"
        " begin insert into audit_unsealed (entry_id) values (new.id); end"
    )
    for table in APPEND_ONLY:
        for change in ("update", "delete"):
            op.execute(
                f"create trigger {table}_keep_{change} before {change} on {table}"
                " begin select raise(abort, 'the audit log is only ever appended to'); end"
            )


def _on_postgresql() -> None:
    op.execute(
        "create function audit_queue() returns trigger language plpgsql as"
        " $$ begin insert into audit_unsealed (entry_id) values (new.id); return null; end $$"
    )
    op.execute(
        "create function audit_keep() returns trigger language plpgsql as"
        " $$ begin raise exception 'the audit log is only ever appended to'; end $$"
    )
    op.execute(
        "create trigger audit_entry_queue after insert on audit_entry for each row execute function audit_queue()"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_keep_row before update or delete on {table}"
            " for each row execute function audit_keep()"
        )
        op.execute(
            f"create trigger {table}_keep_all before truncate on {table}"
            " for each statement execute function audit_keep()"
        )
