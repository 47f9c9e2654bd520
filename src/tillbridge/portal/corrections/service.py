"""Asking for a correction and deciding on it, by two people (docs/reference/voucher-corrections.md)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked, read_code
from tillbridge.portal.audit.log import LONGEST_NAME, PORTAL, Actor, Entry
from tillbridge.portal.corrections import judging, letters, people, store
from tillbridge.portal.corrections.booking import open_books
from tillbridge.portal.corrections.model import (
    LASTS,
    TAKES_BACK,
    Correction,
    CorrectionEvent,
    Failure,
    Impossible,
    Kind,
    State,
    Wanted,
    clean_reason,
)
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers import access, batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import OfficeVoucher
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.systems_model import VoucherSystem

_EVENTS: Final = {
    State.BOOKED: CorrectionEvent.BOOKED,
    State.REFUSED: CorrectionEvent.REFUSED,
    State.WITHDRAWN: CorrectionEvent.WITHDRAWN,
    State.FAILED: CorrectionEvent.FAILED,
    State.EXPIRED: CorrectionEvent.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class _Case:
    """A request that nobody has decided on, locked, at one moment."""

    connection: AsyncConnection
    system: VoucherSystem
    one: Correction
    now: datetime


class Corrections:
    """The corrections of every merchant's vouchers."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def request(self, person: Person, voucher_id: str, wanted: Wanted) -> Correction:
        """Asks for a correction, which is booked once another person approves it.

        `Impossible` says why it cannot be asked for. `BridgeError`: RIGHT_MISSING; STEP_UP_NEEDED; FIELD_INVALID for
        `reason`, `location`, `original` or `target`; MAINTENANCE in recovery, when nothing is approved either.
        """
        now, new_id = self._house.runtime.clock.now(), self._house.runtime.ids.new
        async with self._house.database.writing() as connection:
            system, voucher = await judging.known(connection, person, voucher_id)
            await judging.require_somewhere(connection, person, system.id)
            person.require_step_up(now)
            require_going(system)
            await self._make_room(connection, system, voucher, now)
            books = await open_books(connection, system, await self._draft(connection, person, system, voucher, wanted))
            judging.require(person, books.place)
            if books.voucher.seq != wanted.seen_seq:
                raise Impossible(Failure.MOVED)
            if not await people.somebody_else(connection, system.tenant_id, person.id, books.place):
                raise Impossible(Failure.NO_SECOND)
            balance = books.voucher.balance
            # Tried on the voucher as it is; nothing of it is written.
            books.post(now, new_id)
            amount = balance if wanted.kind is Kind.REISSUE else books.one.amount
            one = replace(books.one, amount=amount, seen_balance=balance)
            await store.add(connection, one)
            await letters.tell(self._house, connection, system, one, voucher.number, books.place)
            await self._note(connection, person.actor, CorrectionEvent.REQUESTED, system, one)
        return one

    async def approve(self, person: Person, correction_id: str) -> Correction:
        """Books it; or, if the voucher has moved so that it cannot be booked any more, keeps the reason instead.

        `BridgeError`: RIGHT_MISSING, also for one's own request; STEP_UP_NEEDED; RECORD_CONFLICT if it waits no more.
        `Impossible(MOVED)`: nothing is decided, and it can be tried again at once.
        """
        async with self._deciding(person, correction_id) as case:
            person.require_step_up(case.now)
            judging.require_another(person, case.one)
            require_going(case.system)
            if case.one.state_at(case.now) is State.EXPIRED:
                return await self._expire(case.connection, case.system, case.one)
            books = await open_books(case.connection, case.system, case.one)
            judging.require(person, books.place)
            try:
                entry_id = books.post(case.now, self._house.runtime.ids.new)
            except Impossible as error:
                return await self._end(case, person, State.FAILED, failure=error.failure.value)
            await books.write(case.connection, case.now)
            return await self._end(case, person, State.BOOKED, entry_id=entry_id)

    async def refuse(self, person: Person, correction_id: str, reason: str) -> Correction:
        """Says no, with a reason. `BridgeError` as `approve`, and FIELD_INVALID (place `reason`)."""
        async with self._deciding(person, correction_id) as case:
            person.require_step_up(case.now)
            judging.require_another(person, case.one)
            judging.require(person, await _place(case.connection, case.one))
            said = clean_reason(reason)
            if case.one.state_at(case.now) is State.EXPIRED:
                return await self._expire(case.connection, case.system, case.one)
            return await self._end(case, person, State.REFUSED, decision=said)

    async def withdraw(self, person: Person, correction_id: str) -> Correction:
        """Takes one's own request back. `BridgeError`: RIGHT_MISSING for another's; RECORD_CONFLICT."""
        async with self._deciding(person, correction_id) as case:
            if case.one.requested_by != person.id:
                raise BridgeError(Code.RIGHT_MISSING, "a request is withdrawn by whoever made it")
            if case.one.state_at(case.now) is State.EXPIRED:
                return await self._expire(case.connection, case.system, case.one)
            return await self._end(case, person, State.WITHDRAWN)

    @asynccontextmanager
    async def _deciding(self, person: Person, correction_id: str) -> AsyncIterator[_Case]:
        async with self._house.database.writing() as connection:
            access.require_looking(person)
            one = await store.find(connection, correction_id, locked=True)
            if one is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            system = await access.system_for(connection, person, one.system_id)
            await judging.require_somewhere(connection, person, system.id)
            if one.state is not State.OPEN:
                raise BridgeError(Code.RECORD_CONFLICT, f"this request is {one.state.value}")
            yield _Case(connection, system, one, self._house.runtime.clock.now())

    async def _make_room(
        self, connection: AsyncConnection, system: VoucherSystem, voucher: OfficeVoucher, now: datetime
    ) -> None:
        """A voucher has one request that waits: two for the same mistake would mend it twice."""
        former = await store.open_of(connection, voucher.id)
        if former is None:
            return
        if former.state_at(now) is State.OPEN:
            raise Impossible(Failure.WAITING)
        await self._expire(connection, system, former)

    async def _draft(
        self, connection: AsyncConnection, person: Person, system: VoucherSystem, voucher: OfficeVoucher, wanted: Wanted
    ) -> Correction:
        now, kind = self._house.runtime.clock.now(), wanted.kind
        original_id = wanted.original_id if kind in TAKES_BACK else None
        if kind in TAKES_BACK and not await store.is_entry(connection, original_id or "", voucher.id, TAKES_BACK[kind]):
            raise BridgeError(Code.FIELD_INVALID, "no entry of this voucher", place="original")
        location_id = wanted.location_id if kind is Kind.MORE else None
        if kind is Kind.MORE and location_id not in await systems_store.location_ids(connection, system.id):
            raise BridgeError(Code.FIELD_INVALID, "no location that takes part", place="location")
        return Correction(
            id=self._house.runtime.ids.new(),
            system_id=system.id,
            voucher_id=voucher.id,
            kind=kind,
            amount=0 if kind is Kind.RETIRE else wanted.amount,
            original_id=original_id,
            target_id=await _target(connection, system, wanted.target) if kind is Kind.REISSUE else None,
            location_id=location_id,
            reason=clean_reason(wanted.reason),
            seen_balance=voucher.balance,
            seen_seq=wanted.seen_seq,
            requested_by=person.id,
            requested_name=person.name[:LONGEST_NAME],
            requested_at=now,
            expires_at=now + LASTS,
        )

    async def _end(  # what it ends with, by name
        self,
        case: _Case,
        person: Person,
        state: State,
        *,
        decision: str = "",
        failure: str = "",
        entry_id: str | None = None,
    ) -> Correction:
        one = replace(
            case.one,
            state=state,
            decided_by=person.id,
            decided_name=person.name[:LONGEST_NAME],
            decided_at=case.now,
            decision=decision,
            failure=failure,
            entry_id=entry_id,
        )
        await store.decide(case.connection, one)
        await self._note(case.connection, person.actor, _EVENTS[state], case.system, one)
        return one

    async def _expire(self, connection: AsyncConnection, system: VoucherSystem, one: Correction) -> Correction:
        expired = replace(one, state=State.EXPIRED, decided_at=one.expires_at)
        await store.decide(connection, expired)
        await self._note(connection, PORTAL, CorrectionEvent.EXPIRED, system, expired)
        return expired

    async def _note(
        self, connection: AsyncConnection, actor: Actor, event: CorrectionEvent, system: VoucherSystem, one: Correction
    ) -> None:
        voucher = await batches_store.find_voucher(connection, one.voucher_id)
        number = "" if voucher is None else masked(voucher.number)
        after: dict[str, object] = {"request": one.id, "kind": one.kind.value, "amount": one.amount}
        if event is not CorrectionEvent.REQUESTED:
            after |= {"requested_by": one.requested_name, "requested_for": one.reason}
        if one.failure:
            after["failure"] = one.failure
        entry = Entry(
            event,
            system.tenant_id,
            one.location_id,
            f"{system.name} · {number}",
            after=after,
            reason=one.reason if event is CorrectionEvent.REQUESTED else one.decision,
        )
        await self._house.audit.note(connection, actor, entry)


async def _target(connection: AsyncConnection, system: VoucherSystem, text: str) -> str:
    try:
        number = read_code(text, imported=True).number
    except BridgeError as error:
        raise BridgeError(Code.FIELD_INVALID, "no number of a voucher", place="target") from error
    found = await batches_store.find_number(connection, [system.id], number)
    if not found:
        raise BridgeError(Code.FIELD_INVALID, "no voucher of this system", place="target")
    return found[0]


async def _place(connection: AsyncConnection, one: Correction) -> str | None:
    original = None if one.original_id is None else await store.original(connection, one.original_id)
    return one.location_id if original is None else original.location_id
