"""PINs and pairing sessions, and the limits around them."""

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text, text

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

PIN_STATES: Final = ("open", "used", "burned", "expired", "replaced", "withdrawn")
STAGES: Final = ("started", "judging", "waiting", "over")

SESSION_ID_LENGTH: Final = 22
SOURCE_LENGTH: Final = 64
WINDOW_KEY_LENGTH: Final = 80

pairing_pin: Final = Table(
    "pairing_pin",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    reference("location_id", "location.id"),
    Column("state", String(9), nullable=False),
    # Sealed with a key outside the database; emptied once the PIN is over. A hash would hide nothing.
    Column("sealed_pin", Text, nullable=False),
    # Counted before a finish is looked at; a right one takes its own away again.
    Column("tries", Integer, nullable=False, server_default="0"),
    # Those of them that were looked at and were wrong: the fifth burns.
    Column("wrong", Integer, nullable=False, server_default="0"),
    moment("tried_at", optional=True),
    # Whether its maker has said that an existing link is to be replaced.
    Column("replaces", Boolean, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    moment("ended_at", optional=True),
    # Who made it is told when it burns. No foreign key: the fact outlives the person.
    Column("creator_id", String(ID_LENGTH), nullable=False),
    Column("creator_name", String(100), nullable=False),
    Column("creator_email", String(254), nullable=False),
    Column("creator_language", String(2)),
    Index(
        "uq_pairing_pin_open",
        "location_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_pairing_pin_state_expires_at", "state", "expires_at"),
    CheckConstraint(f"state in {PIN_STATES}", name="state"),
)

pairing_session: Final = Table(
    "pairing_session",
    metadata,
    # The name that travels: 16 bytes of chance as text.
    Column("id", String(SESSION_ID_LENGTH), primary_key=True),
    # Absent where the connector talks to a PIN that nobody was given.
    reference("pin_id", "pairing_pin.id", optional=True),
    reference("location_id", "location.id", optional=True),
    Column("source", String(SOURCE_LENGTH), nullable=False),
    Column("stage", String(7), nullable=False),
    moment("started_at"),
    # Until when it takes its finish; later, until when somebody may accept it.
    moment("ends_at"),
    # Sealed like the PIN: the exchange between start and finish, or between the right proof and somebody's consent.
    Column("sealed_state", Text, nullable=False),
    # SHA-256 of the one finish that it took.
    Column("body_hash", String(64)),
    moment("finished_at", optional=True),
    # Whether that finish took a try of the PIN, and whether it came above the portal's limit and needs consent.
    Column("counted", Boolean, nullable=False, server_default="0"),
    Column("consent", Boolean, nullable=False, server_default="0"),
    # How it ended, for ever: the answer byte for byte, which nobody here can open, or the code of a refusal.
    Column("answer", Text),
    Column("refusal", String(30)),
    Column("place", String(100)),
    Column("link_id", String(ID_LENGTH)),
    # What people compare and read while it waits for them.
    Column("fingerprint", String(14), nullable=False, server_default=""),
    Column("connector_name", String(200), nullable=False, server_default=""),
    Column("connector_version", String(64), nullable=False, server_default=""),
    Index("ix_pairing_session_stage_ends_at", "stage", "ends_at"),
    Index("ix_pairing_session_finished_at", "finished_at"),
    CheckConstraint(f"stage in {STAGES}", name="stage"),
)

pairing_window: Final = Table(
    "pairing_window",
    metadata,
    # What is counted: "start/192.0.2.1", "failed/192.0.2.1", "failed" for the whole portal.
    Column("id", String(WINDOW_KEY_LENGTH), primary_key=True),
    # When it happened, as microseconds since 1970; never more of them than the limit lets in.
    Column("moments", Document, nullable=False),
    # When the last of them no longer counts.
    moment("until"),
    Index("ix_pairing_window_until", "until"),
)

pairing_guard: Final = Table(
    "pairing_guard",
    metadata,
    # One row, made by the first alarm.
    Column("id", String(10), primary_key=True),
    moment("since"),
    moment("ended_at", optional=True),
    Column("ended_by", String(100), nullable=False, server_default=""),
)
