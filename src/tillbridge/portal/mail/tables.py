"""Letters that wait to be sent, and those that were."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

letter: Final = Table(
    "letter",
    metadata,
    identity(),
    moment("created_at"),
    Column("tenant_id", String(ID_LENGTH)),
    Column("recipient", String(254), nullable=False),
    Column("subject", String(200), nullable=False),
    # Sealed while it waits, since it may hold a link that opens an account; emptied once it has left.
    Column("sealed_body", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("next_at"),
    moment("sent_at", optional=True),
    Column("fault", String(200), nullable=False, server_default=""),
    Index("ix_letter_state_next_at", "state", "next_at"),
)

attachment: Final = Table(
    "letter_attachment",
    metadata,
    identity(),
    reference("letter_id", "letter.id"),
    Column("place", Integer, nullable=False),
    Column("name", String(100), nullable=False),
    Column("media_type", String(50), nullable=False),
    # Sealed as the text is; the row goes when the letter has left, or is given up.
    Column("sealed", LargeBinary, nullable=False),
)
