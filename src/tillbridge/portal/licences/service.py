"""Allotting and withdrawing licences (docs/reference/portal-services.md, section 2).

Nothing here refuses anybody's work for want of a licence: that is decided in `services.registry` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Actor, Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.licences import store
from tillbridge.portal.licences.model import Licence, Product, Span, last_day, span_of_days
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Found, Location, Tenant, Wish
from tillbridge.portal.rights import Action, Area, Person, Reach


class LicenceEvent(StrEnum):
    """What the audit log says of licences."""

    ALLOTTED = "licence.allotted"
    WITHDRAWN = "licence.withdrawn"


@dataclass(frozen=True, slots=True)
class Matrix:
    """One page of a merchant's locations, with what each has now or will have."""

    tenant: Tenant
    found: Found
    licences: Mapping[str, tuple[Licence, ...]]


class Licences:
    """The operator's staff allots to every merchant; people of a merchant who have the right, to their own."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def allot_everything(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """Every product without end, for a new location: what a portal that its own merchants run starts with."""
        one = await locations.find(connection, location_id)
        if one is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        await self.allot_in(connection, one, tuple(Product), Span(self._house.runtime.clock.now(), None), actor)

    async def allot_in(
        self, connection: AsyncConnection, one: Location, products: tuple[Product, ...], span: Span, actor: Actor
    ) -> None:
        """Allots in the caller's transaction."""
        runtime = self._house.runtime
        now = runtime.clock.now()
        made = [Licence(runtime.ids.new(), one.id, product, span, now, None) for product in products]
        await store.add(connection, made, actor.id)
        entries = [_entry(LicenceEvent.ALLOTTED, one, licence) for licence in made]
        await self._house.audit.note(connection, actor, *entries)

    async def allot(self, person: Person, location_id: str, product: Product, first: date, last: date | None) -> None:
        """Allots from one day to another, both included, as days are at the location; without `last` for good.

        `BridgeError`: STEP_UP_NEEDED; FIELD_INVALID (place `last`) if the last day lies before the first or is over;
        RECORD_CONFLICT for a closed location.
        """
        async with self._house.database.writing() as connection:
            one = await self._for_edit(connection, person, location_id)
            if not one.open:
                raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")
            span = self._span(first, last, ZoneInfo(one.time_zone))
            await self.allot_in(connection, one, (product,), span, person.actor)

    async def withdraw(self, person: Person, location_id: str, licence_id: str, reason: str) -> None:
        """Takes an allotment back, now. `BridgeError`: STEP_UP_NEEDED; RECORD_CONFLICT if it is over already."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            one = await self._for_edit(connection, person, location_id)
            found = await store.find(connection, licence_id)
            if found is None or found.location_id != one.id:
                raise BridgeError(Code.RECORD_UNKNOWN)
            if found.over(now) or not await store.withdraw(connection, licence_id, now, person.id):
                raise BridgeError(Code.RECORD_CONFLICT, "this licence is over already")
            await self._house.audit.note(
                connection, person.actor, _entry(LicenceEvent.WITHDRAWN, one, found, reason=reason)
            )

    async def matrix(self, person: Person, tenant_id: str | None, wish: Wish) -> Matrix:
        """Who has what, for the locations that this person may read. `tenant_id` is for the operator's staff."""
        now = self._house.runtime.clock.now()
        chosen, reach = self._reach(person, tenant_id)
        async with self._house.database.reading() as connection:
            tenant = await locations.find_tenant(connection, chosen)
            if tenant is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            found = await locations.page_of(connection, chosen, reach, wish)
            licences = await store.of_locations(connection, [one.id for one in found.locations], now)
        return Matrix(tenant, found, licences)

    async def of_location(self, person: Person, location_id: str) -> tuple[Location, tuple[Licence, ...]]:
        """A location with every allotment that it ever had."""
        async with self._house.database.reading() as connection:
            one = await self._known(connection, person, location_id, Action.VIEW)
            return one, await store.of_location(connection, location_id)

    def may_edit(self, person: Person, location_id: str) -> bool:
        """Whether this person may allot and withdraw there."""
        return person.operator or person.may(Area.LICENCES, Action.EDIT, location_id)

    def require_edit(self, person: Person, location_id: str) -> None:
        """Nothing if this person may allot and withdraw there now; else `BridgeError`: the right, or STEP_UP_NEEDED."""
        if not person.operator:
            person.require(Area.LICENCES, Action.EDIT, location_id)
        person.require_step_up(self._house.runtime.clock.now())

    def _span(self, first: date, last: date | None, zone: ZoneInfo) -> Span:
        today = self._house.runtime.clock.now().astimezone(zone).date()
        if last is not None and last < first:
            raise BridgeError(Code.FIELD_INVALID, "the last day lies before the first", place="last")
        if last is not None and last < today:
            raise BridgeError(Code.FIELD_INVALID, "the last day is over already", place="last")
        return span_of_days(first, last, zone)

    def _reach(self, person: Person, tenant_id: str | None) -> tuple[str, Reach]:
        if person.operator and tenant_id is not None:
            return tenant_id, Reach(everywhere=True)
        if tenant_id is not None and tenant_id != person.tenant_id:
            raise BridgeError(Code.RECORD_UNKNOWN)
        if not person.may_somewhere(Area.LICENCES):
            person.require(Area.LICENCES, Action.VIEW)
        return person.home, person.reach(Area.LICENCES, Action.VIEW)

    async def _for_edit(self, connection: AsyncConnection, person: Person, location_id: str) -> Location:
        one = await self._known(connection, person, location_id, Action.VIEW)
        self.require_edit(person, location_id)
        return one

    async def _known(self, connection: AsyncConnection, person: Person, location_id: str, action: Action) -> Location:
        """Licences are the operator's own records of a merchant: its staff reaches them without being let in."""
        one = await locations.find(connection, location_id)
        if one is None or (not person.operator and one.tenant_id != person.home):
            raise BridgeError(Code.RECORD_UNKNOWN)
        if not person.operator:
            person.require(Area.LICENCES, action, location_id)
        return one


def _entry(event: LicenceEvent, one: Location, licence: Licence, *, reason: str = "") -> Entry:
    return Entry(
        event,
        one.tenant_id,
        one.id,
        f"{licence.product} · {one.number} {one.name}",
        after=_facts(one, licence),
        reason=reason,
    )


def _facts(one: Location, licence: Licence) -> Facts:
    zone = ZoneInfo(one.time_zone)
    last = last_day(licence.span, zone)
    return {
        "product": licence.product.value,
        "from": licence.span.start.astimezone(zone).date().isoformat(),
        "until": None if last is None else last.isoformat(),
    }
