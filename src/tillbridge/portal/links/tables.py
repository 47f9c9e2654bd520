"""Links, their credentials, and what is remembered of their requests."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text, text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

HASH_LENGTH: Final = 64
"""SHA-256 as hexadecimal digits."""

KEY_LENGTH: Final = 43
"""32 bytes as base64url."""

_IN_USE: Final = text("state in ('active', 'suspended', 'converting', 'conversion_failed')")
_WAITING: Final = text("state = 'waiting_first_contact'")
_STATES: Final = (
    "state in ('waiting_first_contact', 'active', 'suspended', 'revoked', 'replaced', 'abandoned', 'converting',"
    " 'conversion_failed')"
)
_CURRENT_CREDENTIAL: Final = text("standing = 'current'")
_WAITING_CREDENTIAL: Final = text("standing = 'waiting'")

link: Final = Table(
    "link",
    metadata,
    identity(),
    reference("location_id", "location.id"),
    reference("tenant_id", "tenant.id"),
    Column("state", String(24), nullable=False),
    moment("state_since"),
    Column("reason", String(500), nullable=False, server_default=""),
    Column("conversion_due", Boolean, nullable=False),
    # What the connector says of itself.
    Column("connector_id", String(ID_LENGTH), nullable=False),
    Column("connector_name", String(200), nullable=False),
    Column("connector_version", String(64), nullable=False),
    Column("connector_os", String(200), nullable=False),
    moment("created_at"),
    moment("first_contact_at", optional=True),
    moment("last_contact_at", optional=True),
    moment("ended_at", optional=True),
    moment("rotation_asked_at", optional=True),
    # Numbers of the token requests: two runs that interleave are two computers with one disk's content.
    Column("counter", BigInteger),
    Column("counter_left", BigInteger),
    moment("counter_fell_at", optional=True),
    moment("clone_suspected_at", optional=True),
    Column("clock_skew_seconds", BigInteger),
    Column("unsent_count", Integer, nullable=False, server_default="0"),
    Column("oldest_unsent_seconds", Integer),
    Column("open_put_backs", Integer, nullable=False, server_default="0"),
    CheckConstraint(_STATES, name="state"),
    # The database itself keeps two winners of one race apart.
    Index("uq_link_in_use", "location_id", unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE),
    Index("uq_link_waiting", "location_id", unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("ix_link_waiting_since", "created_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    # Each process looks every second which links may be used no more.
    Index("ix_link_state_since", "state_since"),
)

link_credential: Final = Table(
    "link_credential",
    metadata,
    identity(),
    reference("link_id", "link.id"),
    Column("standing", String(8), nullable=False),
    Column("public_key", String(KEY_LENGTH), nullable=False),
    Column("thumbprint", String(KEY_LENGTH), nullable=False),
    # 256 bits of chance need no slow hash.
    Column("master_hash", String(HASH_LENGTH), nullable=False, unique=True),
    Column("master_last4", String(4), nullable=False),
    moment("made_at"),
    moment("first_used_at", optional=True),
    moment("ends_at", optional=True),
    CheckConstraint("standing in ('waiting', 'current', 'ended')", name="standing"),
    Index(
        "uq_link_credential_current",
        "link_id",
        unique=True,
        sqlite_where=_CURRENT_CREDENTIAL,
        postgresql_where=_CURRENT_CREDENTIAL,
    ),
    Index(
        "uq_link_credential_waiting",
        "link_id",
        unique=True,
        sqlite_where=_WAITING_CREDENTIAL,
        postgresql_where=_WAITING_CREDENTIAL,
    ),
)

link_rotation: Final = Table(
    "link_rotation",
    metadata,
    # Named by the connector, so that a repeat is known as one.
    identity(),
    reference("link_id", "link.id"),
    reference("credential_id", "link_credential.id"),
    Column("request_hash", String(HASH_LENGTH), nullable=False),
    # Sealed to a key that only the connector has: the portal cannot open it again.
    Column("reply", Text, nullable=False),
    moment("made_at"),
)

link_choice: Final = Table(
    "link_choice",
    metadata,
    # One row for each merchant that has chosen something else than the default.
    Column("tenant_id", String(ID_LENGTH), primary_key=True),
    Column("suspend_clones", Boolean, nullable=False),
)

used_proof: Final = Table(
    "used_proof",
    metadata,
    # SHA-256 of the key's thumbprint with the proof's own name.
    Column("id", String(HASH_LENGTH), primary_key=True),
    moment("until"),
    Index("ix_used_proof_until", "until"),
)

session_key: Final = Table(
    "session_key",
    metadata,
    identity(),
    reference("link_id", "link.id"),
    Column("location_id", String(ID_LENGTH), nullable=False),
    Column("service", String(64), nullable=False),
    Column("scopes", String(400), nullable=False),
    Column("thumbprint", String(KEY_LENGTH), nullable=False),
    Column("sealed_secret", String(200), nullable=False),
    moment("until"),
    Index("ix_session_key_until", "until"),
)
