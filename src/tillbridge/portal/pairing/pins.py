"""The life of a PIN: made, withdrawn, replaced, expired, burned (docs/reference/pairing-protocol.md, section 12)."""

import base64
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import PORTAL, Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.links.model import IN_USE
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location, Tenant
from tillbridge.portal.pairing import pins_store, sessions_store
from tillbridge.portal.pairing.letters import tell_burned
from tillbridge.portal.pairing.model import (
    ENDED_BY,
    PIN_LASTS,
    Creator,
    MadePin,
    PairingEvent,
    Pin,
    PinState,
    SealedPin,
)
from tillbridge.portal.pairing.places import place_of
from tillbridge.portal.pairing.wanted import Preconditions
from tillbridge.portal.rights import Action, Person

_CONTEXT: Final = "pin"


class Pins:
    """The PINs of one portal."""

    def __init__(self, house: House, links: Links, preconditions: Preconditions) -> None:
        self._house = house
        self._links = links
        self._preconditions = preconditions

    async def make(self, person: Person, location_id: str, *, replace: bool, accept: bool) -> MadePin:
        """A new PIN, whose digits are known now and never again. An open one of the location is over with it.

        `replace` says that an existing link is to be replaced, `accept` that the functions which will not work with
        the new customer base were read and agreed to. `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING, STEP_UP_NEEDED,
        RECORD_CONFLICT for a closed location, LINK_EXISTS, or why the customer data do not allow it.
        """
        async with self._house.database.writing() as connection:
            place = await place_of(connection, person, location_id, Action.EDIT)
            person.require_step_up(self._house.runtime.clock.now())
            await pins_store.lock_location(connection, location_id)
            await self._check(connection, place, person, replace=replace, accept=accept)
            await self._end_open(connection, place, PinState.REPLACED, person.actor)
            return await self._add(connection, place, person, replace=replace)

    async def withdraw(self, person: Person, location_id: str) -> None:
        """Ends the open PIN. `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING, RECORD_CONFLICT if none is open."""
        async with self._house.database.writing() as connection:
            place = await place_of(connection, person, location_id, Action.EDIT)
            await pins_store.lock_location(connection, location_id)
            if await self._end_open(connection, place, PinState.WITHDRAWN, person.actor) is None:
                raise BridgeError(Code.RECORD_CONFLICT, "no PIN is open here")

    async def location_closed(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """A closed location, or one that goes to another merchant, takes no pairing. The caller has locked it."""
        place = await locations.find(connection, location_id)
        if place is not None:
            await self._end_open(connection, place, PinState.WITHDRAWN, actor)

    async def sweep(self) -> None:
        """Ends what ran out: nothing depends on how soon, since each finish looks at the clock itself."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            for pin in await pins_store.end_expired(connection, now):
                await self.note_end(connection, pin, PORTAL)
            for pin in await pins_store.end_stuck(connection, now):
                await self.note_end(connection, pin, PORTAL)

    async def burn(self, connection: AsyncConnection, pin_id: str, actor: Actor) -> None:
        """Ends a PIN that was tried too often; whoever made it is told."""
        burned = await pins_store.end(connection, pin_id, PinState.BURNED, self._house.runtime.clock.now())
        if burned is not None:
            await self.note_end(connection, burned, actor)

    async def use(self, connection: AsyncConnection, pin_id: str, actor: Actor) -> None:
        """Ends a PIN with the right finish."""
        used = await pins_store.end(connection, pin_id, PinState.USED, self._house.runtime.clock.now())
        if used is not None:
            await self.note_end(connection, used, actor)

    async def note_end(self, connection: AsyncConnection, pin: Pin, actor: Actor) -> None:
        """The audit entry of an end, and the letter about it."""
        await self._note(connection, ENDED_BY[pin.state], pin, actor)
        if pin.state is PinState.BURNED:
            place = await locations.find(connection, pin.location_id)
            if place is not None:
                await tell_burned(self._house, connection, pin, place)

    def open(self, sealed: SealedPin) -> str:
        """The digits of an open PIN."""
        return self._house.vault.unseal(base64.b64decode(sealed.sealed), f"{_CONTEXT}/{sealed.pin.id}").decode()

    def drawn(self, digits: int) -> str:
        """So many digits, each number as likely as the others."""
        return f"{self._house.runtime.chance.randrange(10**digits):0{digits}d}"

    async def _check(
        self, connection: AsyncConnection, place: Location, person: Person, *, replace: bool, accept: bool
    ) -> None:
        if not place.open:
            raise BridgeError(Code.RECORD_CONFLICT, "the location is closed")
        link = await self._links.link_of(connection, place.id)
        if not replace and link is not None and link.state in IN_USE:
            raise BridgeError(Code.LINK_EXISTS, place="replace")
        condition = await self._preconditions.check(connection, place, self._house.runtime.clock.now())
        if condition.refusal is not None:
            raise condition.refusal
        if condition.functions:
            if not accept:
                raise BridgeError(Code.CONVERSION_REQUIRED, "the list of functions was not accepted", place="accept")
            await self._preconditions.accept(connection, place, person)

    async def _end_open(
        self, connection: AsyncConnection, place: Location, state: PinState, actor: Actor
    ) -> Pin | None:
        """Ends the open PIN of a location and, with it, every exchange of the location that has not won yet."""
        ended = await pins_store.end_open(connection, place.id, state, self._house.runtime.clock.now())
        if ended is not None:
            await self._note(connection, ENDED_BY[state], ended, actor)
        await sessions_store.forget_state(connection, place.id)
        for waiting in await sessions_store.waiting_of_location(connection, place.id):
            await sessions_store.refuse(connection, waiting.id, BridgeError(Code.PAIRING_DENIED))
            entry = Entry(PairingEvent.DENIED, place.tenant_id, place.id, waiting.connector_name, reason=f"PIN {state}")
            await self._house.audit.note(connection, actor, entry)
        return ended

    async def _add(self, connection: AsyncConnection, place: Location, person: Person, *, replace: bool) -> MadePin:
        tenant = await locations.find_tenant(connection, place.tenant_id)
        digits, now = self.drawn(_digits(tenant)), self._house.runtime.clock.now()
        pin = Pin(
            id=self._house.runtime.ids.new(),
            tenant_id=place.tenant_id,
            location_id=place.id,
            state=PinState.OPEN,
            tries=0,
            wrong=0,
            replaces=replace,
            created_at=now,
            expires_at=now + PIN_LASTS,
            ended_at=None,
            creator=Creator(person.id, person.name, person.email, person.language),
        )
        sealed = self._house.vault.seal(digits.encode(), f"{_CONTEXT}/{pin.id}")
        await pins_store.add(connection, pin, base64.b64encode(sealed).decode())
        await self._note(connection, PairingEvent.PIN_MADE, pin, person.actor)
        return MadePin(pin, digits)

    async def _note(self, connection: AsyncConnection, event: PairingEvent, pin: Pin, actor: Actor) -> None:
        after = {"state": pin.state.value, "tries": pin.wrong, "expires_at": pin.expires_at.isoformat()}
        await self._house.audit.note(
            connection, actor, Entry(event, pin.tenant_id, pin.location_id, pin.id, after=after)
        )


def _digits(tenant: Tenant | None) -> int:
    if tenant is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return tenant.pin_digits
