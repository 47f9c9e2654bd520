"""What has been settled: closed days with their sums, statements, the papers that they froze to, and accounts.

But for the accounts nothing here changes once it is written, and a statement not once it is frozen: triggers refuse it
(migration 0016, docs/reference/voucher-settlement.md).
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

OPEN: Final = text("frozen_at is null")

settlement_day: Final = Table(
    "settlement_day",
    metadata,
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    # "2026-11-22" in the zone of the voucher system. Every day has a row, from the first that something was booked on.
    Column("day", String(10), primary_key=True),
    Column("entries", Integer, nullable=False),
    # Changes of the credit in circulation, with their signs: loads less what was reversed of them, redemptions less
    # what was put back, and whatever else.
    Column("loaded", BigInteger, nullable=False),
    Column("redeemed", BigInteger, nullable=False),
    Column("other", BigInteger, nullable=False),
    # At the end of the day: the credit in circulation, and the vouchers that it is on.
    Column("closing", BigInteger, nullable=False),
    Column("vouchers", Integer, nullable=False),
    # What of it was blocked when the day was closed; unknown of a day that was closed later than the morning after.
    Column("blocked", BigInteger, nullable=True),
    moment("made_at"),
    CheckConstraint("closing >= 0 and vouchers >= 0 and entries >= 0", name="closing"),
)

settlement_sum: Final = Table(
    "settlement_sum",
    metadata,
    Column("system_id", String(ID_LENGTH), primary_key=True),
    Column("day", String(10), primary_key=True),
    # Where it was booked (of what was put back: where it had been redeemed), and whose credit it changed; "" for what
    # belongs to no location.
    Column("place_id", String(ID_LENGTH), primary_key=True),
    Column("owner_id", String(ID_LENGTH), primary_key=True),
    Column("kind", String(20), primary_key=True),
    # The change of the owner's credit, with its sign.
    Column("amount", BigInteger, nullable=False),
    # Lots that were touched: no fewer than there are entries behind it.
    Column("parts", Integer, nullable=False),
)

settlement_month: Final = Table(
    "settlement_month",
    metadata,
    # The months whose statements are made.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    moment("made_at"),
)

settlement_statement: Final = Table(
    "settlement_statement",
    metadata,
    identity(),
    reference("system_id", "voucher_system.id"),
    reference("location_id", "location.id"),
    Column("kind", String(5), nullable=False),
    # "2026-11-22", or "2026-11" of a month.
    Column("period", String(10), nullable=False),
    Column("number", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    moment("made_at"),
    # Until then it is left to the process that has taken it up.
    moment("taken_until", optional=True),
    moment("frozen_at", optional=True),
    # What the location claims from others, and what others claim from it.
    Column("claimed", BigInteger, nullable=False, server_default="0"),
    Column("owed", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("system_id", "location_id", "kind", "period"),
    Index("ix_settlement_statement_open", "system_id", sqlite_where=OPEN, postgresql_where=OPEN),
    CheckConstraint("kind in ('day', 'month')", name="kind"),
)

settlement_paper: Final = Table(
    "settlement_paper",
    metadata,
    Column("statement_id", String(ID_LENGTH), ForeignKey("settlement_statement.id"), primary_key=True),
    Column("form", String(4), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    # In hexadecimal digits.
    Column("sha256", String(64), nullable=False),
    CheckConstraint("form in ('pdf', 'xlsx')", name="form"),
)

settlement_accounts: Final = Table(
    "settlement_accounts",
    metadata,
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    # Account numbers of the merchant's books: digits, kept as text for their zeros.
    Column("liability", String(9), nullable=False),
    Column("clearing", String(9), nullable=False),
    Column("inter_location", String(9), nullable=False),
    Column("write_off", String(9), nullable=False),
    # Of the tax adviser and of the merchant there, how many digits an account has, and the month that the books begin.
    Column("consultant", String(7), nullable=False),
    Column("client", String(5), nullable=False),
    Column("digits", Integer, nullable=False),
    Column("first_month", Integer, nullable=False),
    CheckConstraint("digits between 4 and 8 and first_month between 1 and 12", name="ranges"),
)
