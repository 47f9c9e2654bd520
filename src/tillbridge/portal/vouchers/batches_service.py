"""Making, activating and listing batches of codes (docs/reference/vouchers.md)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import read_code
from tillbridge.portal.audit.log import LONGEST_NAME as LONGEST_ACTOR
from tillbridge.portal.audit.log import Actor, Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import access, batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import (
    LONGEST_GROUP,
    MOST_NUMBERS,
    PER_PAGE,
    Batch,
    BatchDraft,
    Counted,
    NewVoucher,
    OfficeVoucher,
    Quota,
)
from tillbridge.portal.vouchers.numbers import draw, seal_pin
from tillbridge.portal.vouchers.systems_model import LONGEST_NAME, Life, VoucherSystem

_LONGEST_POSITION = 6
"""Digits of a place in a batch: shorter than any number."""


class BatchEvent(StrEnum):
    """What the audit log says of batches."""

    MADE = "voucher_batch.made"
    ACTIVATED = "voucher_batch.activated"
    EXPORTED = "voucher_batch.exported"
    PINS_EXPORTED = "voucher_batch.pins_exported"


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A batch with a page of its vouchers."""

    system: VoucherSystem
    counted: Counted
    vouchers: tuple[OfficeVoucher, ...]
    page: int
    pages: int


class Batches:
    """The batches of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def make(self, person: Person, system_id: str, draft: BatchDraft) -> Batch:
        """Draws and stores a batch: all of it, or nothing.

        `BridgeError`: VOUCHER_QUOTA with the `rest` of the month; FIELD_INVALID names what is wrong; RECORD_CONFLICT
        when a country has as many numbers as are safe.
        """
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id)
            person.require(Area.VOUCHER_CODES, Action.EDIT)
            countries = {one.country for one in await systems_store.participants(connection, system.id) if one.open}
        if draft.country not in countries:
            raise BridgeError(Code.FIELD_INVALID, "no location of this country takes part", place="country")
        return await self.made(system, draft, person.actor)

    async def made(self, system: VoucherSystem, draft: BatchDraft, actor: Actor) -> Batch:
        """The same for a system that is known, whoever asked for it."""
        _check(draft)
        async with self._house.database.reading() as connection:
            (await self._quota(connection, system)).require(draft.amount_of_codes)
        # Drawn before the transaction begins: it takes as long as all of the rest, and nobody has to wait for it.
        drawn = await self._draw([self._house.runtime.ids.new() for _ in range(draft.amount_of_codes)], draft.country)
        async with self._house.database.writing() as connection:
            await systems_store.find(connection, system.id, locked=True)
            batch = await self._allowed(connection, system, draft, actor)
            await self.store(connection, batch, drawn, activate=draft.activate)
            after = {"codes": batch.amount_of_codes, "country": batch.country, "activated": draft.activate}
            if batch.group:
                after["group"] = batch.group
            await self._note(connection, actor, BatchEvent.MADE, system, batch, after)
        return batch

    async def store(
        self, connection: AsyncConnection, batch: Batch, drawn: Sequence[NewVoucher], *, activate: bool
    ) -> None:
        """Stores a batch with its vouchers in the caller's transaction; a number that somebody has is drawn again."""
        await batches_store.add(connection, batch)
        life = Life.ACTIVE if activate else Life.PRODUCED
        while drawn:
            taken = await batches_store.add_vouchers(connection, batch, drawn, life)
            drawn = await self._draw(sorted(taken), batch.country)

    async def quota(self, person: Person, system_id: str) -> Quota:
        """What of this month's codes has been made."""
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id)
            return await self._quota(connection, system)

    async def of_system(self, person: Person, system_id: str) -> tuple[Counted, ...]:
        """A system's batches, the newest first."""
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id)
            return await batches_store.of_system(connection, system.id)

    async def seen(self, person: Person, batch_id: str, page: int = 1) -> SeenBatch:
        """A batch with a page of its vouchers; the last page for one beyond it."""
        async with self._house.database.reading() as connection:
            system, batch = await self.known(connection, person, batch_id)
            pages = max(1, -(-batch.amount_of_codes // PER_PAGE))
            shown = min(max(page, 1), pages)
            vouchers = await batches_store.page_of(connection, batch.id, shown, PER_PAGE)
            return SeenBatch(system, await batches_store.counted(connection, batch), vouchers, shown, pages)

    async def activate(self, person: Person, batch_id: str, first: str, last: str) -> int:
        """Activates from one voucher of a batch to another, each named by its place or its number.

        Returns how many were activated; those that were before stay so. `BridgeError(FIELD_INVALID)` names `first` or
        `last`.
        """
        async with self._house.database.writing() as connection:
            system, batch = await self.known(connection, person, batch_id)
            person.require(Area.VOUCHER_CODES, Action.EDIT)
            begin, end = await self.span(connection, batch, first, last)
            activated = await batches_store.activate(connection, batch.id, begin, end)
            if activated:
                after = {"first": begin, "last": end, "activated": activated}
                await self._note(connection, person.actor, BatchEvent.ACTIVATED, system, batch, after)
        return activated

    async def known(self, connection: AsyncConnection, person: Person, batch_id: str) -> tuple[VoucherSystem, Batch]:
        """The batch with this id and its system. `BridgeError(RECORD_UNKNOWN)` for one that may not be seen."""
        access.require_looking(person)
        batch = await batches_store.find(connection, batch_id)
        if batch is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return await access.system_for(connection, person, batch.system_id), batch

    async def _draw(self, voucher_ids: Sequence[str], country: str) -> list[NewVoucher]:
        chance, vault = self._house.runtime.chance, self._house.vault

        def all_of_them() -> list[NewVoucher]:
            made: list[NewVoucher] = []
            for voucher_id in voucher_ids:
                drawn = draw(chance, country)
                made.append(NewVoucher(voucher_id, drawn.number, seal_pin(vault, voucher_id, drawn.pin)))
            return made

        return await asyncio.to_thread(all_of_them)

    async def _allowed(
        self, connection: AsyncConnection, system: VoucherSystem, draft: BatchDraft, actor: Actor
    ) -> Batch:
        """The batch, if the month and the country have room for it. The system's row is locked by the caller."""
        quota = await self._quota(connection, system)
        quota.require(draft.amount_of_codes)
        if await batches_store.made_for(connection, draft.country) + draft.amount_of_codes > MOST_NUMBERS:
            raise BridgeError(Code.RECORD_CONFLICT, "this country has as many numbers as are safe", place="country")
        runtime = self._house.runtime
        return Batch(
            id=runtime.ids.new(),
            system_id=system.id,
            name=draft.name.strip(),
            country=draft.country,
            amount_of_codes=draft.amount_of_codes,
            month=quota.month,
            made_at=runtime.clock.now(),
            made_by=actor.name[:LONGEST_ACTOR],
            group=draft.group.strip(),
        )

    async def _quota(self, connection: AsyncConnection, system: VoucherSystem) -> Quota:
        month = month_of(self._house.runtime.clock.now(), system.time_zone)
        most = system.codes_a_month + await batches_store.granted_in(connection, system.id, month)
        return Quota(month, await batches_store.made_in(connection, system.id, month), most)

    async def span(self, connection: AsyncConnection, batch: Batch, first: str, last: str) -> tuple[int, int]:
        """From which place of a batch to which, each given as a place or a number.

        `BridgeError(FIELD_INVALID)` names `first` or `last`.
        """
        begin = await self._position(connection, batch, first, "first")
        end = await self._position(connection, batch, last, "last")
        if end < begin:
            raise BridgeError(Code.FIELD_INVALID, "the last one stands before the first", place="last")
        return begin, end

    async def _position(self, connection: AsyncConnection, batch: Batch, text: str, place: str) -> int:
        bare = text.strip()
        if bare.isascii() and bare.isdigit() and len(bare) <= _LONGEST_POSITION:
            position: int | None = int(bare)
        else:
            try:
                number = read_code(bare).number
            except BridgeError as error:
                raise BridgeError(
                    Code.FIELD_INVALID, "neither a place in the batch nor a number", place=place
                ) from error
            position = await batches_store.position_of(connection, batch.id, number)
        if position is None or not 1 <= position <= batch.amount_of_codes:
            raise BridgeError(Code.FIELD_INVALID, "not of this batch", place=place)
        return position

    async def _note(  # the parts of an entry, one by one
        self,
        connection: AsyncConnection,
        actor: Actor,
        event: BatchEvent,
        system: VoucherSystem,
        batch: Batch,
        after: Facts,
    ) -> None:
        entry = Entry(event, system.tenant_id, subject=f"{system.name} · {batch.name}", after=after)
        await self._house.audit.note(connection, actor, entry)


def month_of(moment: datetime, time_zone: str) -> str:
    """The calendar month of a moment in this zone, such as "2026-11"."""
    return moment.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m")


def _check(draft: BatchDraft) -> None:
    name = draft.name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name has 1 to {LONGEST_NAME} characters", place="name")
    if draft.amount_of_codes < 1:
        raise BridgeError(Code.FIELD_INVALID, "a batch has at least one code", place="amount_of_codes")
    if len(draft.group.strip()) > LONGEST_GROUP or not draft.group.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a group has {LONGEST_GROUP} characters", place="group_name")
