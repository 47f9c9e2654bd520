"""Prints a batch, a part of it, or one voucher (docs/reference/voucher-printing.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import NUMBER_DIGITS, masked
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.audit.log import LONGEST_NAME, Entry
from tillbridge.portal.house import House
from tillbridge.portal.printing import store
from tillbridge.portal.printing.model import Item, PaperWords, PinPlace, Printed, Wish
from tillbridge.portal.printing.press import Made, Press
from tillbridge.portal.printing.store import Row
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.batches_exporting import Exported
from tillbridge.portal.vouchers.batches_model import Batch, OfficeVoucher
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.office_service import Office
from tillbridge.portal.vouchers.systems_model import VoucherSystem


class PrintEvent(StrEnum):
    """What the audit log says of printing."""

    PRINTED = "voucher_print.made"
    PINS_PRINTED = "voucher_print.pins"


@dataclass(frozen=True, slots=True)
class BatchToPrint:
    """A batch with the parts of it that were handed out, the newest first. `next` is where the next part begins."""

    system: VoucherSystem
    batch: Batch
    printed: tuple[Printed, ...]
    next: int


class PrintKit:
    """Prints vouchers of every merchant."""

    def __init__(self, house: House, batches: Batches, office: Office) -> None:
        self._house = house
        self._batches = batches
        self._office = office
        self._press = Press()

    def require(self, person: Person, pin: PinPlace) -> None:
        """Nothing if this person may print so; else `BridgeError`: the right, or STEP_UP_NEEDED for PINs."""
        person.require(Area.VOUCHER_CODES, Action.EDIT)
        if pin is not PinPlace.NONE:
            person.require(Area.VOUCHER_PIN, Action.EDIT)
            person.require_step_up(self._house.runtime.clock.now())

    async def batch(self, person: Person, batch_id: str) -> BatchToPrint:
        """A batch, for its form."""
        async with self._house.database.reading() as connection:
            system, batch = await self._batches.known(connection, person, batch_id)
            self.require(person, PinPlace.NONE)
            printed = await store.printed(connection, batch.id)
        return BatchToPrint(system, batch, printed, _next(printed, batch.amount_of_codes))

    async def voucher(self, person: Person, voucher_id: str) -> tuple[VoucherSystem, OfficeVoucher]:
        """A voucher, for its form."""
        seen = await self._office.seen(person, voucher_id)
        self.require(person, PinPlace.NONE)
        return seen.system, seen.voucher

    async def print_batch(self, person: Person, batch_id: str, wish: Wish, words: PaperWords) -> Exported:
        """The vouchers from `wish.first` to `wish.last`, but those that were replaced.

        `BridgeError`: FIELD_INVALID names what is wrong with the wish; RECORD_CONFLICT with the place `page` and the
        member `page` if one could not be read back; OVERLOADED.
        """
        self.require(person, wish.pin)
        wish.check()
        async with self._house.database.reading() as connection:
            system, batch = await self._batches.known(connection, person, batch_id)
            if wish.last > batch.amount_of_codes:
                raise BridgeError(Code.FIELD_INVALID, "not of this batch", place="last")
            rows = await store.rows_of(connection, batch.id, wish.first, wish.last)
        if not rows:
            raise BridgeError(Code.FIELD_INVALID, "all of these were replaced", place="last")
        made = await self._press.make(wish, self._items(rows, wish.pin), words)
        now = self._house.runtime.clock.now()
        part = Printed(
            wish.first, wish.last, wish.medium, wish.pin is not PinPlace.NONE, now, person.actor.name[:LONGEST_NAME]
        )
        async with self._house.database.writing() as connection:
            await store.add(connection, self._house.runtime.ids.new(), batch.id, part)
            after = {"first": wish.first, "last": wish.last, "codes": len(rows)}
            await self._note(connection, person, system, f"{system.name} · {batch.name}", wish, after)
        return _named(made, f"{batch.month}-{batch.id[-6:]}-{wish.first}-{wish.last}")

    async def print_voucher(self, person: Person, voucher_id: str, wish: Wish, words: PaperWords) -> Exported:
        """One voucher, whatever batch it is of. `BridgeError` as for a batch; RECORD_CONFLICT if it was replaced."""
        self.require(person, wish.pin)
        wish.check()
        system, one = await self.voucher(person, voucher_id)
        if one.state is VoucherState.RETIRED:
            raise BridgeError(Code.RECORD_CONFLICT, "this voucher was replaced by another")
        async with self._house.database.reading() as connection:
            sealed = await store.pin_of(connection, one.id)
        row = Row(one.id, one.position, one.number, sealed)
        made = await self._press.make(wish, self._items([row], wish.pin), words)
        async with self._house.database.writing() as connection:
            await self._note(connection, person, system, f"{system.name} · {masked(one.number)}", wish, {"codes": 1})
        return _named(made, one.id[-6:])

    def _items(self, rows: Sequence[Row], pin: PinPlace) -> list[Item]:
        return [Item(row.position, _digits(row), None if pin is PinPlace.NONE else self._pin(row)) for row in rows]

    def _pin(self, row: Row) -> str:
        if row.pin_sealed is None:
            raise BridgeError(Code.FIELD_INVALID, f"voucher {row.position} has no PIN", place="pin")
        try:
            return unseal_pin(self._house.vault, row.id, row.pin_sealed)
        except ValueError as error:
            raise BridgeError(Code.PORTAL_FAULT, "a PIN cannot be read with this portal's keys") from error

    async def _note(  # the parts of an entry, one by one
        self,
        connection: AsyncConnection,
        person: Person,
        system: VoucherSystem,
        subject: str,
        wish: Wish,
        after: dict[str, int],
    ) -> None:
        event = PrintEvent.PRINTED if wish.pin is PinPlace.NONE else PrintEvent.PINS_PRINTED
        facts = after | {"medium": wish.medium.value, "code": wish.symbology.value, "pin": wish.pin.value}
        entry = Entry(event, system.tenant_id, subject=subject, after=facts)
        await self._house.audit.note(connection, person.actor, entry)


def _digits(row: Row) -> str:
    if len(row.number) != NUMBER_DIGITS or not row.number.isascii() or not row.number.isdigit():
        raise BridgeError(Code.FIELD_INVALID, f"the number of voucher {row.position} fits no code", place="first")
    return row.number


def _named(made: Made, name: str) -> Exported:
    return Exported(made.content, made.media_type, f"voucher-print-{name}.{made.suffix}")


def _next(printed: Sequence[Printed], codes: int) -> int:
    """The first place that was never handed out; 1 if all were."""
    place = 1
    for part in sorted(printed, key=lambda each: each.first):
        if part.first > place:
            break
        place = max(place, part.last + 1)
    return place if place <= codes else 1
