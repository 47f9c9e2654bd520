"""What the office sets about risk, and what it sees of it (docs/reference/voucher-offline.md)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.base64url import KEY_BYTES
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.risk import store
from tillbridge.portal.risk.model import (
    LONGEST_NUMBER,
    MOST_NUMBERS,
    Account,
    Line,
    RiskEvent,
    RiskKey,
    RiskLimits,
)
from tillbridge.portal.risk.taking import context
from tillbridge.portal.vouchers import access, systems_store
from tillbridge.portal.vouchers.systems_model import Participant, VoucherSystem

_NUMBER: Final = re.compile(rf"[0-9A-Za-z]{{1,{LONGEST_NUMBER}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SeenRisk:
    """A system's risk as this person may see it: the locations that are theirs to see, with limits and accounts."""

    system: VoucherSystem
    places: Sequence[Participant]
    limits: Mapping[str, RiskLimits]
    accounts: Mapping[str, Account]
    lines: Sequence[Line]
    numbers: Sequence[str]


class Risks:
    """Limits of locations, and the numbers by which codes name a merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def seen(self, person: Person, system_id: str) -> SeenRisk:
        """What is set, and what was lost. `BridgeError(RIGHT_MISSING)` without a right to look at it anywhere."""
        if not person.may_somewhere(Area.VOUCHER_RISK):
            person.require(Area.VOUCHER_RISK, Action.VIEW)
        async with self._house.database.reading() as connection:
            one = await self._system(connection, person, system_id)
            reach = person.reach(Area.VOUCHER_RISK, Action.VIEW)
            everybody = await systems_store.participants(connection, one.id)
            places = [each for each in everybody if reach.covers(each.location_id)]
            ids = {each.location_id for each in places}
            return SeenRisk(
                one,
                places,
                await store.limits(connection, ids),
                await store.accounts(connection, ids),
                await store.lines(connection, ids),
                await store.merchant_numbers(connection, one.id),
            )

    async def set_limits(self, person: Person, system_id: str, location_id: str, wanted: RiskLimits) -> None:
        """Sets what a location may take. `BridgeError`: RIGHT_MISSING, STEP_UP_REQUIRED, FIELD_INVALID."""
        wanted.check()
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            one = await self._system(connection, person, system_id, locked=True)
            if location_id not in await systems_store.location_ids(connection, one.id):
                raise BridgeError(Code.RECORD_UNKNOWN)
            person.require(Area.VOUCHER_RISK, Action.EDIT, location_id)
            person.require_step_up(now)
            before = (await store.limits(connection, {location_id})).get(location_id, RiskLimits())
            if wanted == before:
                return
            if wanted.on and await store.key_of(connection, one.id) is None:
                await store.add_key(connection, self._made_key(one), now)
            await store.set_limits(connection, location_id, wanted, now)
            entry = Entry(
                RiskEvent.LIMITS, one.tenant_id, location_id, one.name, before=_facts(before), after=_facts(wanted)
            )
            await self._house.audit.note(connection, person.actor, entry)

    async def add_number(self, person: Person, system_id: str, number: str) -> None:
        """Adds a merchant's number. `BridgeError`: RIGHT_MISSING, STEP_UP_REQUIRED, FIELD_INVALID."""
        bare = number.strip()
        if _NUMBER.fullmatch(bare) is None:
            raise BridgeError(Code.FIELD_INVALID, f"1 to {LONGEST_NUMBER} letters or digits", place="number")
        async with self._house.database.writing() as connection:
            one = await self._for_numbers(connection, person, system_id)
            if len(await store.merchant_numbers(connection, one.id)) >= MOST_NUMBERS:
                raise BridgeError(Code.FIELD_INVALID, f"at most {MOST_NUMBERS} numbers", place="number")
            if await store.add_merchant_number(connection, one.id, bare, self._house.runtime.clock.now()):
                await self._noted(connection, person, RiskEvent.NUMBER_ADDED, one, after={"number": bare})

    async def remove_number(self, person: Person, system_id: str, number: str) -> None:
        """Takes a merchant's number away; codes that name it are refused from now on."""
        async with self._house.database.writing() as connection:
            one = await self._for_numbers(connection, person, system_id)
            if await store.remove_merchant_number(connection, one.id, number):
                await self._noted(connection, person, RiskEvent.NUMBER_REMOVED, one, before={"number": number})

    async def _for_numbers(self, connection: AsyncConnection, person: Person, system_id: str) -> VoucherSystem:
        """Numbers are the merchant's as a whole."""
        one = await self._system(connection, person, system_id, locked=True)
        person.require(Area.VOUCHER_RISK, Action.EDIT)
        person.require_step_up(self._house.runtime.clock.now())
        return one

    async def _system(
        self, connection: AsyncConnection, person: Person, system_id: str, *, locked: bool = False
    ) -> VoucherSystem:
        found = await systems_store.find(connection, system_id, locked=locked)
        if found is None or found.tenant_id != person.home:
            raise BridgeError(Code.RECORD_UNKNOWN)
        members = await systems_store.location_ids(connection, system_id)
        if not access.may_at_one(person, Area.VOUCHER_RISK, Action.VIEW, members):
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    async def _noted(
        self,
        connection: AsyncConnection,
        person: Person,
        event: RiskEvent,
        one: VoucherSystem,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        entry = Entry(event, one.tenant_id, None, one.name, before=before or {}, after=after or {})
        await self._house.audit.note(connection, person.actor, entry)

    def _made_key(self, one: VoucherSystem) -> RiskKey:
        runtime, vault = self._house.runtime, self._house.vault
        key_id = runtime.ids.new()
        return RiskKey(key_id, one.id, vault.seal(runtime.chance.randbytes(KEY_BYTES), context(key_id)))


def _facts(one: RiskLimits) -> Mapping[str, object]:
    return {
        "per_voucher": one.per_voucher,
        "per_day": one.per_day,
        "open_total": one.open_total,
        "in_maintenance": one.in_maintenance,
    }
