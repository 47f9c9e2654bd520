"""The proof of the keys that a database is written with."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table; the first process that opens the database fills it."""
    op.create_table(
        "keys_proof",
        sa.Column("name", sa.String(10), nullable=False),
        sa.Column("proof", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_keys_proof"),
    )


def downgrade() -> None:
    """Takes it away again."""
    op.drop_table("keys_proof")
