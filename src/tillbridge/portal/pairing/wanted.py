"""What pairing is handed by other features of the portal, as small promises, so that it can be tried without them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing.words import GrantedService
from tillbridge.portal.links.model import Link, Recipient
from tillbridge.portal.locations.model import Location
from tillbridge.portal.rights import Person


@dataclass(frozen=True, slots=True)
class Precondition:
    """Whether the customer data let a location be paired.

    `refusal` says why not. `conversion_due`: the new link converts them before it does anything else. `functions` are
    keys of texts: what does not work any more then, and has to be accepted by somebody before a PIN is made; empty
    where there is nothing to accept or it was accepted already.
    """

    refusal: BridgeError | None = None
    conversion_due: bool = False
    functions: Sequence[str] = ()


def refusal_of(condition: Precondition) -> BridgeError | None:
    """Why a pairing may not be finished at this moment: what has to be accepted was to be so before."""
    if condition.refusal is None and condition.functions:
        return BridgeError(Code.CONVERSION_REQUIRED, place="accept")
    return condition.refusal


class Preconditions(Protocol):
    """Knows the customer data of locations."""

    async def check(self, connection: AsyncConnection, location: Location, now: datetime) -> Precondition:
        """How they stand at this moment."""
        ...

    async def accept(self, connection: AsyncConnection, location: Location, person: Person) -> None:
        """Somebody has read which functions do not work any more, and agrees."""
        ...


class NoPreconditions:
    """For a portal without customer data: every location may be paired."""

    async def check(self, connection: AsyncConnection, location: Location, now: datetime) -> Precondition:  # noqa: ARG002  # as the promise has it
        """See `Preconditions.check`."""
        return Precondition()

    async def accept(self, connection: AsyncConnection, location: Location, person: Person) -> None:
        """See `Preconditions.accept`."""


GrantedServices = Callable[[AsyncConnection, Link, datetime], Awaitable[Sequence[GrantedService]]]
"""The services of a location with their first access tokens, for the grant of a new link."""

Operators = Callable[[AsyncConnection], Awaitable[Sequence[Recipient]]]
"""Who is written to when the portal itself is in trouble: the operator's staff."""


async def no_services(connection: AsyncConnection, link: Link, now: datetime) -> Sequence[GrantedService]:  # noqa: ARG001  # as the promise has it
    """For a portal without services."""
    return ()


async def no_operators(connection: AsyncConnection) -> Sequence[Recipient]:  # noqa: ARG001  # as the promise has it
    """For a portal whose operator has nobody."""
    return ()
