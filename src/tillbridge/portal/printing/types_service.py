"""Makes, changes and removes types of vouchers, and tells tills which there are."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.printing import types_store
from tillbridge.portal.printing.types_model import MOST_TYPES, TypeDraft, VoucherType
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import access, systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem


class TypeEvent(StrEnum):
    """What the audit log says of types."""

    CREATED = "voucher_type.created"
    CHANGED = "voucher_type.changed"
    REMOVED = "voucher_type.removed"


@dataclass(frozen=True, slots=True)
class SeenTypes:
    """A system with its types, in the order of buttons."""

    system: VoucherSystem
    types: tuple[VoucherType, ...]


class VoucherTypes:
    """The types of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def seen(self, person: Person, system_id: str) -> SeenTypes:
        """A system's types, for whoever may see the system."""
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id)
            return SeenTypes(system, await types_store.of_system(connection, system.id))

    async def one(self, person: Person, type_id: str) -> tuple[VoucherSystem, VoucherType]:
        """A type, for whoever may change it."""
        async with self._house.database.reading() as connection:
            return await self._known(connection, person, type_id)

    async def create(self, person: Person, system_id: str, draft: TypeDraft) -> VoucherType:
        """A new type. `BridgeError`: FIELD_INVALID names what is wrong; RECORD_CONFLICT when there are too many."""
        async with self._house.database.writing() as connection:
            system = await access.system_for(connection, person, system_id, locked=True)
            person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
            draft.check(system)
            if await types_store.count(connection, system.id) >= MOST_TYPES:
                raise BridgeError(Code.RECORD_CONFLICT, f"a voucher system has at most {MOST_TYPES} types")
            made = VoucherType(self._house.runtime.ids.new(), system.id, draft)
            await types_store.add(connection, made, self._house.runtime.clock.now())
            await self._note(connection, person, TypeEvent.CREATED, system, made, after=_facts(draft))
        return made

    async def change(self, person: Person, type_id: str, draft: TypeDraft) -> VoucherType:
        """The type as it is from now on. `BridgeError(FIELD_INVALID)` names what is wrong."""
        async with self._house.database.writing() as connection:
            system, before = await self._known(connection, person, type_id)
            draft.check(system)
            after = VoucherType(before.id, before.system_id, draft)
            if after != before:
                await types_store.change(connection, after, self._house.runtime.clock.now())
                await self._note(
                    connection,
                    person,
                    TypeEvent.CHANGED,
                    system,
                    after,
                    before=_facts(before.draft),
                    after=_facts(draft),
                )
        return after

    async def remove(self, person: Person, type_id: str) -> str:
        """Forgets a type; returns its system's id."""
        async with self._house.database.writing() as connection:
            system, one = await self._known(connection, person, type_id)
            await types_store.remove(connection, one.id)
            await self._note(connection, person, TypeEvent.REMOVED, system, one, before=_facts(one.draft))
        return system.id

    async def at_location(self, location_id: str) -> SeenTypes:
        """What a till there can sell. `BridgeError(VOUCHER_NOT_PARTICIPATING)` where no voucher system is."""
        async with self._house.database.reading() as connection:
            system = await systems_store.system_of(connection, location_id)
            if system is None:
                raise BridgeError(Code.VOUCHER_NOT_PARTICIPATING)
            types = await types_store.of_system(connection, system.id)
        return SeenTypes(system, tuple(one for one in types if one.sellable(system)))

    async def _known(
        self, connection: AsyncConnection, person: Person, type_id: str
    ) -> tuple[VoucherSystem, VoucherType]:
        access.require_looking(person)
        one = await types_store.find(connection, type_id)
        if one is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        system = await access.system_for(connection, person, one.system_id)
        person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return system, one

    async def _note(  # the parts of an entry, one by one
        self,
        connection: AsyncConnection,
        person: Person,
        event: TypeEvent,
        system: VoucherSystem,
        one: VoucherType,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
    ) -> None:
        name = next(iter(one.draft.names.values()))
        entry = Entry(
            event, system.tenant_id, subject=f"{system.name} · {name}", before=before or {}, after=after or {}
        )
        await self._house.audit.note(connection, person.actor, entry)


def _facts(one: TypeDraft) -> Facts:
    names = {f"name.{language}": name for language, name in one.names.items()}
    return names | {"price": one.price, "active": one.active, "position": one.position, "design": one.design}
