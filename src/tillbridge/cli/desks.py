"""The connector as the commands see it: a running one, asked over HTTP, or an engine in this very process."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tillbridge.connector.api.bodies import PaymentBody, ResolveBody
from tillbridge.connector.api.resources import EventResource, PaymentResource
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.protocols.contract import AbortReply


@dataclass(frozen=True, slots=True)
class Order:
    """A payment to be taken, and the key under which it is the same payment for ever."""

    body: PaymentBody
    key: str


class Unreachable(Exception):
    """The connector went away while it had the payment: nobody here knows what became of it."""


class Desk(Protocol):
    """What the commands ask for. Refusals are `BridgeError`s."""

    def pay(self, order: Order) -> AsyncIterator[PaymentResource]:
        """The payment as it changes, until it no longer runs. Raises `Unreachable` once nobody can say more."""
        ...

    async def evidence(self, payment_id: str, patience: float) -> PaymentResource:
        """A payment in doubt once it is settled, or as it stands after `patience` seconds."""
        ...

    async def first_terminal(self) -> str | None:
        """The terminal that the settings name first, None if they name none."""
        ...

    async def abort(self, payment_id: str) -> AbortReply:
        """Asks for a running payment to be stopped."""
        ...

    async def payments(self, before: str | None, limit: int, where: Filter = NOTHING) -> Sequence[PaymentResource]:
        """One page of those that the filter lets through, newest first."""
        ...

    async def payment(self, payment_id: str) -> PaymentResource:
        """One payment."""
        ...

    async def events(self, payment_id: str) -> Sequence[EventResource]:
        """Its timeline."""
        ...

    async def resolve(self, payment_id: str, body: ResolveBody) -> PaymentResource:
        """Settles a payment in doubt."""
        ...
