"""The voucher shop: what is offered, what was ordered, and what was paid and issued for it."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from tillbridge.portal.storage.columns import ID_LENGTH, Document, identity, metadata, moment, reference

OPEN_CASE: Final = text("open_case <> ''")
ASKED: Final = text("next_ask_at is not null")
RUNNING: Final = text("state <> 'refunded'")
WAITING: Final = text("state = 'waiting'")

shop: Final = Table(
    "shop",
    metadata,
    identity(),
    # One shop for one voucher system.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), nullable=False, unique=True),
    Column("slug", String(40), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("is_open", Boolean, nullable=False, server_default="0"),
    # Texts by language.
    Column("welcome", Document, nullable=False),
    Column("terms", Document, nullable=False),
    Column("withdrawal", Document, nullable=False),
    Column("imprint", Document, nullable=False),
    # Whether letters carry the vouchers as PDF, beside the link.
    Column("attach_pdf", Boolean, nullable=False, server_default="1"),
    moment("created_at"),
)

picture: Final = Table(
    "shop_picture",
    metadata,
    # Never changed, so that a voucher which was issued keeps its looks, and browsers may keep it.
    identity(),
    reference("shop_id", "shop.id"),
    Column("media_type", String(20), nullable=False),
    Column("content", LargeBinary, nullable=False),
    CheckConstraint("media_type in ('image/png', 'image/jpeg')", name="media_type"),
)

design: Final = Table(
    "shop_design",
    metadata,
    identity(),
    reference("shop_id", "shop.id"),
    Column("position", Integer, nullable=False),
    Column("is_offered", Boolean, nullable=False),
    # The newest of its versions.
    Column("version", Integer, nullable=False),
    # How many are left of a limited one; null: as many as are wanted.
    Column("stock", Integer, nullable=True),
    CheckConstraint("stock is null or stock >= 0", name="stock"),
)

design_version: Final = Table(
    "shop_design_version",
    metadata,
    # Appended: what was sold is drawn again as it was sold.
    Column("design_id", String(ID_LENGTH), ForeignKey("shop_design.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("names", Document, nullable=False),
    Column("texts", Document, nullable=False),
    reference("picture_id", "shop_picture.id", optional=True),
    # Fixed values in minor units, or a range within which buyers choose.
    Column("fixed", Document, nullable=False),
    Column("free_min", BigInteger, nullable=True),
    Column("free_max", BigInteger, nullable=True),
    moment("made_at"),
    Column("made_by", String(200), nullable=False),
    CheckConstraint("(free_min is null) = (free_max is null)", name="free"),
    CheckConstraint("free_min is null or (0 < free_min and free_min <= free_max)", name="free_range"),
)

order: Final = Table(
    "shop_order",
    metadata,
    identity(),
    reference("shop_id", "shop.id"),
    # What stands signed in the forms of its page.
    Column("form_key", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    # Whose sale it is.
    reference("location_id", "location.id"),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("email", String(254), nullable=False),
    Column("language", String(2), nullable=False),
    # Whether the limited designs in it are set aside for it.
    Column("holds_stock", Boolean, nullable=False, server_default="0"),
    # What a person has to look at: another amount was paid, money went back elsewhere, a payment is disputed.
    Column("open_case", String(16), nullable=False, server_default=""),
    moment("created_at"),
    moment("expires_at"),
    moment("issued_at", optional=True),
    UniqueConstraint("shop_id", "form_key"),
    Index("ix_shop_order_state_expires_at", "state", "expires_at"),
    Index("ix_shop_order_shop_id_issued_at", "shop_id", "issued_at"),
    Index("ix_shop_order_open_case", "shop_id", sqlite_where=OPEN_CASE, postgresql_where=OPEN_CASE),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint(
        "state in ('cart', 'placed', 'payment_pending', 'paid', 'issued',"
        " 'delivered', 'failed', 'expired', 'refunded')",
        name="state",
    ),
    CheckConstraint("open_case in ('', 'mismatch', 'taken_back', 'disputed', 'silent')", name="open_case"),
)

line: Final = Table(
    "shop_line",
    metadata,
    Column("order_id", String(ID_LENGTH), ForeignKey("shop_order.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    # What the form was given in which it was chosen: however often that is sent, it makes one line of one order.
    Column("form_key", String(64), nullable=False, server_default=""),
    Column("design_id", String(ID_LENGTH), nullable=False),
    Column("version", Integer, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("persons", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    # Of one voucher: the value for each person.
    Column("unit_amount", BigInteger, nullable=False),
    Column("recipient", String(100), nullable=False, server_default=""),
    Column("message", String(600), nullable=False, server_default=""),
    Column("sender", String(100), nullable=False, server_default=""),
    # To whom the letter of this line goes, and on which day (ISO 8601) of the voucher system's time zone; "": at once.
    Column("send_to", String(254), nullable=False, server_default=""),
    Column("send_on", String(10), nullable=False, server_default=""),
    ForeignKeyConstraint(["design_id", "version"], ["shop_design_version.design_id", "shop_design_version.version"]),
    Index("ix_shop_line_design_id_version", "design_id", "version"),
    Index("uq_shop_line_form_key", "form_key", unique=True),
    CheckConstraint("unit_amount = value * persons and value > 0", name="unit_amount"),
    CheckConstraint("persons between 1 and 99", name="persons"),
    CheckConstraint("quantity between 1 and 20", name="quantity"),
)

unit: Final = Table(
    "shop_unit",
    metadata,
    # A voucher that was issued: the key is what makes that happen once.
    Column("order_id", String(ID_LENGTH), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("unit", Integer, primary_key=True),
    Column("voucher_id", String(ID_LENGTH), ForeignKey("voucher.id"), nullable=False, unique=True),
    # The load that put the money on it.
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=False, unique=True),
    ForeignKeyConstraint(["order_id", "line"], ["shop_line.order_id", "shop_line.line"]),
)

event: Final = Table(
    "shop_event",
    metadata,
    # What happened to an order, appended.
    identity(),
    reference("order_id", "shop_order.id"),
    Column("kind", String(24), nullable=False),
    Column("actor", String(200), nullable=False, server_default=""),
    Column("facts", Document, nullable=False),
    moment("at"),
)

link: Final = Table(
    "shop_link",
    metadata,
    # A link to an order's page, kept as its hash.
    Column("order_id", String(ID_LENGTH), ForeignKey("shop_order.id"), primary_key=True),
    Column("serial", Integer, primary_key=True),
    # The line whose vouchers alone it shows; 0: the whole order.
    Column("line", Integer, nullable=False, server_default="0"),
    Column("secret_hash", String(64), nullable=False, unique=True),
    moment("ends_at"),
    moment("revoked_at", optional=True),
)

dispatch: Final = Table(
    "shop_dispatch",
    metadata,
    # A letter that is to be written, or was: for a line to its recipient, or for the whole order (line 0) to the buyer.
    identity(),
    reference("order_id", "shop_order.id"),
    Column("line", Integer, nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("state", String(10), nullable=False),
    moment("due_at"),
    # When the next process may write it: later than it is due while one is at it.
    moment("next_at"),
    reference("letter_id", "letter.id", optional=True),
    Index("ix_shop_dispatch_next_at", "next_at", sqlite_where=WAITING, postgresql_where=WAITING),
    CheckConstraint("state in ('waiting', 'written', 'dropped')", name="state"),
)

payment: Final = Table(
    "shop_payment",
    metadata,
    Column("order_id", String(ID_LENGTH), ForeignKey("shop_order.id"), primary_key=True),
    Column("service", String(32), nullable=False),
    # The service's own name for it and the page to pay at; null until it has answered.
    Column("reference", String(200), nullable=True),
    Column("page", String(2000), nullable=False, server_default=""),
    # What the service said last.
    Column("state", String(16), nullable=False),
    Column("paid_amount", BigInteger, nullable=True),
    Column("paid_currency", String(3), nullable=True),
    moment("begun_at"),
    moment("next_ask_at", optional=True),
    UniqueConstraint("service", "reference"),
    Index("ix_shop_payment_next_ask_at", "next_ask_at", sqlite_where=ASKED, postgresql_where=ASKED),
    CheckConstraint(
        "state in ('pending', 'paid', 'failed', 'cancelled', 'refunded', 'disputed')",
        name="state",
    ),
)

refund: Final = Table(
    "shop_refund",
    metadata,
    # Its id is the key under which the payment service is asked.
    identity(),
    reference("order_id", "shop_order.id"),
    Column("state", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("asked_by", String(200), nullable=False),
    moment("asked_at"),
    moment("next_at", optional=True),
    Index("ix_shop_refund_next_at", "next_at", sqlite_where=RUNNING, postgresql_where=RUNNING),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("state in ('blocked', 'reversed', 'refused', 'refunded')", name="state"),
)

refund_unit: Final = Table(
    "shop_refund_unit",
    metadata,
    # A voucher that is taken back: by its key never twice. `entry_id` is what took the load back.
    Column("order_id", String(ID_LENGTH), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("unit", Integer, primary_key=True),
    reference("refund_id", "shop_refund.id"),
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entry.id"), nullable=True, unique=True),
    ForeignKeyConstraint(["order_id", "line", "unit"], ["shop_unit.order_id", "shop_unit.line", "shop_unit.unit"]),
)

view: Final = Table(
    "shop_view",
    metadata,
    # How often the window was looked at on a day (ISO 8601) of the voucher system's time zone; by whom is not known.
    Column("shop_id", String(ID_LENGTH), ForeignKey("shop.id"), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("views", Integer, nullable=False),
)

test_payment: Final = Table(
    "shop_test_payment",
    metadata,
    # What the test payment service knows. No money moves in it.
    Column("reference", String(64), primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("description", String(200), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("return_url", String(500), nullable=False),
    Column("state", String(16), nullable=False),
    Column("paid_amount", BigInteger, nullable=True),
    Column("paid_currency", String(3), nullable=True),
    moment("begun_at"),
)

test_refund: Final = Table(
    "shop_test_refund",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("reference", String(64), ForeignKey("shop_test_payment.reference"), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
)
