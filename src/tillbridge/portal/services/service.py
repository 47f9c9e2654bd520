"""Looking at services and switching them (docs/reference/portal-services.md, section 3)."""

from collections.abc import Sequence
from enum import StrEnum

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Found, Location, Wish
from tillbridge.portal.locations.service import location_for
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.services import store
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.services.registry import Registry


class SwitchEvent(StrEnum):
    """What the audit log says of switches."""

    SWITCHED_ON = "service.switched_on"
    SWITCHED_OFF = "service.switched_off"


class Switches:
    """What people see and do on the pages of services."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry

    async def page(self, person: Person, wish: Wish) -> Found:
        """One page of the locations whose services this person may see."""
        if not person.may_somewhere(Area.SERVICES):
            person.require(Area.SERVICES, Action.VIEW)
        async with self._house.database.reading() as connection:
            return await locations.page_of(connection, person.home, person.reach(Area.SERVICES, Action.VIEW), wish)

    async def at(self, person: Person, location_id: str) -> tuple[Location, Sequence[ServiceStanding]]:
        """How every service stands at a location."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            one = await location_for(connection, person, location_id, Action.VIEW, Area.SERVICES)
            return one, await self._registry.standing(connection, location_id, now)

    async def switch(self, person: Person, location_id: str, service: Service, *, on: bool) -> None:
        """Switches a service on or off. `BridgeError`: what has to be done first, before it can be switched on."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            one = await location_for(connection, person, location_id, Action.EDIT, Area.SERVICES, locked=True)
            if on and not one.open:
                raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")
            if (service in await store.switched_on(connection, location_id)) == on:
                return
            if on:
                await self._registry.require_switchable(connection, location_id, service, now)
            await store.switch(connection, location_id, service, on=on, at=now, by=person.id)
            event = SwitchEvent.SWITCHED_ON if on else SwitchEvent.SWITCHED_OFF
            subject = f"{service} · {one.number} {one.name}"
            await self._house.audit.note(
                connection,
                person.actor,
                Entry(event, one.tenant_id, one.id, subject, before={"on": not on}, after={"on": on}),
            )
