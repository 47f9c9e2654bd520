"""Decides what no machine may: what became of a receipt (docs/reference/voucher-validity.md, section 6).

The money moves by the desk's own rules, in the transaction in which the decision is written down. So a decision beside
a late word of the till is safe: whoever holds the action's row first is heard, and the other is told what became of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.audit.log import LONGEST_NAME, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.validity import access, cases_store, elsewhere_store
from tillbridge.portal.validity.cases_model import (
    CHOICES,
    CaseEvent,
    CaseKind,
    Decision,
    Exceptions,
    Pause,
    Receipt,
    Verdict,
    Wanted,
)
from tillbridge.portal.validity.model import said_text
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import operations, systems_store
from tillbridge.portal.vouchers.access import may_at_one
from tillbridge.portal.vouchers.guessing import Guess
from tillbridge.portal.vouchers.knowing import know
from tillbridge.portal.vouchers.model import Counter, Undo, Undoing, scope_of
from tillbridge.portal.vouchers.rounds import Round
from tillbridge.portal.vouchers.systems_model import VoucherSystem

AREAS: Final = access.SEES_EXCEPTIONS

ATTEMPTS: Final = 3
"""How often it is tried where a voucher was replaced in the very moment."""

_UNDO: Final = {
    Decision.PAID: Undo.CONFIRM,
    Decision.NOT_PAID: Undo.PUT_BACK,
    Decision.REVERSE: Undo.PUT_BACK,
}
"""What is done for a decision. Of the others nothing is booked."""

_EVENTS: Final = {
    Decision.PAID: CaseEvent.PAID,
    Decision.NOT_PAID: CaseEvent.NOT_PAID,
    Decision.SETTLED: CaseEvent.SETTLED,
    Decision.REVERSE: CaseEvent.REVERSED,
    Decision.DISMISS: CaseEvent.DISMISSED,
}


@dataclass(frozen=True, slots=True)
class SeenExceptions:
    """The page of a system. `deciding` and `releasing`: where this reader may decide and let go on."""

    system: VoucherSystem
    found: Exceptions
    deciding: Collection[str]
    releasing: Collection[str]


@dataclass(frozen=True, slots=True)
class SeenCase:
    """A case that is to be decided."""

    system: VoucherSystem
    receipt: Receipt
    kind: CaseKind


class Cases:
    """The exceptions of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def seen(self, person: Person, system_id: str) -> SeenExceptions:
        """All that a person has to look at in a system, as far as this one may see it."""
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id, AREAS)
            wanted = self._wanted(person, system)
            found = await _all(connection, wanted)
        where = {one.location_id for one in (*found.open_cases, *found.contested, *found.repeated)}
        where |= {one.location_id for one in found.pauses}
        return SeenExceptions(
            system,
            found,
            {one for one in where if person.may(Area.VOUCHER_CORRECT, Action.EDIT, one)},
            {one for one in where if person.may(Area.VOUCHER_PIN, Action.EDIT, one)},
        )

    async def waiting(self, person: Person) -> Sequence[tuple[VoucherSystem, int]]:
        """The systems in which something waits for this person's company, and how much of it; for whoever sees it."""
        if not any(person.may_somewhere(area) for area in AREAS):
            return ()
        found = []
        async with self._house.database.reading() as connection:
            systems = await systems_store.of_tenant(connection, person.home)
            members = await systems_store.taking_part(connection, person.home) if systems else {}
            for one in systems:
                at = members.get(one.id, frozenset())
                if any(may_at_one(person, area, Action.VIEW, at) for area in AREAS):
                    count = (await _all(connection, self._wanted(person, one), to_know=False)).to_do
                    found += [(one, count)] if count else []
        return found

    async def case(self, person: Person, operation_id: str) -> SeenCase:
        """A case, for somebody who may decide it. `BridgeError` as `decide` has it."""
        async with self._house.database.reading() as connection:
            return await self._case(connection, person, operation_id)

    async def decide(
        self, person: Person, operation_id: str, decision: Decision, *, evidence: str, reason: str
    ) -> VoucherSystem:
        """Decides a case by what the till's own records say; returns the system that it is of.

        `BridgeError`: RIGHT_MISSING; STEP_UP_NEEDED; RECORD_UNKNOWN if it is no case, or is one no more;
        FIELD_INVALID (place `evidence`, `reason` or `decision`); RECORD_CONFLICT if it is decided at this very moment.
        """
        for _ in range(ATTEMPTS):
            try:
                return await self._decide(person, operation_id, decision, evidence, reason)
            except (operations.KeysTaken, LedgerMoved):
                continue
        raise BridgeError(Code.RECORD_CONFLICT, "the voucher of this receipt is being changed")

    async def _decide(
        self, person: Person, operation_id: str, decision: Decision, evidence: str, reason: str
    ) -> VoucherSystem:
        house = self._house
        async with house.database.writing() as connection:
            seen = await self._case(connection, person, operation_id)
            system, receipt = seen.system, seen.receipt
            by, now = person.actor.name[:LONGEST_NAME], house.runtime.clock.now()
            said = said_text(evidence, "evidence"), said_text(reason, "reason")
            verdict = Verdict(seen.kind, decision, *said, by, now)
            if decision not in CHOICES[seen.kind]:
                raise BridgeError(Code.FIELD_INVALID, "that cannot be decided of this receipt", place="decision")
            if (how := _UNDO.get(decision)) is not None:
                await self._carry_out(connection, system, receipt, how)
            if not await cases_store.decide(connection, receipt.operation_id, system.id, verdict):
                raise _decided()
            await house.audit.note(connection, person.actor, _entry(system, receipt, verdict))
        return system

    async def _carry_out(self, connection: AsyncConnection, system: VoucherSystem, receipt: Receipt, how: Undo) -> None:
        """Does to the action what its till never did, as the desk does it, with the desk's locks."""
        house = self._house
        await operations.set_out(connection)
        now = house.runtime.clock.now()
        wish = Undoing(Counter(receipt.location_id, system.tenant_id, ""), receipt.key, how)
        known = await know(connection, [wish], now)
        kept = known.operations.get(scope_of(wish))
        if kept is None or kept.state is not receipt.state:
            # The till has spoken meanwhile, or somebody else has decided.
            raise _decided()
        decided = Round(house.vault, house.runtime.ids, now, known)
        reply = decided.decide(wish)
        if isinstance(reply, BridgeError):
            raise reply
        await decided.write(connection)

    # ------------------------------------------------------------ pauses

    async def pause(self, person: Person, system_id: str, location_id: str) -> tuple[VoucherSystem, Pause]:
        """A location that has to pause, for somebody who may let it go on. `BridgeError` as `release` has it."""
        async with self._house.database.reading() as connection:
            return await self._pause(connection, person, system_id, location_id)

    async def release(self, person: Person, system_id: str, location_id: str, reason: str) -> None:
        """Lets a location go on before its time; what was guessed there is forgotten.

        `BridgeError`: RIGHT_MISSING; STEP_UP_NEEDED; RECORD_UNKNOWN if it does not pause; FIELD_INVALID (`reason`).
        """
        async with self._house.database.writing() as connection:
            now = self._house.runtime.clock.now()
            await guesses.windows(connection, {location_id}, now, locked=True)
            system, one = await self._pause(connection, person, system_id, location_id)
            why = said_text(reason, "reason")
            for kind in one.kinds:
                await guesses.release(connection, location_id, Guess(kind))
            subject, before = f"{system.name} · {one.location}", {"paused": list(one.kinds)}
            entry = Entry(CaseEvent.RELEASED, system.tenant_id, location_id, subject=subject, before=before, reason=why)
            await self._house.audit.note(connection, person.actor, entry)

    async def _pause(
        self, connection: AsyncConnection, person: Person, system_id: str, location_id: str
    ) -> tuple[VoucherSystem, Pause]:
        system = await access.system_for(connection, person, system_id, AREAS)
        if location_id not in await systems_store.location_ids(connection, system.id):
            raise BridgeError(Code.RECORD_UNKNOWN)
        person.require(Area.VOUCHER_PIN, Action.EDIT, location_id)
        person.require_step_up(self._house.runtime.clock.now())
        for one in await cases_store.pauses(connection, self._wanted(person, system)):
            if one.location_id == location_id:
                return system, one
        raise BridgeError(Code.RECORD_UNKNOWN, "this location does not pause")

    # ------------------------------------------------------------ in common

    async def _case(self, connection: AsyncConnection, person: Person, operation_id: str) -> SeenCase:
        if not any(person.may_somewhere(area) for area in AREAS):
            person.require(AREAS[0], Action.VIEW)
        system_id = await cases_store.system_of(connection, operation_id)
        if system_id is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        system = await access.system_for(connection, person, system_id, AREAS)
        found = await cases_store.find(connection, self._wanted(person, system), operation_id)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN, "nothing of this receipt is to be decided")
        person.require(Area.VOUCHER_CORRECT, Action.EDIT, found[0].location_id)
        person.require_step_up(self._house.runtime.clock.now())
        return SeenCase(system, *found)

    def _wanted(self, person: Person, system: VoucherSystem) -> Wanted:
        now = self._house.runtime.clock.now()
        return Wanted.at(system.id, access.reach_of(person, AREAS), now, system.time_zone)


async def _all(connection: AsyncConnection, wanted: Wanted, *, to_know: bool = True) -> Exceptions:
    """Without what is there `to_know`, nothing is searched by time: a start page must not read a large ledger."""
    return Exceptions(
        unsent=await elsewhere_store.unsent(connection, wanted),
        restored=await elsewhere_store.restored(connection, wanted, bookings=to_know),
        open_cases=await cases_store.open_cases(connection, wanted),
        unfinished=await elsewhere_store.unfinished(connection, wanted),
        contested=await cases_store.contested(connection, wanted),
        repeated=await cases_store.repeated(connection, wanted),
        late=await cases_store.late(connection, wanted) if to_know else (),
        shut=await cases_store.shut(connection, wanted),
        pauses=await cases_store.pauses(connection, wanted),
        alarms=await cases_store.alarms(connection, wanted) if to_know else (),
        short=await elsewhere_store.short(connection, wanted) if to_know else (),
        adjusted=await cases_store.adjusted(connection, wanted) if to_know else (),
    )


def _entry(system: VoucherSystem, receipt: Receipt, verdict: Verdict) -> Entry:
    number = masked(receipt.number) if receipt.number else receipt.key
    return Entry(
        _EVENTS[verdict.decision],
        system.tenant_id,
        receipt.location_id,
        subject=f"{system.name} · {number}",
        before={"state": receipt.state.value, "receipt": receipt.receipt, "money": receipt.taken},
        after={"decision": verdict.decision.value, "evidence": verdict.evidence},
        reason=verdict.reason,
    )


def _decided() -> BridgeError:
    return BridgeError(Code.RECORD_CONFLICT, "this receipt is decided already")
