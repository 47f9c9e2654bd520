"""What pages and the registry of services ask about the links of locations."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.links.model import LinkState, Standing


class LinkStates(Protocol):
    """Knows where the links stand."""

    async def state(self, connection: AsyncConnection, location_id: str) -> LinkState | None:
        """The state of a location's link as people read it; None where there never was one."""
        ...

    async def states_of(self, connection: AsyncConnection, tenant_id: str) -> Mapping[str, Standing]:
        """The same, with more, for all locations of a merchant that have or had one, by location id, in one go."""
        ...


class LinkGroup(StrEnum):
    """The states as a shop owner counts them."""

    CONNECTED = "connected"
    SILENT = "silent"
    WAITING = "waiting"
    CONVERTING = "converting"
    FAILED = "failed"
    PAUSED = "paused"
    UNCONNECTED = "unconnected"


TONES: Final[Mapping[LinkGroup, str]] = {
    LinkGroup.CONNECTED: "good",
    LinkGroup.SILENT: "alert",
    LinkGroup.WAITING: "running",
    LinkGroup.CONVERTING: "running",
    LinkGroup.FAILED: "bad",
    LinkGroup.PAUSED: "alert",
    LinkGroup.UNCONNECTED: "calm",
}


def group_of(state: LinkState | None) -> LinkGroup:  # a table of all states, which must stay complete
    """The group of a state; None is a location that never had a link."""
    match state:
        case LinkState.ACTIVE:
            return LinkGroup.CONNECTED
        case LinkState.SILENT:
            return LinkGroup.SILENT
        case LinkState.PIN_OPEN | LinkState.WAITING_CONFIRM | LinkState.WAITING_FIRST_CONTACT:
            return LinkGroup.WAITING
        case LinkState.CONVERTING:
            return LinkGroup.CONVERTING
        case LinkState.CONVERSION_FAILED:
            return LinkGroup.FAILED
        case LinkState.SUSPENDED:
            return LinkGroup.PAUSED
        case None | LinkState.NOT_PAIRED | LinkState.REVOKED | LinkState.REPLACED | LinkState.ABANDONED:
            return LinkGroup.UNCONNECTED
        case _:
            assert_never(state)


async def states_of(links: LinkStates, connection: AsyncConnection, tenant_id: str) -> Mapping[str, LinkState]:
    """The states alone, by location id."""
    return {name: standing.state for name, standing in (await links.states_of(connection, tenant_id)).items()}
