"""What the office does with a single voucher: finds it, reads its history, blocks it (docs/reference/vouchers.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import PLACE, masked, read_code, right_check_digit
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import access, batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import LONGEST_REASON, Batch, Happened, OfficeVoucher
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.systems_model import VoucherSystem

MOST_ENTRIES: Final = 500
"""Entries of a voucher's history on its page: years of use, and still quick to read."""


class Blocking(Protocol):
    """What another feature does, in the same transaction, when a voucher is blocked or unblocked."""

    async def __call__(self, connection: AsyncConnection, voucher_id: str, *, blocked: bool) -> None:
        """It is so now."""
        ...


class VoucherEvent(StrEnum):
    """What the audit log says of single vouchers."""

    BLOCKED = "voucher.blocked"
    UNBLOCKED = "voucher.unblocked"
    PIN_UNBLOCKED = "voucher.pin_unblocked"


@dataclass(frozen=True, slots=True)
class SeenVoucher:
    """A voucher with its history, the newest entry first.

    `may_block`: this reader may block and unblock it; `may_unblock_pin`: give its PIN new tries. `pin_shut`: no PIN is
    judged at this moment.
    """

    system: VoucherSystem
    batch: Batch | None
    voucher: OfficeVoucher
    history: tuple[Happened, ...]
    may_block: bool
    may_unblock_pin: bool
    pin_shut: bool


class Office:
    """Single vouchers of every merchant."""

    def __init__(self, house: House, blocked: Sequence[Blocking] = ()) -> None:
        self._house = house
        self._blocked = tuple(blocked)

    async def find(self, person: Person, text: str) -> str:
        """The id of the voucher that a scanned or typed text means, among those that this person may see.

        `BridgeError`: VOUCHER_UNREADABLE; VOUCHER_UNKNOWN; VOUCHER_CHECK_DIGIT if a number that is unknown has a typing
        mistake besides.
        """
        access.require_looking(person)
        number = read_code(text, imported=True).number
        async with self._house.database.reading() as connection:
            members = await systems_store.taking_part(connection, person.home)
            systems = await systems_store.of_tenant(connection, person.home)
            seen = [one.id for one in systems if access.sees(person, members.get(one.id, frozenset()))]
            found = await batches_store.find_number(connection, seen, number)
        if not found:
            code = Code.VOUCHER_UNKNOWN if right_check_digit(number) else Code.VOUCHER_CHECK_DIGIT
            raise BridgeError(code, place=PLACE)
        return found[0]

    async def seen(self, person: Person, voucher_id: str) -> SeenVoucher:
        """One voucher with its history."""
        async with self._house.database.reading() as connection:
            system, one = await self._known(connection, person, voucher_id)
            batch = None if one.batch_id is None else await batches_store.find(connection, one.batch_id)
            history = await batches_store.history(connection, one.id, MOST_ENTRIES)
            members = await systems_store.location_ids(connection, system.id)
        return SeenVoucher(
            system,
            batch,
            one,
            history,
            may_block=access.may_at_one(person, Area.VOUCHER_STATE, Action.EDIT, members),
            may_unblock_pin=access.may_at_one(person, Area.VOUCHER_PIN, Action.EDIT, members),
            pin_shut=self._pin_shut(one),
        )

    async def block(self, person: Person, voucher_id: str, reason: str) -> None:
        """Nothing can be loaded or redeemed until it is unblocked; money that goes back on it still does.

        `BridgeError`: RIGHT_MISSING; MAINTENANCE in recovery; the rest as `change` has it.
        """
        await self._set(person, voucher_id, reason, blocked=True)

    async def unblock(self, person: Person, voucher_id: str, reason: str) -> None:
        """Lets it be used again."""
        await self._set(person, voucher_id, reason, blocked=False)

    async def unblock_pin(self, person: Person, voucher_id: str, reason: str) -> None:
        """Gives its PIN new tries.

        `BridgeError`: STEP_UP_NEEDED; FIELD_INVALID (place `reason`) without one; RECORD_CONFLICT if PINs are judged.
        """
        async with self._house.database.writing() as connection:
            system, one = await self._known(connection, person, voucher_id)
            await access.require_at_one(connection, person, system.id, Area.VOUCHER_PIN)
            person.require_step_up(self._house.runtime.clock.now())
            require_going(system)
            why = _reason(reason)
            if not self._pin_shut(one):
                raise BridgeError(Code.RECORD_CONFLICT, "the PIN of this voucher is not blocked")
            await batches_store.unblock_pin(connection, one.id)
            subject = f"{system.name} · {masked(one.number)}"
            entry = Entry(VoucherEvent.PIN_UNBLOCKED, system.tenant_id, subject=subject, reason=why)
            await self._house.audit.note(connection, person.actor, entry)

    def _pin_shut(self, one: OfficeVoucher) -> bool:
        now = self._house.runtime.clock.now()
        return one.pin_blocked or (one.pin_locked_until is not None and now < one.pin_locked_until)

    async def _set(self, person: Person, voucher_id: str, reason: str, *, blocked: bool) -> None:
        async with self._house.database.writing() as connection:
            system, one = await self._known(connection, person, voucher_id)
            await access.require_at_one(connection, person, system.id, Area.VOUCHER_STATE)
            require_going(system)
            await self.change(connection, person.actor, system, one, reason, blocked=blocked)

    async def change(
        self,
        connection: AsyncConnection,
        actor: Actor,
        system: VoucherSystem,
        one: OfficeVoucher,
        reason: str,
        *,
        blocked: bool,
    ) -> None:
        """Blocks or unblocks, in this transaction, for somebody whose right has been looked at.

        `BridgeError`: FIELD_INVALID (place `reason`) without one; RECORD_CONFLICT if it is so already.
        """
        why = _reason(reason)
        if not await batches_store.set_blocked(connection, one.id, blocked=blocked, reason=why if blocked else ""):
            said = "this voucher is blocked already" if blocked else "this voucher is not blocked"
            raise BridgeError(Code.RECORD_CONFLICT, said)
        for told in self._blocked:
            await told(connection, one.id, blocked=blocked)
        event = VoucherEvent.BLOCKED if blocked else VoucherEvent.UNBLOCKED
        subject = f"{system.name} · {masked(one.number)}"
        before, after = {"blocked": not blocked}, {"blocked": blocked}
        entry = Entry(event, system.tenant_id, subject=subject, before=before, after=after, reason=why)
        await self._house.audit.note(connection, actor, entry)

    async def _known(
        self, connection: AsyncConnection, person: Person, voucher_id: str
    ) -> tuple[VoucherSystem, OfficeVoucher]:
        access.require_looking(person)
        one = await batches_store.find_voucher(connection, voucher_id)
        if one is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return await access.system_for(connection, person, one.system_id), one


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.replace("\n", "").replace("\r", "").isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a reason has 1 to {LONGEST_REASON} characters", place="reason")
    return reason
