"""A location goes to another merchant: one offers it, the other accepts, and only then does it change hands.

From that moment on its link is paused until the new owner resumes it; its number, its link and its history stay, and
the dates of ownership say which part of them is whose (docs/reference/portal-services.md, section 1).
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import move_store, store
from tillbridge.portal.locations.model import Location, LocationKind, Move, MoveState
from tillbridge.portal.locations.service import Hook, LocationEvent, location_for
from tillbridge.portal.rights import Action, Area, Person


class Moves:
    """`moved` is what other features do when a location has changed hands; it is the new owner's already then."""

    def __init__(self, house: House, *, moved: Sequence[Hook] = ()) -> None:
        self._house = house
        self._moved = tuple(moved)

    async def offered_to(self, person: Person) -> tuple[Move, ...]:
        """What other merchants offer to this person's, for those who may accept it."""
        if person.tenant_id is None or not person.may(Area.LOCATIONS, Action.EDIT):
            return ()
        async with self._house.database.reading() as connection:
            return await move_store.open_for(connection, person.home)

    async def offer(self, person: Person, location_id: str, head_office: str) -> Move:
        """Offers a location to the merchant whose head office has this number.

        `BridgeError`: STEP_UP_NEEDED; FIELD_INVALID if the number is wrong, nobody else's or no head office's;
        RECORD_CONFLICT if the location is closed, a head office, has others below it, or is offered already.
        """
        house = self._house
        async with house.database.writing() as connection:
            one = await location_for(connection, person, location_id, Action.EDIT, locked=True)
            now = house.runtime.clock.now()
            person.require_step_up(now)
            await _require_movable(connection, one)
            taker = await _other_merchant(connection, one, head_office)
            if await move_store.open_of(connection, location_id) is not None:
                raise BridgeError(Code.RECORD_CONFLICT, "this location is offered already")
            move_id = house.runtime.ids.new()
            await move_store.add(connection, move_id, one.id, (one.tenant_id, taker), now, person.id)
            made = await _known(connection, move_id)
            await self._note(connection, person, LocationEvent.MOVE_OFFERED, made)
        return made

    async def withdraw(self, person: Person, location_id: str) -> None:
        """Takes the open offer of an own location back."""
        async with self._house.database.writing() as connection:
            await location_for(connection, person, location_id, Action.EDIT, locked=True)
            offer = await move_store.open_of(connection, location_id)
            if offer is None:
                raise BridgeError(Code.RECORD_CONFLICT, "this location is not offered to anybody")
            await self._end(connection, person, offer, MoveState.WITHDRAWN)
            await self._note(connection, person, LocationEvent.MOVE_WITHDRAWN, offer)

    async def decline(self, person: Person, move_id: str) -> None:
        """Refuses what another merchant offers."""
        async with self._house.database.writing() as connection:
            offer = await self._offer_to(connection, person, move_id)
            await self._end(connection, person, offer, MoveState.DECLINED)
            await self._note(connection, person, LocationEvent.MOVE_DECLINED, offer)

    async def accept(self, person: Person, move_id: str) -> Location:
        """Takes over what another merchant offers: it becomes a branch below the own head office.

        `BridgeError`: STEP_UP_NEEDED; RECORD_CONFLICT if the offer is over, or the location cannot move any more.
        """
        house = self._house
        async with house.database.writing() as connection:
            offer = await self._offer_to(connection, person, move_id)
            now = house.runtime.clock.now()
            person.require_step_up(now)
            # Both merchants' rows are locked in the order of their ids, so that two moves never wait for each other.
            for tenant_id in sorted((offer.from_tenant_id, offer.to_tenant_id)):
                await store.find_tenant(connection, tenant_id, locked=True)
            one = await store.find(connection, offer.location_id, locked=True)
            head = await store.find_head_office(connection, offer.to_tenant_id)
            if one is None or head is None or one.tenant_id != offer.from_tenant_id:
                raise BridgeError(Code.RECORD_CONFLICT, "this location is not what was offered")
            await _require_movable(connection, one)
            await self._end(connection, person, offer, MoveState.ACCEPTED)
            taken = replace(
                one,
                tenant_id=offer.to_tenant_id,
                client_number=await store.next_client_number(connection, offer.to_tenant_id),
                parent_id=head.id,
                kind=LocationKind.BRANCH,
                restricted=frozenset(),
            )
            await store.hand_up_children(connection, one)
            await store.change(connection, taken)
            await store.end_ownership(connection, one.id, now)
            await store.begin_ownership(connection, taken, now, house.runtime.ids.new())
            await self._note(connection, person, LocationEvent.MOVED, offer)
            for hook in self._moved:
                await hook(connection, one.id, person.actor)
        return taken

    async def _offer_to(self, connection: AsyncConnection, person: Person, move_id: str) -> Move:
        offer = await move_store.find(connection, move_id)
        if offer is None or offer.to_tenant_id != person.home:
            raise BridgeError(Code.RECORD_UNKNOWN)
        person.require(Area.LOCATIONS, Action.EDIT)
        return offer

    async def _end(self, connection: AsyncConnection, person: Person, offer: Move, state: MoveState) -> None:
        now = self._house.runtime.clock.now()
        if not await move_store.end(connection, offer.id, state, now, person.id):
            raise BridgeError(Code.RECORD_CONFLICT, "this offer is over")

    async def _note(self, connection: AsyncConnection, person: Person, event: LocationEvent, move: Move) -> None:
        """Both merchants find it in their logs."""
        facts = {"from": move.from_tenant, "to": move.to_tenant}
        subject = f"{move.location_number} {move.location_name}"
        entries = [
            Entry(event, tenant_id, move.location_id, subject, after=facts)
            for tenant_id in (move.from_tenant_id, move.to_tenant_id)
        ]
        await self._house.audit.note(connection, person.actor, *entries)


async def _known(connection: AsyncConnection, move_id: str) -> Move:
    made = await move_store.find(connection, move_id)
    if made is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return made


async def _require_movable(connection: AsyncConnection, one: Location) -> None:
    if not one.open:
        raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")
    if one.kind is LocationKind.HEAD_OFFICE:
        raise BridgeError(Code.RECORD_CONFLICT, "a head office stays with its merchant")
    if await store.has_open_children(connection, one.id):
        raise BridgeError(Code.RECORD_CONFLICT, "move the locations below it first")


async def _other_merchant(connection: AsyncConnection, one: Location, head_office: str) -> str:
    number = LocationNumber.parse(head_office, place="head_office")
    found = await store.find_by_number(connection, number)
    if found is None or found.tenant_id == one.tenant_id or found.kind is not LocationKind.HEAD_OFFICE:
        # One answer for all three: whose number it is, is nobody else's business.
        raise BridgeError(Code.FIELD_INVALID, "no other merchant has a head office of this number", place="head_office")
    return found.tenant_id
