"""What the sandbox keeps: a transaction, the step that changed it, a notification, a message to our own receiver."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbridge.domain.money import Currency, Money
from tillbridge.psp.hipay.sandbox.statuses import Status


class Mode(StrEnum):
    """How a transaction came into being.

    `passive`: recorded by the merchant; `active`: given to a terminal by the gateway; `sources`: our receiver's message
    met the acquirer's data; `twin`: the acquirer's data made a second one, which the switch for that asks for;
    `hosted`: an attempt of a buyer on the provider's own payment page.
    """

    PASSIVE = "passive"
    ACTIVE = "active"
    SOURCES = "sources"
    TWIN = "twin"
    HOSTED = "hosted"


class Operation(StrEnum):
    """What an order asks for."""

    AUTHORIZATION = "Authorization"
    SALE = "Sale"
    CREDIT = "Credit"


@dataclass(frozen=True, slots=True)
class Sums:
    """What was authorised, captured, refunded and credited, in minor units of the transaction's currency."""

    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    credited: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that has passed every check. `asked` is what the answers and notifications repeat of it.

    `due` is when an order that waits for its terminal expires.
    """

    order_id: str
    mode: Mode
    operation: Operation
    amount: Money
    status: Status
    sums: Sums
    mid: str
    acquirer_reference: str
    asked: Mapping[str, str]
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as it stands. `seq` counts them; `authorized_at` is None for one that never was."""

    seq: int
    reference: str
    order_id: str
    mode: Mode
    operation: Operation
    amount: Money
    status: Status
    sums: Sums
    mid: str
    acquirer_reference: str
    asked: Mapping[str, str]
    created: datetime
    updated: datetime
    authorized_at: datetime | None
    due: datetime | None

    @property
    def currency(self) -> Currency:
        """The currency of every amount here."""
        return self.amount.currency


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a transaction: its new status and sums; `kind`, `operation_id` and `minor` of what was asked for."""

    status: Status
    sums: Sums
    kind: str = ""
    operation_id: str = ""
    minor: int | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was taken, as the history shows it."""

    seq: int
    at: datetime
    status: Status
    kind: str
    operation_id: str
    minor: int | None


class Delivery(StrEnum):
    """What became of a notification."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification of one step, to be sent until the receiver has it. `fields` are those of its form, in order.

    `due` is None once nobody will try again; `said` is what came of the last attempt. `url` is where the order itself
    wants to be told of, empty for where the account is.
    """

    seq: int
    reference: str
    order_id: str
    status: Status
    made: datetime
    fields: tuple[tuple[str, str], ...]
    due: datetime | None
    attempts: int
    delivery: Delivery
    said: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What our own receiver was told. `reference` is the transaction that it became part of."""

    seq: int
    at: datetime
    receiver: str
    message_id: str
    kind: str
    order_id: str
    mid: str
    amount: Money | None
    body: str
    reference: str | None
