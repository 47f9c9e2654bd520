"""The tables of the audit log. Nothing in it is ever changed or deleted: the serving role has no right to.

Triggers of migration 0010 refuse changes besides, and put the id of each new entry into `audit_unsealed`.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment

audit_entry: Final = Table(
    "audit_entry",
    metadata,
    identity(),
    moment("at"),
    Column("event", String(60), nullable=False),
    # No foreign keys: an entry outlives what it speaks of.
    Column("tenant_id", String(ID_LENGTH)),
    Column("location_id", String(ID_LENGTH)),
    Column("subject", String(200), nullable=False),
    Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(ID_LENGTH), nullable=False),
    Column("actor_name", String(200), nullable=False),
    Column("on_behalf_of", String(200), nullable=False),
    Column("source", String(64), nullable=False),
    Column("before", Document, nullable=False),
    Column("after", Document, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_audit_entry_tenant_id_at", "tenant_id", "at"),
    Index("ix_audit_entry_at", "at"),
)

audit_unsealed: Final = Table(
    "audit_unsealed",
    metadata,
    # Entries that no seal has yet. A queue, so that one that is committed late under an early id is never passed over,
    # and so that nobody has to look for it in the whole log.
    Column("entry_id", String(ID_LENGTH), primary_key=True),
)

audit_seal: Final = Table(
    "audit_seal",
    metadata,
    # Counts from 1 without a gap, in the order of sealing.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", String(ID_LENGTH), nullable=False, unique=True),
    # SHA-256 over the hash before it and the entry, in hexadecimal.
    Column("hash", String(64), nullable=False),
)

audit_head: Final = Table(
    "audit_head",
    metadata,
    # The UTC day (ISO 8601) that was over when this was signed.
    Column("day", String(10), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("key_name", String(64), nullable=False),
    # Ed25519, in base64.
    Column("signature", String(100), nullable=False),
    moment("signed_at"),
)
