"""The statements of the ledger, each for many vouchers at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger import sets
from tillbridge.portal.ledger.model import Entry, EntryKind, Lot, Occasion, Original, Posting
from tillbridge.portal.ledger.tables import allocation, entry, lot, reissue
from tillbridge.portal.storage.line import Asked, Line, Row
from tillbridge.portal.vouchers.tables import voucher


class LedgerMoved(Exception):  # what happened, and no error of anybody's request
    """A voucher or a lot was not as it had been read: somebody wrote past its lock. Nothing may be committed."""


async def open_lots(
    connection: AsyncConnection, voucher_ids: Collection[str], also: Collection[str] = ()
) -> Mapping[str, tuple[Lot, ...]]:
    """The lots with something left, and those of the ids `also`, by voucher, the oldest first.

    The vouchers must be locked by the caller.
    """
    if not voucher_ids:
        return {}
    unspent = sets.among(connection, lot.c.voucher_id, voucher_ids) & (lot.c.remaining > 0)
    wanted = or_(unspent, sets.among(connection, lot.c.id, also)) if also else unspent
    return lots_in((await connection.execute(select(lot).where(wanted))).mappings())


async def lots(connection: AsyncConnection, lot_ids: Collection[str]) -> Mapping[str, tuple[Lot, ...]]:
    """These lots, whatever is left of them, by voucher."""
    if not lot_ids:
        return {}
    statement = select(lot).where(sets.among(connection, lot.c.id, lot_ids))
    return lots_in((await connection.execute(statement)).mappings())


def lots_in(rows: Iterable[Row]) -> Mapping[str, tuple[Lot, ...]]:
    """Lots by voucher, the oldest first."""
    found: dict[str, list[Lot]] = {}
    for row in rows:
        found.setdefault(row["voucher_id"], []).append(_lot(row))
    return {voucher_id: tuple(sorted(lots, key=lambda one: one.age)) for voucher_id, lots in found.items()}


async def originals(connection: AsyncConnection, operation_ids: Collection[str]) -> Mapping[str, Original]:
    """The entries of these operations with what is left of each, by operation; the vouchers must be locked."""
    if not operation_ids:
        return {}
    found = await _originals(connection, sets.among(connection, entry.c.operation_id, operation_ids))
    return {one.entry.at.operation_id: one for one in found if one.entry.at.operation_id is not None}


async def originals_of(connection: AsyncConnection, entry_ids: Collection[str]) -> Mapping[str, Original]:
    """These entries with what is left of each, by entry; the vouchers must be locked."""
    if not entry_ids:
        return {}
    found = await _originals(connection, sets.among(connection, entry.c.id, entry_ids))
    return {one.entry.id: one for one in found}


async def _originals(connection: AsyncConnection, where: ColumnElement[bool]) -> Sequence[Original]:
    entries = {one.id: one for one in map(_entry, (await connection.execute(select(entry).where(where))).mappings())}
    net = await _net(connection, entries) if entries else {}
    return [Original(one, net.get(one.id, {})) for one in entries.values()]


async def _net(connection: AsyncConnection, entries: Mapping[str, Entry]) -> Mapping[str, Mapping[str, int]]:
    """What each of these still holds from each lot; for a load, what is not reversed of its own lot."""
    whose = func.coalesce(entry.c.reverses, entry.c.id).label("whose")
    ids = sorted(entries)
    statement = (
        select(whose, allocation.c.lot_id, func.sum(allocation.c.amount).label("amount"))
        .join(entry, entry.c.id == allocation.c.entry_id)
        .where(or_(entry.c.id.in_(ids), entry.c.reverses.in_(ids)))
        .group_by(whose, allocation.c.lot_id)
    )
    found: dict[str, dict[str, int]] = {}
    for row in await connection.execute(statement):
        found.setdefault(row.whose, {})[row.lot_id] = int(row.amount)
    loads = [one.id for one in entries.values() if one.kind is EntryKind.LOAD]
    if loads:
        made = await connection.execute(select(lot.c.entry_id, lot.c.id, lot.c.amount).where(lot.c.entry_id.in_(loads)))
        for row in made:
            reversed_amount = found.get(row.entry_id, {}).get(row.id, 0)
            found[row.entry_id] = {row.id: row.amount - reversed_amount}
    return found


async def last_reversals(connection: AsyncConnection, operation_ids: Collection[str]) -> Mapping[str, int]:
    """The balance after the last entry that took the entry of each operation back, by operation."""
    if not operation_ids:
        return {}
    back = entry.alias("back")
    statement = (
        select(entry.c.operation_id, back.c.balance_after)
        .join(back, back.c.reverses == entry.c.id)
        .where(entry.c.operation_id.in_(sorted(operation_ids)))
        .order_by(back.c.seq)
    )
    return {row.operation_id: row.balance_after for row in await connection.execute(statement)}


async def last_days(connection: AsyncConnection, voucher_ids: Collection[str]) -> Mapping[str, str]:
    """The business day of each voucher's last entry."""
    if not voucher_ids:
        return {}
    statement = (
        select(entry.c.voucher_id, entry.c.business_day)
        .join(voucher, (voucher.c.id == entry.c.voucher_id) & (voucher.c.seq == entry.c.seq))
        .where(voucher.c.id.in_(sorted(voucher_ids)))
    )
    return {row.voucher_id: row.business_day for row in await connection.execute(statement)}


async def last_activities(connection: AsyncConnection, voucher_ids: Collection[str]) -> Mapping[str, datetime | None]:
    """When each voucher was last loaded or redeemed, what was wholly taken back left out.

    What was done with a voucher that it has taken the place of counts for it, too.
    """
    if not voucher_ids:
        return {}
    former = await _former(connection, voucher_ids)
    own = await _own_activities(connection, {*voucher_ids}.union(*former.values()))

    def last(voucher_id: str) -> datetime | None:
        moments = [own[voucher_id], *map(last, sorted(former.get(voucher_id, ())))]
        return max((one for one in moments if one is not None), default=None)

    return {voucher_id: last(voucher_id) for voucher_id in voucher_ids if voucher_id in own}


async def successors(connection: AsyncConnection, voucher_ids: Collection[str]) -> Mapping[str, str]:
    """Which voucher has taken the place of each of these, and of that one, and so on; those that none has left out."""
    found: dict[str, str] = {}
    wanted = set(voucher_ids)
    while wanted:
        statement = select(reissue.c.from_voucher_id, reissue.c.to_voucher_id)
        rows = await connection.execute(statement.where(sets.among(connection, reissue.c.from_voucher_id, wanted)))
        fresh = {row.from_voucher_id: row.to_voucher_id for row in rows}
        found |= fresh
        wanted = set(fresh.values()) - found.keys()
    return found


async def _former(connection: AsyncConnection, voucher_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The vouchers of which these, and those themselves, have taken the place."""
    found: dict[str, frozenset[str]] = {}
    wanted = set(voucher_ids)
    while wanted:
        statement = select(reissue.c.to_voucher_id, reissue.c.from_voucher_id).distinct()
        for row in await connection.execute(statement.where(sets.among(connection, reissue.c.to_voucher_id, wanted))):
            found[row.to_voucher_id] = found.get(row.to_voucher_id, frozenset()) | {row.from_voucher_id}
        wanted = {one for each in wanted for one in found.get(each, ())} - found.keys()
    return found


async def _own_activities(connection: AsyncConnection, voucher_ids: Collection[str]) -> Mapping[str, datetime | None]:
    back = entry.alias("back")
    given_back = select(func.coalesce(func.sum(back.c.amount), 0)).where(back.c.reverses == entry.c.id)
    last = (
        select(entry.c.booked_at)
        .where(
            entry.c.voucher_id == voucher.c.id,
            entry.c.kind.in_([EntryKind.LOAD.value, EntryKind.REDEEM.value]),
            entry.c.amount + given_back.scalar_subquery() != 0,
        )
        .order_by(entry.c.seq.desc())
        .limit(1)
    )
    statement = select(voucher.c.id, last.scalar_subquery().label("at")).where(voucher.c.id.in_(sorted(voucher_ids)))
    return {row.id: row.at for row in await connection.execute(statement)}


# ------------------------------------------------------------ writing


async def write_postings(connection: AsyncConnection, postings: Sequence[Posting], lots_before: Iterable[Lot]) -> None:
    """Writes postings at once. `LedgerMoved` if a lot was not as it was read. See `ask_postings`."""
    line = Line(connection)
    written = ask_postings(line, postings, lots_before)
    await line.run()
    written.hold()


@dataclass(frozen=True, slots=True)
class Written:
    """What a line writes of postings."""

    changed: Asked | None
    lots: int

    def hold(self) -> None:
        """After the line has run. `LedgerMoved`: what was not there any more is not taken."""
        if self.changed is not None and self.changed.count != self.lots:
            raise LedgerMoved


def ask_postings(line: Line, postings: Sequence[Posting], lots_before: Iterable[Lot]) -> Written:
    """Will write entries, lots and allocations, and what is left of the lots.

    `lots_before` are the lots that were read. A lot that is made and used in one go is written as it ends.
    """
    ends: dict[str, Lot] = {}
    for posting in postings:
        ends |= {one.id: one for one in posting.account.lots}
    made = [ends[one.id] for posting in postings for one in posting.made]
    sets.ask_add(line, entry, [_entry_row(posting.entry) for posting in postings])
    sets.ask_add(line, lot, [_lot_row(one) for one in made])
    taken = [one for posting in postings for one in posting.allocations]
    rows = [{"entry_id": one.entry_id, "lot_id": one.lot_id, "amount": one.amount} for one in taken]
    sets.ask_add(line, allocation, rows)
    sets.ask_add(line, reissue, [_reissue_row(one.follows, one.entry) for one in postings if one.follows])
    changed = [
        {"id": one.id, "taken": one.remaining - ends[one.id].remaining}
        for one in sorted(lots_before, key=lambda one: one.id)
        if one.id in ends and ends[one.id].remaining != one.remaining
    ]
    return Written(sets.ask_change(line, lot, changed, _LOT_CHANGES, _LOT_HOLDS), len(changed))


_LOT_CHANGES: Final = (("remaining", "remaining - {taken}"),)
_LOT_HOLDS: Final = "remaining >= {taken}"


def _entry_row(one: Entry) -> sets.Row:
    return {
        "id": one.id,
        "voucher_id": one.voucher_id,
        "seq": one.seq,
        "kind": one.kind.value,
        "amount": one.amount,
        "balance_after": one.balance_after,
        "location_id": one.at.location_id,
        "station": one.at.station,
        "operator": one.at.operator,
        "transaction_ref": one.at.transaction_ref,
        "operation_id": one.at.operation_id,
        "reverses": one.reverses,
        "reason": one.at.reason,
        "business_day": one.at.business_day,
        "booked_at": one.at.booked_at,
    }


def _reissue_row(given: Entry, taken_over: Entry) -> sets.Row:
    return {
        "out_entry_id": given.id,
        "in_entry_id": taken_over.id,
        "from_voucher_id": given.voucher_id,
        "to_voucher_id": taken_over.voucher_id,
    }


def _entry(row: Row) -> Entry:
    at = Occasion(
        location_id=row["location_id"],
        business_day=row["business_day"],
        booked_at=row["booked_at"],
        station=row["station"],
        operator=row["operator"],
        transaction_ref=row["transaction_ref"],
        operation_id=row["operation_id"],
        reason=row["reason"],
    )
    return Entry(
        row["id"],
        row["voucher_id"],
        row["seq"],
        EntryKind(row["kind"]),
        row["amount"],
        row["balance_after"],
        row["reverses"],
        at,
    )


def _lot_row(one: Lot) -> sets.Row:
    return {
        "id": one.id,
        "voucher_id": one.voucher_id,
        "entry_id": one.entry_id,
        "location_id": one.location_id,
        "loaded_at": one.loaded_at,
        "seq": one.seq,
        "amount": one.amount,
        "remaining": one.remaining,
    }


def _lot(row: Row) -> Lot:
    return Lot(
        row["id"],
        row["voucher_id"],
        row["entry_id"],
        row["location_id"],
        row["loaded_at"],
        row["seq"],
        row["amount"],
        row["remaining"],
    )
