"""Making and changing voucher systems, and who takes part in them (docs/reference/vouchers.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import available_timezones

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import currency
from tillbridge.portal.audit.log import Actor, Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.licences import store as licences
from tillbridge.portal.licences.model import Product
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location
from tillbridge.portal.locations.service import location_for
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import access, systems_store
from tillbridge.portal.vouchers.systems_model import (
    CODES_A_MONTH,
    LONGEST_NAME,
    Candidate,
    Circulation,
    Draft,
    Hindrance,
    Limits,
    Participant,
    VoucherSystem,
)


class SystemEvent(StrEnum):
    """What the audit log says of voucher systems."""

    CREATED = "voucher_system.created"
    CHANGED = "voucher_system.changed"
    JOINED = "voucher_system.location_joined"
    LEFT = "voucher_system.location_left"
    CROSS_COUNTRY_ON = "voucher_system.cross_country_on"
    CROSS_COUNTRY_OFF = "voucher_system.cross_country_off"


@dataclass(frozen=True, slots=True)
class Listed:
    """A system as the overview shows it; `participants` counts locations."""

    system: VoucherSystem
    circulation: Circulation
    participants: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A system with all that its page shows."""

    system: VoucherSystem
    circulation: Circulation
    participants: tuple[Participant, ...]


class Systems:
    """The voucher systems of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def all(self, person: Person) -> tuple[Listed, ...]:
        """The systems that this person may see."""
        access.require_looking(person)
        async with self._house.database.reading() as connection:
            found = await systems_store.of_tenant(connection, person.home)
            members = await systems_store.taking_part(connection, person.home)
            seen = [one for one in found if access.sees(person, members.get(one.id, frozenset()))]
            circulation = await systems_store.circulation(connection, [one.id for one in seen])
        return tuple(Listed(one, circulation[one.id], len(members.get(one.id, ()))) for one in seen)

    async def seen(self, person: Person, system_id: str) -> Seen:
        """One system."""
        async with self._house.database.reading() as connection:
            one = await access.system_for(connection, person, system_id)
            circulation = await systems_store.circulation(connection, [one.id])
            return Seen(one, circulation[one.id], await systems_store.participants(connection, one.id))

    async def create(self, person: Person, draft: Draft) -> VoucherSystem:
        """A new system, in which nobody takes part yet. `BridgeError(FIELD_INVALID)` names what is wrong."""
        person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        async with self._house.database.writing() as connection:
            return await self.found(connection, person.home, draft, person.actor)

    async def found(self, connection: AsyncConnection, tenant_id: str, draft: Draft, actor: Actor) -> VoucherSystem:
        """The same in the caller's transaction."""
        unit = currency(draft.currency)
        draft.limits.check()
        if draft.time_zone not in available_timezones():
            raise BridgeError(Code.FIELD_INVALID, "there is no such time zone", place="time_zone")
        runtime = self._house.runtime
        made = VoucherSystem(
            id=runtime.ids.new(),
            tenant_id=tenant_id,
            name=_name(draft.name),
            currency=unit.code,
            time_zone=draft.time_zone,
            cross_country=False,
            load_min=draft.limits.load_min,
            load_max=draft.limits.load_max,
            balance_max=draft.limits.balance_max,
            codes_a_month=CODES_A_MONTH,
        )
        await systems_store.add(connection, made, runtime.clock.now())
        after = {**_facts(made), "currency": made.currency, "time_zone": made.time_zone}
        await self._note(connection, actor, SystemEvent.CREATED, made, after=after)
        return made

    async def change(self, person: Person, system_id: str, name: str, limits: Limits) -> VoucherSystem:
        """Changes its name and its limits; what is on vouchers already stays, also above a new limit."""
        limits.check()
        async with self._house.database.writing() as connection:
            old = await self._for_edit(connection, person, system_id)
            new = replace(
                old,
                name=_name(name),
                load_min=limits.load_min,
                load_max=limits.load_max,
                balance_max=limits.balance_max,
            )
            if new != old:
                await systems_store.change(connection, new)
                before, after = _facts(old), _facts(new)
                names = [one for one in after if before[one] != after[one]]
                await self._note(
                    connection,
                    person.actor,
                    SystemEvent.CHANGED,
                    new,
                    before={one: before[one] for one in names},
                    after={one: after[one] for one in names},
                )
        return new

    async def candidates(self, person: Person, system_id: str) -> Sequence[Candidate]:
        """The merchant's open locations that do not take part, each with what hinders it."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            one = await access.system_for(connection, person, system_id)
            places = await systems_store.open_locations(connection, one.tenant_id)
            members = await systems_store.taking_part(connection, one.tenant_id)
            licensed = await licences.of_locations(connection, [place.id for place in places], now)
        taken = frozenset[str]().union(*members.values())
        able = {
            location_id
            for location_id, held in licensed.items()
            if any(each.product is Product.WEB_VOUCHERS and each.span.holds(now) for each in held)
        }
        return [
            Candidate(place.id, place.name, _hindrance(one, place, taken, able))
            for place in places
            if place.id not in members.get(one.id, ())
        ]

    async def join(self, person: Person, system_id: str, location_id: str) -> None:
        """Lets a location take part.

        `BridgeError`: VOUCHER_CURRENCY for a location with another currency; LICENCE_MISSING; RECORD_CONFLICT if it is
        closed or takes part in a system already.
        """
        async with self._house.database.writing() as connection:
            one = await self._for_edit(connection, person, system_id)
            place = await location_for(connection, person, location_id, Action.EDIT, Area.VOUCHER_SETTINGS, locked=True)
            await self.let_join(connection, one, place, person.actor)

    async def let_join(self, connection: AsyncConnection, one: VoucherSystem, place: Location, actor: Actor) -> None:
        """The same in the caller's transaction."""
        now = self._house.runtime.clock.now()
        if not place.open:
            raise BridgeError(Code.RECORD_CONFLICT, "this location is closed")
        if place.currency != one.currency:
            said = f"the vouchers are in {one.currency} and this location takes {place.currency}"
            raise BridgeError(Code.VOUCHER_CURRENCY, said, place="location")
        if not await licences.licensed(connection, place.id, Product.WEB_VOUCHERS, now):
            raise BridgeError(Code.LICENCE_MISSING, place="location")
        await systems_store.join(connection, one.id, place.id, now)
        await self._note(connection, actor, SystemEvent.JOINED, one, place=place)

    async def leave(self, person: Person, system_id: str, location_id: str) -> None:
        """Lets a location take part no more: it neither loads nor redeems; what was booked there stays."""
        async with self._house.database.writing() as connection:
            one = await self._for_edit(connection, person, system_id)
            place = await location_for(connection, person, location_id, Action.EDIT, Area.VOUCHER_SETTINGS)
            if not await systems_store.leave(connection, one.id, place.id):
                raise BridgeError(Code.RECORD_CONFLICT, "this location does not take part")
            await self._note(connection, person.actor, SystemEvent.LEFT, one, place=place)

    async def location_gone(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """What happens when a location closes or changes hands: it takes part no more."""
        place, system_id = (
            await locations.find(connection, location_id),
            await systems_store.leave_all(connection, location_id),
        )
        one = None if system_id is None else await systems_store.find(connection, system_id)
        if place is not None and one is not None:
            await self._note(connection, actor, SystemEvent.LEFT, one, place=place)

    async def cross_country(self, person: Person, system_id: str, *, on: bool, accepted: bool = False) -> None:
        """Lets vouchers of one country be used in another, or no more. Balances stay as they are.

        `BridgeError`: FIELD_INVALID (place `accepted`) unless the notice was accepted; VOUCHER_CURRENCY if a location
        takes part whose currency has become another one since it joined.
        """
        async with self._house.database.writing() as connection:
            old = await self._for_edit(connection, person, system_id)
            if on and not accepted:
                raise BridgeError(Code.FIELD_INVALID, "the notice has to be accepted", place="accepted")
            if old.cross_country == on:
                return
            if on:
                _require_one_currency(old, await systems_store.participants(connection, old.id))
            await systems_store.change(connection, replace(old, cross_country=on))
            event = SystemEvent.CROSS_COUNTRY_ON if on else SystemEvent.CROSS_COUNTRY_OFF
            after = {"cross_country": on, "notice_accepted": True} if on else {"cross_country": on}
            await self._note(connection, person.actor, event, old, before={"cross_country": not on}, after=after)

    async def _for_edit(self, connection: AsyncConnection, person: Person, system_id: str) -> VoucherSystem:
        one = await access.system_for(connection, person, system_id, locked=True)
        person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return one

    async def _note(  # the parts of an entry, by name
        self,
        connection: AsyncConnection,
        actor: Actor,
        event: SystemEvent,
        one: VoucherSystem,
        *,
        place: Location | None = None,
        before: Facts | None = None,
        after: Facts | None = None,
    ) -> None:
        subject = one.name if place is None else f"{one.name} · {place.number} {place.name}"
        location_id = None if place is None else place.id
        entry = Entry(event, one.tenant_id, location_id, subject, before or {}, after or {})
        await self._house.audit.note(connection, actor, entry)


def _name(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name has 1 to {LONGEST_NAME} characters", place="name")
    return name


def _facts(one: VoucherSystem) -> Facts:
    return {
        "name": one.name,
        "load_min": one.load_min,
        "load_max": one.load_max,
        "balance_max": one.balance_max,
    }


def _hindrance(one: VoucherSystem, place: Location, taken: frozenset[str], licensed: set[str]) -> Hindrance | None:
    if place.id in taken:
        return Hindrance.OTHER_SYSTEM
    if place.currency != one.currency:
        return Hindrance.CURRENCY
    return None if place.id in licensed else Hindrance.LICENCE


def _require_one_currency(one: VoucherSystem, participants: Sequence[Participant]) -> None:
    """That every voucher is multi-purpose is the table's own promise (`ck_voucher_vat_class`)."""
    for each in participants:
        if each.currency != one.currency:
            raise BridgeError(Code.VOUCHER_CURRENCY, f"{each.name} takes {each.currency}", place="location")
