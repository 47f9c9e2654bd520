"""What the portal's operator does about vouchers on the server itself, for every merchant, without signing in.

Whoever can start a command there holds the database and its keys already. What is changed or taken out is written in
the audit log all the same, and a PIN is never among it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import PLACE, read_code
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.audit.log import Actor, ActorKind, Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.vouchers import batches_store, systems_store
from tillbridge.portal.vouchers.batches_exporting import csv_of
from tillbridge.portal.vouchers.batches_model import Counted, Happened, OfficeVoucher, grouped
from tillbridge.portal.vouchers.batches_service import BatchEvent
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.office_service import Blocking, Office
from tillbridge.portal.vouchers.states import shown_state
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.portal.vouchers.tables import voucher, voucher_system

COMMAND_LINE: Final = Actor(ActorKind.PROGRAM, "", "command line")

MOST_SHOWN: Final = 50
"""Entries of a voucher's history."""

_COLUMNS: Final = ("number", "printed", "batch", "state")


@dataclass(frozen=True, slots=True)
class Known:
    """A voucher with its system and the name of the merchant."""

    merchant: str
    system: VoucherSystem
    voucher: OfficeVoucher


@dataclass(frozen=True, slots=True)
class SystemBatches:
    """The batches of a system, the newest first."""

    merchant: str
    system: VoucherSystem
    batches: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which vouchers: of a system, of a batch (ids, or the ends of them), that stand so; behind the one of that id."""

    system: str = ""
    batch: str = ""
    state: VoucherState | None = None
    after: str = ""
    limit: int = 50


class Operating:
    """The vouchers of every merchant."""

    def __init__(self, house: House, blocked: Sequence[Blocking] = ()) -> None:
        self._house = house
        self._office = Office(house, blocked)

    async def listed(self, wanted: Wanted, *, whole: bool = False) -> Sequence[Known]:
        """Vouchers in the order in which they were made. With `whole` numbers that is noted, as an export is.

        `BridgeError(RECORD_UNKNOWN)` if there is no such system or batch.
        """
        if not whole:
            async with self._house.database.reading() as connection:
                return await self._listed(connection, wanted)
        async with self._house.database.writing() as connection:
            found = await self._listed(connection, wanted)
            await self._note_taken(connection, found, "list")
        return found

    async def batches(self, system: str = "") -> Sequence[SystemBatches]:
        """The batches of each system, or of this one."""
        async with self._house.database.reading() as connection:
            found = await self._systems(connection, system)
            return [
                SystemBatches(merchant, one, await batches_store.of_system(connection, one.id))
                for merchant, one in found
            ]

    async def shown(self, code: str, system: str = "") -> tuple[Known, Sequence[Happened]]:
        """One voucher with the newest part of its history. `code` is its number, as scanned or typed, or its id.

        `BridgeError`: VOUCHER_UNREADABLE, VOUCHER_UNKNOWN; RECORD_CONFLICT if several systems have that number.
        """
        async with self._house.database.reading() as connection:
            one = await self._known(connection, code, system)
            return one, await batches_store.history(connection, one.voucher.id, MOST_SHOWN)

    async def set_blocked(self, code: str, reason: str, system: str = "", *, blocked: bool) -> Known:
        """Blocks or unblocks. `BridgeError`: as `shown`; FIELD_INVALID (`reason`); RECORD_CONFLICT; MAINTENANCE."""
        async with self._house.database.writing() as connection:
            one = await self._known(connection, code, system)
            require_going(one.system)
            await self._office.change(connection, COMMAND_LINE, one.system, one.voucher, reason, blocked=blocked)
            return await self._known(connection, one.voucher.id, "")

    async def exported(self, wanted: Wanted) -> tuple[bytes, int]:
        """Vouchers with their whole numbers as CSV, without PINs; and how many. It is noted before it leaves."""
        async with self._house.database.writing() as connection:
            found = await self._listed(connection, wanted)
            await self._note_taken(connection, found, "csv")
            names = {
                one.batch.id: one.batch.name
                for system_id in {known.system.id for known in found}
                for one in await batches_store.of_system(connection, system_id)
            }
        t = CATALOGUES[Language.EN]
        rows = [[t(f"vouchers.column.{name}") for name in _COLUMNS]]
        rows += [
            [
                one.voucher.number,
                grouped(one.voucher.number),
                names.get(one.voucher.batch_id or "", ""),
                t(f"vouchers.state.{one.voucher.state}"),
            ]
            for one in found
        ]
        return csv_of(rows), len(found)

    async def _listed(self, connection: AsyncConnection, wanted: Wanted) -> Sequence[Known]:
        systems = {one.id: (merchant, one) for merchant, one in await self._systems(connection, wanted.system)}
        statement = (
            select(voucher.c.id)
            .where(voucher.c.system_id.in_(sorted(systems)), voucher.c.id > wanted.after)
            .order_by(voucher.c.id)
            .limit(wanted.limit)
        )
        if wanted.batch:
            batch_id = await self._batch(connection, sorted(systems), wanted.batch)
            statement = statement.where(voucher.c.batch_id == batch_id)
        if wanted.state is not None:
            statement = statement.where(shown_state() == wanted.state.value)
        found = await batches_store.among(connection, statement)
        return [Known(*systems[one.system_id], one) for one in found]

    async def _batch(self, connection: AsyncConnection, system_ids: Sequence[str], ending: str) -> str:
        counted = [one for system_id in system_ids for one in await batches_store.of_system(connection, system_id)]
        found = [one.batch.id for one in counted if one.batch.id.endswith(ending)]
        if len(found) != 1:
            raise BridgeError(Code.RECORD_UNKNOWN, _which("batch", ending, len(found)), place="--batch")
        return found[0]

    async def _systems(self, connection: AsyncConnection, ending: str) -> Sequence[tuple[str, VoucherSystem]]:
        statement: Select[tuple[str, str]] = (
            select(voucher_system.c.id, tenant.c.name)
            .join(tenant, tenant.c.id == voucher_system.c.tenant_id)
            .order_by(tenant.c.name, voucher_system.c.name, voucher_system.c.id)
        )
        found = [row for row in await connection.execute(statement) if row.id.endswith(ending)]
        if ending and len(found) != 1:
            raise BridgeError(Code.RECORD_UNKNOWN, _which("voucher system", ending, len(found)), place="--system")
        systems = [(row.name, await systems_store.find(connection, row.id)) for row in found]
        return [(name, one) for name, one in systems if one is not None]

    async def _known(self, connection: AsyncConnection, code: str, system: str) -> Known:
        systems = {one.id: (merchant, one) for merchant, one in await self._systems(connection, system)}
        found = await batches_store.find_voucher(connection, code)
        if found is None:
            number = read_code(code, imported=True).number
            ids = await batches_store.find_number(connection, sorted(systems), number)
            if len(ids) > 1:
                raise BridgeError(Code.RECORD_CONFLICT, "several systems have this number: name one", place="--system")
            found = await batches_store.find_voucher(connection, ids[0]) if ids else None
        if found is None or found.system_id not in systems:
            raise BridgeError(Code.VOUCHER_UNKNOWN, place=PLACE)
        return Known(*systems[found.system_id], found)

    async def _note_taken(self, connection: AsyncConnection, found: Sequence[Known], form: str) -> None:
        """Each merchant finds in the log that its numbers were taken out, and how many."""
        by_system: dict[str, list[Known]] = {}
        for one in found:
            by_system.setdefault(one.system.id, []).append(one)
        for taken in by_system.values():
            system, after = taken[0].system, {"form": form, "codes": len(taken)}
            entry = Entry(BatchEvent.EXPORTED, system.tenant_id, subject=system.name, after=after)
            await self._house.audit.note(connection, COMMAND_LINE, entry)


def _which(what: str, ending: str, found: int) -> str:
    if found:
        return f"{found} ids of a {what} end with {ending}: give more of it"
    return f"no id of a {what} is or ends with {ending}"
