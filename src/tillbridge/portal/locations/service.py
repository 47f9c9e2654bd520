"""Making, changing and closing locations (docs/reference/portal-services.md, section 1)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.audit.log import Actor, Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.locations import move_store, store
from tillbridge.portal.locations.model import CustomerBase, Draft, Found, Location, LocationKind, Wish
from tillbridge.portal.rights import Action, Area, Person

Hook = Callable[[AsyncConnection, str, Actor], Awaitable[None]]
"""What another feature does, in the same transaction, when something happens to the location with this id."""

LONGEST_REASON: Final = 500


class LocationEvent(StrEnum):
    """What the audit log says of locations."""

    CREATED = "location.created"
    CHANGED = "location.changed"
    CLOSED = "location.closed"
    MOVE_OFFERED = "location.move_offered"
    MOVE_WITHDRAWN = "location.move_withdrawn"
    MOVE_DECLINED = "location.move_declined"
    MOVED = "location.moved"


class Locations:
    """`opened` and `closed` are what other features do when a location begins and ends: licences, the link."""

    def __init__(self, house: House, *, opened: Sequence[Hook] = (), closed: Sequence[Hook] = ()) -> None:
        self._house = house
        self._opened = tuple(opened)
        self._closed = tuple(closed)

    async def page(self, person: Person, wish: Wish) -> Found:
        """One page of the locations that this person may read."""
        reach = person.reach(Area.LOCATIONS, Action.VIEW)
        if not person.may_somewhere(Area.LOCATIONS):
            person.require(Area.LOCATIONS, Action.VIEW)
        async with self._house.database.reading() as connection:
            return await store.page_of(connection, person.home, reach, wish)

    async def found(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        draft: Draft,
        actor: Actor,
        number: LocationNumber | None = None,
    ) -> Location:
        """The head office of a new merchant, in the caller's transaction; `number` is drawn if none is chosen.

        `BridgeError(RECORD_CONFLICT)` if the merchant has one, or the number is taken.
        """
        if await store.find_head_office(connection, tenant_id) is not None:
            raise BridgeError(Code.RECORD_CONFLICT, "this merchant has a head office")
        if number is not None and await store.find_by_number(connection, number) is not None:
            raise BridgeError(Code.RECORD_CONFLICT, "this location number is taken", place="number")
        chosen = number or await store.draw_number(connection)
        made = self._location(
            draft, tenant_id, chosen, store.HEAD_OFFICE_NUMBER, parent=None, kind=LocationKind.HEAD_OFFICE
        )
        await self._add(connection, made, actor)
        return made

    async def create(self, person: Person, parent_id: str | None, draft: Draft) -> Location:
        """A new branch or franchisee below this location, or below the head office."""
        async with self._house.database.writing() as connection:
            # The right is asked for before anything is looked up for somebody who may have none at all.
            person.require(Area.LOCATIONS, Action.EDIT, parent_id)
            await store.find_tenant(connection, person.home, locked=True)
            parent = await self._parent(connection, person, parent_id)
            return await self.create_below(connection, parent, draft, person.actor)

    async def create_below(self, connection: AsyncConnection, parent: Location, draft: Draft, actor: Actor) -> Location:
        """A new location below `parent`, in the caller's transaction, which has locked the merchant's row."""
        made = self._location(
            draft,
            parent.tenant_id,
            await store.draw_number(connection),
            await store.next_client_number(connection, parent.tenant_id),
            parent=parent,
            kind=_kind(draft),
        )
        await self._add(connection, made, actor)
        return made

    async def change(self, person: Person, location_id: str, draft: Draft) -> Location:
        """Changes what is said of a location. `BridgeError(RECORD_CONFLICT)` if it is closed."""
        async with self._house.database.writing() as connection:
            old = await location_for(connection, person, location_id, Action.EDIT, locked=True)
            _require_open(old)
            head = old.kind is LocationKind.HEAD_OFFICE
            new = replace(
                old,
                name=draft.name,
                address=draft.address,
                currency=draft.currency,
                time_zone=draft.time_zone,
                kind=old.kind if head else _kind(draft),
                restricted=frozenset() if head else frozenset(draft.restricted),
            )
            if new != old:
                await store.change(connection, new)
                before, after = _changed(old, new)
                await self._note(connection, person.actor, LocationEvent.CHANGED, new, before=before, after=after)
        return new

    async def close(self, person: Person, location_id: str, reason: str) -> None:
        """Closes a location for good: its link ends, nothing of its history does.

        `BridgeError`: STEP_UP_NEEDED; RECORD_CONFLICT if it is closed or something open hangs below it.
        """
        async with self._house.database.writing() as connection:
            old = await location_for(connection, person, location_id, Action.EDIT, locked=True)
            now = self._house.runtime.clock.now()
            person.require_step_up(now)
            _require_open(old)
            if await store.has_open_children(connection, location_id):
                raise BridgeError(Code.RECORD_CONFLICT, "close the locations below it first")
            await store.change(connection, replace(old, closed_at=now))
            await move_store.withdraw_open(connection, location_id, now, person.id)
            await self._note(connection, person.actor, LocationEvent.CLOSED, old, reason=reason)
            for hook in self._closed:
                await hook(connection, location_id, person.actor)

    def _location(  # each part of a location that does not come from the draft, by name
        self,
        draft: Draft,
        tenant_id: str,
        number: LocationNumber,
        client_number: int,
        *,
        parent: Location | None,
        kind: LocationKind,
    ) -> Location:
        return Location(
            id=self._house.runtime.ids.new(),
            tenant_id=tenant_id,
            number=number,
            client_number=client_number,
            parent_id=None if parent is None else parent.id,
            kind=kind,
            name=draft.name,
            address=draft.address,
            currency=draft.currency,
            time_zone=draft.time_zone,
            restricted=frozenset(draft.restricted) if kind is LocationKind.FRANCHISE else frozenset(),
            customer_base=CustomerBase.NONE,
            closed_at=None,
        )

    async def _add(self, connection: AsyncConnection, made: Location, actor: Actor) -> None:
        runtime = self._house.runtime
        await store.add(connection, made, runtime.clock.now(), runtime.ids.new())
        await self._note(connection, actor, LocationEvent.CREATED, made, after=_facts(made))
        for hook in self._opened:
            await hook(connection, made.id, actor)

    async def _parent(self, connection: AsyncConnection, person: Person, parent_id: str | None) -> Location:
        if parent_id is None:
            parent = await store.find_head_office(connection, person.home)
        else:
            parent = await location_for(connection, person, parent_id, Action.EDIT, locked=True)
        if parent is None:
            raise BridgeError(Code.RECORD_CONFLICT, "this merchant has no head office")
        _require_open(parent)
        return parent

    async def _note(  # the parts of an entry, by name
        self,
        connection: AsyncConnection,
        actor: Actor,
        event: LocationEvent,
        one: Location,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
        reason: str = "",
    ) -> None:
        entry = Entry(
            event, one.tenant_id, one.id, f"{one.number} {one.name}", before or {}, after or {}, reason[:LONGEST_REASON]
        )
        await self._house.audit.note(connection, actor, entry)


async def location_for(
    connection: AsyncConnection,
    person: Person,
    location_id: str,
    action: Action,
    area: Area = Area.LOCATIONS,
    *,
    locked: bool = False,
) -> Location:
    """The location with this id, if this person may do that there.

    `BridgeError(RECORD_UNKNOWN)` for one of another merchant, or one that this person may not even see; RIGHT_MISSING
    for one that may be seen but not this.
    """
    found = await store.find(connection, location_id, locked=locked)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    person.require(area, action, location_id)
    return found


def _require_open(one: Location) -> None:
    if not one.open:
        raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")


def _kind(draft: Draft) -> LocationKind:
    return LocationKind.FRANCHISE if draft.independent else LocationKind.BRANCH


def _facts(one: Location) -> Facts:
    return {
        "name": one.name,
        "number": one.number.digits,
        "client_number": one.client_number,
        "kind": one.kind.value,
        "street": one.address.street,
        "postal_code": one.address.postal_code,
        "city": one.address.city,
        "country": one.address.country,
        "currency": one.currency,
        "time_zone": one.time_zone,
        "restricted": sorted(one.restricted),
    }


def _changed(old: Location, new: Location) -> tuple[Facts, Facts]:
    before, after = _facts(old), _facts(new)
    names = [name for name in after if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
