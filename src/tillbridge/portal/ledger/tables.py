"""The ledger: entries, the lots that loads make, and which lots an entry came from; and the actions behind them.

Nothing here is ever changed or deleted but `lot.remaining` and what became of an operation: triggers refuse the rest.
They also hold each entry to the one before it, and a voucher's balance to its last entry (migration 0013).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
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

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

UNSPENT: Final = text("remaining > 0")
ADJUSTED: Final = text("kind = 'adjust'")
CONTESTED: Final = text("contested_at is not null")

operation: Final = Table(
    "voucher_operation",
    metadata,
    identity(),
    # The location and not its link: a shop that pairs again keeps its keys, and nobody touches another's.
    Column("location_id", String(ID_LENGTH), nullable=False),
    Column("key", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    # A keyed digest of what was asked: a plain one would give the PIN away.
    Column("body_mac", LargeBinary, nullable=True),
    Column("state", String(10), nullable=False),
    Column("voucher_id", String(ID_LENGTH), ForeignKey("voucher.id"), nullable=True, index=True),
    Column("taken", BigInteger, nullable=False, server_default="0"),
    Column("transaction_ref", String(64), nullable=False, server_default=""),
    # The answer as it went out, for whoever asks again with the same key.
    Column("status", Integer, nullable=True),
    Column("answer", LargeBinary, nullable=True),
    moment("created_at"),
    moment("closed_at", optional=True),
    # When a confirmation came although the money had been put back: a person has to look at that receipt.
    moment("contested_at", optional=True),
    UniqueConstraint("location_id", "key"),
    Index("ix_voucher_operation_state_created_at", "state", "created_at"),
    Index("ix_voucher_operation_contested", "contested_at", sqlite_where=CONTESTED, postgresql_where=CONTESTED),
    CheckConstraint("kind in ('redeem', 'load', 'unknown')", name="kind"),
    CheckConstraint(
        "state in ('interim', 'confirmed', 'put_back', 'loaded', 'reversed', 'refused', 'voided')", name="state"
    ),
    CheckConstraint("taken >= 0", name="taken"),
)

entry: Final = Table(
    "ledger_entry",
    metadata,
    identity(),
    # Found by its unique constraint with `seq`. An index of its own would look as good to a planner that knows nothing
    # of the table yet, and would read a voucher's whole history for its last entry.
    Column("voucher_id", String(ID_LENGTH), ForeignKey("voucher.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("location_id", String(ID_LENGTH), nullable=True, index=True),
    Column("station", String(64), nullable=False, server_default=""),
    Column("operator", String(64), nullable=False, server_default=""),
    Column("transaction_ref", String(64), nullable=False, server_default=""),
    # Of the action that it is the first effect of; what takes an entry back names that entry instead.
    Column("operation_id", String(ID_LENGTH), ForeignKey("voucher_operation.id"), nullable=True),
    Column("reverses", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=True, index=True),
    Column("reason", String(500), nullable=False, server_default=""),
    # "2026-11-22" in the zone of the voucher system.
    Column("business_day", String(10), nullable=False, index=True),
    moment("booked_at"),
    UniqueConstraint("voucher_id", "seq"),
    # However often a key is sent, it books once.
    UniqueConstraint("operation_id"),
    # The few that somebody booked by hand, for the page of exceptions.
    Index("ix_ledger_entry_adjusted", "booked_at", sqlite_where=ADJUSTED, postgresql_where=ADJUSTED),
    CheckConstraint("balance_after >= 0", name="balance_after"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint(
        "(kind in ('load', 'put_back', 'write_off_reversal', 'reissue_in') and amount > 0)"
        " or (kind in ('load_reversal', 'redeem', 'write_off', 'reissue_out') and amount < 0)"
        " or kind = 'adjust'",
        name="kind",
    ),
    CheckConstraint(
        "(reverses is not null) = (kind in ('load_reversal', 'put_back', 'write_off_reversal'))", name="reverses"
    ),
)

reissue: Final = Table(
    "ledger_reissue",
    metadata,
    # Which entry of one voucher took over what an entry of another gave: the same amount, in lots of the same places
    # and moments. Whatever still comes back to the old voucher goes the same way.
    Column("out_entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), primary_key=True),
    Column("in_entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=False, unique=True),
    reference("from_voucher_id", "voucher.id"),
    reference("to_voucher_id", "voucher.id"),
    CheckConstraint("from_voucher_id <> to_voucher_id", name="another"),
)

lot: Final = Table(
    "ledger_lot",
    metadata,
    identity(),
    reference("voucher_id", "voucher.id"),
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=False, index=True),
    # Whose credit it is: the location that loaded it.
    Column("location_id", String(ID_LENGTH), nullable=True),
    moment("loaded_at"),
    # The order of equal moments: the `seq` of the entry that made it.
    Column("seq", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    # What is used up is never read again to pay with, however many loads a voucher has seen.
    Index("ix_ledger_lot_open", "voucher_id", sqlite_where=UNSPENT, postgresql_where=UNSPENT),
    CheckConstraint("amount > 0 and remaining >= 0 and remaining <= amount", name="remaining"),
)

allocation: Final = Table(
    "ledger_allocation",
    metadata,
    # What an entry took from a lot: negative where it gave back.
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), primary_key=True),
    Column("lot_id", String(ID_LENGTH), ForeignKey("ledger_lot.id"), primary_key=True, index=True),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
)
