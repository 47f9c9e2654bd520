"""What the customer base says about pairing, in the words of `wanted.Preconditions`."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.customers.conversions import FUNCTIONS, Conversions
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pairing.wanted import Precondition
from tillbridge.portal.rights import Person


class CustomerConditions:
    """See `wanted.Preconditions`."""

    def __init__(self, conversions: Conversions) -> None:
        self._conversions = conversions

    async def check(self, connection: AsyncConnection, location: Location, now: datetime) -> Precondition:
        """How the customer data of a location stand."""
        verdict = await self._conversions.pairing_precondition(connection, location.id, now)
        return Precondition(
            refusal=None if verdict.refusal is None else BridgeError(verdict.refusal),
            conversion_due=verdict.conversion_needed,
            functions=[f"customers.function.{name}" for name in FUNCTIONS] if verdict.acceptance_needed else (),
        )

    async def accept(self, connection: AsyncConnection, location: Location, person: Person) -> None:
        """Somebody accepts what does not work with the customer base 2.0; it needs the right customers.edit."""
        await self._conversions.accept_functions(connection, location.id, person)
