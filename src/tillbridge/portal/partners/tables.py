"""Partners with their keys, and webhooks: who is told of vouchers, what they are told, and how far that has come."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

WAITING: Final = text("state = 'waiting'")

partner: Final = Table(
    "partner",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    # For life: it stands in the ledger as the station of what the partner booked.
    Column("name", String(64), nullable=False),
    moment("created_at"),
    Column("created_by", String(200), nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

partner_key: Final = Table(
    "partner_key",
    metadata,
    identity(),
    reference("partner_id", "partner.id"),
    reference("location_id", "location.id"),
    # A keyed digest: whoever reads the database has no key.
    Column("digest", LargeBinary, nullable=False, unique=True),
    # Its last characters, by which people tell two keys apart.
    Column("ending", String(4), nullable=False),
    # Names with a blank between, as a token has them.
    Column("scopes", String(200), nullable=False),
    Column("in_address", Boolean, nullable=False, server_default="0"),
    moment("created_at"),
    Column("created_by", String(200), nullable=False),
    moment("expires_at", optional=True),
    moment("revoked_at", optional=True),
    moment("used_at", optional=True),
    Column("used_from", String(64), nullable=False, server_default=""),
)

partner_calls: Final = Table(
    "partner_calls",
    metadata,
    # How often a key was used in a minute, counted since 1970. No foreign key: a row is soon gone.
    Column("key_id", String(ID_LENGTH), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", Integer, nullable=False),
)

webhook: Final = Table(
    "webhook",
    metadata,
    identity(),
    reference("tenant_id", "tenant.id"),
    Column("url", String(2000), nullable=False),
    Column("description", String(100), nullable=False, server_default=""),
    # The names of the events that it is told of.
    Column("events", Document, nullable=False),
    # Sealed with a key outside the database: each message is signed with it.
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("previous_sealed", LargeBinary, nullable=True),
    moment("previous_until", optional=True),
    moment("created_at"),
    Column("created_by", String(200), nullable=False),
    # Failures in a row, and until when it is left alone because of them.
    Column("failures", Integer, nullable=False, server_default="0"),
    moment("paused_until", optional=True),
)

webhook_told: Final = Table(
    "webhook_told",
    metadata,
    # How much of a voucher's history has become messages: the `seq` of an entry. Locked while that is worked out.
    Column("voucher_id", String(ID_LENGTH), ForeignKey("voucher.id"), primary_key=True),
    Column("seq", Integer, nullable=False),
    # Messages so far: the order in which they are told.
    Column("messages", Integer, nullable=False),
)

webhook_delivery: Final = Table(
    "webhook_delivery",
    metadata,
    identity(),
    Column("webhook_id", String(ID_LENGTH), ForeignKey("webhook.id"), nullable=False),
    # What it is about; empty for a trial. Together with `place` it gives the order.
    Column("voucher_id", String(ID_LENGTH), nullable=False, server_default=""),
    Column("place", Integer, nullable=False, server_default="0"),
    Column("event", String(40), nullable=False),
    moment("happened_at"),
    # What is told: no PIN, and no whole number.
    Column("body", Document, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Since when it is tried: a replay begins anew.
    moment("since"),
    moment("next_at"),
    moment("ended_at", optional=True),
    Column("status", Integer, nullable=True),
    Column("fault", String(200), nullable=False, server_default=""),
    Index("ix_webhook_delivery_waiting", "webhook_id", "next_at", sqlite_where=WAITING, postgresql_where=WAITING),
    Index(
        "ix_webhook_delivery_order",
        "webhook_id",
        "voucher_id",
        "place",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
    # For the page, and for what is old enough to go.
    Index("ix_webhook_delivery_log", "webhook_id", "id"),
    Index("ix_webhook_delivery_ended_at", "ended_at"),
    CheckConstraint("state in ('waiting', 'delivered', 'gave_up')", name="state"),
)

webhook_cursor: Final = Table(
    "webhook_cursor",
    metadata,
    # One row: how far the ledger was looked through by time, and by voucher.
    Column("id", Integer, primary_key=True, autoincrement=False),
    moment("looked_until"),
    Column("counted_until", String(ID_LENGTH), nullable=False, server_default=""),
    # Until when one process has taken it upon itself to look.
    moment("taken_until"),
)
