"""Decides for every service whether it works at a location: the one place where that is done.

The order is fixed, and the first thing that is missing is the answer: pairing, state of the link, licence, conversion,
switch, maintenance. A service that looked for itself would tell two tills two stories.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service, ServiceState
from tillbridge.portal.licences.store import licensed_products
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.linked import LinkStates
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.maintenance.model import Component, Mode
from tillbridge.portal.services import store
from tillbridge.portal.services.model import REGISTERED, Facts, Fixer, Need, Registered, ServiceStanding

_UNPAIRED: Final = frozenset(
    {
        None,
        LinkState.NOT_PAIRED,
        LinkState.PIN_OPEN,
        LinkState.WAITING_CONFIRM,
        LinkState.REPLACED,
        LinkState.ABANDONED,
    }
)
"""No link, or none that ever was confirmed by its connector."""

_CONVERTING: Final = frozenset({LinkState.CONVERTING, LinkState.CONVERSION_FAILED})
"""The link stands, and allows nothing but the conversion."""

_Miss = tuple[ServiceState, Code, Fixer]


class Maintenance(Protocol):
    """Knows which maintenance is really on; a window that is only announced refuses nothing."""

    async def now(
        self, connection: AsyncConnection, tenant_id: str, component: Component, now: datetime
    ) -> Mode | None:
        """The maintenance of a component for this merchant at this moment."""
        ...


class Registry:
    """The services, and how they stand."""

    def __init__(
        self, links: LinkStates, maintenance: Maintenance, services: Sequence[Registered] = REGISTERED
    ) -> None:
        self._links = links
        self._maintenance = maintenance
        self._services = {one.service: one for one in services}

    async def standing(self, connection: AsyncConnection, location_id: str, now: datetime) -> list[ServiceStanding]:
        """How every service stands at a location. `BridgeError(RECORD_UNKNOWN)` if there is no such location."""
        one = await _location(connection, location_id)
        facts = await self._facts(connection, one, {each.component for each in self._services.values()}, now)
        return [decide(each, facts) for each in self._services.values()]

    async def standing_of(
        self, connection: AsyncConnection, location_id: str, service: Service, now: datetime
    ) -> ServiceStanding:
        """How one service stands at a location."""
        one, registered = await _location(connection, location_id), self._services[service]
        return decide(registered, await self._facts(connection, one, {registered.component}, now))

    def judge(self, service: Service, facts: Facts) -> ServiceStanding:
        """How a service stands, from what somebody has read already."""
        return decide(self._services[service], facts)

    async def require(self, connection: AsyncConnection, location_id: str, service: Service, now: datetime) -> None:
        """Nothing if the service is on there; else `BridgeError`: the first miss, with the service as its place."""
        (await self.standing_of(connection, location_id, service, now)).refuse(now)

    async def require_switchable(
        self, connection: AsyncConnection, location_id: str, service: Service, now: datetime
    ) -> None:
        """Nothing if the service may be switched on; else `BridgeError`: what has to be done first.

        The switch itself and a maintenance are no hindrance; a service without pairing is refused, not queued.
        """
        registered = self._services[service]
        facts = await self._facts(connection, await _location(connection, location_id), set(), now)
        miss = first_miss(registered, facts)
        if miss is not None and miss[0] is not ServiceState.OFF:
            raise BridgeError(miss[1], f"{service}: {miss[0]}", place=service.value)

    async def _facts(
        self, connection: AsyncConnection, location: Location, components: set[Component], now: datetime
    ) -> Facts:
        modes = {
            one: await self._maintenance.now(connection, location.tenant_id, one, now) for one in sorted(components)
        }
        return Facts(
            link=await self._links.state(connection, location.id),
            licences=await licensed_products(connection, location.id, now),
            customer_base=location.customer_base,
            switched_on=await store.switched_on(connection, location.id),
            modes={one: mode for one, mode in modes.items() if mode is not None},
        )


def decide(registered: Registered, facts: Facts) -> ServiceStanding:
    """How a service stands, from what is known."""
    service, switched_on = registered.service, registered.service in facts.switched_on
    miss = first_miss(registered, facts)
    if miss is not None:
        state, code, fixer = miss
        return ServiceStanding(service, state, code, fixer, registered.scopes, switched_on)
    mode = facts.modes.get(registered.component)
    if mode is not None:
        return ServiceStanding(
            service, ServiceState.MAINTENANCE, Code.MAINTENANCE, Fixer.TIME, registered.scopes, switched_on, mode
        )
    return ServiceStanding(service, ServiceState.ON, scopes=registered.scopes, switched_on=switched_on)


def first_miss(registered: Registered, facts: Facts) -> _Miss | None:
    """The first thing that is missing besides time, in the fixed order."""
    if not registered.built:
        return ServiceState.NOT_AVAILABLE, Code.SERVICE_UNAVAILABLE, Fixer.NOBODY
    needs = registered.needs
    if Need.PAIRING in needs and (link := _link_miss(facts.link)) is not None:
        return link
    if Need.LICENCE in needs and registered.product not in facts.licences:
        return ServiceState.NEEDS_LICENCE, Code.LICENCE_MISSING, Fixer.LICENCES
    converting = Need.PAIRING in needs and facts.link in _CONVERTING
    if converting or (Need.CUSTOMER_BASE_2 in needs and facts.customer_base is not CustomerBase.V2):
        return ServiceState.NEEDS_CONVERSION, Code.CONVERSION_REQUIRED, Fixer.CUSTOMERS
    if Need.SWITCH in needs and registered.service not in facts.switched_on:
        return ServiceState.OFF, Code.SWITCHED_OFF, Fixer.SWITCHES
    return None


def _link_miss(state: LinkState | None) -> _Miss | None:
    if state in _UNPAIRED:
        return ServiceState.NEEDS_PAIRING, Code.NOT_PAIRED, Fixer.PAIRING
    if state is LinkState.REVOKED:
        return ServiceState.NEEDS_PAIRING, Code.LINK_REVOKED, Fixer.PAIRING
    if state is LinkState.SUSPENDED:
        return ServiceState.SUSPENDED, Code.LINK_SUSPENDED, Fixer.PAIRING
    return None


async def _location(connection: AsyncConnection, location_id: str) -> Location:
    found = await locations.find(connection, location_id)
    if found is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return found
