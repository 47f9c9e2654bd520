"""The shop's words as values (docs/reference/voucher-shop.md). Amounts are integers of the minor unit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Currency, Money, currency
from tillbridge.portal.vouchers.systems_model import LOAD_MAX_MAJOR, LOAD_MIN_MAJOR, VoucherSystem

PAY_WITHIN: Final = timedelta(minutes=30)
"""How long an order waits for its payment."""

CART_LASTS: Final = timedelta(hours=24)
"""How long a cart is kept after it was last changed. Nothing is set aside for it."""

MOST_IN_CART: Final = 10
"""Lines of one order: whoever buys for more people writes to the merchant."""

MOST_VOUCHERS: Final = 50
"""Vouchers of one order: its PDF has a page for each."""

ASKED_FOR: Final = timedelta(hours=24)
"""How long a payment service is asked about a payment that it has not decided."""

LINK_LASTS: Final = timedelta(days=30)

RESENDS_A_DAY: Final = 5

SEND_AHEAD: Final = timedelta(days=366)
"""How far ahead a voucher can be sent: the next birthday is within it."""

MOST_PERSONS: Final = 99
MOST_UNITS: Final = 20
MOST_VALUES: Final = 12
"""Fixed values of one design: more of them nobody compares."""

LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 1_000
LONGEST_LEGAL: Final = 20_000
LONGEST_PERSON: Final = 60
LONGEST_MESSAGE: Final = 500
MOST_LINES: Final = 8
"""Lines of a message as typed: with them it still fits above the codes."""

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]", re.ASCII)

Texts = Mapping[str, str]
"""A text by language, as two letters; a language may be missing."""


class OrderState(StrEnum):
    """How an order stands."""

    CART = "cart"
    PLACED = "placed"
    PAYMENT_PENDING = "payment_pending"
    PAID = "paid"
    ISSUED = "issued"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"

    @property
    def waits(self) -> bool:
        """Whether its payment is still to come in time."""
        return self in {OrderState.PLACED, OrderState.PAYMENT_PENDING}

    @property
    def done(self) -> bool:
        """Whether its vouchers were issued, and are not all taken back."""
        return self in {OrderState.ISSUED, OrderState.DELIVERED}


class Case(StrEnum):
    """Why a person has to look at an order."""

    NONE = ""
    MISMATCH = "mismatch"
    TAKEN_BACK = "taken_back"
    DISPUTED = "disputed"
    SILENT = "silent"


class Happening(StrEnum):
    """What happens to an order."""

    PLACED = "placed"
    PAYMENT_BEGUN = "payment_begun"
    PAID = "paid"
    PAID_LATE = "paid_late"
    MISMATCH = "mismatch"
    ISSUED = "issued"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    PRODUCT_GONE = "product_gone"
    RESENT = "resent"
    SENT_TO_RECIPIENT = "sent_to_recipient"
    LINKS_REVOKED = "links_revoked"
    DISPUTED = "disputed"
    TAKEN_BACK = "taken_back"
    SILENT = "silent"
    REFUND_BEGUN = "refund_begun"
    LOAD_REVERSED = "load_reversed"
    REFUND_REFUSED = "refund_refused"
    REFUND_RETRIED = "refund_retried"
    REFUNDED = "refunded"


class RefundState(StrEnum):
    """How far a refund has come: what is refused by the payment service waits for a person."""

    BLOCKED = "blocked"
    REVERSED = "reversed"
    REFUSED = "refused"
    REFUNDED = "refunded"


class ShopEvent(StrEnum):
    """What the audit log says of shops."""

    FOUNDED = "shop.founded"
    CHANGED = "shop.changed"
    OPENED = "shop.opened"
    CLOSED = "shop.closed"
    DESIGN_MADE = "shop.design_made"
    DESIGN_CHANGED = "shop.design_changed"
    VOUCHERS_ISSUED = "shop.vouchers_issued"
    RESENT = "shop.resent"
    LINKS_REVOKED = "shop.links_revoked"
    REFUND_BEGUN = "shop.refund_begun"
    REFUND_RETRIED = "shop.refund_retried"
    REFUNDED = "shop.refunded"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with the voucher system whose vouchers it sells."""

    id: str
    system_id: str
    tenant_id: str
    slug: str
    name: str
    is_open: bool
    welcome: Texts
    terms: Texts
    withdrawal: Texts
    imprint: Texts
    attach_pdf: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """What one voucher may be worth."""

    least: int
    most: int

    def require(self, amount: int, place: str) -> None:
        """`BridgeError(SHOP_RANGE)` with both ends for a voucher that is not sold."""
        if not self.least <= amount <= self.most:
            raise BridgeError(Code.SHOP_RANGE, place=place, members={"min": self.least, "max": self.most})


def range_of(system: VoucherSystem) -> Range:
    """1.00 to 3,000.00, or less where a voucher of this system holds less."""
    scale = 10**system.unit.exponent
    most = min(LOAD_MAX_MAJOR * scale, system.load_max, system.balance_max)
    return Range(max(LOAD_MIN_MAJOR * scale, system.load_min), most)


@dataclass(frozen=True, slots=True)
class Layout:
    """One version of a design. `fixed` are its values; if there are none, buyers choose within `free`."""

    design_id: str
    version: int
    names: Texts
    texts: Texts
    picture_id: str | None
    fixed: tuple[int, ...]
    free: Range | None


@dataclass(frozen=True, slots=True)
class Design:
    """A design as it is now. `stock` None: as many as are wanted."""

    id: str
    shop_id: str
    position: int
    is_offered: bool
    stock: int | None
    layout: Layout

    @property
    def buyable(self) -> bool:
        """Whether one of it can be bought."""
        return self.is_offered and self.stock != 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer has chosen.

    `send_to` is the recipient's address, "" if the voucher goes to the buyer; `send_on` the day on which it is sent
    there, None for at once.
    """

    design_id: str
    version: int
    value: int
    persons: int
    quantity: int
    recipient: str = field(repr=False)
    message: str = field(repr=False)
    sender: str = field(repr=False)
    send_to: str = field(repr=False, default="")
    send_on: date | None = None

    @property
    def unit_amount(self) -> int:
        """What one of the vouchers is worth."""
        return self.value * self.persons

    @property
    def amount(self) -> int:
        """What there is to pay."""
        return self.unit_amount * self.quantity

    def check(self, layout: Layout, most: Range) -> None:
        """`BridgeError`: SHOP_RANGE for a value that is not sold, FIELD_INVALID names what else is wrong."""
        if not 1 <= self.persons <= MOST_PERSONS:
            raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_PERSONS} persons", place="persons")
        if not 1 <= self.quantity <= MOST_UNITS:
            raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_UNITS} vouchers", place="quantity")
        if layout.free is not None:
            layout.free.require(self.value, "value")
        elif self.value not in layout.fixed:
            raise BridgeError(Code.SHOP_RANGE, place="value", members={"min": most.least, "max": most.most})
        most.require(self.unit_amount, "value" if self.persons == 1 else "persons")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a cart or an order. `key` is that of the form which has made it."""

    number: int
    key: str = field(repr=False)
    wish: Wish


@dataclass(frozen=True, slots=True)
class Order:
    """An order; its lines stand beside it."""

    id: str
    shop_id: str
    form_key: str = field(repr=False)
    state: OrderState
    location_id: str
    currency: str
    amount: int
    email: str = field(repr=False)
    language: Language
    holds_stock: bool
    open_case: Case
    created_at: datetime
    expires_at: datetime
    issued_at: datetime | None = None

    @property
    def unit(self) -> Currency:
        """Its currency."""
        return currency(self.currency)

    @property
    def money(self) -> Money:
        """What there is to pay."""
        return Money(self.amount, self.unit)

    @property
    def number(self) -> str:
        """Its name among people: ten characters of its id."""
        return number_of(self.id)


@dataclass(frozen=True, slots=True)
class Payment:
    """What is known of an order's payment."""

    order_id: str
    service: str
    reference: str | None
    page: str
    state: str
    paid_amount: int | None
    paid_currency: str | None
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Unit:
    """A voucher that was issued. `refunded` says that it was, or is being, taken back."""

    line: int
    unit: int
    voucher_id: str
    entry_id: str
    number: str = field(repr=False)
    pin_sealed: bytes | None = field(repr=False)
    balance: int
    blocked: bool
    refunded: bool


class DispatchState(StrEnum):
    """How far a letter of an order has come: dropped is what had no voucher left that can be spent."""

    WAITING = "waiting"
    WRITTEN = "written"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A letter of an order. `line` 0: of all of it, to the buyer. `post` is how the letter stands, `fault` why not."""

    id: str
    order_id: str
    line: int
    recipient: str = field(repr=False)
    state: DispatchState
    due_at: datetime
    post: str = ""
    fault: str = ""


def number_of(order_id: str) -> str:
    """An order's name among people."""
    return f"{order_id[-10:-5]}-{order_id[-5:]}".upper()


def is_slug(text: str) -> bool:
    """Whether a shop may have this address: 3 to 40 letters, digits and hyphens."""
    return _SLUG.fullmatch(text) is not None and "--" not in text


def said(texts: Texts, language: str) -> str:
    """The text in this language, else in one that people are likeliest to read, else in any."""
    for one in (language, "en", "de", *sorted(texts)):
        if texts.get(one):
            return texts[one]
    return ""
