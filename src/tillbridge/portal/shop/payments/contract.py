"""What the shop asks of a payment service. Neither a buyer's return nor a notification is ever believed: only `status`.

docs/reference/voucher-shop.md, section on payment. A service is found by its entry point in `tillbridge.payments`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tillbridge.domain.money import Money


class PaymentState(StrEnum):
    """How a payment stands at the service."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    """The buyer's bank has taken the money back, or wants to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment that is wanted. `key` is the same for every repeat of the same wish; `order_id` is shown to people.

    `language` is that of the page on which the buyer pays, as two letters.
    """

    key: str
    order_id: str
    amount: Money
    description: str
    return_url: str
    notify_url: str
    email: str = field(repr=False)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Begun:
    """`reference` is the service's name for it, `page` the address at which the buyer pays."""

    reference: str
    page: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the service says of a payment. `amount` is what was really paid, `refunded` what went back of it."""

    reference: str
    state: PaymentState
    amount: Money | None = None
    refunded: Money | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the service can do."""

    name: str
    currencies: frozenset[str]
    refunds: bool
    partial_refunds: bool


class PaymentService(Protocol):
    """One account at one service.

    Every method raises `BridgeError`: PAYMENT_SERVICE_AWAY where it could not be asked (what became of it is unknown),
    PAYMENT_SERVICE_REFUSED where it said no.
    """

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        ...

    async def create(self, asked: Asked) -> Begun:
        """Begins a payment. The same key never begins a second one."""
        ...

    async def status(self, reference: str) -> Standing:
        """How a payment stands, asked of the service itself."""
        ...

    def reference_of(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Which payment a notification is about, if its signature holds; None for one that is not the service's.

        It says that it is time to ask, and nothing else. Headers by their names in lower case.
        """
        ...

    async def refund(self, reference: str, amount: Money, key: str) -> Standing:
        """Gives money back. The same key never does it twice."""
        ...
