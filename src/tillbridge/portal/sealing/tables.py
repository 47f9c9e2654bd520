"""The chain over the ledger of vouchers: its seals and its signed heads, which are only ever appended.

An entry writes nothing here. The sealer looks for those that have no seal yet (docs/reference/voucher-sealing.md).
"""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table

from tillbridge.portal.storage.columns import ID_LENGTH, metadata, moment

ledger_seal: Final = Table(
    "ledger_seal",
    metadata,
    # Counts from 1 without a gap, in the order of sealing.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key: checking one would lock the entry, and the chain has to outlive what somebody takes out.
    Column("entry_id", String(ID_LENGTH), nullable=False, unique=True),
    # SHA-256 over the hash before it and the entry, in hexadecimal.
    Column("hash", String(64), nullable=False),
)

ledger_head: Final = Table(
    "ledger_head",
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

ledger_head_address: Final = Table(
    "ledger_head_address",
    metadata,
    # A merchant who wants to have the heads as well, and in which language; nobody else's wish is here.
    Column("tenant_id", String(ID_LENGTH), ForeignKey("tenant.id"), primary_key=True),
    Column("recipient", String(254), nullable=False),
    Column("language", String(2), nullable=False),
    Column("set_by", String(200), nullable=False),
    moment("set_at"),
)

ledger_head_letter: Final = Table(
    "ledger_head_letter",
    metadata,
    # Of which day a recipient was written to, in lower case: of none twice, whoever wants it.
    Column("recipient", String(254), primary_key=True),
    Column("day", String(10), primary_key=True),
    moment("written_at"),
)

ledger_sealing: Final = Table(
    "ledger_sealing",
    metadata,
    # There is one row, whose name is "reached".
    Column("name", String(10), primary_key=True),
    # Entries up to this id are sealed, but for those of a computer whose clock was far behind: see the sweep.
    Column("entry_id", String(ID_LENGTH), nullable=False),
)
