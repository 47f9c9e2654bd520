"""Link states that a test chooses, for pages and decisions that only read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.links.model import LinkState, Standing


@dataclass(slots=True)
class GivenLinks:
    """Knows the links that it was told of, by location id."""

    known: dict[str, LinkState] = field(default_factory=dict)

    async def state(self, connection: AsyncConnection, location_id: str) -> LinkState | None:  # noqa: ARG002  # as the protocol has it
        return self.known.get(location_id)

    async def states_of(self, connection: AsyncConnection, tenant_id: str) -> Mapping[str, Standing]:  # noqa: ARG002  # as the protocol has it
        return {location_id: Standing(state) for location_id, state in self.known.items()}
