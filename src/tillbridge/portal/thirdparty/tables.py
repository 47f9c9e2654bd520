"""What tills of other makers redeemed and cancelled, and which of it may have been asked for twice."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, text

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

UNDECIDED: Final = text("decided_at is null")
NAMED: Final = text("reference <> ''")

third_party_redemption: Final = Table(
    "third_party_redemption",
    metadata,
    # An action that was asked for in the form of other makers: only such a one is cancelled in it.
    Column("operation_id", String(ID_LENGTH), ForeignKey("voucher_operation.id"), primary_key=True),
    # No foreign key: a partner that is removed leaves its history behind.
    Column("partner_id", String(ID_LENGTH), nullable=False),
    # Whether the till gave it a reference, by which a repetition is known for one.
    Column("referenced", Boolean, nullable=False),
)

third_party_cancel: Final = Table(
    "third_party_cancel",
    metadata,
    identity(),
    reference("operation_id", "third_party_redemption.operation_id"),
    Column("reference", String(64), nullable=False, server_default=""),
    # What was asked for, 0 for all that was left; what was given back; and what the voucher held then.
    Column("asked", BigInteger, nullable=False),
    Column("given", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    moment("booked_at"),
    Index(
        "uq_third_party_cancel_reference",
        "operation_id",
        "reference",
        "asked",
        unique=True,
        sqlite_where=NAMED,
        postgresql_where=NAMED,
    ),
)

third_party_repeat: Final = Table(
    "third_party_repeat",
    metadata,
    # A redemption that may have been booked because a till asked again without a reference. No foreign key: it would
    # lock an action after its voucher, against the order in which everybody else locks them.
    Column("operation_id", String(ID_LENGTH), primary_key=True),
    # When the other of the two requests came.
    moment("other_at"),
    # What a person decided: `reverse` or `dismiss`, with what the till's records say, and why.
    Column("decision", String(8), nullable=False, server_default=""),
    Column("evidence", String(500), nullable=False, server_default=""),
    Column("reason", String(500), nullable=False, server_default=""),
    Column("decided_by", String(200), nullable=False, server_default=""),
    moment("decided_at", optional=True),
    Index(
        "ix_third_party_repeat_undecided",
        "operation_id",
        sqlite_where=UNDECIDED,
        postgresql_where=UNDECIDED,
    ),
)
