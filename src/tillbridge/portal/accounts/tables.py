"""People and their sessions, second factors, recovery codes and the links that set a new password."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

HASH_LENGTH: Final = 64
"""SHA-256 in hexadecimal digits."""

EMAIL_LENGTH: Final = 254
NAME_LENGTH: Final = 100
SOURCE_LENGTH: Final = 64
AGENT_LENGTH: Final = 120

person: Final = Table(
    "person",
    metadata,
    identity(),
    # Absent for the staff of the portal's operator.
    reference("tenant_id", "tenant.id", optional=True),
    # In lower case: an address opens one account, however it was typed.
    Column("email", String(EMAIL_LENGTH), nullable=False, unique=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("language", String(2)),
    # Absent until an invitation was accepted.
    Column("password_hash", String(200)),
    Column("state", String(8), nullable=False),
    Column("operator", Boolean, nullable=False, server_default="0"),
    moment("created_at"),
    # Wrong passwords since the last right one or the last lock, and how often they locked the account since.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locks", Integer, nullable=False, server_default="0"),
    moment("locked_until", optional=True),
    CheckConstraint("state in ('invited', 'active', 'disabled')", name="state"),
)

session: Final = Table(
    "session",
    metadata,
    # SHA-256 of the secret in the browser's cookie: a copy of the database opens no session.
    Column("id", String(HASH_LENGTH), primary_key=True),
    # What lists and forms name it by; it stays when the secret changes.
    Column("handle", String(ID_LENGTH), nullable=False, unique=True),
    reference("person_id", "person.id"),
    moment("created_at"),
    moment("last_seen_at"),
    moment("ends_at"),
    Column("source", String(SOURCE_LENGTH), nullable=False),
    Column("agent", String(AGENT_LENGTH), nullable=False),
    # The password was right and the second factor is still asked for: such a session opens nothing else.
    Column("awaits_factor", Boolean, nullable=False),
    moment("stepped_up_at", optional=True),
    # A recovery code was used here: it lets a lost factor be replaced, and counts for nothing else.
    moment("recovered_at", optional=True),
    # The merchant whom the operator's staff helps in this session.
    Column("helping_tenant_id", String(ID_LENGTH), ForeignKey("tenant.id")),
    Index(None, "ends_at"),
)

factor: Final = Table(
    "factor",
    metadata,
    identity(),
    reference("person_id", "person.id"),
    Column("kind", String(7), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    moment("created_at"),
    # Absent while a one-time password generator was shown and no code of it has come yet.
    moment("confirmed_at", optional=True),
    moment("last_used_at", optional=True),
    # TOTP: the shared secret, sealed, and the last time step whose code was used.
    Column("sealed_secret", String(200)),
    Column("last_step", BigInteger),
    # A passkey: base64url of its id, its COSE public key, how often it says that it signed, the host it is bound to.
    Column("credential_id", String(1400), unique=True),
    Column("public_key", Text),
    Column("sign_count", BigInteger),
    Column("rp_id", String(255)),
    CheckConstraint("kind in ('totp', 'passkey')", name="kind"),
)

spent_challenge: Final = Table(
    "spent_challenge",
    metadata,
    # SHA-256 of what a passkey has signed, kept until it would have run out by itself: nothing is signed in twice.
    Column("id", String(HASH_LENGTH), primary_key=True),
    moment("ends_at"),
    Index(None, "ends_at"),
)

recovery_code: Final = Table(
    "recovery_code",
    metadata,
    identity(),
    reference("person_id", "person.id"),
    Column("code_hash", String(HASH_LENGTH), nullable=False),
    moment("used_at", optional=True),
)

password_link: Final = Table(
    "password_link",
    metadata,
    # SHA-256 of the token in the link.
    Column("id", String(HASH_LENGTH), primary_key=True),
    reference("person_id", "person.id"),
    moment("created_at"),
    moment("ends_at"),
    moment("used_at", optional=True),
)

attempt: Final = Table(
    "attempt",
    metadata,
    # What is limited, such as "sign-in/192.0.2.7": counted by one statement, so that all processes count together.
    Column("subject", String(120), primary_key=True),
    moment("began_at"),
    Column("tries", Integer, nullable=False),
)

from tillbridge.portal.accounts import rights_tables  # noqa: E402, F401  # so that the schema sees every table of accounts
